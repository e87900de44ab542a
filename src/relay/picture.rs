//! A picture on its way: rebuilt in a worker, judged here, and rebuilt again until nothing that is
//! found in it leads off the platform.

use bytes::Bytes;

use crate::{
    detect::{Context, Detect, Piece, Report, Window},
    media::{
        Unreadable,
        code::{Code, Linear},
        image::Wish,
        words::{Line, Spot, Words},
    },
    model::{Fault, Finding, Part, Signal},
    sandbox::{Rebuilt, Sandbox},
};

/// A picture that may go on.
pub struct CleanPicture {
    /// The file, encoded afresh.
    pub file: Rebuilt,
    /// What was covered in it.
    pub findings: Vec<Finding>,
    /// What its words are up to.
    pub signals: Vec<Signal>,
}

impl CleanPicture {
    /// Whether its words were read.
    pub fn read(&self) -> bool {
        self.file.lines.is_some()
    }
}

/// Cleans the picture that is `part` of a message. Codes that telephones read at a glance are
/// covered whatever they say; linear ones and words where they lead off the platform.
///
/// # Errors
/// The outer error is ours; the inner one is the picture's, which never came clean or can not be
/// read.
pub async fn clean_picture(
    sandbox: &Sandbox,
    (detect, context): (&Detect, &Context),
    part: Part,
    (picture, words): (Bytes, Words),
) -> Result<Result<CleanPicture, Unreadable>, Fault> {
    let mut wish = Wish { words, ..Wish::default() };
    let (mut found, mut signals) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let file = match sandbox.rebuild(picture.clone(), &wish).await? {
            Ok(file) => file,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let judged = judge(detect, context, part, file.lines.as_deref().unwrap_or_default());
        signals.extend(judged.signals.into_iter().filter(|signal| !signals.contains(signal)).collect::<Vec<_>>());
        let linear = wish.linear == Linear::Tell && leads_away(detect, context, &file.codes);
        if judged.hide.is_empty() && !linear {
            let codes = file.codes.iter().filter(|code| !code.linear || wish.linear == Linear::Cover);
            let mut findings: Vec<Finding> = codes.map(|code| code.clone().finding(part)).collect();
            findings.append(&mut found);
            return Ok(Ok(CleanPicture { file, findings, signals }));
        }
        judged.findings.into_iter().for_each(|finding| tell(&mut found, finding));
        wish.hide.extend(judged.hide);
        if linear {
            wish.linear = Linear::Cover;
        }
    }
    Ok(Err(Unreadable::Malformed))
}

/// Whether what a linear code says is a way off the platform.
fn leads_away(detect: &Detect, context: &Context, codes: &[Code]) -> bool {
    let mut said = codes.iter().filter(|code| code.linear);
    said.any(|code| !scan(detect, context, Part::Text(0), &code.text).findings.is_empty())
}

fn scan(detect: &Detect, context: &Context, part: Part, text: &str) -> Report {
    detect.scan(&[Piece { part, text }], context, &Window::default())
}

/// What the words of a picture come to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) signals: Vec<Signal>,
    /// The lines with a finding in them, whole.
    pub(super) hide: Vec<Spot>,
}

/// Judges lines together, so that a number broken over two of them is found, and each by itself,
/// so that what stands beside it does not veil it.
pub(super) fn judge(detect: &Detect, context: &Context, part: Part, lines: &[Line]) -> Judged {
    let (text, ends) = joined(lines);
    let Report { findings, signals, .. } = scan(detect, context, part, &text);
    let mut judged = Judged { signals, ..Judged::default() };
    // Beside a contact the rest of it may stand in the next row: rows are as wide as the picture.
    let wide =
        if findings.is_empty() { Vec::new() } else { scan(detect, context, part, &text.replace('\n', " ")).findings };
    for finding in findings {
        let wider = wide.iter().find(|wide| wide.start <= finding.start && finding.end <= wide.end);
        let finding = wider.cloned().unwrap_or(finding);
        let first = ends.partition_point(|end| *end <= finding.start);
        let last = ends.partition_point(|end| *end < finding.end);
        judged.take(finding, lines.get(first..=last).unwrap_or_default());
    }
    for line in lines {
        if !judged.hide.contains(&line.spot) {
            let alone = scan(detect, context, part, &line.text);
            alone.findings.into_iter().for_each(|finding| judged.take(finding, std::slice::from_ref(line)));
        }
    }
    judged
}

impl Judged {
    /// A finding, and the lines that it stands in.
    fn take(&mut self, finding: Finding, lines: &[Line]) {
        for line in lines {
            if !self.hide.contains(&line.spot) {
                self.hide.push(line.spot);
            }
        }
        if let Some(Line { spot, .. }) = lines.first() {
            let (area, frame) = (Some(spot.quad.area()), Some(spot.frame));
            tell(&mut self.findings, Finding { start: 0, end: 0, area, frame, ..finding });
        }
    }
}

/// What stands in several frames, or shows on white and on black, is told once.
fn tell(told: &mut Vec<Finding>, finding: Finding) {
    if !told.iter().any(|known| (known.kind, &known.text) == (finding.kind, &finding.text)) {
        told.push(finding);
    }
}

/// Lines as one text, rows one below another, and where in it each ends, in characters.
fn joined(lines: &[Line]) -> (String, Vec<usize>) {
    let (mut text, mut ends, mut count) = (String::new(), Vec::with_capacity(lines.len()), 0);
    for (n, line) in lines.iter().enumerate() {
        if n > 0 {
            text.push(if lines[n - 1].row == line.row { ' ' } else { '\n' });
            count += 1;
        }
        text.push_str(&line.text);
        count += line.text.chars().count();
        ends.push(count);
    }
    (text, ends)
}

/// What is covered may lay bare something else; a picture that goes on so is not passed on.
const ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::words::Quad,
        model::{Kind, Side},
    };

    fn lines(said: &[(usize, &str)]) -> Vec<Line> {
        let line = |(n, (row, text)): (usize, &(usize, &str))| {
            let y = i32::try_from(n).unwrap() * 30;
            let spot = Spot { frame: 0, quad: Quad([[0, y], [200, y], [200, y + 20], [0, y + 20]]) };
            Line { text: (*text).to_owned(), row: *row, spot }
        };
        said.iter().enumerate().map(line).collect()
    }

    fn judged(said: &[(usize, &str)]) -> (Vec<(Kind, String)>, Vec<usize>) {
        let context = Context { lang: Some("id".to_owned()), sender: Side::Seller, ..Context::default() };
        let lines = lines(said);
        let judged = judge(&Detect::embedded().unwrap(), &context, Part::Attachment(2), &lines);
        assert!(judged.findings.iter().all(|f| f.part == Part::Attachment(2) && f.area.is_some()));
        let hidden = judged.hide.iter().map(|spot| lines.iter().position(|line| line.spot == *spot).unwrap());
        (judged.findings.iter().map(|f| (f.kind, f.text.clone())).collect(), hidden.collect())
    }

    #[test]
    fn the_line_with_a_contact_is_hidden_and_no_other() {
        let (found, hidden) = judged(&[(0, "Ukuran M sampai XL"), (1, "hubungi 0812-3456-7890"), (2, "Bahan katun")]);
        assert_eq!((found.len(), found[0].0, hidden), (1, Kind::Phone, vec![1]));
        assert_eq!(judged(&[(0, "Ukuran M sampai XL"), (1, "Bahan katun 100%")]), (vec![], vec![]));
    }

    #[test]
    fn a_number_broken_over_lines_or_columns_is_hidden_in_all_of_them() {
        assert_eq!(judged(&[(0, "Toko"), (1, "WA 0812-3456"), (2, "7890-12")]).1, [1, 2]);
        assert_eq!(judged(&[(0, "Order by WA"), (1, "0812 3456"), (2, "7890")]).1, [1, 2]);
        assert_eq!(judged(&[(0, "Toko"), (1, "WA 0812"), (1, "3456 7890"), (2, "Terima kasih")]).1, [1, 2]);
    }

    #[test]
    fn what_words_are_up_to_is_told() {
        let context = Context { lang: Some("id".to_owned()), ..Context::default() };
        let said = lines(&[(0, "Beri bintang 5"), (1, "dapat voucher 50 ribu")]);
        let judged = judge(&Detect::embedded().unwrap(), &context, Part::Attachment(0), &said);
        assert!(judged.signals.iter().any(|s| s.part == Part::Attachment(0)), "{:?}", judged.signals);
    }
}
