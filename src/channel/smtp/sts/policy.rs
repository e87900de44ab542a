//! What an MTA-STS record and its policy say (RFC 8461 §3): strangers' bytes into few words.

use std::time::Duration;

/// What the owner of a domain wants of who sends to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How strictly.
    pub mode: Mode,
    /// For how long it may be remembered.
    pub max_age: Duration,
    /// The hosts that may take the domain's mail, in lower case; `*.` stands for one label.
    mx: Vec<String>,
}

/// How strictly a policy is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// What does not fit gets no mail.
    Enforce,
    /// What does not fit is counted.
    Testing,
    /// There is no policy any more.
    None,
}

/// A policy that says nothing that could be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// The id in the TXT records of `_mta-sts.DOMAIN`; `None`: the domain has no policy. Two records
/// are as good as none (§3.1).
pub fn record_id(records: &[String]) -> Option<&str> {
    let mut ours = records.iter().filter_map(|record| {
        let (version, fields) = record.split_once(';')?;
        (version.trim_end_matches(WSP) == "v=STSv1").then_some(fields)
    });
    let (Some(fields), None) = (ours.next(), ours.next()) else { return None };
    let id = fields.split(';').find_map(|field| field.trim_matches(WSP).strip_prefix("id="))?;
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(id)
}

impl Policy {
    /// Reads what `/.well-known/mta-sts.txt` said. Of a key that stands twice the first counts,
    /// and what is not known is passed over (§3.2).
    ///
    /// # Errors
    /// When a key is missing or makes no sense.
    pub fn read(bytes: &[u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(bytes).map_err(|_| Invalid)?;
        let fields: Vec<(&str, &str)> =
            text.lines().map(field).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let first = |key| fields.iter().find(|(name, _)| *name == key).map(|(_, value)| *value).ok_or(Invalid);
        if first("version")? != "STSv1" {
            return Err(Invalid);
        }
        let mode = match first("mode")? {
            "enforce" => Mode::Enforce,
            "testing" => Mode::Testing,
            "none" => Mode::None,
            _ => return Err(Invalid),
        };
        let age = first("max_age")?;
        if age.len() > 10 || !age.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid);
        }
        let seconds: u64 = age.parse().map_err(|_| Invalid)?;
        let mx = fields.iter().filter(|(name, _)| *name == "mx").map(|(_, value)| pattern(value));
        let mx: Vec<String> = mx.collect::<Result<_, _>>()?;
        if mx.len() > PATTERNS || mx.is_empty() && mode != Mode::None {
            return Err(Invalid);
        }
        Ok(Self { mode, max_age: Duration::from_secs(seconds.min(YEAR)), mx })
    }

    /// Whether a host of this name may take the domain's mail (§4.1).
    pub fn allows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(above) => parent == Some(above),
            None => *pattern == host,
        })
    }
}

/// `key: value` of a line; `None` where it is empty.
fn field(line: &str) -> Result<Option<(&str, &str)>, Invalid> {
    if line.trim_matches(WSP).is_empty() {
        return Ok(None);
    }
    let (key, value) = line.split_once(':').ok_or(Invalid)?;
    Ok(Some((key, value.trim_matches(WSP))))
}

/// A host's name, or one below which any label stands.
fn pattern(value: &str) -> Result<String, Invalid> {
    let name = value.strip_prefix("*.").unwrap_or(value);
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let fits = value.len() <= 253 && name.split('.').all(label);
    if fits { Ok(value.to_ascii_lowercase()) } else { Err(Invalid) }
}

const WSP: [char; 2] = [' ', '\t'];

/// The longest that a policy may be remembered (§3.2), in seconds.
const YEAR: u64 = 31_557_600;

/// No domain has as many mail hosts as this, and every policy is remembered.
const PATTERNS: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n";

    fn read(text: &str) -> Result<Policy, Invalid> {
        Policy::read(text.as_bytes())
    }

    #[test]
    fn a_record_names_the_policy_of_the_moment() {
        let id = |records: &[&str]| {
            let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
            record_id(&records).map(str::to_owned)
        };
        for records in [
            &["v=STSv1; id=20160831085700Z;"][..],
            &["v=STSv1;id=20160831085700Z"],
            &["v=STSv1 ;\tid=20160831085700Z ; x=y"],
            &["v=spf1 -all", "v=STSv1; x=1; id=20160831085700Z"],
        ] {
            assert_eq!(id(records).as_deref(), Some("20160831085700Z"), "{records:?}");
        }
        for records in [
            &[][..],
            &["v=STSv1"],
            &["v=STSv1;"],
            &["v=STSv1; id="],
            &["v=STSv1; id=a-b"],
            &["v=STSv2; id=1"],
            &["id=1; v=STSv1;"],
            &["v=STSv1; id=123456789012345678901234567890123"],
            &["v=STSv1; id=1", "v=STSv1; id=1"],
        ] {
            assert_eq!(id(records), None, "{records:?}");
        }
    }

    #[test]
    fn a_policy_is_read_however_its_lines_end() {
        let policy = read(PLAIN).unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, Duration::from_secs(604_800)));
        assert_eq!(read(&PLAIN.replace('\n', "\r\n")), Ok(policy.clone()));
        assert_eq!(read(PLAIN.trim_end()), Ok(policy.clone()));
        assert_eq!(read(&format!("{PLAIN}\nnew_key: a value\nmode: none\n")), Ok(policy), "the first of two counts");
        assert_eq!(read("version: STSv1\nmode: none\nmax_age: 0").unwrap().mode, Mode::None);
        let forever = read(&PLAIN.replace("604800", "9999999999")).unwrap();
        assert_eq!(forever.max_age, Duration::from_secs(YEAR));
    }

    #[test]
    fn what_is_no_policy_is_not_kept() {
        for (from, to) in [
            ("STSv1", "STSv2"),
            ("version: STSv1\n", ""),
            ("enforce", "always"),
            ("mode: enforce\n", ""),
            ("604800", "soon"),
            ("604800", "-1"),
            ("604800", "+1"),
            ("604800", "99999999999999999999"),
            ("max_age: 604800\n", ""),
            ("mx: mail.example.com\nmx: *.example.net\n", ""),
            ("mail.example.com", "*"),
            ("mail.example.com", "*.*.example.com"),
            ("mail.example.com", "mail..example.com"),
            ("mail.example.com", "https://mail.example.com"),
            ("mode: enforce", "mode enforce"),
            ("mode: enforce", "\u{feff}<html>"),
        ] {
            assert_eq!(read(&PLAIN.replace(from, to)), Err(Invalid), "{from} as {to}");
        }
        assert_eq!(read(&format!("{PLAIN}{}", "mx: a.example\n".repeat(PATTERNS))), Err(Invalid));
        assert_eq!(Policy::read(b"version: STSv1\nmode: none\nmax_age: 1\nx: \xff"), Err(Invalid));
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let policy = read(PLAIN).unwrap();
        for (host, allowed) in [
            ("mail.example.com", true),
            ("MAIL.Example.COM.", true),
            ("a.example.net", true),
            ("example.net", false),
            ("a.b.example.net", false),
            ("mail.example.org", false),
            ("amail.example.com", false),
            ("", false),
        ] {
            assert_eq!(policy.allows(host), allowed, "{host}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_policy_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..90_usize) {
            let _ = Policy::read(&bytes);
            let mut bent = PLAIN.as_bytes().to_vec();
            bent.splice(cut.min(bent.len()).., bytes.iter().copied());
            if let Ok(policy) = Policy::read(&bent) {
                prop_assert!(policy.max_age <= Duration::from_secs(YEAR) && policy.mx.len() <= PATTERNS);
                prop_assert!(!policy.allows("mail.elsewhere.example"));
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some(id) = record_id(&[format!("v=STSv1;{text}")]) {
                prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()));
            }
        }
    }
}
