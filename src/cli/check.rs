//! `tabir check`: every fault, and what is not protected yet. Changes nothing.

use std::path::Path;

use super::{Failure, house, say};
use crate::{
    app::{self, Compiled, Settings},
    channel::{
        proxy::{Action, RouteSettings, Source},
        smtp::{Proof, Route, TlsPolicy},
    },
    judges::OnFailure,
    net::{ServerTls, is_development, is_public},
    policy::{
        pictures::{ImageRules, UnreadRule, WordRule},
        rights::RetentionRules,
    },
    sandbox::look_at_models,
};

pub(super) fn check(config: Option<&Path>) -> Result<(), Failure> {
    let (settings, compiled) = house::read(config)?;
    let detect = app::detectors(&settings).map_err(Failure::Settings)?;
    let broken = detect.examples();
    for fault in &broken {
        say::err(&fault.to_string());
    }
    if !broken.is_empty() {
        return Err(Failure::No);
    }
    if !is_development(&settings.tls) {
        ServerTls::load(&settings.tls).map_err(|fault| Failure::Usage(format!("tls: {fault}")))?;
    }
    let keys = app::mail_keys(&settings).map_err(Failure::Settings)?;
    app::proxy_routes(&settings).map_err(Failure::Settings)?;
    app::sms_token(&settings.sms).map_err(Failure::Settings)?;
    say::out("settings and rules are sound")?;
    let waiting: Vec<&str> = app::AT_START.iter().map(|setting| setting.key).collect();
    say::out(&format!("SIGHUP reads everything again but: {}", waiting.join(", ")))?;
    tell_words(&settings, &compiled)?;
    let mut open = vec!["a font in a PDF that draws other letters than it names is believed"];
    let mail = &settings.mail;
    if keys.is_empty() && mail.out.route.is_some() {
        open.push("mail.dkim.selectors is empty: outgoing mail is not signed, the route behind must sign it");
    }
    if !keys.is_empty() && !keys.iter().any(|key| key.is_rsa()) {
        open.push("no key of mail.dkim.selectors is RSA: hosts that do not read Ed25519 take mail for unsigned");
    }
    if mail.out.route.is_none() {
        open.push("no route for outgoing mail is set: it is kept in the local mailbox");
    }
    if mail.postmaster.is_none() {
        open.push(
            "mail.postmaster is not set: mail to the postmaster is refused, which RFC 5321 section 4.5.1 forbids",
        );
    }
    if mail.auth.require == Proof::None {
        open.push(
            "mail.auth.require is none: whoever knows an enrolled address can write as it; for a closed network only",
        );
    }
    let unproven = matches!(mail.out.tls, Some(TlsPolicy::May));
    if unproven && mail.out.route.as_ref().is_some_and(|r: &Route| !r.is_loopback()) {
        open.push("mail.out.tls is may: outgoing mail may travel in the clear");
    }
    if settings.listen.lmtp.is_some_and(|lmtp| is_open(lmtp.ip())) {
        open.push("listen.lmtp can be reached from outside: whoever hands mail in there can claim to be any client");
    }
    if settings.listen.milter.is_some_and(|milter| is_open(milter.ip())) {
        open.push("listen.milter can be reached from outside: whoever asks there can claim to be any mail host");
    }
    if settings.proxy.routes.values().any(believes_the_caller) {
        open.push(
            "a route of the proxy takes who calls from the path, a header or the body: whoever can call can be anybody",
        );
    }
    if is_open(settings.listen.admin.ip()) {
        open.push("listen.admin can be reached from outside: it has neither TLS nor tokens");
    }
    if settings.evidence.anchors.to.is_none() {
        open.push("evidence.anchors.to is not set: nobody but who keeps the chains of evidence can say that none was rewritten");
    }
    let RetentionRules { messages, cases, reports, letters, appeals, .. } = settings.retention;
    if messages.is_none() {
        open.push("retention.messages is not set: texts are kept until their person is erased");
    }
    if [cases, reports, letters, appeals].contains(&None) {
        open.push("of retention.cases, reports, letters and appeals not all are set: those are kept until their person is erased");
    }
    let open = open.into_iter().map(str::to_owned).chain(unjudged(&compiled));
    open.into_iter().try_for_each(|line| say::out(&format!("not protected: {line}")))
}

/// Whether a message's author is found where every caller can write.
fn believes_the_caller(route: &RouteSettings) -> bool {
    let who = route.sender.as_ref().or(route.side.as_ref());
    route.action == Action::Message && who.is_some_and(|source| !matches!(source, Source::Claim(_)))
}

/// Whether others than this machine and its networks can come in.
fn is_open(address: std::net::IpAddr) -> bool {
    address.is_unspecified() || is_public(address)
}

/// What judges leave open, each with the section that says so.
fn unjudged(compiled: &Compiled) -> Vec<String> {
    let own = compiled.own_seats.iter().map(|(name, seats)| (format!("marketplaces.{name}."), seats));
    let mut open = Vec::new();
    for (section, seats) in std::iter::once((String::new(), &compiled.seats)).chain(own) {
        for (name, judge) in &seats.judges {
            let key = format!("{section}judges.{name}");
            if judge.on_failure == OnFailure::Pass {
                open.push(format!("{key}.on_failure is pass: when it gives no answer, messages go out unjudged"));
            }
            if judge.original {
                open.push(format!("{key}.original is true: it sees files as they came, with whatever lies in them"));
            }
        }
    }
    open
}

/// Who reads words in pictures, and what happens where nobody does.
fn tell_words(settings: &Settings, compiled: &Compiled) -> Result<(), Failure> {
    let ImageRules { words, unread } = settings.images;
    let passes = "words in pictures pass, in a PDF too: codes are covered and metadata is taken out";
    if compiled.reads_words()
        && let Err(why) = look_at_models(&settings.sandbox.models)
    {
        let then = match unread {
            UnreadRule::Hold => {
                "messages of sellers with a picture, or a PDF with more than letters, are held (images.unread)"
            }
            UnreadRule::Pass => passes,
        };
        say::out(&format!("not protected: the models that read words in pictures are missing: {why}; {then}"))?;
    }
    if words == WordRule::Pass {
        say::out(&format!("not protected: images.words is pass: {passes}"))?;
    }
    Ok(())
}
