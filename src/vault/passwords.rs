use std::num::NonZeroU32;

use data_encoding::BASE64URL_NOPAD;
use ring::{digest, pbkdf2};

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

/// What is kept of a password: salt ‖ PBKDF2-HMAC-SHA256. The password was drawn by us with
/// 192 bits, so few rounds suffice; they only keep a leaked row from being a shortcut.
///
/// # Errors
/// When there is no randomness.
pub fn password_verifier(password: &str, luck: &dyn Luck) -> Result<Vec<u8>, Fault> {
    let mut verifier = vec![0; 16 + 32];
    luck.fill(&mut verifier[..16])?;
    let (salt, hash) = verifier.split_at_mut(16);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds(), salt, password.as_bytes(), hash);
    Ok(verifier)
}

/// Whether a password is the one of a verifier, in constant time.
pub fn check_password(password: &str, verifier: &[u8]) -> bool {
    verifier.split_at_checked(16).is_some_and(|(salt, hash)| {
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds(), salt, password.as_bytes(), hash).is_ok()
    })
}

fn rounds() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(9_999)
}

fn random_text<const N: usize>(luck: &dyn Luck) -> Result<String, Fault> {
    let mut bytes = [0; N];
    luck.fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
mod tests {
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
    }
}
