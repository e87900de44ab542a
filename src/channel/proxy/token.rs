//! Who calls, by a signed token (RFC 7515, 7519): its signature, its time, its issuer and its audience are checked, and
//! a key is used for its own algorithm alone.

use data_encoding::BASE64URL_NOPAD;
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
};
use ring::{
    hmac,
    signature::{self, RsaPublicKeyComponents, UnparsedPublicKey},
};
use serde::Deserialize;
use serde_json::Value;

use super::settings::IssuerSettings;
use crate::model::Timestamp;

/// Who signs tokens, its keys read.
pub struct Issuer {
    keys: Vec<Key>,
    settings: IssuerSettings,
}

struct Key {
    id: Option<String>,
    verifier: Verifier,
}

enum Verifier {
    Hs256(hmac::Key),
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    Es256(Vec<u8>),
    EdDsa(Vec<u8>),
}

/// A key set (RFC 7517) as far as it is read.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// What a token says.
pub(super) struct Claims(Value);

impl Claims {
    /// A claim that is a text or a whole number.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if number.is_u64() => Some(number.to_string()),
            _ => None,
        }
    }
}

impl Issuer {
    /// Reads a key set.
    ///
    /// # Errors
    /// When it is none, or has a key that can not be used.
    pub fn read(settings: &IssuerSettings, set: &[u8]) -> Result<Self, String> {
        let set: KeySet = serde_json::from_slice(set).map_err(|_| "not a JWK set: {\"keys\": [...]}".to_owned())?;
        if set.keys.is_empty() {
            return Err("has no keys".to_owned());
        }
        let read = |(n, jwk): (usize, &Jwk)| {
            let verifier = jwk
                .verifier()
                .ok_or_else(|| format!("keys[{n}] is not oct of 32 bytes and more, RSA, EC P-256 or OKP Ed25519"))?;
            Ok(Key { id: jwk.kid.clone(), verifier })
        };
        let keys = set.keys.iter().enumerate().map(read).collect::<Result<_, String>>()?;
        Ok(Self { keys, settings: settings.clone() })
    }

    /// What the caller's token says, if it is to be believed now.
    pub(super) fn claims(&self, headers: &HeaderMap, now: Timestamp) -> Option<Claims> {
        let token = match &self.settings.cookie {
            Some(name) => cookie(headers, name)?,
            None => bearer(headers)?,
        };
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, body) = signed.split_once('.')?;
        let read = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let head: Head = serde_json::from_slice(&read(head)?).ok()?;
        let signature = read(signature)?;
        let fits = |key: &&Key| head.kid.is_none() || key.id.is_none() || key.id == head.kid;
        let mut keys = self.keys.iter().filter(fits);
        if head.crit.is_some() || !keys.any(|key| key.verifier.has_signed(&head.alg, signed.as_bytes(), &signature)) {
            return None;
        }
        let claims: Value = serde_json::from_slice(&read(body)?).ok()?;
        self.holds(&claims, now).then_some(Claims(claims))
    }

    fn holds(&self, claims: &Value, now: Timestamp) -> bool {
        let now = now.0 / 1_000;
        let seconds = |name: &str| claims.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
        // A token that never ends is not believed: nobody could take it back. Only what is a number compares.
        let ends = seconds("exp").is_some_and(|at| at > (now - LEEWAY) as f64);
        let begins = seconds("nbf").is_none_or(|at| at <= (now + LEEWAY) as f64);
        let is = |name: &str, wanted: &str| match claims.get(name) {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Array(all)) => all.iter().any(|one| one == wanted),
            _ => false,
        };
        let issuer = self.settings.issuer.as_deref().is_none_or(|wanted| is("iss", wanted));
        let audience = self.settings.audience.as_deref().is_none_or(|wanted| is("aud", wanted));
        ends && begins && issuer && audience
    }
}

impl Jwk {
    fn verifier(&self) -> Option<Verifier> {
        let bytes = |text: &Option<String>| BASE64URL_NOPAD.decode(text.as_deref()?.as_bytes()).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) => {
                let key = bytes(&self.k).filter(|key| key.len() >= 32)?;
                Some(Verifier::Hs256(hmac::Key::new(hmac::HMAC_SHA256, &key)))
            }
            ("RSA", _) => Some(Verifier::Rs256(RsaPublicKeyComponents { n: bytes(&self.n)?, e: bytes(&self.e)? })),
            ("EC", Some("P-256")) => {
                let point = [&[4][..], bytes(&self.x)?.as_slice(), bytes(&self.y)?.as_slice()].concat();
                (point.len() == 65).then_some(Verifier::Es256(point))
            }
            ("OKP", Some("Ed25519")) => bytes(&self.x).filter(|key| key.len() == 32).map(Verifier::EdDsa),
            _ => None,
        }
    }
}

impl Verifier {
    fn has_signed(&self, algorithm: &str, message: &[u8], tag: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Hs256(key), "HS256") => hmac::verify(key, message, tag).is_ok(),
            (Self::Rs256(key), "RS256") => key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, tag).is_ok(),
            (Self::Es256(key), "ES256") => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key).verify(message, tag).is_ok()
            }
            (Self::EdDsa(key), "EdDSA") => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, tag).is_ok()
            }
            _ => false,
        }
    }
}

/// Two tokens are none: which of them the service behind believes nobody knows.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    let (scheme, token) = only.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = fields.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value.trim_matches('"'));
    let (only, None) = (found.next()?, found.next()) else { return None };
    Some(only)
}

/// Clocks differ by so many seconds.
const LEEWAY: i64 = 60;

#[cfg(test)]
mod tests {
    use ring::{rand::SystemRandom, signature::KeyPair};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_793_836_800_000);

    fn issuer(keys: Value) -> Issuer {
        let settings = IssuerSettings {
            keys: "jwks.json".into(),
            issuer: Some("https://market.example".to_owned()),
            audience: Some("chat".to_owned()),
            cookie: None,
        };
        Issuer::read(&settings, json!({"keys": keys}).to_string().as_bytes()).ok().unwrap()
    }

    fn encoded(value: impl AsRef<[u8]>) -> String {
        BASE64URL_NOPAD.encode(value.as_ref())
    }

    fn token(head: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> HeaderMap {
        let signed = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
        let token = format!("Bearer {signed}.{}", encoded(sign(signed.as_bytes())));
        HeaderMap::from_iter([(AUTHORIZATION, token.parse().unwrap())])
    }

    fn claims() -> Value {
        json!({"sub": "shop-1", "exp": NOW.0 / 1_000 + 60, "iss": "https://market.example", "aud": ["x", "chat"]})
    }

    #[test]
    fn a_token_is_believed_from_its_issuer_in_its_time_and_signed_with_its_kind_of_key() {
        let secret = [7; 32];
        let pair = signature::Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let rng = SystemRandom::new();
        let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let curve =
            signature::EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng)
                .unwrap();
        let point = curve.public_key().as_ref();
        let public = pair.public_key().as_ref();
        let issuer = issuer(json!([
            {"kty": "oct", "k": encoded(secret)},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encoded(public)},
            {"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
        ]));
        let hs = |message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message).as_ref().to_vec();
        let ed = |message: &[u8]| pair.sign(message).as_ref().to_vec();
        let es = |message: &[u8]| curve.sign(&rng, message).unwrap().as_ref().to_vec();
        let subject = |headers: &HeaderMap| issuer.claims(headers, NOW).and_then(|claims| claims.get("sub"));
        let shop = Some("shop-1".to_owned());
        assert_eq!(subject(&token(&json!({"alg": "HS256"}), &claims(), hs)), shop);
        assert_eq!(subject(&token(&json!({"alg": "EdDSA", "kid": "ed"}), &claims(), ed)), shop);
        assert_eq!(subject(&token(&json!({"alg": "ES256"}), &claims(), es)), shop);

        // The public key as a secret, no signature, another's key, an extension that must be understood.
        let public_as_secret =
            |message: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public), message).as_ref().to_vec();
        assert_eq!(subject(&token(&json!({"alg": "HS256", "kid": "ed"}), &claims(), public_as_secret)), None);
        assert_eq!(subject(&token(&json!({"alg": "none"}), &claims(), |_| Vec::new())), None);
        assert_eq!(subject(&token(&json!({"alg": "EdDSA", "kid": "other"}), &claims(), ed)), None);
        assert_eq!(subject(&token(&json!({"alg": "HS256", "crit": ["b64"]}), &claims(), hs)), None);
        for (claim, value) in [
            ("exp", json!(NOW.0 / 1_000 - 61)),
            ("exp", Value::Null),
            ("exp", json!("tomorrow")),
            ("nbf", json!(NOW.0 / 1_000 + 61)),
            ("iss", json!("https://other.example")),
            ("aud", json!(["x"])),
        ] {
            let mut claims = claims();
            claims[claim] = value;
            assert_eq!(subject(&token(&json!({"alg": "HS256"}), &claims, hs)), None, "{claims}");
        }
        let mut twice = token(&json!({"alg": "HS256"}), &claims(), hs);
        twice.append(AUTHORIZATION, "Bearer other".parse().unwrap());
        assert_eq!(subject(&twice), None);
    }
}
