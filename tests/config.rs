//! Every file under `config/` can be read, and `tabir.toml` says what the defaults are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tabir::{
    app::{self, DetectSettings, Settings},
    detect::{Context, Piece, Window},
    model::Part,
    settings::Source,
};

#[test]
fn every_settings_file_is_read_without_a_fault() {
    let files = files("config", "toml");
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        if let Err(wrong) = Settings::read(Some(&file)) {
            let told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            panic!("{}", told.join("\n"));
        }
    }
}

#[test]
fn the_sample_shows_every_key_with_its_default() {
    let sample = Source::read(&root().join("config/tabir.toml")).unwrap();
    let read: Settings = sample.parse().unwrap();
    let default = format!("{:#?}", Settings::default());
    assert_eq!(format!("{read:#?}"), default);
    let text = fs::read_to_string(root().join("config/tabir.toml")).unwrap();
    let keys = default.lines().filter_map(|line| line.trim().split_once(": ").map(|(key, _)| key));
    for key in keys {
        assert!(words(&text).any(|word| word == key), "config/tabir.toml does not show {key}");
    }
}

#[test]
fn an_operator_adds_a_language_a_rule_and_words_without_a_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    fs::write(&file, "[detect]\nlexicon = \"words\"").unwrap();
    fs::create_dir(folder.path().join("words")).unwrap();
    fs::write(folder.path().join("words/jv.toml"), JAVANESE).unwrap();
    fs::write(folder.path().join("words/shop.toml"), "language = \"en\"\n[cues]\nnetwork = [\"chirpster\"]").unwrap();
    fs::write(folder.path().join("words/README.md"), "not a lexicon").unwrap();

    let (settings, _) = Settings::read(Some(&file)).unwrap();
    let detect = app::detectors(&settings).unwrap();
    assert_eq!(detect.examples(), []);
    let told = |text: &str| {
        let pieces = [Piece { part: Part::Text(0), text }];
        let report = detect.scan(&pieces, &Context::default(), &Window::default());
        let rules: Vec<String> = report.signals.into_iter().map(|signal| signal.rule).collect();
        (rules, report.redacted[0].clone())
    };
    assert_eq!(told("takgecek kowe mengko").0, ["jv.threat.beware"]);
    assert!(!told("find me, chirpster id: toko_biru77").1.contains("toko_biru77"));
    assert_eq!(detect.explanation("jv.threat.beware", None), Some("Aja ngancam."));
}

#[test]
fn a_broken_lexicon_is_told_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let detect = DetectSettings { lexicon: Some(folder.path().to_owned()) };
    let settings = Settings { detect, ..Settings::default() };
    let twice = format!("{JAVANESE}{}", &JAVANESE[JAVANESE.find("[[rule]]").unwrap()..]);
    for (text, line, why) in [
        ("language = ".to_owned(), 1, "expected"),
        ("language = \"jv\"\n\n[numbers]\nlots = [\"akeh\"]".to_owned(), 4, "`lots` is no number"),
        (JAVANESE.replace("\"you\"]", "\"nobody\"]"), 8, "no concept `nobody`"),
        (JAVANESE.replace("jv.threat", "en.threat"), 8, "begins with `jv.`"),
        (twice, 16, "another rule has this id"),
        (JAVANESE.replace("jv.threat", "jv.learned"), 8, "are of guesses"),
    ] {
        fs::write(folder.path().join("own.toml"), &text).unwrap();
        let wrong = app::detectors(&settings).unwrap_err();
        let told = wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(&format!("own.toml:{line}: ")) && told.contains(why), "{text}: {told}");
    }
}

const JAVANESE: &str = r#"
language = "jv"

[concepts]
beware = ["takgecek", "ati-ati"]
you = ["kowe", "sampeyan"]

[[rule]]
id = "jv.threat.beware"
kind = "threat"
explain = "Aja ngancam."
all = ["beware", "you"]
within = 3
must_catch = ["takgecek kowe mengko"]
must_pass = ["ati-ati ing dalan"]
"#;

#[test]
fn settings_that_could_not_mean_anything_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    fs::write(folder.path().join("ok.txt"), "# nothing known yet\n").unwrap();
    let cases = [
        ("[links]\n\nallow = [\"https://market.example\"]", 3, "bare domain"),
        ("[links]\nallow = [\"ok.example\", \"*.market.example\"]", 2, "`*.market.example`"),
        ("[mail]\nhostname = \"mail host\"", 2, "not a host's name"),
        ("[mail.dnsbl]\nzones = [\"bl.example\", \"*\"]", 2, "`*` is not the name of a list"),
        ("[listen]\nproxy = [\"0.0.0.0/0\"]", 2, "no range of them"),
        ("[handles]\nrotate = \"0s\"", 2, "above zero"),
        ("[marketplaces.demo]\nlocale = \"id\"\n\n[marketplaces.demo.listen]\nx = 1", 4, "marketplaces.demo.listen"),
        ("[marketplaces.demo.contact.rate]\nburst = 1\nper = \"0s\"", 1, "marketplaces.demo.contact.rate"),
        ("[marketplaces.demo]\nhandles.rotate = \"0s\"", 1, "marketplaces.demo.handles.rotate"),
        ("[handles]\nrotate = \"0s\"\n[marketplaces.demo]\nlocale = \"id\"", 2, "handles.rotate"),
        ("[marketplaces.demo]\nlocale = 5", 1, "marketplaces.demo"),
        ("[judges.av]\nsees = [\"text\"]", 1, "judges.av.run"),
        ("[judges.av]\nrun = [\"av\"]\nmood = \"kind\"", 3, "mood"),
        ("[judges.av]\nrun = [\"av\"]\n\ndeadline = \"5m\"", 4, "judges.av.deadline"),
        ("[judges.eye]\nurl = \"http://judge.example/\"", 2, "judges.eye.url"),
        ("[judges.eye]\nurl = \"judge.example\"", 2, "not a place to ask"),
        ("[judges.AV]\nrun = [\"av\"]", 1, "a name has"),
        ("[lists.known]\nfile = \"gone.txt\"\nkind = \"sha256\"\nverdict = \"refuse\"", 2, "gone.txt"),
        ("[lists.known]\nkind = \"sha256\"\nverdict = \"refuse\"", 1, "file"),
        ("[lists.known]\nfile = \"ok.txt\"\nkind = \"sha256\"\nverdict = \"pass\"", 4, "lists.known.verdict"),
        ("[lists.known]\nfile = \"ok.txt\"\nkind = \"dhash\"\nverdict = \"hold\"\ndistance = 30", 5, "at most 11"),
        (
            "[judges.av]\nrun = [\"av\"]\n[marketplaces.demo.judges.av]\ncalls = 0",
            4,
            "marketplaces.demo.judges.av.calls",
        ),
    ];
    for (text, line, why) in cases {
        fs::write(&file, text).unwrap();
        let wrong = Settings::read(Some(&file)).map(drop).unwrap_err();
        assert_eq!((wrong.len(), wrong[0].line), (1, Some(line)), "{text}: {wrong:?}");
        assert!(wrong[0].to_string().contains(why), "{text}: {wrong:?}");
    }
}

#[test]
fn every_line_of_a_list_that_can_not_be_used_is_told_once_with_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = (folder.path().join("t.toml"), folder.path().join("known.txt"));
    fs::write(&list, format!("{}\nxyz  # no hash\n\n12\n", "0f".repeat(32))).unwrap();
    let text = "[lists.known]\nfile = \"known.txt\"\nkind = \"sha256\"\nverdict = \"hold\"\n\
                [marketplaces.demo.judges.av]\nrun = [\"av\"]";
    fs::write(&file, text).unwrap();
    let wrong = Settings::read(Some(&file)).map(drop).unwrap_err();
    let told: Vec<_> = wrong.iter().map(|wrong| (wrong.file.clone(), wrong.line)).collect();
    assert_eq!(told, [(list.clone(), Some(2)), (list, Some(4))], "{wrong:?}");
}

#[test]
fn what_judges_leave_open_is_told_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    fs::write(
        &file,
        "[judges.av]\nrun = [\"av\"]\noriginal = true\n[marketplaces.demo.judges.av]\non_failure = \"pass\"",
    )
    .unwrap();
    let mut tabir = std::process::Command::new(env!("CARGO_BIN_EXE_tabir"));
    let told = tabir.arg("check").arg("--config").arg(&file).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("not protected: judges.av.original is true"), "{told}");
    assert!(told.contains("not protected: marketplaces.demo.judges.av.on_failure is pass"), "{told}");
    assert!(!told.contains("protected: judges.av.on_failure"), "{told}");
}

#[test]
fn a_certificate_that_is_not_there_is_told_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut tabir = std::process::Command::new(env!("CARGO_BIN_EXE_tabir"));
        let told = tabir.arg("check").arg("--config").arg(&file).output().unwrap();
        (told.status.code(), String::from_utf8(told.stderr).unwrap())
    };
    let (code, told) = check("[tls]\ncert = \"real.pem\"\nkey = \"real.key\"\n");
    assert!(code == Some(2) && told.contains("real.pem"), "{told}");
    assert_eq!(check("").0, Some(0), "one for development is made at the start");
}

#[test]
fn models_that_are_missing_or_others_than_are_meant_are_told_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.toml");
    let check = |models: &Path, images: &str| {
        fs::write(&file, format!("[sandbox]\nmodels = \"{}\"\n[images]\n{images}", models.display())).unwrap();
        let mut tabir = std::process::Command::new(env!("CARGO_BIN_EXE_tabir"));
        let told = tabir.arg("check").arg("--config").arg(&file).output().unwrap();
        assert!(told.status.success(), "nothing is wrong with the settings");
        String::from_utf8(told.stdout).unwrap()
    };
    let none = folder.path().join("none");
    let told = check(&none, "");
    assert!(told.contains("the models that read words in pictures are missing") && told.contains("pass"), "{told}");
    assert!(check(&none, "unread = \"hold\"").contains("held (images.unread)"));
    fs::write(folder.path().join("ch_PP-OCRv4_det_infer.onnx"), "another file").unwrap();
    let told = check(folder.path(), "");
    assert!(told.contains("another file than the one meant (SHA-256)"), "{told}");
    let told = check(&root().join("models"), "");
    assert!(!told.contains("words in pictures"), "`make models` has fetched them: {told}");
    assert!(check(&none, "words = \"pass\"").contains("images.words is pass"));
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == ending)).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
