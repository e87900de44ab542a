use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Secret;

/// What a contact is, as stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// A mail address.
    Email,
    /// A phone number in E.164.
    Phone,
    /// A bank account.
    Account,
}

impl ContactKind {
    /// The word in the store and in additional data of seals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Account => "account",
        }
    }
}

/// A real contact of a party, normalised: a mail address with its host in lower-case A-labels
/// and its local part in lower case; a phone number in E.164; a bank account as its IBAN without spaces, or as its bank
/// in lower case, a space and its digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What it is.
    pub kind: ContactKind,
    /// The value itself.
    pub value: Secret<String>,
}

/// What is known of a party; sealed whole under the party's own key.
#[derive(Clone, Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Profile {
    /// The name the other side sees.
    pub display_name: String,
    /// Whether `display_name` was generated because none was given.
    #[serde(default)]
    pub generated: bool,
    /// Real names, guarded in what the other side gets.
    pub names: Vec<String>,
    /// The language of notices, such as `id`.
    pub locale: Option<String>,
    /// ISO 3166-1 alpha-2: the numbering plan its texts are read with.
    pub region: Option<String>,
    /// Mail addresses, normalised; every one may write, the first receives.
    pub emails: Vec<String>,
    /// Phone numbers in E.164; the first receives.
    pub phones: Vec<String>,
    /// Bank accounts: nothing is paid to them here; they are guarded, and tell who is one with whom.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Postal addresses; the first receives.
    pub addresses: Vec<PostalAddress>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«profile»")
    }
}

/// Why a text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BadContact {
    #[error("not a mail address")]
    Email,
    #[error("not a phone number in E.164, such as +6281200000000")]
    Phone,
    #[error("neither an IBAN nor a bank and its number, such as BCA 0000000000")]
    Account,
}

impl Contact {
    /// Reads a bare mail address (RFC 5321 §4.1.2 without quoted local parts and address
    /// literals, RFC 6531 letters allowed) and normalises it.
    ///
    /// # Errors
    /// When it is none.
    pub fn email(text: &str) -> Result<Self, BadContact> {
        let (local, host) = text.trim_matches(' ').rsplit_once('@').ok_or(BadContact::Email)?;
        let local_fits = (1..=64).contains(&local.len())
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
        let host = idna::domain_to_ascii(host).map_err(|_| BadContact::Email)?;
        let host_fits = (1..=253).contains(&host.len())
            && host.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if !local_fits || !host_fits {
            return Err(BadContact::Email);
        }
        Ok(Self { kind: ContactKind::Email, value: Secret::new(format!("{}@{host}", local.to_lowercase())) })
    }

    /// Reads a phone number in E.164, with spaces, dots, hyphens and parentheses forgiven.
    ///
    /// # Errors
    /// When it is none.
    pub fn phone(text: &str) -> Result<Self, BadContact> {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let digits = bare.strip_prefix('+').ok_or(BadContact::Phone)?;
        let fits =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if fits { Ok(Self { kind: ContactKind::Phone, value: Secret::new(bare) }) } else { Err(BadContact::Phone) }
    }

    /// Reads a bank account: an IBAN (ISO 13616, by its check digits), a Polish number without its country, or a bank's
    /// name with the number there. Spaces, dots and hyphens are forgiven.
    ///
    /// # Errors
    /// When it is none.
    pub fn account(text: &str) -> Result<Self, BadContact> {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.')).collect::<String>().to_uppercase();
        let value = [bare.clone(), format!("PL{bare}")].into_iter().find(|text| is_iban(text)).or_else(|| local(text));
        let value = value.ok_or(BadContact::Account)?;
        Ok(Self { kind: ContactKind::Account, value: Secret::new(value) })
    }
}

/// Country, two check digits, letters and digits: and the whole is one modulo 97.
fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = (15..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    let rest = |rest: u32, byte: &u8| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    };
    shaped && bytes[4..].iter().chain(&bytes[..4]).fold(0, rest) == 1
}

/// "Bank BCA 123-456-7890" is `bca 1234567890`.
fn local(text: &str) -> Option<String> {
    let text = text.trim();
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '.'));
    let digits: String = text[name.len()..].chars().filter(char::is_ascii_digit).collect();
    let name = name.trim_end_matches([':', '#']).to_lowercase();
    let words: Vec<&str> = name.split_whitespace().filter(|word| *word != "bank").collect();
    let bank = words.join(" ");
    // Two letters before so many digits are an IBAN with a digit that was mistyped.
    let mistyped = bank.len() == 2 && digits.len() >= 13;
    let fits = !mistyped
        && !text.contains(char::is_control)
        && (2..=40).contains(&bank.chars().count())
        && bank.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '&' | '.' | '-'))
        && !bank.chars().any(|c| c.is_ascii_digit())
        && (6..=24).contains(&digits.len());
    fits.then(|| format!("{bank} {digits}"))
}

/// A real postal address. Opened only for a carrier.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct PostalAddress {
    /// Who receives.
    pub name: String,
    /// Street, house, quarter: at most ten lines.
    pub lines: Vec<String>,
    /// City or regency.
    pub city: String,
    /// Province or state.
    #[serde(default)]
    pub region: String,
    /// Post code.
    #[serde(default)]
    pub postcode: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

impl std::fmt::Debug for PostalAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«postal address»")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mail_address_has_one_spelling() {
        for spelling in ["Budi@Mail.Example", " budi@mail.example ", "BUDI@MAIL.EXAMPLE"] {
            assert_eq!(Contact::email(spelling).unwrap().value.reveal(), "budi@mail.example");
        }
        assert_eq!(Contact::email("b@bücher.example").unwrap().value.reveal(), "b@xn--bcher-kva.example");
        for bad in
            ["", "@", "a@", "@b", "a b@c.example", "a@b..c", "<a@b.example>", "a@b.example\r\n", "\"a\"@b.example"]
        {
            assert!(Contact::email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn one_bank_account_has_one_spelling() {
        for spelling in ["DE02 1203 0000 0000 2020 51", "de02120300000000202051", "DE02-1203-0000-0000-2020-51"] {
            assert_eq!(Contact::account(spelling).unwrap().value.reveal(), "DE02120300000000202051");
        }
        for spelling in ["BCA 000-123-4567", "bank bca: 0001234567", " Bca 000 123 45 67"] {
            assert_eq!(Contact::account(spelling).unwrap().value.reveal(), "bca 0001234567");
        }
        for bad in
            ["", "DE03 1203 0000 0000 2020 51", "0001234567", "BCA 12345", "BCA", "1 2 3 4 5 6 7", "B\nCA 0001234567"]
        {
            assert!(Contact::account(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn one_phone_number_has_one_spelling() {
        assert_eq!(Contact::phone("+62 812-0000-0000").unwrap().value.reveal(), "+6281200000000");
        for bad in ["0812", "+0812000000", "+62", "+62812x000000", "081200000000"] {
            assert!(Contact::phone(bad).is_err(), "{bad}");
        }
    }
}
