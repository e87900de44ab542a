use std::num::NonZeroU32;

use data_encoding::BASE64URL_NOPAD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::model::{Fault, Luck, Secret};

/// A fresh API token: `tbr_` and 32 random bytes in base64url. Only its hash is kept.
///
/// # Errors
/// When there is no randomness.
pub fn draw_token(luck: &dyn Luck) -> Result<Secret<String>, Fault> {
    Ok(Secret::new(format!("tbr_{}", random_text::<32>(luck)?)))
}

/// SHA-256 of a token: it has 256 random bits, so no slow hash is needed.
pub fn token_hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

/// A fresh SMTP password for an agent: 24 random bytes in base64url.
///
/// # Errors
/// When there is no randomness.
pub fn draw_password(luck: &dyn Luck) -> Result<Secret<String>, Fault> {
    Ok(Secret::new(random_text::<24>(luck)?))
}

/// What is kept of a password: a version, the salt, StoredKey and ServerKey (RFC 5802 §3). Neither
/// PLAIN nor SCRAM can be spoken with it. The password was drawn by us with 192 bits, so few
/// rounds suffice; they only keep a leaked row from being a shortcut.
///
/// # Errors
/// When there is no randomness.
pub fn password_verifier(password: &str, luck: &dyn Luck) -> Result<Vec<u8>, Fault> {
    let mut salt = [0; SALT];
    luck.fill(&mut salt)?;
    let keys = Keys::of(password, &salt, ROUNDS);
    Ok([&[KEYS_KEPT], &salt[..], &keys.stored, &keys.server].concat())
}

/// Whether a password is the one of a verifier, in constant time.
pub fn check_password(password: &str, verifier: &[u8]) -> bool {
    match read(verifier) {
        Some((salt, keys)) => bool::from(Keys::of(password, &salt, ROUNDS).stored.ct_eq(&keys.stored)),
        // As it was kept at first: salt ‖ PBKDF2-HMAC-SHA256.
        None => verifier.split_at_checked(SALT).is_some_and(|(salt, hash)| {
            pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, password.as_bytes(), hash).is_ok()
        }),
    }
}

/// One login by SCRAM-SHA-256 (RFC 7677): what the server says of a user, and what it expects.
pub struct Scram {
    salt: [u8; SALT],
    /// `None`: there is no such user, or none that can speak SCRAM. Nobody is told.
    keys: Option<Keys>,
}

impl Scram {
    /// For the user of a verifier. `nobody` makes the salt of users that are not there: the same
    /// each time, as that of others is.
    pub(super) fn new(user: &str, verifier: Option<&[u8]>, nobody: &hmac::Key) -> Self {
        if let Some((salt, keys)) = verifier.and_then(read) {
            return Self { salt, keys: Some(keys) };
        }
        let mut salt = [0; SALT];
        let drawn = hmac::sign(nobody, format!("tabir scram salt 1\n{user}").as_bytes());
        salt.copy_from_slice(&drawn.as_ref()[..SALT]);
        Self { salt, keys: None }
    }

    /// The user's salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How often the hash is taken.
    pub fn rounds(&self) -> u32 {
        ROUNDS.get()
    }

    /// The server's signature over what was said, if the client's proof is right; compared in
    /// constant time.
    pub fn sign(&self, said: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        self.keys.as_ref()?.sign(said, proof)
    }
}

/// What follows from a password and is kept of it.
struct Keys {
    stored: [u8; HASH],
    server: [u8; HASH],
}

impl Keys {
    fn of(password: &str, salt: &[u8], rounds: NonZeroU32) -> Self {
        let mut salted = [0; HASH];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut salted);
        let keys = Self { stored: sha256(&mac(&salted, b"Client Key")), server: mac(&salted, b"Server Key") };
        salted.zeroize();
        keys
    }

    fn sign(&self, said: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        let signature = mac(&self.stored, said);
        let proof: &[u8; HASH] = proof.try_into().ok()?;
        let mut client = [0; HASH];
        for ((byte, a), b) in client.iter_mut().zip(proof).zip(signature) {
            *byte = a ^ b;
        }
        bool::from(sha256(&client).ct_eq(&self.stored)).then(|| mac(&self.server, said).to_vec())
    }
}

fn read(verifier: &[u8]) -> Option<([u8; SALT], Keys)> {
    let (version, rest) = verifier.split_first()?;
    let (salt, rest) = rest.split_at_checked(SALT)?;
    let (stored, server) = rest.split_at_checked(HASH)?;
    let keys = Keys { stored: stored.try_into().ok()?, server: server.try_into().ok()? };
    (*version == KEYS_KEPT).then_some((salt.try_into().ok()?, keys))
}

fn mac(key: &[u8], text: &[u8]) -> [u8; HASH] {
    let mut out = [0; HASH];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref());
    out
}

fn sha256(bytes: &[u8]) -> [u8; HASH] {
    let mut out = [0; HASH];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// The first version that keeps SCRAM's keys.
const KEYS_KEPT: u8 = 2;
const SALT: usize = 16;
const HASH: usize = 32;
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(9_999);

fn random_text<const N: usize>(luck: &dyn Luck) -> Result<String, Fault> {
    let mut bytes = [0; N];
    luck.fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;
    use crate::model::SystemLuck;

    #[test]
    fn a_password_is_known_again_and_a_wrong_one_is_not() {
        let luck = SystemLuck::new();
        let password = draw_password(&luck).unwrap();
        let verifier = password_verifier(password.reveal(), &luck).unwrap();
        assert!(check_password(password.reveal(), &verifier));
        assert!(!check_password("guess", &verifier));
        assert!(!check_password(password.reveal(), &[]));
        assert!(!check_password(password.reveal(), &verifier[..48]));
    }

    #[test]
    fn a_password_that_was_kept_in_the_old_way_is_known_and_speaks_no_scram() {
        let mut old = vec![7; SALT + HASH];
        let (salt, hash) = old.split_at_mut(SALT);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, b"pass word", hash);
        assert!(check_password("pass word", &old));
        assert!(!check_password("pass ward", &old));
        // What is kept so is all that SCRAM asks of a client: a copy of the row would do.
        let nobody = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        assert!(Scram::new("a/b/c", Some(&old), &nobody).keys.is_none());
    }

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example_of_the_standard_is_understood() {
        let decode = |text: &str| BASE64.decode(text.as_bytes()).unwrap();
        let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==");
        let keys = Keys::of("pencil", &salt, NonZeroU32::new(4_096).unwrap());
        let said = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                    r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                    c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = keys.sign(said.as_bytes(), &proof).unwrap();
        assert_eq!(BASE64.encode(&signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        for byte in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[byte] ^= 1;
            assert_eq!(keys.sign(said.as_bytes(), &wrong), None);
        }
        assert_eq!(keys.sign(said.as_bytes(), &proof[..31]), None);
        assert_eq!(keys.sign(b"something else", &proof), None);
    }

    #[test]
    fn a_user_that_is_not_there_has_a_salt_that_stays() {
        let nobody = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let salt = |user: &str| Scram::new(user, None, &nobody).salt().to_vec();
        assert_eq!(salt("a/b/c"), salt("a/b/c"));
        assert_ne!(salt("a/b/c"), salt("a/b/d"));
        assert_eq!(Scram::new("a/b/c", None, &nobody).sign(b"said", &[0; HASH]), None);
    }
}
