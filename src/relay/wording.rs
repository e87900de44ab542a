//! What the relay says by itself in a case, in the reader's language. It names the case, what it is
//! about and how long there is, and of the other side nothing.

use crate::model::{Money, Ruling, Topic};

/// A subject and a text.
pub(super) type Wording = (String, String);

/// Asks a side for its evidence.
pub(super) fn request(case: &str, topic: Topic, days: u32, lang: Option<&str>) -> Wording {
    let (subject, text) = match language(lang) {
        "id" => (
            "Kasus {case}: mohon bukti Anda",
            "Sebuah kasus dibuka mengenai percakapan ini ({topic}). Kirimkan bukti Anda dalam {days} hari sejak pesan ini \
             tiba. Tanpa jawaban, kasus akan diputuskan berdasarkan bukti yang ada.",
        ),
        "pl" => (
            "Sprawa {case}: prosimy o dowody",
            "W tej rozmowie otwarto sprawę ({topic}). Prosimy o dowody w ciągu {days} dni od otrzymania tej wiadomości. \
             Bez odpowiedzi sprawa zostanie rozstrzygnięta na podstawie tego, co jest.",
        ),
        _ => (
            "Case {case}: your evidence is asked for",
            "A case was opened about this conversation ({topic}). Please send your evidence within {days} days of the \
             arrival of this message. Without an answer it is decided on what is there.",
        ),
    };
    fill(subject, text, &[("case", case), ("topic", topic.as_str()), ("days", &days.to_string())])
}

/// Says to who opened a case that it waits too long and that a person was called.
pub(super) fn overdue(case: &str, lang: Option<&str>) -> Wording {
    let (subject, text) = match language(lang) {
        "id" => (
            "Kasus {case} diteruskan",
            "Kasus Anda belum diputuskan pada waktunya. Seorang petugas telah diminta menanganinya sekarang.",
        ),
        "pl" => (
            "Sprawa {case} została przekazana wyżej",
            "Twoja sprawa nie została rozstrzygnięta w terminie. Wezwano osobę, która zajmie się nią teraz.",
        ),
        _ => ("Case {case} was passed on", "Your case was not decided in time. A person was called to look at it now."),
    };
    fill(subject, text, &[("case", case)])
}

/// Tells a side how a case ended.
pub(super) fn decision(
    case: &str,
    (ruling, automated): (Ruling, bool),
    amount: Option<&Money>,
    reason: &str,
    lang: Option<&str>,
) -> Wording {
    let (subject, text, silence, money) = match language(lang) {
        "id" => (
            "Kasus {case}: keputusan",
            "Keputusan: {ruling}. {money}{reason}\n\nKeputusan ini final.",
            "Kasus diputuskan berdasarkan bukti yang ada, karena permintaan bukti tidak dijawab.",
            "Jumlah: {amount}. ",
        ),
        "pl" => (
            "Sprawa {case}: rozstrzygnięcie",
            "Rozstrzygnięcie: {ruling}. {money}{reason}\n\nTo rozstrzygnięcie jest ostateczne.",
            "Rozstrzygnięto na podstawie tego, co jest, bo na prośbę o dowody nie odpowiedziano.",
            "Kwota: {amount}. ",
        ),
        _ => (
            "Case {case}: decision",
            "Decision: {ruling}. {money}{reason}\n\nThis decision is final.",
            "It was decided on what is there, since the request for evidence was not answered.",
            "Amount: {amount}. ",
        ),
    };
    let money = amount.map(|amount| money.replace("{amount}", &amount.to_string())).unwrap_or_default();
    let reason = if automated { silence } else { reason };
    fill(subject, text, &[("case", case), ("ruling", ruling_in(ruling, lang)), ("money", &money), ("reason", reason)])
}

/// Says that a report by mail came, and nothing of what it says.
pub(super) fn receipt(report: &str, lang: Option<&str>) -> Wording {
    let (subject, text) = match language(lang) {
        "id" => (
            "Laporan Anda diterima",
            "Laporan Anda sudah kami terima. Nomornya: {report}. Pihak lain tidak diberi tahu.\n",
        ),
        "pl" => (
            "Otrzymaliśmy Twoje zgłoszenie",
            "Otrzymaliśmy Twoje zgłoszenie. Jego numer: {report}. Druga strona nie jest o nim powiadamiana.\n",
        ),
        _ => (
            "Your report was received",
            "We have received your report. Its number: {report}. The other side is not told of it.\n",
        ),
    };
    fill(subject, text, &[("report", report)])
}

/// What stands over a letter that somebody wrote to a handle for them.
pub(super) fn comes_from(domain: &str, lang: Option<&str>) -> String {
    let text = match language(lang) {
        "id" => "Dari {domain}, melalui alamat yang Anda berikan kepada mereka. Ini bukan pesan marketplace.",
        "pl" => "Od {domain}, na adres, który im podano. To nie jest wiadomość od platformy.",
        _ => "From {domain}, through the address that you gave them. This does not come from the marketplace.",
    };
    text.replace("{domain}", domain)
}

/// What stands under every letter.
pub(super) fn takes_no_answers(lang: Option<&str>) -> &'static str {
    match language(lang) {
        "id" => "Alamat ini tidak menerima balasan. Jawablah di marketplace.",
        "pl" => "Ten adres nie przyjmuje odpowiedzi. Odpowiedz na platformie.",
        _ => "This address takes no answers. Please answer on the marketplace.",
    }
}

fn ruling_in(ruling: Ruling, lang: Option<&str>) -> &'static str {
    match (ruling, language(lang)) {
        (Ruling::ForBuyer, "id") => "untuk pembeli",
        (Ruling::ForBuyer, "pl") => "na rzecz kupującego",
        (Ruling::ForBuyer, _) => "for the buyer",
        (Ruling::ForSeller, "id") => "untuk penjual",
        (Ruling::ForSeller, "pl") => "na rzecz sprzedawcy",
        (Ruling::ForSeller, _) => "for the seller",
        (Ruling::Partial, "id") => "sebagian untuk masing-masing",
        (Ruling::Partial, "pl") => "częściowo na rzecz każdej ze stron",
        (Ruling::Partial, _) => "in part for each",
        (Ruling::Dismissed, "id") => "tidak dapat diputuskan",
        (Ruling::Dismissed, "pl") => "oddalono",
        (Ruling::Dismissed, _) => "dismissed",
        (Ruling::Withdrawn, "id") => "ditarik kembali",
        (Ruling::Withdrawn, "pl") => "wycofano",
        (Ruling::Withdrawn, _) => "withdrawn",
    }
}

pub(super) fn language(lang: Option<&str>) -> &str {
    lang.and_then(|lang| lang.split(['-', '_']).next()).unwrap_or("en")
}

/// Puts the values in, once: what a value holds is not read again.
fn fill(subject: &str, text: &str, values: &[(&str, &str)]) -> Wording {
    let put = |pattern: &str| {
        let mut filled = String::with_capacity(pattern.len() + 64);
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
            rest = behind;
        }
        filled.push_str(rest);
        filled
    };
    (put(subject), put(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_told_in_the_readers_language_with_its_amount() {
        let money = Money::new("150000", "IDR").unwrap();
        let (subject, text) =
            decision("k-1", (Ruling::ForBuyer, false), Some(&money), "Dua barang {case} kurang.", Some("id-ID"));
        assert_eq!(subject, "Kasus k-1: keputusan");
        assert!(text.contains("untuk pembeli. Jumlah: 150000 IDR. Dua barang {case} kurang."), "{text}");
        let (_, text) = decision("k-1", (Ruling::ForBuyer, true), None, "", Some("xx"));
        assert!(text.contains("was not answered") && !text.contains("Amount"), "{text}");
    }
}
