//! A text to the provider.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use data_encoding::BASE64;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SmsSettings;
use crate::{
    model::{Fault, Secret},
    net::{Dns, Url, tls_client},
    relay::{Handover, LastLook, Text, Texting},
};

/// Brings texts to the provider.
pub struct Sender {
    base: Url,
    path: String,
    callback: String,
    authorization: HeaderValue,
    deadline: std::time::Duration,
    dns: Dns,
    tls: TlsConnector,
}

impl Sender {
    /// # Errors
    /// When the settings name no place, or the file of certificates can not be read.
    pub fn new(settings: &SmsSettings, token: &Secret<String>, dns: Dns) -> Result<Self, Fault> {
        let (Some(base), Some(public)) = (&settings.base, &settings.public) else {
            return Err(Fault::plain("looking for sms.base and sms.public"));
        };
        let secret = BASE64.encode(format!("{}:{}", settings.account, token.reveal()).as_bytes());
        let mut authorization = HeaderValue::from_str(&format!("Basic {secret}"))
            .map_err(|e| Fault::new("writing the provider's credentials", e))?;
        authorization.set_sensitive(true);
        let scheme = if public.secure { "https" } else { "http" };
        Ok(Self {
            path: format!("{}/2010-04-01/Accounts/{}/Messages.json", base.path.trim_end_matches('/'), settings.account),
            callback: format!(
                "{scheme}://{}{}/sms/twilio/status",
                public.authority(),
                public.path.trim_end_matches('/')
            ),
            base: base.clone(),
            authorization,
            deadline: settings.deadline.std(),
            tls: tls_client(settings.ca.as_deref(), "reading sms.ca")?,
            dns,
        })
    }

    async fn send(&self, text: &Text, last_look: LastLook<'_>) -> Handover {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", text.to.reveal())
            .append_pair("From", &text.from)
            .append_pair("Body", &text.body)
            .append_pair("StatusCallback", &format!("{}?delivery={}", self.callback, text.delivery))
            .finish();
        let request = Request::post(&self.path)
            .header(HOST, self.base.authority())
            .header(USER_AGENT, concat!("tabir/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else { return not_now("request") };
        let Ok(mut line) = self.base.reach(&self.dns, &self.tls, |_| true).await else { return not_now("connect") };
        if !last_look.await {
            return Handover::CalledOff;
        }
        // From here on the provider may have it, whatever is answered: then it may come twice.
        let Ok(response) = line.send_request(request).await else { return not_now("broken") };
        let status = response.status();
        let answer = Limited::new(response.into_body(), LONGEST).collect().await;
        let why = answer.ok().and_then(|body| error_code(&body.to_bytes()));
        of_status(status, why)
    }
}

impl Texting for Sender {
    fn text<'a>(
        &'a self,
        text: &'a Text,
        last_look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(async move {
            let sent = timeout(self.deadline, self.send(text, last_look)).await;
            sent.unwrap_or_else(|_| not_now("timeout"))
        })
    }
}

/// What a refusal of the provider means: what is said of the text stays so, what is said of us or of now does not.
/// `why` is the provider's own number for it, such as 21610: who is texted wants no more texts from this number.
fn of_status(status: StatusCode, why: Option<u32>) -> Handover {
    let code = why.map_or_else(|| status.as_str().to_owned(), |why| format!("{} {why}", status.as_str()));
    match status.as_u16() {
        200..=299 => Handover::Delivered,
        401 | 403 | 404 | 408 | 429 => not_now(&code),
        400..=499 => Handover::Never { code },
        _ => not_now(&code),
    }
}

/// The number of an error. The words beside it may hold the telephone number, and are read by nobody.
fn error_code(answer: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: u32,
    }
    serde_json::from_slice::<Problem>(answer).ok().map(|problem| problem.code).filter(|code| *code < 100_000)
}

fn not_now(code: &str) -> Handover {
    Handover::NotNow { code: code.to_owned() }
}

/// Most bytes of an answer.
const LONGEST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_text_is_given_up() {
        let ending = |code| match of_status(StatusCode::from_u16(code).unwrap(), None) {
            Handover::Delivered => "delivered",
            Handover::Never { .. } => "never",
            Handover::NotNow { .. } => "not now",
            Handover::CalledOff => "called off",
        };
        for (code, wanted) in [
            (201, "delivered"),
            (400, "never"),
            (401, "not now"),
            (404, "not now"),
            (429, "not now"),
            (500, "not now"),
            (503, "not now"),
        ] {
            assert_eq!(ending(code), wanted, "{code}");
        }
    }

    #[test]
    fn of_what_the_provider_says_only_a_number_is_kept() {
        let said = br#"{"code": 21610, "message": "Attempt to send to unsubscribed recipient +12025550150"}"#;
        let Handover::Never { code } = of_status(StatusCode::BAD_REQUEST, error_code(said)) else { panic!("given up") };
        assert_eq!(code, "400 21610");
        for odd in [&b"no JSON"[..], br#"{"code": "+12025550150"}"#, br#"{"code": 2025550150}"#, b"{}"] {
            assert_eq!(error_code(odd), None);
        }
    }
}
