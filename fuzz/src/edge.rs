//! What strangers say about a connection or a domain: PROXY headers, MTA-STS records and policies.

use tabir::{
    channel::smtp::sts::policy::{Policy, record_id},
    net::proxy::{Step, parse},
};

/// Fed as it asks for it, a header takes a bounded number of bytes, and what it says does not
/// depend on what stands behind it.
pub fn proxy(bytes: &[u8]) {
    let (told, taken) = fed(bytes);
    assert!(taken <= 16 + 4_096);
    if told.is_some() {
        assert_eq!(fed(&bytes[..taken]), (told, taken));
        assert_eq!(fed(&[&bytes[..taken], b"PROXY UNKNOWN\r\n"].concat()), (told, taken));
    }
}

fn fed(bytes: &[u8]) -> (Option<Step>, usize) {
    let mut taken = 0;
    loop {
        match parse(&bytes[..taken]) {
            Ok(Step::More(more)) if more > 0 && taken + more <= bytes.len() => taken += more,
            Ok(whole @ Step::Whole(_)) => return (Some(whole), taken),
            Ok(Step::More(more)) => {
                assert!(more > 0);
                return (None, taken);
            }
            Err(_) => return (None, taken),
        }
    }
}

/// A policy is kept for a year at most and never allows a name that it does not hold; an id is
/// one word.
pub fn sts(bytes: &[u8]) {
    if let Ok(policy) = Policy::read(bytes) {
        assert!(policy.max_age.as_secs() <= 31_557_600);
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        for host in ["mail.shop.example", "a.b.c.example", "", "."] {
            let parent = host.split_once('.').map_or("", |(_, parent)| parent);
            let named = text.contains(host.trim_end_matches('.')) || text.contains(&format!("*.{parent}"));
            assert!(!policy.allows(host) || named, "{host}");
        }
    }
    let records: Vec<String> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
    if let Some(id) = record_id(&records) {
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
