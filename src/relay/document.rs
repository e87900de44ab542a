//! What a PDF says, judged: what is found in its words is to be covered, and of its links those
//! stay that may.

use crate::{
    detect::{Context, Detect, Piece, Window, link_stays},
    media::pdf::{Area, Contents, Orders, Text},
    model::{Finding, Kind, Part},
};

/// A PDF, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What was found; its frame is the page, from 0, its box pixels of the page's picture.
    pub findings: Vec<Finding>,
    /// What is to be done about it.
    pub orders: Orders,
    /// What the pages say, with what was found cut out.
    pub text: String,
}

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
        for finding in report.findings {
            if let Part::Text(page) = finding.part
                && let Some((_, text)) = texts.iter().find(|(number, _)| *number == page)
            {
                judged.found(page, text, Finding { part, ..finding });
            }
        }
        if n == 0 {
            judged.text = report.redacted.join("\n\n");
        }
    }
    judged.links(context, contents, part);
    judged
}

impl Judged {
    /// Notes a finding, unless an earlier reading of the page has met the same letters.
    fn found(&mut self, page: usize, text: &Text, finding: Finding) {
        let places = text.places.get(finding.start..finding.end).unwrap_or_default();
        let places: Vec<Area> = places.iter().copied().filter(|[_, _, width, _]| *width > 0).collect();
        // A shadow lies a little beside its letter.
        let known =
            |area: &Area| self.orders.cover.iter().any(|(at, known)| *at == page && is_middle_in(*area, *known));
        if !places.is_empty() && places.iter().all(known) {
            return;
        }
        let area = places.iter().copied().reduce(around);
        self.orders.cover.extend(runs(&places).into_iter().map(|area| (page, area)));
        self.findings.push(Finding { area, frame: Some(page), ..finding });
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
        judge(&Detect::embedded().unwrap(), &context, &Contents { pages }, PART)
    }

    #[test]
    fn a_number_is_found_on_its_page_and_covered_in_one_piece() {
        let page = |words: &str| Page { texts: vec![text(words)], links: Vec::new() };
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
        assert_eq!(judged(vec![Page { texts: twice, links: Vec::new() }], &[]).findings.len(), 1);
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
        let judged = judged(vec![Page { texts: Vec::new(), links: links.clone() }], &["track.example"]);
        assert_eq!(judged.orders.keep, [(0, links[0].clone())]);
        let told: Vec<&str> = judged.findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(told, ["https://wa.me/6281234567890", "tel:+62812"]);
    }
}
