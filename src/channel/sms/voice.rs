//! Masked calls: the provider asks what to do with a call to a number of the pool, and is told (TwiML) whom to ring and
//! which number to show. A call is a message of the channel `voice`: judged, counted and recorded before anybody rings.

use super::{Fields, Reply, Sms, escaped, field, words::Tongue};
use crate::relay::Rung;

impl Sms {
    /// A call that comes in.
    pub(super) async fn ring(&self, fields: &Fields) -> Reply {
        let [Some(to), Some(from), Some(id)] = ["To", "From", "CallSid"].map(|name| field(fields, name)) else {
            return Reply::bare(hyper::StatusCode::BAD_REQUEST);
        };
        let caller = match self.relay.texter(to, from).await {
            Ok(Some(caller)) => caller,
            // Nobody answers a stranger, nor one who hides their number.
            Ok(None) => {
                self.tell_of_a_stranger();
                return Reply::twiml("<Reject/>");
            }
            Err(fault) => return Reply::fault(&fault),
        };
        match self.relay.ring(&caller, PROOF, id).await {
            Rung::Through { to, from, locale } => Reply::twiml(&format!(
                "<Dial callerId=\"{from}\" timeLimit=\"{}\" record=\"do-not-record\">\
                 <Number url=\"{}/voice/twilio/whisper?{LANGUAGE}{}\">{}</Number></Dial>",
                self.longest_call,
                escaped(&self.public),
                Tongue::of(locale.as_deref()).voice(),
                to.reveal(),
            )),
            // One answer, whatever the cause: the gate hides its rule.
            Rung::No => {
                let tongue = self.tongue(&caller).await;
                Reply::twiml(&format!("{}<Hangup/>", said(tongue, tongue.no_call())))
            }
            Rung::Failed(fault) => Reply::fault(&fault),
        }
    }

    /// What whoever is rung hears first, alone, in the language that we put into the address.
    pub(super) fn whisper(query: Option<&str>) -> Reply {
        let tongue = Tongue::of(query.and_then(|query| query.strip_prefix(LANGUAGE)));
        Reply::twiml(&said(tongue, tongue.whisper()))
    }
}

fn said(tongue: Tongue, words: &str) -> String {
    format!("<Say language=\"{}\">{words}</Say>", tongue.voice())
}

const LANGUAGE: &str = "language=";

/// How a caller was proven: by the provider, whose signature held.
const PROOF: &str = "voice=twilio";
