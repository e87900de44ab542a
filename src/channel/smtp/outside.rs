//! Mail that people forward to say what reached them around the platform: a report.
//!
//! Its writer is proven as every writer is, and whoever is not, or is nobody here, gets the one answer of an unknown
//! handle: the address tells nobody who is enrolled.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Smtp,
    proof::{Claim, Proven},
    receive::Envelope,
    reply::{self, Reply},
};
use crate::{
    desk::{Declined, answers::Earlier, cases::Statement, reports::ReportForm},
    media::mail,
    model::{Attachment, AttachmentAction, Category, EventId, Fault, Reason, Refusal, Scope, Secret, Side},
    relay::{Ask, Belongs, Matter, Studied, Unfit},
};

impl Smtp {
    /// What is answered for a report by mail.
    pub(super) async fn reported(
        self: &Arc<Self>,
        (scope, local): (&Scope, &str),
        envelope: &Envelope,
        opened: &mail::Opened,
        bytes: &Bytes,
    ) -> Reply {
        let claim = Claim::of(envelope, local, opened, bytes);
        let address = match self.prover.prove(self.required(scope), &claim).await {
            Proven::Yes { address, .. } => address,
            Proven::No => return reply::NO_SUCH_ADDRESS.into(),
            Proven::NotNow => return reply::UNPROVABLE_NOW.into(),
        };
        match self.relay.is_enrolled(scope, address.reveal()).await {
            Ok(true) if opened.is_report => reply::REPORT.into(),
            Ok(true) => {
                let by_itself = opened.content.automatic || envelope.sender.is_none();
                let taken = self.take_report(scope, address, by_itself, bytes).await;
                taken.unwrap_or_else(|fault| reply::of_fault(&fault))
            }
            Ok(false) => reply::NO_SUCH_ADDRESS.into(),
            Err(fault) => reply::of_fault(&fault),
        }
    }

    async fn take_report(
        self: &Arc<Self>,
        scope: &Scope,
        address: Secret<String>,
        by_itself: bool,
        bytes: &Bytes,
    ) -> Result<Reply, Fault> {
        // A host that lost our answer comes again with the same bytes.
        let asked = self.desk.fingerprint(scope, &[b"report by mail", address.reveal().as_bytes(), bytes], &[]);
        if self.desk.earlier(scope, &asked).await? != Earlier::Nothing {
            return Ok(reply::OK.into());
        }
        if !self
            .terms
            .load()
            .gates
            .may_hand_in(self.desk.fingerprint(scope, &[b"reports of", address.reveal().as_bytes()], &[]).key)
        {
            return Ok(reply::TOO_MANY.into());
        }
        let files = vec![whole(bytes)];
        let ask = Ask { scope, conversation: None, by: Side::Buyer, text: None, files, matter: Matter::Report };
        let studied = match self.relay.study(ask).await? {
            Ok(studied) => studied,
            Err(Unfit::TooLarge(_)) => return Ok(reply::TOO_LARGE.into()),
            Err(_) => return Ok(reply::of_refusal(&Refusal::new(Reason::Unreadable))),
        };
        let belongs = self.relay.belongs(scope, address.reveal(), &studied.handles).await?;
        let id = self.desk.new_report()?;
        let receipt = if by_itself { None } else { self.relay.receipt(scope, &belongs, id).await? };
        let form = ReportForm { id, asked: Some(asked.clone()), receipt, ..form(id, studied, &belongs) };
        match self.desk.put_report(scope, form).await {
            Ok(_) => {}
            Err(Declined::Fault(fault)) => return Err(fault),
            // It came twice at one time.
            Err(_) if self.desk.earlier(scope, &asked).await? != Earlier::Nothing => return Ok(reply::OK.into()),
            Err(_) => return Ok(reply::of_refusal(&Refusal::new(Reason::Unreadable))),
        }
        metrics::counter!("tabir_mail_reports_total", "bound" => belongs.place.is_some().to_string()).increment(1);
        match belongs.place {
            Some(_) => self.relay.wake_cases(),
            None if by_itself => {}
            None => self.acknowledge(scope.clone(), address, belongs, id),
        }
        Ok(reply::OK.into())
    }

    /// Its writer need not wait for their own host.
    fn acknowledge(self: &Arc<Self>, scope: Scope, address: Secret<String>, belongs: Belongs, id: EventId) {
        let smtp = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(fault) = smtp.relay.acknowledge(&scope, address.reveal(), &belongs, id).await {
                tracing::error!(fault = %fault.chain(), "telling that a report came");
            }
        });
    }
}

/// The mail as it came, as a file of the report.
fn whole(bytes: &Bytes) -> Attachment {
    Attachment {
        filename: "mail.eml".to_owned(),
        media_type: "message/rfc822".to_owned(),
        inline: None,
        bytes: bytes.clone(),
        action: AttachmentAction::Pending,
    }
}

fn form(id: EventId, studied: Studied, belongs: &Belongs) -> ReportForm {
    let described = studied.described();
    let words = readable(&studied.words.join("\n\n"));
    let Studied { findings, signals, files, handles, .. } = studied;
    let said = Statement { text: Some(words), shown: None, findings, signals, files, described };
    let (conversation, by) = belongs.place.clone().unzip();
    let reporter = belongs.reporter.clone().filter(|_| conversation.is_none());
    let (by, category) = (by.unwrap_or(Side::Buyer), Category::OutsideContact);
    let (asked, receipt) = (None, None);
    ReportForm { id, conversation, by, on_behalf: false, category, said, handles, reporter, asked, receipt }
}

/// As much of a text as a report takes; the whole lies in the mail itself.
fn readable(text: &str) -> String {
    let tame = |c: char| if c.is_control() && !matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
    text.chars().map(tame).take(MOST_WORDS).collect()
}

/// Characters of a report's text.
const MOST_WORDS: usize = 10_000;
