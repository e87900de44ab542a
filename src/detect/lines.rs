//! What is broken over many short lines, as no honest text is: "081\n255\n501", and addresses that a program
//! wrapped.

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
        .filter_map(|(at, wanted)| {
            let (start, end) = if wanted { (*at, at + 1) } else { address_goes_on(text, *at)? };
            Some(Edit { start, end, with: "" })
        })
        .collect();
    (!edits.is_empty()).then(|| view.derive(&edits))
}

/// What stands between the halves of an address that a program wrapped at the break at byte `at`,
/// signs of a quote among it: "<toko@\n> surat.example>".
fn address_goes_on(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text[..at].trim_end_matches(' ');
    let word = before.rsplit([' ', '\n', '<', '(', '"']).next()?;
    let (local, host) = word.rsplit_once('@')?;
    let after = text[at + 1..].trim_start_matches([' ', '>', '|', '\t']);
    let next = after.split([' ', '\n', '>', ')', '"']).next()?;
    let goes_on = next.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '.')) && next.contains('.');
    // A host that has its dot is whole, unless the next line cannot begin a word.
    let open = !host.contains('.') || next.starts_with(['-', '.']);
    (!local.is_empty() && goes_on && open).then(|| (before.len(), text.len() - after.len()))
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
        assert_eq!(
            join("on monday <toko@\n> surat.example> wrote").as_deref(),
            Some("on monday <toko@surat.example> wrote")
        );
        assert_eq!(join("from toko@su\n>> rat.example").as_deref(), Some("from toko@surat.example"));
        assert_eq!(join("from toko@surat\n-baru.example").as_deref(), Some("from toko@surat-baru.example"));
        assert_eq!(join("we meet @\nthe shop. bye"), None);
        assert_eq!(join("barang sudah dikirim\nterima kasih banyak\nsalam kami"), None);
    }
}
