//! Telephone numbers: by numbering plans where a plan fits, by the words around where it does not,
//! however the digits are written.

use rlibphonenumber::{
    Region,
    phonenumber_matcher::{FindNumberExt, Leniency},
};

use super::{
    amount::{counted, date, dated, extension, hours, rising, sum, thousands},
    digits::{Digits, Glue, How},
    lexicon::Cue,
    number::{Fit, Regions, ean},
    sight::{Face, Finds, Found, Sight},
};
use crate::model::Kind;

/// Finds telephone numbers.
pub(super) fn find(sight: &Sight<'_>, found: &mut Finds) {
    let digits = sight.digits();
    if digits.atoms().is_empty() {
        return;
    }
    let search = Search { sight, regions: Regions::of(sight.context), digits };
    let mut numbers = Finds::default();
    if sight.view.tokens().have_figures() {
        clusters(sight.text()).into_iter().for_each(|(from, until)| search.printed(from, until, &mut numbers));
    }
    search.chains(&mut numbers);
    found.extend(numbers.list().map(|(found, _)| *found));
}

/// Words after which a number is to be called.
pub(super) const CALL: &[Cue] = &[Cue::Phone];
const NUMBER: &[Cue] = &[Cue::Phone, Cue::PhoneWord];
const REFERENCE: &[Cue] = &[Cue::Reference];
const UNIT: &[Cue] = &[Cue::Unit];

/// The stretches of a text that have digits enough for a number, with room for a sign before them
/// and no digit of another stretch. Letters part them: no printed number goes on after a word.
fn clusters(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut clusters: Vec<(usize, usize, usize)> = Vec::new();
    let mut parted = true;
    for (at, byte) in bytes.iter().enumerate() {
        match clusters.last_mut() {
            _ if !byte.is_ascii_digit() => parted |= byte.is_ascii_alphabetic() && *byte != b'x',
            Some((_, end, count)) if !parted && at - *end <= APART => (*end, *count) = (at + 1, *count + 1),
            _ => clusters.push((at, at + 1, 1)),
        }
        parted &= !byte.is_ascii_digit();
    }
    let wide = |n: usize| {
        let (first, end, _) = clusters[n];
        let before = n.checked_sub(1).map_or(0, |n| clusters[n].1);
        let after = clusters.get(n + 1).map_or(text.len(), |next| next.0);
        let from = text.floor_char_boundary(first.saturating_sub(BEFORE).max(before));
        (from, text.ceil_char_boundary((end + AFTER).min(after)))
    };
    (0..clusters.len()).filter(|n| clusters[*n].2 >= 6).map(wide).collect()
}

/// Signs between two groups of a number, and what the matcher looks at before and after one.
const APART: usize = 30;
const BEFORE: usize = 6;
const AFTER: usize = 8;

/// The sign before a country's code, as it is said.
const PLUS: &[&str] = &["plus"];

struct Search<'a> {
    sight: &'a Sight<'a>,
    regions: Regions,
    digits: &'a Digits,
}

/// A row of atoms under judgement.
struct Candidate<'a> {
    first: usize,
    last: usize,
    start: usize,
    end: usize,
    value: &'a str,
    plus: bool,
}

impl Search<'_> {
    /// What the matcher of numbering plans reads as printed numbers.
    fn printed(&self, from: usize, until: usize, found: &mut Finds) {
        if self.hopeless(from, until) {
            return;
        }
        for region in self.regions.all() {
            // The matcher counts its tries down without looking; it must never reach zero.
            let matcher = self.sight.text()[from..until]
                .phone_number_matcher_builder()
                .leniency(Leniency::Valid)
                .preferred_region(region)
                .max_tries(u64::MAX)
                .build();
            for number in matcher {
                let (start, end) = (from + number.start, from + number.end());
                let clash = found.taken(start, end);
                if !clash && !self.spared(start, end) && self.sure(start, end) && self.phone_like(start, end) {
                    let (start, end) = self.grown(start, end);
                    found.push(Found { start, end, kind: Kind::Phone });
                }
            }
        }
    }

    /// Whether nothing that the matcher could find in a stretch would count: the number of an
    /// order, a short run that nobody asks to call. The matcher is dear.
    fn hopeless(&self, from: usize, until: usize) -> bool {
        let own = &self.sight.text()[from..until];
        if own.contains(['+', '(']) {
            return false;
        }
        let amount = own.trim_matches(|c: char| !c.is_ascii_digit());
        let start = from + (amount.as_ptr() as usize - own.as_ptr() as usize);
        let bare = amount.bytes().all(|byte| byte.is_ascii_digit());
        let price = || amount.len() <= "999.999".len() && thousands(amount);
        if amount.len() < 8 && (bare || price()) && !self.called(start, start + amount.len()) {
            return true;
        }
        let digit = |at: &usize| amount.as_bytes()[*at].is_ascii_digit();
        let mut runs =
            (0..amount.len()).filter(|at| digit(at) && at.checked_sub(1).is_none_or(|before| !digit(&before)));
        runs.all(|at| self.referenced(start + at))
    }

    /// Without a region of its own, bare digits need a word or a shape that says "call me".
    fn sure(&self, start: usize, end: usize) -> bool {
        let text = &self.sight.text()[start..end];
        let grouped = text.bytes().any(|b| matches!(b, b' ' | b'-' | b'(' | b'.' | b'+' | b'/'));
        self.regions.home.is_some() || grouped || mobile(text) || self.called(start, end)
    }

    /// What the matcher takes for a number although the eye does not.
    fn phone_like(&self, start: usize, end: usize) -> bool {
        let text = self.sight.text();
        let own = &text[start..end];
        if own.starts_with('+') && !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == ')') {
            return !own.contains(",") || !own.contains('.');
        }
        let called = self.called(start, end);
        let groups: Vec<&str> = own.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).collect();
        let bare = groups.len() == 1;
        let boxed = own.starts_with('0') && own.matches("][").count() > 1;
        let odd = own.contains(['*', '+'])
            || own.contains('[') && !boxed
            || own.contains("((")
            || own.contains("))")
            || date(own)
            || dated(own)
            || hours(own)
            || own.contains(':');
        let round = bare && (own.len() < 8 || own.ends_with("00000"));
        !odd && (called
            || !self.joined_to_code(start, end)
                && !rising(&groups)
                && !round
                && !own.contains(", ")
                && !thousands(own)
                && !self.embedded(start, end))
    }

    /// Part of a longer code: `P0-001-…`, `-SW-2`, a decimal.
    fn joined_to_code(&self, start: usize, end: usize) -> bool {
        let text = self.sight.text();
        let before = text[..start].chars().next_back();
        if matches!(before, Some('-' | '_' | '/')) {
            let head = &text[..start - 1];
            let word = &head[head.trim_end_matches(char::is_alphanumeric).len()..];
            let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
            if mixed || before == Some('-') && word.is_empty() && head.trim_end().len() != head.len() || head.is_empty()
            {
                return true;
            }
        }
        let decimal = matches!(before, Some('.' | ',')) && text[..start - 1].ends_with(|c: char| c.is_ascii_digit());
        let after = text[end..].strip_prefix('-').is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_alphabetic())
                && rest.split(' ').next().is_some_and(|w| w.bytes().any(|b| b.is_ascii_digit()))
        });
        decimal || after
    }

    /// The middle of a longer row of digits.
    fn embedded(&self, start: usize, end: usize) -> bool {
        let text = self.sight.text();
        let digit = |c: char| c.is_ascii_digit();
        let left = text[..start].trim_end_matches([' ', '-', '.']);
        let right = text[end..].trim_start_matches([' ', '-', '.']);
        let close = |gap: &str| gap.len() <= 2 && !gap.contains(" -") && !gap.contains("- ");
        let long = |group: usize| group >= 3;
        let before = left.ends_with(digit)
            && close(&text[left.len()..start])
            && long(left.len() - left.trim_end_matches(digit).len())
            && !text[start..].starts_with('(');
        let after = right.starts_with(digit) && close(&text[end..text.len() - right.len()]) && {
            let rest = right.trim_start_matches(digit);
            long(right.len() - rest.len()) && !rest.starts_with(['$', '€', '%'])
        };
        (before || after) && !text[start..].starts_with("08") && !text[start..].starts_with("62")
    }

    /// A short group joined to the number and an extension after it belong to it.
    fn grown(&self, start: usize, end: usize) -> (usize, usize) {
        let text = self.sight.text();
        let start = if text[..start].ends_with("tel:") || text[..start].ends_with("sms:") { start - 4 } else { start };
        let mut end = end;
        loop {
            match extension(&text[end..]) {
                0 => return (start, end),
                more => end += more,
            }
        }
    }

    fn called(&self, start: usize, end: usize) -> bool {
        self.sight.led(NUMBER, start, 32) || self.sight.followed(CALL, end, 16) || self.sight.glued(CALL, start)
    }

    /// Chains of atoms that the matcher can not read.
    fn chains(&self, found: &mut Finds) {
        let text = self.sight.text();
        let count = self.digits.atoms().len();
        let mut first = 0;
        while first < count {
            let mut last = first;
            let mut loose = false;
            while last + 1 < count {
                match self.digits.glue(text, last) {
                    Glue::Break => break,
                    Glue::Loose => loose = true,
                    Glue::Tight => {}
                }
                last += 1;
            }
            self.chain(first, last, loose, found);
            first = last + 1;
        }
    }

    fn chain(&self, first: usize, last: usize, loose: bool, found: &mut Finds) {
        let text = self.sight.text();
        let mut any = false;
        let mut begin = first;
        for at in first..=last {
            if at == last || self.digits.glue(text, at) != Glue::Tight {
                any |= self.segment(begin, at, found);
                begin = at + 1;
            }
        }
        if loose && !any {
            self.interrupted(first, last, found);
        }
    }

    /// Atoms with nothing but signs between them.
    fn segment(&self, first: usize, last: usize, found: &mut Finds) -> bool {
        let (first, last) = self.trimmed(first, last);
        let whole = self.candidate(first, last);
        if self.accepted(&whole) {
            let (start, end) = self.grown(whole.start, whole.end);
            found.push(Found { start, end, kind: Kind::Phone });
            return true;
        }
        if self.taken(&whole, found) {
            return true;
        }
        if first == last || whole.value.len() < 9 {
            return false;
        }
        // A number beside other digits: what begins like one and fits a plan.
        let mut any = false;
        let mut at = first;
        while at <= last {
            let mut best = None;
            let mut to = at;
            let mut len = 0;
            while to <= last && to - at < 24 {
                len += self.digits.len(to);
                if len > 15 {
                    break;
                }
                if len >= 7 && (at, to) != (first, last) {
                    let part = self.candidate(at, to);
                    if self.begins(&part) && self.accepted(&part) && !self.taken(&part, found) {
                        best = Some((to, part.start, part.end));
                    }
                }
                to += 1;
            }
            match best {
                Some((to, start, end)) => {
                    found.push(Found { start, end, kind: Kind::Phone });
                    any = true;
                    at = to + 1;
                }
                None => at += 1,
            }
        }
        any
    }

    /// Without an ordinary word at an end that only might be a number: "to 0812".
    fn trimmed(&self, first: usize, last: usize) -> (usize, usize) {
        let atoms = self.digits.atoms();
        let (mut first, mut last) = (first, last);
        while first < last && atoms[first].how == How::Maybe && atoms[first + 1].how == How::Plain {
            first += 1;
        }
        while first < last && atoms[last].how == How::Maybe && atoms[last - 1].how == How::Plain {
            last -= 1;
        }
        (first, last)
    }

    /// Atoms with a word between some of them: "601 rower 555 domek 123".
    fn interrupted(&self, first: usize, last: usize, found: &mut Finds) {
        let mut at = first;
        while at < last {
            let mut best = None;
            let mut len = 0;
            for to in at..=last.min(at + 24) {
                len += self.digits.len(to);
                if len > 15 {
                    break;
                }
                let part = self.candidate(at, to);
                if to - at >= 2 && len >= 8 && self.hidden(&part) && !self.taken(&part, found) {
                    best = Some((to, part.start, part.end));
                }
            }
            match best {
                Some((to, start, end)) => {
                    found.push(Found { start, end, kind: Kind::Phone });
                    at = to + 1;
                }
                None => at += 1,
            }
        }
    }

    fn candidate(&self, first: usize, last: usize) -> Candidate<'_> {
        let atoms = self.digits.atoms();
        let text = self.sight.text();
        let mut start = atoms[first].start;
        let mut end = atoms[last].end;
        let before = text[..start].trim_end_matches(['(', ' ', '[']);
        let spoken = PLUS
            .iter()
            .find_map(|word| before.strip_suffix(word))
            .filter(|head| head.is_empty() || head.ends_with(' '));
        let plus = before.ends_with('+') || spoken.is_some();
        if plus {
            start = spoken.map_or(before.len() - 1, str::len);
        }
        if text[..start].ends_with('(') && text.as_bytes()[start..].iter().take(end - start + 1).any(|b| *b == b')') {
            start -= 1;
        }
        if text[start..end].contains('(') && text[end..].starts_with(')') {
            end += 1;
        }
        Candidate { first, last, start, end, value: self.digits.value(first, last), plus }
    }

    fn taken(&self, candidate: &Candidate<'_>, found: &Finds) -> bool {
        found.taken(candidate.start, candidate.end)
    }

    /// Whether a part of a longer row begins as numbers begin.
    fn begins(&self, candidate: &Candidate<'_>) -> bool {
        candidate.plus
            || candidate.value.starts_with('0')
            || candidate.value.starts_with("62")
            || self.sight.led(NUMBER, candidate.start, 6)
    }

    fn accepted(&self, candidate: &Candidate<'_>) -> bool {
        let len = candidate.value.len();
        if !(6..=16).contains(&len) || self.spared(candidate.start, candidate.end) {
            return false;
        }
        let spelled = self.spelled(candidate);
        let called = self.sight.led(CALL, candidate.start, 40)
            || self.sight.followed(CALL, candidate.end, 20)
            || self.sight.glued(CALL, candidate.start);
        let named = called || self.sight.led(NUMBER, candidate.start, 24);
        let amount = self.amount(candidate);
        if amount && !called {
            return false;
        }
        let fit = self.regions.fit(candidate.value, candidate.plus);
        if amount && fit != Fit::Valid {
            return false;
        }
        let shape = self.shape(candidate);
        if candidate.plus {
            return len >= 8 && (fit >= Fit::Possible || named);
        }
        match shape {
            Shape::List => self.sight.led(CALL, candidate.start, 12) && len >= 7,
            Shape::Spelled => {
                spelled && len >= 8 && !counted(candidate.value)
                    || len >= 9 && (fit == Fit::Valid || named || self.starred(candidate))
                    || named && len >= 7
            }
            Shape::Bare => self.bare(candidate, called, named, fit),
            Shape::Grouped => self.grouped(candidate, called, named, fit),
        }
    }

    /// Groups of digits with signs between them.
    fn grouped(&self, candidate: &Candidate<'_>, called: bool, named: bool, fit: Fit) -> bool {
        let len = candidate.value.len();
        let american = len == 10 && fit >= Fit::Possible && self.widths(candidate) == [3, 3, 4];
        let valid = fit == Fit::Valid
            && self.sure(candidate.start, candidate.end)
            && self.phone_like(candidate.start, candidate.end);
        // "(21) 555012345", "91-415-555-0132": an area in brackets, a country without its plus.
        let own = &self.sight.text()[candidate.start..candidate.end];
        let widths = self.widths(candidate);
        let area =
            own.starts_with('(') && widths.len() == 2 && widths[0] <= 4 && widths[1] >= 7 && (9..=12).contains(&len);
        let country = widths.len() >= 4
            && widths[0] <= 2
            && widths[1..].iter().all(|width| (2..=4).contains(width))
            && len >= 11
            && own.contains('-')
            && self.regions.fit(candidate.value, true) == Fit::Valid
            && self.phone_like(candidate.start, candidate.end);
        valid
            || area
            || country
            || called && len >= 7
            || named && len >= 8
            || american && self.phone_like(candidate.start, candidate.end)
    }

    fn widths(&self, candidate: &Candidate<'_>) -> Vec<usize> {
        (candidate.first..=candidate.last).map(|at| self.digits.len(at)).collect()
    }

    /// One unbroken run of digits.
    fn bare(&self, candidate: &Candidate<'_>, called: bool, named: bool, fit: Fit) -> bool {
        let mixed = self.how(candidate, How::Mixed);
        if !called && (self.joined_to_code(candidate.start, candidate.end) || candidate.value.ends_with("00000")) {
            return false;
        }
        match fit {
            Fit::Valid if mixed > 0 => {
                called || self.digits.atoms()[candidate.first].start > 0 && candidate.value.starts_with("08")
            }
            Fit::Valid => self.sure(candidate.start, candidate.end),
            _ => called && candidate.value.len() >= 7 || named && candidate.value.len() >= 8 && fit == Fit::Possible,
        }
    }

    fn hidden(&self, candidate: &Candidate<'_>) -> bool {
        if self.spared(candidate.start, candidate.end) {
            return false;
        }
        let text = self.sight.text();
        let units = self.sight.after(UNIT, candidate.start, candidate.end - candidate.start).next().is_some();
        let references = self.sight.after(REFERENCE, candidate.start, candidate.end - candidate.start).next().is_some();
        if units || references || text[candidate.start..candidate.end].contains(['?', '!']) {
            return false;
        }
        let called = self.sight.led(NUMBER, candidate.start, 40) || self.sight.followed(CALL, candidate.end, 20);
        let amount = self.amount(candidate);
        if amount && !called {
            return false;
        }
        let fit = self.regions.fit(candidate.value, candidate.plus);
        if amount && fit != Fit::Valid {
            return false;
        }
        let count = candidate.last + 1 - candidate.first;
        let single = (candidate.first..=candidate.last).all(|at| self.digits.len(at) == 1);
        let strewn = single && count >= 8 && candidate.end - candidate.start <= count * 2;
        let prefix = strewn
            || self.regions.home.is_none() && self.widths(candidate) == [3, 3, 4]
            || (candidate.value.starts_with("08") || candidate.value.starts_with("628")) && candidate.value.len() >= 10;
        candidate.plus && fit >= Fit::Possible && candidate.value.len() >= 10
            || fit == Fit::Valid && (called || prefix || self.regions.home == Some(Region::PL) && self.even(candidate))
            || called && candidate.value.len() >= 9
    }

    /// Groups of two or three digits each, as people write numbers down.
    fn even(&self, candidate: &Candidate<'_>) -> bool {
        (candidate.first..=candidate.last)
            .all(|at| (2..=3).contains(&self.digits.len(at)) && self.digits.atoms()[at].how == How::Plain)
    }

    /// Single digits from a zero on with one and the same sign between them, which no amount and no
    /// list has.
    fn starred(&self, candidate: &Candidate<'_>) -> bool {
        let atoms = &self.digits.atoms()[candidate.first..=candidate.last];
        let text = self.sight.text();
        let gaps = || atoms.windows(2).map(|pair| &text[pair[0].end..pair[1].start]);
        let sign = gaps().next().filter(|sign| matches!(*sign, "*" | "_" | "~" | "|" | "^"));
        candidate.value.starts_with('0')
            && candidate.value.len() == atoms.len()
            && sign.is_some_and(|sign| gaps().all(|gap| gap == sign))
    }

    fn how(&self, candidate: &Candidate<'_>, how: How) -> usize {
        self.digits.atoms()[candidate.first..=candidate.last].iter().filter(|atom| atom.how == how).count()
    }

    /// Mostly number words: nobody spells an ordinary number digit by digit.
    fn spelled(&self, candidate: &Candidate<'_>) -> bool {
        let words = self.how(candidate, How::Word);
        let all = candidate.last + 1 - candidate.first;
        words * 3 >= all && (words >= 3 || words == all && candidate.value.len() >= 8)
    }

    fn shape(&self, candidate: &Candidate<'_>) -> Shape {
        let atoms = &self.digits.atoms()[candidate.first..=candidate.last];
        let plain = atoms.iter().all(|atom| matches!(atom.how, How::Plain | How::Mixed));
        if !plain {
            return Shape::Spelled;
        }
        if atoms.len() == 1 {
            return Shape::Bare;
        }
        let singles = (candidate.first..=candidate.last).filter(|at| self.digits.len(*at) == 1).count();
        let spaced = self.sight.text()[candidate.start..candidate.end].contains(", ");
        if singles == atoms.len()
            && (atoms.len() >= 9
                || atoms.len() >= 7 && !spaced && self.regions.fit(candidate.value, false) >= Fit::Possible)
        {
            return Shape::Spelled;
        }
        if self.counting(candidate) { Shape::List } else { Shape::Grouped }
    }

    /// Sizes, years, steps: several numbers of one width that only rise.
    fn counting(&self, candidate: &Candidate<'_>) -> bool {
        let values: Vec<(usize, u32)> = (candidate.first..=candidate.last)
            .map(|at| (self.digits.len(at), self.digits.value(at, at).parse().unwrap_or(u32::MAX)))
            .collect();
        let text = &self.sight.text()[candidate.start..candidate.end];
        let commas = text.contains(',');
        let rise = values.windows(2).all(|pair| pair[0].1 < pair[1].1 && pair[0].0 == pair[1].0);
        values.len() >= 3 && (commas || values.len() >= 4 && rise)
    }

    /// Prices, dates, times, decimals, dimensions.
    fn amount(&self, candidate: &Candidate<'_>) -> bool {
        let text = self.sight.text();
        let own = &text[candidate.start..candidate.end];
        if self.sight.before(UNIT, candidate.start, 2).next().is_some()
            || extension(&text[candidate.end..]) == 0 && self.sight.after(UNIT, candidate.end, 1).next().is_some()
            || text[..candidate.start].ends_with(['$', '€', '£', '#', '₱', '=', '¥'])
            || text[candidate.end..].starts_with(['%', '$', '€', '£', '='])
        {
            return true;
        }
        let timed = text[..candidate.start].ends_with(':')
            && text[..candidate.start].trim_end_matches(':').ends_with(|c: char| c.is_ascii_digit())
            || text[candidate.end..].starts_with(':')
                && text[candidate.end + 1..].starts_with(|c: char| c.is_ascii_digit());
        let counted = thousands(own) || date(own) || dated(own) || hours(own) || sum(own);
        counted || timed || own.contains([':', '='])
    }

    /// Known numbers, references, numbers of other kinds.
    fn spared(&self, start: usize, end: usize) -> bool {
        let text = self.sight.text();
        if self.referenced(start) && !text[start..end].contains('+') {
            return true;
        }
        let called = self.sight.before(CALL, start, 24).next();
        let bytes = text.as_bytes();
        // "wa_0812…": a sign after a word that says "call" makes no code of it.
        let code_before = start.checked_sub(1).is_some_and(|at| bytes[at] == b'#' || bytes[at] == b'_')
            && self.sight.before(CALL, start, 1).next().is_none();
        let code_after =
            bytes.get(end).is_some_and(|b| *b == b'_' || b.is_ascii_alphabetic() && self.face_is_code(end));
        let digits: String = text[start..end].bytes().filter(u8::is_ascii_digit).map(char::from).collect();
        let product = digits.len() == 13 && ean(&digits) && called.is_none() && !text[start..end].contains('+');
        code_before || code_after || product
    }

    /// A word before it says that it is a number of another kind, and none nearer to call it.
    fn referenced(&self, start: usize) -> bool {
        let reference = self.sight.before(REFERENCE, start, 24).next();
        let called = self.sight.before(CALL, start, 24).next();
        match (reference, called) {
            (Some(reference), Some(called)) => reference.start > called.start,
            (Some(_), None) => true,
            _ => false,
        }
    }

    /// Whether the letters after a number make a code of it, and not a word stuck to it.
    fn face_is_code(&self, end: usize) -> bool {
        let rest = &self.sight.text()[end..];
        let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest, |at| &rest[..at]);
        word.bytes().any(|b| b.is_ascii_digit())
            && !word.starts_with('x')
            && !word.starts_with("ext")
            && self.sight.face == Face::Plain
    }
}

/// What begins and is as long as the mobile numbers of Indonesia and Britain.
fn mobile(text: &str) -> bool {
    text.starts_with("08") || text.starts_with("07") && text.len() == 11
}

/// How a candidate is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One run.
    Bare,
    /// Groups of digits.
    Grouped,
    /// A list of numbers.
    List,
    /// Words or single digits.
    Spelled,
}
