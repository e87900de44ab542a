//! What is broken over many short lines, as no honest text is: "081\n255\n501".

use super::fold::{Edit, View};

/// The text with short lines put together, if there are two or more of them side by side.
pub(super) fn joined(view: &View) -> Option<View> {
    let text = view.text();
    let breaks: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
    let short = |pair: &[usize]| {
        let line = text[pair[0] + 1..pair[1]].trim();
        (1..=SHORT).contains(&line.len())
    };
    let mut wanted = vec![false; breaks.len()];
    for (n, pair) in breaks.windows(2).enumerate() {
        if short(pair) {
            (wanted[n], wanted[n + 1]) = (true, true);
        }
    }
    let edits: Vec<Edit> = breaks
        .iter()
        .zip(wanted)
        .filter(|(_, wanted)| *wanted)
        .map(|(at, _)| Edit { start: *at, end: at + 1, with: "" })
        .collect();
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// A line of more bytes says something by itself.
const SHORT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_come_together() {
        let join = |text: &str| joined(&View::of(text)).map(|view| view.text().to_owned());
        assert_eq!(join("ke 0770\n0 90\n0628 ya").as_deref(), Some("ke 07700 900628 ya"));
        assert_eq!(join("www.\ntoko\n77.\ncom").as_deref(), Some("www.toko77.com"));
        assert_eq!(join("barang sudah dikirim\nterima kasih banyak\nsalam kami"), None);
    }
}
