//! What a PDF says, judged: what is found in its words is to be covered, and of its links those
//! stay that may.

use bytes::Bytes;

use super::picture;
use crate::{
    detect::{Context, Detect, Piece, Window, link_stays},
    media::{
        Unreadable,
        pdf::{Area, Contents, Glance, Orders, Page, Text},
        words::Quad,
    },
    model::{Fault, Finding, Kind, Part, Signal},
    sandbox::Sandbox,
};

/// A PDF, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What was found; its frame is the page, from 0, its box pixels of the page's picture.
    pub findings: Vec<Finding>,
    /// What its words are up to.
    pub signals: Vec<Signal>,
    /// What is to be done about it.
    pub orders: Orders,
    /// What the pages say, with what was found cut out.
    pub text: String,
}

/// Reads a PDF and judges it. Where lines that were read in pixels are to be hidden, it is read
/// again without them, until nothing that is read leads away: what is hidden may lay bare
/// something else.
///
/// # Errors
/// The outer error is ours; the inner one is the file's.
pub async fn study(
    sandbox: &Sandbox,
    (detect, context): (&Detect, &Context),
    part: Part,
    (file, glance): (Bytes, Glance),
) -> Result<Result<(Contents, Judged), Unreadable>, Fault> {
    let mut contents = match sandbox.read_pdf(file.clone(), glance).await? {
        Ok(contents) => contents,
        Err(unreadable) => return Ok(Err(unreadable)),
    };
    let mut judged = judge(detect, context, &contents, part);
    for _ in 0..ROUNDS {
        let Some(budget) = contents.left.filter(|_| !judged.orders.hide.is_empty()) else { break };
        let again = match sandbox.read_pdf_again(file.clone(), budget, &judged.orders).await? {
            Ok(again) => again,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        contents.left = again.left;
        if !judged.add(judge(detect, context, &again, part)) {
            return Ok(Ok((contents, judged)));
        }
    }
    Ok(if judged.orders.hide.is_empty() { Ok((contents, judged)) } else { Err(Unreadable::Malformed) })
}

/// What is covered may lay bare something else; a file that goes on so is not passed on.
const ROUNDS: usize = 3;

/// Judges what is in a PDF as other texts are judged, each reading of a page by itself.
pub fn judge(detect: &Detect, context: &Context, contents: &Contents, part: Part) -> Judged {
    let mut judged = Judged::default();
    let readings = contents.pages.iter().map(|page| page.texts.len()).max().unwrap_or(0);
    for n in 0..readings {
        let texts: Vec<(usize, &Text)> =
            contents.pages.iter().enumerate().filter_map(|(number, page)| Some((number, page.texts.get(n)?))).collect();
        let pieces: Vec<Piece<'_>> =
            texts.iter().map(|(number, text)| Piece { part: Part::Text(*number), text: &text.text }).collect();
        let report = detect.scan(&pieces, context, &Window::default());
        judged.up_to(report.signals.into_iter().map(|signal| signal.moved_to(part)));
        for finding in report.findings {
            if let Part::Text(number) = finding.part
                && let Some((_, text)) = texts.iter().find(|(at, _)| *at == number)
            {
                judged.found((number, &contents.pages[number]), text, Finding { part, ..finding });
            }
        }
        if n == 0 {
            judged.text = report.redacted.join("\n\n");
        }
    }
    for (number, page) in contents.pages.iter().enumerate().filter(|(_, page)| !page.lines.is_empty()) {
        judged.read(number, picture::judge(detect, context, part, &page.lines));
    }
    judged.links(context, contents, part);
    judged
}

impl Judged {
    /// Notes a finding, unless an earlier reading of the page has met the same letters.
    fn found(&mut self, (number, page): (usize, &Page), text: &Text, finding: Finding) {
        let places = text.places.get(finding.start..finding.end).unwrap_or_default();
        let places: Vec<Area> = places.iter().copied().filter(|[_, _, width, _]| *width > 0).collect();
        // A shadow lies a little beside its letter.
        let known =
            |area: &Area| self.orders.cover.iter().any(|(at, known)| *at == number && is_middle_in(*area, *known));
        let area = places.iter().copied().reduce(around);
        let is_line = |area: &Area| page.lines.iter().any(|line| line.spot.quad.area() == *area);
        let (lines, letters): (Vec<Area>, Vec<Area>) = places.iter().partition(|area| is_line(area));
        let told = !places.is_empty() && places.iter().all(known);
        let hidden =
            self.hide(number, page.lines.iter().map(|line| line.spot.quad).filter(|line| lines.contains(&line.area())));
        if told || letters.is_empty() && !lines.is_empty() && !hidden {
            return;
        }
        self.orders.cover.extend(runs(&letters).into_iter().map(|area| (number, area)));
        self.tell(Finding { area, frame: Some(number), ..finding }, !lines.is_empty());
    }

    /// What the lines of a page come to that were read in pixels.
    fn read(&mut self, number: usize, lines: picture::Judged) {
        self.up_to(lines.signals.into_iter());
        self.hide(number, lines.hide.into_iter().map(|spot| spot.quad));
        for finding in lines.findings {
            self.tell(Finding { frame: Some(number), ..finding }, true);
        }
    }

    /// The same words may be told by letters and read in pixels, alone and with others.
    fn tell(&mut self, finding: Finding, in_pixels: bool) {
        let again = |known: &Finding| {
            let (known_said, said) = (said(&known.text), said(&finding.text));
            known.frame == finding.frame && known.kind == finding.kind && known_said.contains(&said)
        };
        if !in_pixels || !self.findings.iter().any(again) {
            self.findings.push(finding);
        }
    }

    fn up_to(&mut self, signals: impl Iterator<Item = Signal>) {
        for signal in signals {
            if !self.signals.contains(&signal) {
                self.signals.push(signal);
            }
        }
    }

    /// Whether one of these lines was not hidden yet.
    fn hide(&mut self, page: usize, lines: impl Iterator<Item = Quad>) -> bool {
        let before = self.orders.hide.len();
        for line in lines {
            if !self.orders.hide.contains(&(page, line)) {
                self.orders.hide.push((page, line));
            }
        }
        self.orders.hide.len() > before
    }

    /// Adds what another look at the same file came to. Gives whether there is anything new to paint over.
    pub(super) fn add(&mut self, again: Self) -> bool {
        let before = self.orders.hide.len() + self.orders.cover.len();
        let hide: Vec<_> = again.orders.hide.into_iter().filter(|line| !self.orders.hide.contains(line)).collect();
        let cover: Vec<_> = again.orders.cover.into_iter().filter(|area| !self.orders.cover.contains(area)).collect();
        self.orders.hide.extend(hide);
        self.orders.cover.extend(cover);
        self.up_to(again.signals.into_iter());
        for finding in again.findings {
            let known = |known: &Finding| (known.kind, said(&known.text)) == (finding.kind, said(&finding.text));
            if !self.findings.iter().any(known) {
                self.findings.push(finding);
            }
        }
        self.orders.hide.len() + self.orders.cover.len() > before
    }

    /// A link behind harmless words is cut too: its sender is told.
    fn links(&mut self, context: &Context, contents: &Contents, part: Part) {
        for (page, link) in
            contents.pages.iter().enumerate().flat_map(|(n, page)| page.links.iter().map(move |l| (n, l)))
        {
            if link_stays(&link.uri, &context.known.links) {
                self.orders.keep.push((page, link.clone()));
            } else {
                let finding = Finding::in_text(part, (0, 0), Kind::Link, link.uri.clone());
                self.findings.push(Finding { area: Some(link.area), frame: Some(page), ..finding });
            }
        }
    }
}

/// The letters and digits of a finding.
fn said(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Letters side by side as one place: covered one by one, their outlines would still say something.
fn runs(places: &[Area]) -> Vec<Area> {
    let mut runs: Vec<Area> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if is_beside(*run, *place) => *run = around(*run, *place),
            _ => runs.push(*place),
        }
    }
    runs
}

/// Whether two places overlap in one direction and are near in the other, as letters of a line
/// are, upright or turned.
fn is_beside(a: Area, b: Area) -> bool {
    let gap = |n: usize| {
        let (low, high) = (a[n].max(b[n]), a[n].saturating_add(a[n + 2]).min(b[n].saturating_add(b[n + 2])));
        i64::from(low) - i64::from(high)
    };
    let near = 2 * i64::from(a[2].min(a[3]).max(b[2].min(b[3])).max(NEAR));
    gap(0) < near && gap(1) < 0 || gap(1) < near && gap(0) < 0
}

/// Pixels: the gap beside a full stop is wider than the stop.
const NEAR: u32 = 12;

fn is_middle_in(area: Area, around: Area) -> bool {
    let within = |from: u32, length: u32, start: u32, span: u32| {
        let middle = u64::from(from) * 2 + u64::from(length);
        (u64::from(start) * 2..=(u64::from(start) + u64::from(span)) * 2).contains(&middle)
    };
    within(area[0], area[2], around[0], around[2]) && within(area[1], area[3], around[1], around[3])
}

/// The smallest place around two.
fn around(a: Area, b: Area) -> Area {
    let (left, top) = (a[0].min(b[0]), a[1].min(b[1]));
    let right = a[0].saturating_add(a[2]).max(b[0].saturating_add(b[2]));
    let bottom = a[1].saturating_add(a[3]).max(b[1].saturating_add(b[3]));
    [left, top, right - left, bottom - top]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::pdf::{Link, Page};

    const PART: Part = Part::Attachment(2);

    fn text(words: &str) -> Text {
        let place = |(n, c): (usize, char)| if c == ' ' { [0; 4] } else { [u32::try_from(n).unwrap() * 10, 5, 9, 12] };
        Text { text: words.to_owned(), places: words.chars().enumerate().map(place).collect() }
    }

    fn judged(pages: Vec<Page>, links: &[&str]) -> Judged {
        let mut context = Context { lang: Some("id".to_owned()), ..Context::default() };
        context.known.links = links.iter().map(|link| (*link).to_owned()).collect();
        judge(&Detect::embedded().unwrap(), &context, &Contents { pages, left: None }, PART)
    }

    #[test]
    fn a_number_is_found_on_its_page_and_covered_in_one_piece() {
        let page = |words: &str| Page { texts: vec![text(words)], ..Page::default() };
        let judged = judged(vec![page("halo"), page("wa 0812-3456-7890")], &[]);
        let [finding] = judged.findings.as_slice() else { panic!("{:?}", judged.findings) };
        assert_eq!((finding.part, finding.frame, finding.kind), (PART, Some(1), Kind::Phone));
        assert_eq!((finding.text.as_str(), finding.area), ("0812-3456-7890", Some([30, 5, 139, 12])));
        assert_eq!(judged.orders.cover, [(1, [30, 5, 139, 12])]);
        assert!(!judged.text.contains("0812"));
    }

    #[test]
    fn the_same_letters_in_another_reading_are_told_once() {
        let twice = vec![text("wa 0812-3456-7890"), text("wa 0812-3456-7890 ya")];
        assert_eq!(judged(vec![Page { texts: twice, ..Page::default() }], &[]).findings.len(), 1);
    }

    #[test]
    fn letters_of_two_lines_are_not_one_place() {
        let (first, below) = ([10, 10, 8, 12], [10, 60, 8, 12]);
        assert_eq!(runs(&[first, [20, 20, 2, 2], [26, 12, 8, 10], below]), [[10, 10, 24, 12], below]);
        assert_eq!(runs(&[first, [10, 24, 8, 12]]), [[10, 10, 8, 26]], "upright text");
    }

    #[test]
    fn a_link_stays_or_its_sender_is_told() {
        let link = |uri: &str| Link { uri: uri.to_owned(), area: [1, 2, 3, 4] };
        let links = vec![link("https://track.example/parcel"), link("https://wa.me/6281234567890"), link("tel:+62812")];
        let judged =
            judged(vec![Page { texts: Vec::new(), links: links.clone(), ..Page::default() }], &["track.example"]);
        assert_eq!(judged.orders.keep, [(0, links[0].clone())]);
        let told: Vec<&str> = judged.findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(told, ["https://wa.me/6281234567890", "tel:+62812"]);
    }
}
