use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{
    model::{Contact, Duration, Marketplace},
    net::Url,
    relay::{Pool, PoolNumber},
};

/// `[sms]`: the numbers between people who text, and who carries their texts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmsSettings {
    /// The numbers of the pool; without one nobody is texted.
    pub numbers: Vec<NumberSettings>,
    /// Where the provider takes texts: it speaks Twilio's API of messages (2010-04-01).
    #[serde(deserialize_with = "place")]
    pub base: Option<Url>,
    /// The account at the provider.
    pub account: String,
    /// A file with the account's token: it goes with what is sent, and signs what comes.
    pub token: PathBuf,
    /// `listen.sms_https` as the provider calls it: its signature is over that.
    #[serde(deserialize_with = "place")]
    pub public: Option<Url>,
    /// In how many parts a text may go.
    pub segments: usize,
    /// Whether a person gets the same number again when it is free.
    pub sticky: bool,
    /// How long after the end of a conversation, or its last text, its number may go to another one of the same person.
    pub release: Duration,
    /// Whether the numbers take calls too.
    pub calls: bool,
    /// How long a call may last.
    pub call_limit: Duration,
    /// How long the provider has for its answer.
    pub deadline: Duration,
    /// A file of further CA certificates in PEM, for a provider with a CA of its own.
    pub ca: Option<PathBuf>,
}

/// A number of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberSettings {
    /// In E.164, such as `+6281200000000`.
    pub number: String,
    /// It serves phones that begin with one of these, such as `+62`; left out: all.
    #[serde(default)]
    pub serves: Vec<String>,
    /// It is this marketplace's alone; left out: all share it.
    #[serde(default)]
    pub marketplace: Option<Marketplace>,
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            numbers: Vec::new(),
            base: Url::try_from("https://api.twilio.com".to_owned()).ok(),
            account: String::new(),
            token: PathBuf::from("sms-token"),
            public: None,
            segments: 6,
            sticky: true,
            release: Duration::days(90),
            calls: false,
            call_limit: Duration::minutes(15),
            deadline: Duration::seconds(10),
            ca: None,
        }
    }
}

impl SmsSettings {
    /// Whether people are texted.
    pub fn is_on(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// The numbers as they are chosen from.
    pub fn pool(&self) -> Pool {
        let number = |n: &NumberSettings| {
            let NumberSettings { number, serves, marketplace } = n.clone();
            PoolNumber { number, serves, marketplace }
        };
        Pool { numbers: self.numbers.iter().map(number).collect(), sticky: self.sticky, release: self.release }
    }

    /// What can not mean anything: the key at fault, and why.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !self.is_on() {
            return faults;
        }
        let mut seen: Vec<&str> = Vec::new();
        for NumberSettings { number, serves, .. } in &self.numbers {
            if Contact::phone(number).is_ok_and(|contact| contact.value.reveal() == number) {
                if seen.contains(&number.as_str()) {
                    faults.push(("numbers", format!("`{number}` stands there twice")));
                }
                seen.push(number);
            } else {
                faults.push(("numbers", format!("`{number}` is not a number in E.164 such as +6281200000000")));
            }
            let begins = |text: &String| {
                text.strip_prefix('+').is_some_and(|digits| {
                    (1..=14).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
                })
            };
            if let Some(text) = serves.iter().find(|text| !begins(text)) {
                faults.push(("numbers", format!("`{text}` is no beginning of a number such as +62")));
            }
        }
        if self.base.as_ref().is_none_or(|base| !base.secure && !base.is_loopback()) {
            faults.push(("base", "not a place such as https://api.twilio.com: the token goes there".to_owned()));
        }
        if self.account.is_empty() || !self.account.bytes().all(|b| b.is_ascii_alphanumeric()) {
            faults.push(("account", "the account at the provider: letters and digits".to_owned()));
        }
        if self.public.is_none() {
            let why = "where the provider reaches listen.sms_https, such as https://sms.market.example";
            faults.push(("public", why.to_owned()));
        }
        if !(1..=10).contains(&self.segments) {
            faults.push(("segments", "1 to 10: no provider takes more".to_owned()));
        }
        if self.release < Duration::days(1) {
            faults.push(("release", "at least a day".to_owned()));
        }
        if !(Duration::seconds(10)..=Duration::hours(4)).contains(&self.call_limit) {
            faults.push(("call_limit", "10s to 4h".to_owned()));
        }
        if !(Duration::seconds(1)..=Duration::seconds(60)).contains(&self.deadline) {
            faults.push(("deadline", "1s to 60s".to_owned()));
        }
        faults
    }

    /// Relative paths start at `folder`.
    pub fn start_at(&mut self, folder: &Path) {
        self.token = folder.join(&self.token);
        self.ca = self.ca.take().map(|path| folder.join(path));
    }
}

fn place<'d, D: serde::Deserializer<'d>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    Url::deserialize(deserializer).map(Some)
}
