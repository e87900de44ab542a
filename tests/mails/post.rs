//! The relay, a postbox behind it, and two people of each language who write to each other.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;
use tabir::media::{Removed, text::notice};

use crate::{
    corpus::{Fate, Recipe},
    fill::REPORT,
    house::{
        House, Pair, Person, Plan, Side,
        sink::{Mail, Sink},
        smtp::Smtp,
    },
    oracle,
    people::{Letter, PEOPLE, Pen, Someone, write},
};

/// How long the relay may take for what it has accepted.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pictures are read elsewhere; what stands under a mail must be there once and not be quoted back.
const SETTINGS: &str = r#"
    [images]
    words = "pass"
    [footer]
    name = "Bazaar"
    report = "https://veil.example/report"
"#;

/// What was answered for a mail.
struct Sent {
    letter: Letter,
    from: Side,
    lang: &'static str,
    code: u16,
    said: String,
}

/// Sends every mail in both directions; says all that is wrong.
pub async fn both_ways(recipes: &[Recipe]) -> Vec<String> {
    let started = Instant::now();
    let sink = Sink::start(None).await;
    let house = Plan::new().route(sink.at).with(SETTINGS).start().await;
    let mut lanes: BTreeMap<&'static str, Vec<(usize, &Recipe)>> = BTreeMap::new();
    for (n, recipe) in recipes.iter().enumerate() {
        lanes.entry(recipe.lang).or_default().push((n, recipe));
    }
    let walks =
        lanes.into_iter().flat_map(|(lang, mails)| [(Side::Seller, lang, mails.clone()), (Side::Buyer, lang, mails)]);
    let mut pairs = BTreeMap::new();
    for lang in crate::corpus::LANGS {
        pairs.insert(lang, enrolled(&house, lang).await);
    }
    let (house, pairs) = (&house, &pairs);
    let sent = futures_util::future::join_all(
        walks.map(async |(side, lang, mails)| walk(house, &pairs[lang], side, lang, mails).await),
    );
    let sent: Vec<Sent> = sent.await.into_iter().flatten().collect();
    let accepted = sent.iter().filter(|sent| sent.code == 250).count();
    sink.wait(PATIENCE, || (sink.count() >= accepted).then_some(())).await;
    // Nothing that nobody sent comes after.
    sink.during(Duration::from_millis(300)).await;
    let took = started.elapsed();
    let faults = judged(&sent, pairs, &sink.all(), house);
    eprintln!("{} sent, {accepted} accepted, in {took:?}; read in {:?}", sent.len(), started.elapsed() - took);
    faults
}

/// Two people, as a marketplace enrols them.
async fn enrolled(house: &House, lang: &'static str) -> Pair {
    let two = &PEOPLE[lang];
    let mut persons = Vec::new();
    for (role, someone) in [("buyer", &two.buyer), ("seller", &two.seller)] {
        let person = Person::new(&format!("{role}-{lang}"), &someone.name, &someone.email());
        let address = json!({"name": someone.name, "lines": [someone.street], "city": someone.city,
            "postcode": someone.postcode, "country": someone.country});
        let phone: String = someone.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let body = json!({"names": [someone.name], "emails": [someone.email()], "phones": [phone], "role": role,
            "addresses": [address], "locale": lang, "region": someone.country});
        let answer = house.api().put(&format!("/v1/parties/{}", person.id), &body).await;
        assert!(answer.status < 300, "{answer:?}");
        persons.push(person);
    }
    let seller = persons.pop().expect("a seller");
    let buyer = persons.pop().expect("a buyer");
    house.converse(&format!("conv-{lang}"), None, buyer, seller).await
}

fn someone(lang: &str, side: Side) -> &'static Someone {
    let two = &PEOPLE[lang];
    if side == Side::Seller { &two.seller } else { &two.buyer }
}

/// One side's mails, one after the other, over one connection as long as it lasts.
async fn walk(house: &House, pair: &Pair, side: Side, lang: &'static str, mails: Vec<(usize, &Recipe)>) -> Vec<Sent> {
    let way = pair.way(side);
    let mut line: Option<Smtp> = None;
    let mut all = Vec::new();
    for (n, recipe) in mails {
        let letter = write(recipe, &Pen { me: someone(lang, side), to: way.to, n });
        let mut smtp = match line.take() {
            Some(smtp) => smtp,
            None => open(house).await,
        };
        let (code, said) = match smtp.send(&way.from.email, way.to, &letter.raw).await {
            Ok(reply) => (reply.code, reply.text),
            Err(error) => (0, error.to_string()),
        };
        // A line on which something was refused may be closed behind it.
        line = (code == 250).then_some(smtp);
        all.push(Sent { letter, from: side, lang, code, said });
    }
    all
}

async fn open(house: &House) -> Smtp {
    let mut smtp = house.smtp_plain().await;
    smtp.ehlo().await.expect("EHLO");
    smtp
}

/// Everything that is wrong with what came.
fn judged(sent: &[Sent], pairs: &BTreeMap<&'static str, Pair>, came: &[Mail], house: &House) -> Vec<String> {
    let mut faults = Vec::new();
    let mut taken = vec![false; came.len()];
    for sent in sent {
        let to = &pairs[sent.lang].way(sent.from).arrives.email;
        let mine: Vec<usize> =
            (0..came.len()).filter(|n| came[*n].to == *to && said(&came[*n]).contains(&sent.letter.word)).collect();
        mine.iter().for_each(|n| taken[*n] = true);
        let mails: Vec<&Mail> = mine.iter().map(|n| &came[*n]).collect();
        let wrong = one(sent, &mails);
        faults.extend(wrong.into_iter().map(|what| format!("{} from the {:?}: {what}", sent.letter.name, sent.from)));
    }
    let strays = (0..came.len()).filter(|n| !taken[*n]);
    faults.extend(strays.map(|n| format!("nobody sent this to {}: {}", came[n].to, head(&came[n]))));
    if let Ok(folder) = std::env::var("TABIR_MAILS_KEEP") {
        came.iter()
            .enumerate()
            .for_each(|(n, mail)| std::fs::write(format!("{folder}/{n:04}.eml"), &mail.raw).expect("a file"));
    }
    if sent.iter().any(|sent| sent.code == 451) {
        faults.push(house.logs());
    }
    faults
}

/// Reading in every way takes longer than sending: all cores read.
fn in_parallel(pieces: &[(&Sent, Vec<&Mail>)]) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let some = pieces.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let work = pieces
            .chunks(some)
            .map(|chunk| scope.spawn(|| chunk.iter().flat_map(|(sent, mails)| named(sent, mails)).collect()));
        let work: Vec<std::thread::ScopedJoinHandle<'_, Vec<String>>> = work.collect();
        work.into_iter().flat_map(|work| work.join().expect("a reader")).collect()
    })
}

fn named(sent: &Sent, mails: &[&Mail]) -> Vec<String> {
    let wrong = one(sent, mails).into_iter();
    wrong.map(|what| format!("{} from the {:?}: {what}", sent.letter.name, sent.from)).collect()
}

/// What is wrong with one mail's way.
fn one(sent: &Sent, came: &[&Mail]) -> Vec<String> {
    let letter = &sent.letter;
    let mut faults = Vec::new();
    for mail in came {
        for key in oracle::seen(&[mail.from.as_bytes(), b"\r\n", &mail.raw].concat(), &letter.secrets()) {
            faults.push(format!("LEAK of {key}: {}", oracle::place(&mail.raw, &key, &letter.secrets()[&key])));
        }
    }
    match (&letter.fate, sent.code) {
        (Fate::Refused(words), 500..600) => {
            if !sent.said.contains(words.as_str()) || sent.said.split(' ').count() < 4 {
                faults.push(format!("refused with {} {}", sent.code, sent.said));
            }
        }
        (Fate::Refused(_), _) => faults.push(format!("not refused: {} {}", sent.code, sent.said)),
        (_, 250) => faults.extend(arrival(sent, came)),
        _ => faults.push(format!("LOST: {} {}", sent.code, sent.said)),
    }
    faults
}

/// What is wrong with a mail that was accepted.
fn arrival(sent: &Sent, came: &[&Mail]) -> Vec<String> {
    let letter = &sent.letter;
    let [mail] = came else { return vec![format!("LOST: it came {} times", came.len())] };
    let mut faults = Vec::new();
    let forms = forms(mail);
    if let Some(mark) = &letter.mark {
        let lost = forms.iter().filter(|form| !spaced(form).contains(&spaced(mark)));
        faults.extend(
            lost.map(|form| format!("WORDS LOST: {mark:?} in {:?}", form.chars().take(300).collect::<String>())),
        );
    }
    let quoted = |form: &&String| form.matches(REPORT).count() != 1;
    faults.extend(forms.iter().filter(quoted).map(|form| format!("FOOTER not once: {form:?}")));
    for removed in Removed::ALL {
        let owed = matches!(&letter.fate, Fate::Told(what) if what.iter().any(|word| word == removed.as_str()));
        let words = spaced(notice(removed, sent.lang).trim_matches(['[', ']']));
        let told = forms.iter().filter(|form| spaced(form).contains(&words)).count();
        if told != if owed { forms.len() } else { 0 } {
            faults.push(format!("{}: {removed:?} in {forms:?}", if owed { "UNTOLD" } else { "told of" }));
        }
    }
    faults
}

/// The text, and the HTML as it is read, where there is some.
fn forms(mail: &Mail) -> Vec<String> {
    let parsed = mail_parser::MessageParser::default().parse(&mail.raw[..]).expect("a mail");
    let text = parsed.body_text(0).unwrap_or_default().into_owned();
    let html = parsed
        .body_html(0)
        .filter(|_| parsed.parts.iter().any(|part| matches!(part.body, mail_parser::PartType::Html(_))));
    let html = html.map(|html| tabir::media::html::Document::parse(&html).expect("HTML").to_text());
    [Some(text), html].into_iter().flatten().collect()
}

/// Subject and words, to know a mail again.
fn said(mail: &Mail) -> String {
    let parsed = mail_parser::MessageParser::default().parse(&mail.raw[..]).expect("a mail");
    let subject = parsed.subject().unwrap_or_default().to_owned();
    format!("{subject}\n{}", parsed.body_text(0).unwrap_or_default())
}

fn head(mail: &Mail) -> String {
    said(mail).chars().take(200).collect()
}

fn spaced(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start_matches(['>', ' ']))
        .collect::<Vec<_>>()
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
