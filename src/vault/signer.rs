use data_encoding::{Encoding, HEXLOWER, Specification};
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair},
};
use subtle::ConstantTimeEq;

use crate::model::{Duration, EventId, Fault, Timestamp};

/// Makes and checks the local part of envelope senders: `b-<delivery id>-<MAC>`, 26 base32
/// characters each, so that a bounce names a delivery and nobody can invent one.
pub struct Verp(hmac::Key);

impl Verp {
    /// How long after it was accepted a delivery can be named by what comes back: five days of
    /// tries here, as many at the next host, and time to spare. Then nobody knows the address.
    pub const LIFE: Duration = Duration::days(30);

    pub(super) fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    /// The local part for a delivery: 55 octets.
    pub fn local_part(&self, delivery: EventId) -> String {
        let base32 = base32();
        format!("b-{}-{}", base32.encode(&delivery.0), base32.encode(&self.mac(delivery)))
    }

    /// The delivery that a local part names, if it is ours and not older than [`Verp::LIFE`]. The
    /// MAC is compared in constant time, and covers the time that is in the id.
    pub fn delivery(&self, local_part: &str, now: Timestamp) -> Option<EventId> {
        let lower = local_part.to_ascii_lowercase();
        let (id, mac) = lower.strip_prefix("b-")?.split_once('-')?;
        let base32 = base32();
        let id = EventId(base32.decode(id.as_bytes()).ok()?.try_into().ok()?);
        let mac = base32.decode(mac.as_bytes()).ok()?;
        (bool::from(mac.ct_eq(&self.mac(id))) && now.since(id.at()) <= Self::LIFE).then_some(id)
    }

    fn mac(&self, delivery: EventId) -> [u8; 16] {
        let mut mac = [0; 16];
        mac.copy_from_slice(&hmac::sign(&self.0, &delivery.0).as_ref()[..16]);
        mac
    }
}

/// Signs the heads of evidence chains with Ed25519.
pub struct EvidenceSigner(Ed25519KeyPair);

impl EvidenceSigner {
    pub(super) fn new(seed: &[u8]) -> Result<Self, Fault> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| Fault::plain("reading the evidence key"))
    }

    /// The signature over `bytes`: 64 bytes.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).as_ref().to_vec()
    }

    /// The public key: 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

/// Crockford's alphabet without padding: 16 bytes are 26 characters.
fn base32() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    // A constant specification that the tests below have seen work.
    specification.encoding().unwrap_or(HEXLOWER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn an_envelope_sender_names_its_delivery_and_can_not_be_forged() {
        let verp = Verp::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let now = Timestamp(1_793_836_800_000);
        let id = EventId::draw(now, &SystemLuck::new()).unwrap();
        let local = verp.local_part(id);
        assert!(local.len() <= 64, "{local}");
        assert_eq!(local.len(), 55);
        assert_eq!(verp.delivery(&local, now), Some(id));
        assert_eq!(verp.delivery(&local.to_uppercase(), now), Some(id));
        for at in 2..local.len() {
            let mut forged = local.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(verp.delivery(&String::from_utf8(forged).unwrap(), now), None, "at {at}");
        }
    }

    #[test]
    fn an_envelope_sender_is_known_for_thirty_days_and_no_longer() {
        let verp = Verp::new(hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]));
        let sent = Timestamp(1_793_836_800_000);
        let id = EventId::draw(sent, &SystemLuck::new()).unwrap();
        let local = verp.local_part(id);
        for (days, known) in [(0, true), (5, true), (30, true), (31, false), (400, false), (4_000, false)] {
            let found = verp.delivery(&local, sent.plus(Duration::days(days)));
            assert_eq!(found.is_some(), known, "after {days} days");
        }
        assert_eq!(verp.delivery(&local, sent.plus(Verp::LIFE).plus(Duration::seconds(1))), None);
    }
}
