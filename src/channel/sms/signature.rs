//! The signature of a provider over what it calls (Twilio's scheme): HMAC-SHA1 with the account's token over the URL as
//! it was called and the fields of the form in the order of their names, each name followed by its value; in base64.

use data_encoding::BASE64;
use ring::hmac;

/// The fields of a form, in the order of their names.
pub(super) type Fields = Vec<(String, String)>;

/// Checks signatures.
pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new(token: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes()))
    }

    /// Whether the holder of the token called `url` with these fields. The comparison takes the same time for each.
    pub(super) fn holds(&self, url: &str, fields: &Fields, signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature.as_bytes()) else { return false };
        hmac::verify(&self.0, signed(url, fields).as_bytes(), &signature).is_ok()
    }
}

fn signed(url: &str, fields: &Fields) -> String {
    fields.iter().fold(url.to_owned(), |mut all, (name, value)| {
        all.push_str(name);
        all.push_str(value);
        all
    })
}

/// The fields of `application/x-www-form-urlencoded`, sorted as the signature takes them. Of a name that comes twice
/// both stand, in their order.
pub(super) fn fields(body: &[u8]) -> Fields {
    let mut fields: Fields =
        form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

/// One of them: the first of its name.
pub(super) fn field<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that Twilio publishes with its scheme.
    #[test]
    fn the_published_example_holds_and_nothing_else_does() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let signer = Signer::new("12345");
        let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert!(signer.holds(url, &fields(body), signature));
        assert!(!Signer::new("12346").holds(url, &fields(body), signature));
        assert!(!signer.holds("https://mycompany.com/myapp.php?foo=1", &fields(body), signature));
        assert!(!signer.holds(url, &fields(&body[1..]), signature));
        for signature in ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "not base64!"] {
            assert!(!signer.holds(url, &fields(body), signature), "{signature}");
        }
    }
}
