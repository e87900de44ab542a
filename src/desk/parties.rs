//! Parties: their real contacts come in here and never go out again, except as hints.

use crate::{
    detect::{Context, Piece, View, Window},
    model::{Contact, Fault, Handle, Part, PartyId, PostalAddress, Profile, Scope, Side},
    policy::voice,
    store::{Forgotten, PartyRow},
    vault::{DataKey, Place},
};

use super::{
    Declined, Desk, Wrong,
    kept::{Kept, kept},
    names,
};

/// A party as the marketplace puts it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PartyForm {
    /// The public name; `None`: a neutral one is drawn.
    pub display_name: Option<String>,
    /// Real names, guarded.
    pub names: Vec<String>,
    /// Sellers of one group share budgets.
    pub group: Option<String>,
    /// The language of notices.
    pub locale: Option<String>,
    /// The numbering plan.
    pub region: Option<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// Phone numbers.
    pub phones: Vec<String>,
    /// Bank accounts.
    pub accounts: Vec<String>,
    /// Postal addresses.
    pub addresses: Vec<PostalAddress>,
    /// A hint: for a buyer without `names` the public name is guarded too.
    pub role: Option<Side>,
}

/// What may be told of a party: hints, never a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hints {
    /// The marketplace's id.
    pub id: PartyId,
    /// The public name.
    pub display_name: String,
    /// Such as `B•••`.
    pub names: Vec<String>,
    /// Sellers of one group share budgets.
    pub group: Option<String>,
    /// The language of notices.
    pub locale: Option<String>,
    /// The numbering plan.
    pub region: Option<String>,
    /// Such as `b•••@g•••.com`.
    pub emails: Vec<String>,
    /// Such as `+62•••00`.
    pub phones: Vec<String>,
    /// Such as `DE•••00` or `b•••00`.
    pub accounts: Vec<String>,
    /// Such as `J•••, ID`.
    pub addresses: Vec<String>,
}

/// A party with its key and profile opened.
pub(super) struct Opened {
    pub(super) row: PartyRow,
    pub(super) key: DataKey,
    pub(super) profile: Profile,
}

impl Desk {
    /// Creates or replaces a party; `true`: it is new.
    ///
    /// # Errors
    /// When a field is wrong, or by a fault.
    pub async fn put_party(&self, scope: &Scope, id: &PartyId, form: PartyForm) -> Result<(Hints, bool), Declined> {
        check(&form)?;
        self.check_public_name(scope, &form)?;
        self.check_outside(&form.emails).await?;
        // Two first PUTs at one time draw two keys, and the store keeps one of them: what was
        // sealed with the other is sealed again.
        for _ in 0..3 {
            let before = self.open_party(scope, id).await?;
            let created = before.is_none();
            let profile = self.profile_of(scope, &form, before.as_ref().map(|b| &b.profile))?;
            let row = self.sealed(scope, id, &form, &profile, before)?;
            let wrapped = row.key.clone();
            self.store.put_party(scope, row).await?;
            if self.store.party(scope, id).await?.is_some_and(|kept| kept.key == wrapped) {
                return Ok((hints(id, form.group, &profile), created));
            }
        }
        Err(Fault::plain("putting a party that others change at the same time").into())
    }

    /// What may be told of a party.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn party(&self, scope: &Scope, id: &PartyId) -> Result<Hints, Declined> {
        let opened = self.open_party(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok(hints(id, opened.row.group, &opened.profile))
    }

    /// Erases a person: the key goes, and with it everything sealed under it. What was done, and what stays.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn forget(&self, scope: &Scope, id: &PartyId) -> Result<(Forgotten, Vec<Kept>), Declined> {
        let done = self.store.forget_party(scope, id, self.now()).await?.ok_or(Declined::NotFound)?;
        let stays = kept(&done, &self.rules(scope).retention);
        Ok((done, stays))
    }

    pub(super) async fn open_party(&self, scope: &Scope, id: &PartyId) -> Result<Option<Opened>, Fault> {
        let Some(row) = self.store.party(scope, id).await? else { return Ok(None) };
        let market = scope.marketplace();
        let key = self.vault.unwrap(&row.key, &Place::party_key(market, id))?;
        let profile = read_profile(&key.open(&Place::profile(market, id), &row.profile)?)?;
        Ok(Some(Opened { row, key, profile }))
    }

    fn profile_of(&self, scope: &Scope, form: &PartyForm, before: Option<&Profile>) -> Result<Profile, Declined> {
        let rules = self.rules(scope);
        let locale = form.locale.as_deref().or(rules.locale.as_deref());
        let (display_name, generated) = match (&form.display_name, before) {
            (Some(name), _) => (name.trim().to_owned(), false),
            (None, Some(before)) if before.generated => (before.display_name.clone(), true),
            (None, _) => (names::draw(form.role, locale, self.vault.luck())?, true),
        };
        let mut names: Vec<String> = form.names.iter().map(|n| n.trim().to_owned()).collect();
        if form.role == Some(Side::Buyer) && names.is_empty() && !generated {
            names.push(display_name.clone());
        }
        Ok(Profile {
            display_name,
            generated,
            names,
            locale: form.locale.clone(),
            region: form.region.clone(),
            emails: normalised("emails", &form.emails, Contact::email)?,
            phones: normalised("phones", &form.phones, Contact::phone)?,
            accounts: normalised("accounts", &form.accounts, Contact::account)?,
            addresses: form.addresses.clone(),
        })
    }

    fn sealed(
        &self,
        scope: &Scope,
        id: &PartyId,
        form: &PartyForm,
        profile: &Profile,
        before: Option<Opened>,
    ) -> Result<PartyRow, Fault> {
        let market = scope.marketplace();
        let (key, wrapped) = match before {
            Some(before) => (before.key, before.row.key),
            None => self.vault.new_key(&Place::party_key(market, id))?,
        };
        let contacts = contacts(profile);
        Ok(PartyRow {
            id: id.clone(),
            group: form.group.clone(),
            key: wrapped,
            profile: key.seal(&Place::profile(market, id), &write_profile(profile)?)?,
            tags: contacts.iter().map(|contact| self.vault.tag(market, contact)).collect(),
            changed: self.now(),
        })
    }

    /// A party's mail goes out of the house: to an address of ours it would go round in a circle,
    /// and whoever writes from a handle is somebody whose contact is elsewhere.
    pub(super) async fn check_outside(&self, emails: &[String]) -> Result<(), Declined> {
        for (n, text) in emails.iter().enumerate() {
            let Ok(contact) = Contact::email(text) else { continue };
            let Some((local, domain)) = contact.value.reveal().rsplit_once('@') else { continue };
            if self.store.marketplace_by_domain(domain).await?.is_some() {
                return Err(Wrong::unfit_at("emails", n, None, "an address of the relay itself"));
            }
            let Ok(handle) = local.parse::<Handle>() else { continue };
            if self.store.handle(handle.hash()).await?.is_some() {
                return Err(Wrong::unfit_at("emails", n, None, "a handle of the relay itself"));
            }
        }
        Ok(())
    }

    /// A public name is shown to the other side: it must not be a way around the relay.
    fn check_public_name(&self, scope: &Scope, form: &PartyForm) -> Result<(), Declined> {
        let Some(name) = &form.display_name else { return Ok(()) };
        let rules = self.rules(scope);
        let own = &rules.footer.name;
        let mark = rules.voice.mark(if own.is_empty() { scope.marketplace().as_str() } else { own });
        if voice::wears(View::of(name).text(), View::of(&mark).text()) {
            return Err(Wrong::field("display_name", "the name of support"));
        }
        let piece = Piece { part: Part::Text(0), text: name };
        let context = Context { lang: form.locale.clone(), region: form.region.clone(), ..Context::default() };
        let report = (self.detect)().scan(&[piece], &context, &Window::default());
        if report.findings.is_empty() { Ok(()) } else { Err(Wrong::field("display_name", "holds a contact")) }
    }
}

/// The contacts of a profile, for the blind index.
pub(super) fn contacts(profile: &Profile) -> Vec<Contact> {
    let emails = profile.emails.iter().filter_map(|e| Contact::email(e).ok());
    let phones = profile.phones.iter().filter_map(|p| Contact::phone(p).ok());
    let accounts = profile.accounts.iter().filter_map(|a| Contact::account(a).ok());
    emails.chain(phones).chain(accounts).collect()
}

fn read_profile(bytes: &[u8]) -> Result<Profile, Fault> {
    serde_json::from_slice(bytes).map_err(|e| Fault::new("reading a profile", e))
}

fn write_profile(profile: &Profile) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(profile).map_err(|e| Fault::new("writing a profile", e))
}

pub(super) fn normalised<E>(
    field: &'static str,
    texts: &[String],
    read: impl Fn(&str) -> Result<Contact, E>,
) -> Result<Vec<String>, Declined> {
    let why = match field {
        "phones" => "not a phone number in E.164, such as +6281200000000",
        "accounts" => "neither an IBAN nor a bank and its number, such as BCA 0000000000",
        _ => "not a mail address",
    };
    let mut all: Vec<String> = Vec::with_capacity(texts.len());
    for (n, text) in texts.iter().enumerate() {
        let contact = read(text).map_err(|_| Wrong::at(field, n, why))?;
        if !all.contains(contact.value.reveal()) {
            all.push(contact.value.reveal().clone());
        }
    }
    Ok(all)
}

fn check(form: &PartyForm) -> Result<(), Declined> {
    if form.display_name.as_deref().is_some_and(|name| !fits(name, 80)) {
        return Err(Wrong::field("display_name", "1 to 80 characters without control characters"));
    }
    if form.group.as_deref().is_some_and(|group| !fits(group, 64)) {
        return Err(Wrong::field("group", "1 to 64 characters without control characters"));
    }
    if form.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
        return Err(Wrong::field("locale", "not a language tag such as id or pl-PL"));
    }
    if form.region.as_deref().is_some_and(|region| !is_country(region)) {
        return Err(Wrong::field("region", "not two capital letters such as ID"));
    }
    let lists = [("names", &form.names), ("emails", &form.emails), ("phones", &form.phones)];
    for (field, list) in lists.into_iter().chain([("accounts", &form.accounts)]) {
        if list.len() > 20 {
            return Err(Wrong::field(field, "at most 20"));
        }
    }
    if let Some(n) = form.names.iter().position(|name| !fits(name, 200)) {
        return Err(Wrong::at("names", n, "1 to 200 characters without control characters"));
    }
    check_addresses(&form.addresses)
}

fn check_addresses(addresses: &[PostalAddress]) -> Result<(), Declined> {
    if addresses.len() > 10 {
        return Err(Wrong::field("addresses", "at most 10"));
    }
    for (n, address) in addresses.iter().enumerate() {
        let optional = [&address.region, &address.postcode];
        let texts = [&address.name, &address.city].into_iter().chain(&address.lines);
        let right = (1..=10).contains(&address.lines.len())
            && texts.into_iter().all(|text| fits(text, 200))
            && optional.into_iter().all(|text| text.is_empty() || fits(text, 100));
        if !right {
            return Err(Wrong::at("addresses", n, "name, 1 to 10 lines and city of 1 to 200 characters each"));
        }
        if !is_country(&address.country) {
            return Err(Wrong::at("addresses", n, "country is not two capital letters such as ID"));
        }
    }
    Ok(())
}

/// 1 to `most` characters, none of them a control character.
pub(super) fn fits(text: &str, most: usize) -> bool {
    let trimmed = text.trim();
    !trimmed.is_empty() && trimmed.chars().count() <= most && !text.chars().any(|c| c.is_control() || turns(c))
}

/// Whether a character is not seen and changes how others are: it turns their direction, or hides a text of its own.
/// What joins letters stays: names in some scripts need it.
fn turns(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn is_locale(text: &str) -> bool {
    let mut tags = text.split('-');
    let language = tags.next().unwrap_or("");
    text.len() <= 35
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && tags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn hints(id: &PartyId, group: Option<String>, profile: &Profile) -> Hints {
    Hints {
        id: id.clone(),
        display_name: profile.display_name.clone(),
        names: profile.names.iter().map(|name| hide(name)).collect(),
        group,
        locale: profile.locale.clone(),
        region: profile.region.clone(),
        emails: profile.emails.iter().map(|email| hide_email(email)).collect(),
        phones: profile.phones.iter().map(|phone| hide_number(phone, 3)).collect(),
        accounts: profile.accounts.iter().map(|account| hide_account(account)).collect(),
        addresses: profile.addresses.iter().map(|a| format!("{}, {}", hide(&a.city), a.country)).collect(),
    }
}

/// The first character and dots: the number of dots tells no length.
fn hide(text: &str) -> String {
    text.chars().take(1).chain("•••".chars()).collect()
}

pub(super) fn hide_email(email: &str) -> String {
    let (local, host) = email.rsplit_once('@').unwrap_or((email, ""));
    match host.rsplit_once('.') {
        Some((name, top)) => format!("{}@{}.{top}", hide(local), hide(name)),
        None => format!("{}@{}", hide(local), hide(host)),
    }
}

/// The first characters, dots and the last two.
fn hide_number(number: &str, shown: usize) -> String {
    let first: String = number.chars().take(shown).collect();
    let last: String = number.chars().skip(number.chars().count().saturating_sub(2)).collect();
    format!("{first}•••{last}")
}

/// The country of an IBAN, the first letter of a bank.
fn hide_account(account: &str) -> String {
    hide_number(account, if account.contains(' ') { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_show_too_little_to_write_to() {
        assert_eq!(hide_email("budi.santoso@gmail.example"), "b•••@g•••.example");
        assert_eq!(hide_email("a@sub.mail.example"), "a•••@s•••.example");
        assert_eq!(hide_number("+6281200000045", 3), "+62•••45");
        assert_eq!(hide_account("DE02120300000000202051"), "DE•••51");
        assert_eq!(hide_account("bca 0001234567"), "b•••67");
        assert_eq!(hide("Ünal"), "Ü•••");
    }

    #[test]
    fn a_form_names_the_field_at_fault() {
        let address = |country: &str| PostalAddress {
            name: "N".to_owned(),
            lines: vec!["Jl. Contoh 1".to_owned()],
            city: "Kota".to_owned(),
            region: String::new(),
            postcode: String::new(),
            country: country.to_owned(),
        };
        let long = "x".repeat(81);
        let forms = [
            (PartyForm { display_name: Some(long), ..PartyForm::default() }, "display_name"),
            (PartyForm { display_name: Some("a\r\nBcc: x".to_owned()), ..PartyForm::default() }, "display_name"),
            (PartyForm { display_name: Some("\u{202e}troppus".to_owned()), ..PartyForm::default() }, "display_name"),
            (PartyForm { names: vec!["ok".to_owned(), " ".to_owned()], ..PartyForm::default() }, "names[1]"),
            (PartyForm { locale: Some("Indonesian".to_owned()), ..PartyForm::default() }, "locale"),
            (PartyForm { region: Some("id".to_owned()), ..PartyForm::default() }, "region"),
            (
                PartyForm { addresses: vec![address("ID"), address("Indonesia")], ..PartyForm::default() },
                "addresses[1]",
            ),
        ];
        for (form, field) in forms {
            let Err(Declined::Wrong(wrong)) = check(&form) else { panic!("{field}") };
            assert!(wrong.to_string().starts_with(&format!("{field}:")), "{wrong}");
        }
        let good =
            PartyForm { locale: Some("id-ID".to_owned()), addresses: vec![address("ID")], ..PartyForm::default() };
        assert!(check(&good).is_ok());
    }

    #[test]
    fn contacts_are_normalised_once_each() {
        let emails = ["A@Mail.Example".to_owned(), "a@mail.example".to_owned()];
        assert_eq!(normalised("emails", &emails, Contact::email).unwrap(), ["a@mail.example"]);
        let phones = ["+62 812 0000 0000".to_owned(), "0812".to_owned()];
        let Err(Declined::Wrong(wrong)) = normalised("phones", &phones, Contact::phone) else { panic!() };
        assert_eq!((wrong.field, wrong.index), ("phones", Some(1)));
    }
}
