//! Who wrote this? SPF and DKIM, aligned with the header From as DMARC wants it (RFC 9989 for
//! the alignment; a published record is not asked for, and its policy changes nothing).

use std::{net::IpAddr, time::Duration};

use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsError, Error, MessageAuthenticator, SpfResult,
    common::cache::NoCache,
    dkim::Signature,
    dmarc::{Alignment, Dmarc},
    spf::verify::SpfParameters,
};
use tokio::time::timeout;

use super::{
    receive::Envelope,
    settings::{MailSettings, Proof},
};
use crate::{
    media::mail::Opened,
    model::{Contact, Handle, Secret},
    net::Dns,
};

/// What is claimed, and what is known of where it came from.
pub(super) struct Claim<'a> {
    pub(super) peer: IpAddr,
    pub(super) helo: &'a str,
    /// MAIL FROM; `None` is the null sender.
    pub(super) sender: Option<&'a Secret<String>>,
    /// The local part that RCPT named.
    pub(super) handle: &'a str,
    pub(super) message: &'a [u8],
    pub(super) opened: &'a Opened,
}

impl<'a> Claim<'a> {
    /// Of a mail that came to `handle`.
    pub(super) fn of(envelope: &'a Envelope, handle: &'a str, opened: &'a Opened, message: &'a [u8]) -> Self {
        let (peer, helo, sender) = (envelope.peer, envelope.helo.as_str(), envelope.sender.as_ref());
        Self { peer, helo, sender, handle, message, opened }
    }
}

/// Who wrote it.
#[derive(Debug)]
pub(super) enum Proven {
    Yes {
        /// The address of the header From.
        address: Secret<String>,
        /// How it was proven; names nobody.
        facts: String,
    },
    No,
    /// DNS did not answer: to be asked again.
    NotNow,
}

/// Where a mail in a file is said to have come from.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The host's address.
    pub peer: IpAddr,
    /// What it greeted with.
    pub helo: &'a str,
    /// MAIL FROM; `None` is the null sender.
    pub sender: Option<&'a str>,
}

/// What the proof of its sender would come to, in words for the operator.
pub async fn explain_proof(dns: &Dns, mail: &MailSettings, came: Came<'_>, opened: &Opened, message: &[u8]) -> String {
    let handle = opened.to.first().and_then(|to| to.split('@').next()).unwrap_or_default();
    let sender = came.sender.map(|sender| Secret::new(sender.to_owned()));
    let claim = Claim { peer: came.peer, helo: came.helo, sender: sender.as_ref(), handle, message, opened };
    match Prover::new(dns, &mail.hostname).prove(mail.auth.require, &claim).await {
        Proven::Yes { facts, .. } => format!("holds ({facts}): it counts when the address is enrolled"),
        Proven::No => {
            "none: neither SPF nor DKIM passes for the domain in From; refused as an unknown handle is".to_owned()
        }
        Proven::NotNow => "not now: the DNS did not answer; the sender would be asked to come again".to_owned(),
    }
}

/// Checks senders.
pub(super) struct Prover {
    authenticator: MessageAuthenticator,
    hostname: String,
}

/// What one of the two ways of proof said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It passes for the very domain of the header From.
    Exact,
    /// It passes for another name under the same organisational domain.
    Relaxed,
    /// It can not be known now.
    NotNow,
    /// It does not pass, or for somebody else.
    Nothing,
}

impl Prover {
    pub(super) fn new(dns: &Dns, hostname: &str) -> Self {
        // The resolver has the cache: bounded, and shared with the way out.
        Self { authenticator: MessageAuthenticator(dns.resolver().clone()), hostname: hostname.to_owned() }
    }

    /// Who wrote the message, as far as `required` asks for.
    pub(super) async fn prove(&self, required: Proof, claim: &Claim<'_>) -> Proven {
        let Some((address, domain)) = author(claim.opened) else { return Proven::No };
        let proven = |facts| Proven::Yes { address: address.clone(), facts };
        if required == Proof::None {
            return if believed(&address, claim.sender) { proven("none=believed".to_owned()) } else { Proven::No };
        }
        match timeout(WITHIN, self.aligned(&domain, claim)).await {
            Ok(Ok(Some(facts))) => proven(facts),
            Ok(Ok(None)) => Proven::No,
            Ok(Err(NotNow)) | Err(_) => Proven::NotNow,
        }
    }

    /// The facts, when one of the two passes; SPF first, since it costs less.
    async fn aligned(&self, domain: &str, claim: &Claim<'_>) -> Result<Option<String>, NotNow> {
        let spf = self.spf(domain, claim).await;
        if spf == Found::Exact {
            return Ok(Some("spf=pass dmarc=pass".to_owned()));
        }
        let dkim = self.dkim(domain, claim).await;
        if dkim == Found::Exact {
            return Ok(Some("dkim=pass dmarc=pass".to_owned()));
        }
        if spf == Found::Relaxed || dkim == Found::Relaxed {
            // Only a sibling name passed: whether that counts is for the domain's owner to say.
            let record = self.record(domain).await?;
            if spf == Found::Relaxed && record.as_ref().is_none_or(|r| r.aspf == Alignment::Relaxed) {
                return Ok(Some("spf=pass dmarc=pass".to_owned()));
            }
            if dkim == Found::Relaxed && record.as_ref().is_none_or(|r| r.adkim == Alignment::Relaxed) {
                return Ok(Some("dkim=pass dmarc=pass".to_owned()));
            }
        }
        if spf == Found::NotNow || dkim == Found::NotNow { Err(NotNow) } else { Ok(None) }
    }

    async fn spf(&self, domain: &str, claim: &Claim<'_>) -> Found {
        let sender = claim.sender.map_or("", |sender| sender.reveal().as_str());
        let named = sender.rsplit_once('@').map_or(claim.helo, |(_, host)| host);
        let Some(named) = ascii(named) else { return Found::Nothing };
        // What could not count is not looked up.
        let aligned = alignment(&named, domain);
        if aligned == Found::Nothing {
            return Found::Nothing;
        }
        let ip = claim.peer.to_canonical();
        let full;
        let asked = if sender.is_empty() {
            SpfParameters::verify_ehlo(ip, &named, &self.hostname)
        } else {
            let local = sender.rsplit_once('@').map_or("postmaster", |(local, _)| local);
            full = format!("{local}@{named}");
            SpfParameters::verify_mail_from(ip, claim.helo, &self.hostname, &full)
        };
        match self.authenticator.verify_spf(asked).await.result() {
            SpfResult::Pass => aligned,
            SpfResult::TempError => Found::NotNow,
            SpfResult::Fail | SpfResult::SoftFail | SpfResult::Neutral | SpfResult::PermError | SpfResult::None => {
                Found::Nothing
            }
        }
    }

    async fn dkim(&self, domain: &str, claim: &Claim<'_>) -> Found {
        // Strict: a signature with `l=` leaves a part of the body to whoever comes after.
        let Some(mut message) = AuthenticatedMessage::parse_with_opts(claim.message, None, true) else {
            return Found::Nothing;
        };
        if !is_singular(&message) {
            return Found::Nothing;
        }
        let subject = has_field(&message, "subject");
        message.dkim_headers.retain(|header| {
            let signature = &header.header;
            alignment(&signature.d.to_ascii_lowercase(), domain) != Found::Nothing && covers(signature, subject, claim)
        });
        message.dkim_headers.truncate(SIGNATURES);
        let mut best = Found::Nothing;
        for output in self.authenticator.verify_dkim(&message).await {
            let Some(signature) = output.signature() else { continue };
            let found = match output.result() {
                DkimResult::Pass => alignment(&signature.d.to_ascii_lowercase(), domain),
                DkimResult::TempError(_) => Found::NotNow,
                DkimResult::Fail(_) | DkimResult::Neutral(_) | DkimResult::PermError(_) | DkimResult::None => {
                    Found::Nothing
                }
            };
            best = best.or(found);
        }
        best
    }

    /// The DMARC record of the domain, or of its organisational domain.
    async fn record(&self, domain: &str) -> Result<Option<Dmarc>, NotNow> {
        let organisation = psl::domain_str(domain).unwrap_or(domain);
        let names = if organisation == domain { vec![domain] } else { vec![domain, organisation] };
        for name in names {
            let found = self.authenticator.txt_lookup::<Dmarc>(format!("_dmarc.{name}."), None::<&NoCache<_, _>>).await;
            match found {
                Ok(record) => return Ok(Some((*record).clone())),
                Err(Error::Dns(DnsError::Resolver(_))) => return Err(NotNow),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

/// DNS did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NotNow;

impl Found {
    fn or(self, other: Self) -> Self {
        let rank = |found| match found {
            Self::Exact => 3,
            Self::Relaxed => 2,
            Self::NotNow => 1,
            Self::Nothing => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// The one address of the one From field, and its domain. Several fields or addresses are how
/// two readers are made to see two authors.
fn author(opened: &Opened) -> Option<(Secret<String>, String)> {
    let [address] = opened.from.as_slice() else { return None };
    if opened.from_fields != 1 {
        return None;
    }
    let contact = Contact::email(address).ok()?;
    let domain = contact.value.reveal().rsplit_once('@')?.1.to_owned();
    Some((contact.value, domain))
}

/// Whether MAIL FROM and the header From are one address.
fn believed(address: &Secret<String>, sender: Option<&Secret<String>>) -> bool {
    let sender = sender.and_then(|sender| Contact::email(sender.reveal()).ok());
    sender.is_some_and(|sender| sender.value == *address)
}

/// How `named` stands to the domain of the header From. Both in lower-case A-labels.
fn alignment(named: &str, domain: &str) -> Found {
    if named == domain {
        return Found::Exact;
    }
    match (psl::domain_str(named), psl::domain_str(domain)) {
        (Some(a), Some(b)) if a == b => Found::Relaxed,
        _ => Found::Nothing,
    }
}

fn ascii(host: &str) -> Option<String> {
    idna::domain_to_ascii(host.trim_end_matches('.')).ok().filter(|host| !host.is_empty())
}

/// Fields of which a message has one (RFC 5322 §3.6): a second one is read by some and not by
/// the signature, so no signature counts for such a message.
fn is_singular(message: &AuthenticatedMessage<'_>) -> bool {
    SINGULAR.iter().all(|name| fields(message, name) <= 1)
}

fn has_field(message: &AuthenticatedMessage<'_>, name: &str) -> bool {
    fields(message, name) > 0
}

fn fields(message: &AuthenticatedMessage<'_>, wanted: &str) -> usize {
    message.headers.iter().filter(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())).count()
}

/// Whether a signature says enough: who wrote, what about, and, where it says to whom, that it
/// was to this handle. Otherwise a mail once sent to somebody else could be sent again to here.
fn covers(signature: &Signature, subject: bool, claim: &Claim<'_>) -> bool {
    let signs = |name: &str| signature.h.iter().any(|signed| signed.eq_ignore_ascii_case(name));
    let sealed: Vec<&String> = [("to", &claim.opened.to), ("cc", &claim.opened.cc)]
        .into_iter()
        .filter(|(name, _)| signs(name))
        .flat_map(|(_, addresses)| addresses)
        .collect();
    let here = sealed.is_empty() || sealed.iter().any(|address| is_to(address, claim.handle));
    signs("from") && (!subject || signs("subject")) && here
}

fn is_to(address: &str, handle: &str) -> bool {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let same = match (local.parse::<Handle>(), handle.parse::<Handle>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    same || local.eq_ignore_ascii_case(handle)
}

const SINGULAR: [&str; 12] = [
    "from",
    "subject",
    "date",
    "to",
    "cc",
    "reply-to",
    "sender",
    "message-id",
    "in-reply-to",
    "references",
    "content-type",
    "content-transfer-encoding",
];

/// Signatures of one domain that are checked; more are only there to cost time.
const SIGNATURES: usize = 4;

/// Longer than three look-ups of a slow resolver, shorter than a client's patience.
const WITHIN: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
