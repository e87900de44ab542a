use std::str::FromStr;

use data_encoding::BASE64;
use ring::hmac;

use crate::model::{Fault, Luck, Secret, Timestamp};

/// What signs for a webhook (Standard Webhooks 1.0.0, symmetric): 24 to 64 bytes, written `whsec_` and base64.
pub struct WebhookSecret(Secret<Vec<u8>>);

/// Why a text is no such secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not whsec_ and 24 to 64 bytes in base64")]
pub struct BadWebhookSecret;

impl WebhookSecret {
    /// Draws one of 32 bytes.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(luck: &dyn Luck) -> Result<Self, Fault> {
        let mut bytes = vec![0; DRAWN];
        luck.fill(&mut bytes)?;
        Ok(Self(Secret::new(bytes)))
    }

    /// As it is told to the marketplace, and sealed.
    pub fn text(&self) -> Secret<String> {
        Secret::new(format!("{PREFIX}{}", BASE64.encode(self.0.reveal())))
    }

    /// The signature over a delivery's id, the second of its attempt, and its body.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.0.reveal()));
        context.update(format!("{id}.{}.", at.unix_seconds()).as_bytes());
        context.update(body);
        format!("v1,{}", BASE64.encode(context.sign().as_ref()))
    }
}

impl FromStr for WebhookSecret {
    type Err = BadWebhookSecret;

    fn from_str(text: &str) -> Result<Self, BadWebhookSecret> {
        let base64 = text.strip_prefix(PREFIX).ok_or(BadWebhookSecret)?;
        let bytes = Secret::new(BASE64.decode(base64.as_bytes()).map_err(|_| BadWebhookSecret)?);
        if LENGTHS.contains(&bytes.reveal().len()) { Ok(Self(bytes)) } else { Err(BadWebhookSecret) }
    }
}

const PREFIX: &str = "whsec_";
/// Bytes of a secret that is drawn here.
const DRAWN: usize = 32;
/// Bytes that a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    /// Made with Python's `standardwebhooks` 1.1.0.
    #[test]
    fn a_delivery_is_signed_as_the_official_library_does() {
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp(1_614_265_330_999), br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_and_is_told_as_it_is_read() {
        let secret = WebhookSecret::draw(&SystemLuck::new()).unwrap();
        let again: WebhookSecret = secret.text().reveal().parse().unwrap();
        assert_eq!(secret.text(), again.text());
        let text = |n: usize| format!("whsec_{}", BASE64.encode(&vec![7; n]));
        assert!(text(24).parse::<WebhookSecret>().is_ok() && text(64).parse::<WebhookSecret>().is_ok());
        for bad in [text(23), text(65), text(24).replace("whsec_", ""), "whsec_!".to_owned(), String::new()] {
            assert!(bad.parse::<WebhookSecret>().is_err(), "{bad}");
        }
    }
}
