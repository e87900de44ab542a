//! The words of SCRAM-SHA-256 (RFC 5802 §7), read strictly. Without channel binding: it needs an
//! exporter of the very connection (RFC 9266), and TLS may have ended before us.

use data_encoding::{BASE64, BASE64_NOPAD};
use ring::rand::{SecureRandom, SystemRandom};

/// The client's first message.
pub(super) struct First {
    /// Who logs in.
    pub(super) user: String,
    /// What stands before the bare message, to be said again at the end: `n,,`.
    header: String,
    bare: String,
    nonce: String,
}

impl First {
    /// `n,[a=user],n=user,r=nonce`. Who wants channel binding (`p=`), an extension (`m=`), or to
    /// act for somebody else is not understood.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut head = text.splitn(3, ',');
        let (binding, acts_for, bare) = (head.next()?, head.next()?, head.next()?);
        let mut fields = bare.split(',');
        let user = name(fields.next()?.strip_prefix("n=")?)?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        let own = acts_for.is_empty() || acts_for.strip_prefix("a=").and_then(name).as_ref() == Some(&user);
        let fits = matches!(binding, "n" | "y") && own && fields.next().is_none() && is_nonce(nonce);
        fits.then(|| Self {
            user,
            header: format!("{binding},{acts_for},"),
            bare: bare.to_owned(),
            nonce: nonce.to_owned(),
        })
    }

    /// The server's first message; `None`: there is no randomness.
    pub(super) fn answer(&self, salt: &[u8], rounds: u32) -> Option<String> {
        let mut drawn = [0; 18];
        SystemRandom::new().fill(&mut drawn).ok()?;
        Some(format!("r={}{},s={},i={rounds}", self.nonce, BASE64_NOPAD.encode(&drawn), BASE64.encode(salt)))
    }

    /// What both sides sign, and the client's proof: of its last message `c=…,r=…,p=…`, which must
    /// say again what was said.
    pub(super) fn conclude(&self, server_first: &str, last: &str) -> Option<(String, Vec<u8>)> {
        let (without_proof, proof) = last.rsplit_once(",p=")?;
        let nonce = server_first.split(',').next()?;
        let wanted = format!("c={},{nonce}", BASE64.encode(self.header.as_bytes()));
        let proof = BASE64.decode(proof.as_bytes()).ok()?;
        (without_proof == wanted).then(|| (format!("{},{server_first},{without_proof}", self.bare), proof))
    }
}

/// `=2C` is a comma and `=3D` an equals sign; nothing else begins with one.
fn name(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (letter, rest) = match piece.get(..2)? {
            "2C" => (',', &piece[2..]),
            "3D" => ('=', &piece[2..]),
            _ => return None,
        };
        name.push(letter);
        name.push_str(rest);
    }
    (!name.is_empty() && name.len() <= 512 && !name.contains('\0')).then_some(name)
}

fn is_nonce(text: &str) -> bool {
    (8..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_names_one_user_and_no_other() {
        let user = |text: &str| First::read(text).map(|first| first.user);
        assert_eq!(user("n,,n=demo/s-1/ani,r=fyko+d2lbbFgONRv9qkxdawL").as_deref(), Some("demo/s-1/ani"));
        assert_eq!(user("y,,n=user,r=abcdefgh").as_deref(), Some("user"));
        assert_eq!(user("n,a=user,n=user,r=abcdefgh").as_deref(), Some("user"));
        assert_eq!(user("n,,n=a=2Cb=3Dc,r=abcdefgh").as_deref(), Some("a,b=c"));
        for bad in [
            "",
            "n",
            "n,,",
            "n,,n=user",
            "n,,n=,r=abcdefgh",
            "n,,n=user,r=short",
            "n,,n=user,r=abcdefgh,x=more",
            "n,,m=ext,n=user,r=abcdefgh",
            "n,a=other,n=user,r=abcdefgh",
            "p=tls-exporter,,n=user,r=abcdefgh",
            "n,,n=us=er,r=abcdefgh",
            "n,,n=us=2,r=abcdefgh",
            "n,,n=user,r=abc\u{7f}defgh",
            "n,,n=us=\u{e9}x,r=abcdefgh",
        ] {
            assert_eq!(user(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_last_message_must_say_again_what_was_said() {
        let first = First::read("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let (said, proof) = first.conclude(server, &format!("c=biws,{nonce},p=AQID")).unwrap();
        assert_eq!(said, format!("n=user,r=rOprNGfwEbeRWgbNEkqO,{server},c=biws,{nonce}"));
        assert_eq!(proof, [1, 2, 3]);
        for bad in [
            format!("c=eSws,{nonce},p=AQID"),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=AQID".to_owned(),
            format!("c=biws,{nonce}x,p=AQID"),
            format!("c=biws,{nonce},x=1,p=AQID"),
            format!("c=biws,{nonce},p=!"),
            format!("c=biws,{nonce}"),
        ] {
            assert!(first.conclude(server, &bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn each_answer_has_a_nonce_of_its_own() {
        let first = First::read("n,,n=user,r=abcdefgh").unwrap();
        let (one, other) = (first.answer(b"salt", 10).unwrap(), first.answer(b"salt", 10).unwrap());
        assert_ne!(one, other);
        assert!(one.starts_with("r=abcdefgh") && one.ends_with(",s=c2FsdA==,i=10"), "{one}");
    }
}
