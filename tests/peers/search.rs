//! The search for canaries itself, so that its silence means something.

use crate::house::canary::{found, plainly};

#[test]
fn a_word_is_seen_however_it_is_encoded() {
    let word = vec!["zenon.rt@sklep-rt.example".to_owned()];
    let base64 = data_encoding::BASE64.encode(b"from zenon.rt@sklep-rt.example here");
    let (one, two) = base64.split_at(20);
    for hidden in [
        "x Zenon.RT@sklep-rt.example y".to_owned(),
        format!("{one}\r\n{two}"),
        "=?utf-8?B?emVub24ucnRAc2tsZXA=?= =?utf-8?Q?-rt=2Eexample?=".to_owned(),
        "zenon=2Ert@sk=\r\nlep-rt.example".to_owned(),
        "zenon.rt%40sklep-rt%2eexample".to_owned(),
        data_encoding::BASE64.encode(b"zenon=2Ert@sk=\r\nlep-rt.example"),
    ] {
        assert_eq!(found(hidden.as_bytes(), &word), word, "{hidden}");
    }
    assert!(found(b"nothing of that kind", &word).is_empty());
}

#[test]
fn a_word_on_disk_is_seen_in_base64() {
    let word = vec!["ratna.rt@rumah".to_owned()];
    for before in ["", "a", "ab"] {
        let text = data_encoding::BASE64.encode(format!("{before}ratna.rt@rumah!!").as_bytes());
        assert_eq!(plainly(text.as_bytes(), &word), word, "{before:?}");
    }
}
