//! Masked calls: the provider asks what to do with a call to a number of the pool, and is told (TwiML) whom to ring and
//! which number to show. A call is a message of the channel `voice`: judged, counted and recorded before anybody rings.

use super::{Fields, Reply, Sms, escaped, field};
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
            Ok(None) => return Reply::twiml("<Reject/>"),
            Err(fault) => return Reply::fault(&fault),
        };
        match self.relay.ring(&caller, PROOF, id).await {
            Rung::Through { to, from } => Reply::twiml(&format!(
                "<Dial callerId=\"{from}\" timeLimit=\"{}\" record=\"do-not-record\">\
                 <Number url=\"{}/voice/twilio/whisper\">{}</Number></Dial>",
                self.longest_call,
                escaped(&self.public),
                to.reveal(),
            )),
            // One answer, whatever the cause: the gate hides its rule.
            Rung::No => Reply::twiml("<Say>This call can not be put through.</Say><Hangup/>"),
            Rung::Failed(fault) => Reply::fault(&fault),
        }
    }

    /// What whoever is rung hears first, alone.
    pub(super) fn whisper() -> Reply {
        Reply::twiml("<Say>A call by way of your marketplace. Your number is not shown.</Say>")
    }
}

/// How a caller was proven: by the provider, whose signature held.
const PROOF: &str = "voice=twilio";
