//! The root of the settings: every room's own struct, joined, read and checked.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    figures::{self, is_host},
    profiles::EnforcementSettings,
    seats::Clerk,
};
use crate::{
    channel::{
        api::ApiRules,
        proxy::{ProxySettings, Routes},
        sms::SmsSettings,
        smtp::MailSettings,
        webhook::WebhookSettings,
    },
    judges::{JudgeSettings, ListSettings, Seats},
    media::attachment::AttachmentRules,
    model::{Duration, Marketplace},
    net::{ListenSettings, TlsSettings},
    policy::{
        cases::CaseRules,
        contact::ContactRules,
        content::ContentRules,
        life::HandleRules,
        pictures::{ImageRules, WordRule},
        retaliation::RetaliationRules,
        rights::{DisclosureRules, RetentionRules, RightsRules},
        rules::{FooterRules, LinkRules, MarketRules, NoticeRules, RuleBook},
        voice::VoiceRules,
    },
    settings::{Source, Wrong, lay_over},
};

/// Everything that can be set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the relay listens.
    pub listen: ListenSettings,
    /// Where it remembers.
    pub store: StoreSettings,
    /// Where its keys are.
    pub vault: VaultSettings,
    /// Its certificate.
    pub tls: TlsSettings,
    /// Limits of the API.
    pub api: ApiRules,
    /// The chat behind the reverse proxy.
    pub proxy: ProxySettings,
    /// The numbers between people who text.
    pub sms: SmsSettings,
    /// Where marketplaces may have themselves told what happens.
    pub webhooks: WebhookSettings,
    /// Mail in and out.
    pub mail: MailSettings,
    /// Who may write how often.
    pub contact: ContactRules,
    /// What follows from what was found.
    pub content: ContentRules,
    /// What follows from rules that were broken.
    pub enforcement: EnforcementSettings,
    /// How long handles live.
    pub handles: HandleRules,
    /// What words mean.
    pub detect: DetectSettings,
    /// Words in pictures.
    pub images: ImageRules,
    /// Files of ordinary messages.
    pub attachments: AttachmentRules,
    /// What stands under mails.
    pub footer: FooterRules,
    /// Disputes.
    pub cases: CaseRules,
    /// Which links stay.
    pub links: LinkRules,
    /// When senders hear of withheld messages.
    pub notices: NoticeRules,
    /// `[retaliation]`.
    pub retaliation: RetaliationRules,
    /// How support is known.
    pub voice: VoiceRules,
    /// When a contact may be shown to staff.
    pub disclosures: DisclosureRules,
    /// By when a person's wish is to be met.
    pub rights: RightsRules,
    /// How long things are kept.
    pub retention: RetentionRules,
    /// What is written down for others to hold.
    pub evidence: EvidenceSettings,
    /// The workers that open pictures.
    pub sandbox: SandboxSettings,
    /// Who is asked about content, by name.
    pub judges: BTreeMap<String, JudgeSettings>,
    /// Files that are known, by the name of their list.
    pub lists: BTreeMap<String, ListSettings>,
    /// The language where a party and a marketplace gave none.
    pub locale: Option<String>,
    /// The region where a party and a marketplace gave none.
    pub region: Option<String>,
    /// What single marketplaces do otherwise.
    pub marketplaces: BTreeMap<Marketplace, toml::Table>,
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH`.
    pub url: String,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { url: "sqlite:data/tabir.db".to_owned() }
    }
}

/// `[vault]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaultSettings {
    /// The key file, made at first start with mode 0600.
    pub keys: PathBuf,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { keys: PathBuf::from("data/keys") }
    }
}

/// `[sandbox]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxSettings {
    /// How many workers may run at once.
    pub workers: usize,
    /// How long one picture may take.
    pub deadline: Duration,
    /// Where the models are that read words in pictures.
    pub models: PathBuf,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self { workers: 2, deadline: Duration::seconds(20), models: PathBuf::from("models") }
    }
}

/// `[detect]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectSettings {
    /// A folder of lexicons (`*.toml`) beside those that come with the program.
    pub lexicon: Option<PathBuf>,
}

/// `[evidence]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceSettings {
    /// Heads of all chains under one signature.
    pub anchors: AnchorSettings,
}

/// `[evidence.anchors]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnchorSettings {
    /// How often.
    pub every: Duration,
    /// A folder to write each into; without one they are kept in the store, and `tabir evidence anchor` prints them.
    pub to: Option<PathBuf>,
}

impl Default for AnchorSettings {
    fn default() -> Self {
        Self { every: Duration::hours(24), to: None }
    }
}

/// What a marketplace may lay over the house's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    cases: CaseRules,
    voice: VoiceRules,
    contact: ContactRules,
    content: ContentRules,
    enforcement: EnforcementSettings,
    footer: FooterRules,
    handles: HandleRules,
    images: ImageRules,
    attachments: AttachmentRules,
    links: LinkRules,
    notices: NoticeRules,
    retaliation: RetaliationRules,
    disclosures: DisclosureRules,
    rights: RightsRules,
    retention: RetentionRules,
    mail: MailSettings,
    judges: BTreeMap<String, JudgeSettings>,
    lists: BTreeMap<String, ListSettings>,
    locale: Option<String>,
    region: Option<String>,
}

/// The rules of all marketplaces, ready to use.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// Contact, content, handles, links, notices, language.
    pub book: RuleBook,
    /// Files, where a marketplace differs.
    pub own_files: BTreeMap<Marketplace, AttachmentRules>,
    /// How senders are proven, where a marketplace differs.
    pub own_mail: BTreeMap<Marketplace, MailSettings>,
    /// Who judges content.
    pub seats: Seats,
    /// Who judges content, where a marketplace differs.
    pub own_seats: BTreeMap<Marketplace, Seats>,
}

impl Compiled {
    /// Whether words in pictures are read for any marketplace.
    pub fn reads_words(&self) -> bool {
        self.book.all().any(|rules| rules.images.words == WordRule::Cover)
    }
}

const OWN_KEYS: [&str; 20] = [
    "cases",
    "voice",
    "contact",
    "content",
    "enforcement",
    "footer",
    "handles",
    "images",
    "attachments",
    "links",
    "notices",
    "retaliation",
    "disclosures",
    "rights",
    "retention",
    "mail",
    "judges",
    "lists",
    "locale",
    "region",
];

impl Settings {
    /// Reads a file, or takes the defaults without one. Relative paths start at the file's
    /// folder; without a file at the working folder.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn read(file: Option<&Path>) -> Result<(Self, Compiled), Vec<Wrong>> {
        let Some(file) = file else {
            return Ok((Self::default(), Compiled { book: Self::default().book([]), ..Compiled::default() }));
        };
        let source = Source::read(file).map_err(|wrong| vec![wrong])?;
        let mut settings = source.parse::<Self>()?;
        let mut wrong = settings.check(&source);
        let compiled = settings.compile(&source).unwrap_or_else(|more| {
            wrong.extend(more);
            Compiled::default()
        });
        if !wrong.is_empty() {
            return Err(wrong);
        }
        settings.start_at(source.folder());
        Ok((settings, compiled))
    }

    /// The path of the embedded store.
    pub fn store_path(&self) -> Option<&Path> {
        self.store.url.strip_prefix("sqlite:").map(Path::new)
    }

    /// The folder that one relay at a time may serve from.
    pub fn data_folder(&self) -> PathBuf {
        let parent = self.store_path().and_then(Path::parent).map(Path::to_owned);
        parent.unwrap_or_else(|| PathBuf::from("data"))
    }

    fn book(&self, own: impl IntoIterator<Item = (Marketplace, MarketRules)>) -> RuleBook {
        RuleBook::new(self.rules(), own)
    }

    /// What holds where a marketplace says nothing else.
    fn rules(&self) -> MarketRules {
        MarketRules {
            cases: self.cases.clone(),
            voice: self.voice.clone(),
            contact: self.contact.clone(),
            content: self.content.clone(),
            enforcement: self.enforcement.rules.clone(),
            footer: self.footer.clone(),
            handles: self.handles.clone(),
            images: self.images,
            links: self.links.clone(),
            notices: self.notices,
            retaliation: self.retaliation,
            disclosures: self.disclosures,
            rights: self.rights,
            retention: self.retention,
            locale: self.locale.clone(),
            region: self.region.clone(),
        }
    }

    /// Lays each marketplace's own settings over the house's.
    fn compile(&self, source: &Source) -> Result<Compiled, Vec<Wrong>> {
        let house = source.table().map_err(|wrong| vec![wrong])?;
        let (mut wrong, mut rules, mut compiled) = (Vec::new(), Vec::new(), Compiled::default());
        let mut clerk = Clerk::new(source);
        compiled.seats = clerk.seats(&[], self.judges.clone(), self.lists.clone());
        for (name, own) in &self.marketplaces {
            let mut merged: toml::Table = house
                .iter()
                .filter(|(k, _)| OWN_KEYS.contains(&k.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            lay_over(&mut merged, own);
            match merged.try_into::<Own>() {
                Ok(mut own) => {
                    if ["judges", "lists"].iter().any(|key| self.marketplaces[name].contains_key(*key)) {
                        let (judges, lists) = (std::mem::take(&mut own.judges), std::mem::take(&mut own.lists));
                        let seats = clerk.seats(&["marketplaces", name.as_str()], judges, lists);
                        compiled.own_seats.insert(name.clone(), seats);
                    }
                    compiled.own_files.insert(name.clone(), own.attachments.clone());
                    compiled.own_mail.insert(name.clone(), own.mail.clone());
                    let own = own.into_rules();
                    for (path, why) in figures::faults(&own) {
                        let path = [&["marketplaces", name.as_str()], path].concat();
                        // What it takes over from the house is told there.
                        wrong.extend(written(&self.marketplaces[name], &path[2..]).then(|| source.wrong(&path, &why)));
                    }
                    rules.push((name.clone(), own));
                }
                Err(error) => {
                    let why = error.message().replace('\n', " ");
                    // The unknown or wrong key stands in backquotes, and was read without its line.
                    let key = why.split('`').nth(1).unwrap_or_default();
                    let path: Vec<&str> =
                        ["marketplaces", name.as_str(), key].into_iter().filter(|k| !k.is_empty()).collect();
                    wrong.push(source.wrong(&path, &why));
                }
            }
        }
        compiled.book = self.book(rules);
        wrong.extend(clerk.wrong);
        if wrong.is_empty() { Ok(compiled) } else { Err(wrong) }
    }

    fn check(&self, source: &Source) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut refuse = |path: &[&str], why: &str| wrong.push(source.wrong(path, why));
        for (path, why) in figures::faults(&self.rules()) {
            refuse(path, &why);
        }
        if self.store_path().is_none() {
            refuse(&["store", "url"], "only sqlite:PATH serves the whole relay so far");
        }
        if !is_host(&self.mail.hostname) {
            refuse(&["mail", "hostname"], "not a host's name such as relay.market.example");
        }
        if let Some(zone) = self.mail.dnsbl.zones.iter().find(|zone| !is_host(zone)) {
            refuse(&["mail", "dnsbl", "zones"], &format!("`{zone}` is not the name of a list"));
        }
        if self.evidence.anchors.every < Duration::seconds(1) {
            refuse(&["evidence", "anchors", "every"], "at least a second");
        }
        let mut webhooks = self.webhooks.clone();
        webhooks.start_at(source.folder());
        for (key, why) in webhooks.faults() {
            refuse(&["webhooks", key], &why);
        }
        for (key, why) in self.sms.faults() {
            refuse(&["sms", key], &why);
        }
        if self.listen.sms_https.is_some() != self.sms.is_on() {
            refuse(&["listen", "sms_https"], "goes with [[sms.numbers]]: texts come in there, and go out from those");
        }
        if self.sandbox.workers == 0 {
            refuse(&["sandbox", "workers"], "at least one worker is needed to open pictures");
        }
        // Keys are read at the start; what routes say can be told without them.
        if let Err(faults) = Routes::new(&self.proxy, &HashMap::new()) {
            for (path, why) in faults {
                refuse(&path.iter().map(String::as_str).collect::<Vec<_>>(), &why);
            }
        } else if self.listen.proxy_https.is_some() && self.proxy.routes.is_empty() {
            refuse(&["listen", "proxy_https"], "there are no [proxy.routes]: nothing would be answered there");
        }
        wrong
    }

    fn start_at(&mut self, folder: &Path) {
        if let Some(path) = self.store.url.strip_prefix("sqlite:") {
            self.store.url = format!("sqlite:{}", folder.join(path).display());
        }
        self.vault.keys = folder.join(&self.vault.keys);
        self.evidence.anchors.to = self.evidence.anchors.to.take().map(|path| folder.join(path));
        self.sandbox.models = folder.join(&self.sandbox.models);
        self.detect.lexicon = self.detect.lexicon.take().map(|path| folder.join(path));
        self.tls.start_at(folder);
        self.webhooks.start_at(folder);
        self.mail.start_at(folder);
        self.proxy.start_at(folder);
        self.sms.start_at(folder);
    }
}

/// Whether a table says something at `path` or above it.
fn written(table: &toml::Table, path: &[&str]) -> bool {
    let Some((key, rest)) = path.split_first() else { return true };
    table.get(*key).is_some_and(|value| value.as_table().is_none_or(|inner| written(inner, rest)))
}

impl Own {
    fn into_rules(self) -> MarketRules {
        MarketRules {
            cases: self.cases,
            voice: self.voice,
            contact: self.contact,
            content: self.content,
            enforcement: self.enforcement.rules,
            footer: self.footer,
            handles: self.handles,
            images: self.images,
            links: self.links,
            notices: self.notices,
            retaliation: self.retaliation,
            disclosures: self.disclosures,
            rights: self.rights,
            retention: self.retention,
            locale: self.locale,
            region: self.region,
        }
    }
}
