//! Bytes into lines and message bodies, with one meaning only.
//!
//! A line ends with CR LF. A message ends with CR LF `.` CR LF. A CR without its LF, an LF
//! without its CR or a NUL inside a message means that two servers could see two different
//! messages in one stream: the whole session ends there, and nothing after it is read.

use memchr::{memchr, memchr3};

/// A line end that is none: the session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenLine;

/// What lies at the start of a buffer of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line; its length without CR LF.
    Whole(usize),
    /// Not yet a whole line.
    Partial,
}

/// Looks for a whole command line at the start of `buffer`, of which the first `seen` bytes
/// were looked at before and hold no line end.
pub fn line(buffer: &[u8], seen: usize) -> Result<Line, BrokenLine> {
    // One byte back: a CR that ended the last read belongs to an LF that begins this one.
    let from = seen.saturating_sub(1);
    let Some(at) = memchr::memchr2(b'\r', b'\n', &buffer[from..]).map(|n| n + from) else {
        return Ok(Line::Partial);
    };
    match (buffer[at], buffer.get(at + 1)) {
        (b'\r', Some(b'\n')) => Ok(Line::Whole(at)),
        (b'\r', None) => Ok(Line::Partial),
        _ => Err(BrokenLine),
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All bytes were taken and the message goes on.
    More,
    /// The message ended; so many bytes were taken.
    End(usize),
}

/// A message between `354` and its final dot: takes the bytes as they come, takes out the
/// stuffed dots, and keeps at most `max` bytes.
#[derive(Debug)]
pub struct DataBody {
    body: Body,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    Start,
    /// After a dot at the start of a line, which may be the last.
    Dot,
    /// After such a dot and a CR.
    DotCr,
    /// Inside a line.
    Inside,
    /// After a CR inside a line.
    Cr,
}

impl DataBody {
    /// An empty message that may grow to `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { body: Body::new(max), state: State::Start }
    }

    /// Takes the next bytes.
    pub fn take(&mut self, input: &[u8]) -> Result<Step, BrokenLine> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            at += 1;
            self.state = match (self.state, byte) {
                (State::DotCr, b'\n') => return Ok(Step::End(at)),
                (State::DotCr, _) | (_, 0) | (State::Start | State::Dot | State::Inside, b'\n') => {
                    return Err(BrokenLine);
                }
                (State::Dot, b'\r') => State::DotCr,
                (State::Start, b'.') => State::Dot,
                (State::Cr, b'\n') => {
                    self.body.push(b"\r\n");
                    State::Start
                }
                (State::Cr, _) => return Err(BrokenLine),
                (State::Start | State::Inside, b'\r') => State::Cr,
                (State::Start | State::Dot | State::Inside, _) => {
                    let rest = &input[at - 1..];
                    let run = memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
                    self.body.push(&rest[..run]);
                    at += run - 1;
                    State::Inside
                }
            };
        }
        Ok(Step::More)
    }

    /// What was kept.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The message, dots and end taken out.
    pub fn into_body(self) -> Body {
        self.body
    }
}

/// A message in chunks (BDAT, RFC 3030): counted instead of dotted, under the same rule of
/// line ends, so that nothing gets in this way that DATA would refuse.
#[derive(Debug)]
pub struct ChunkedBody {
    body: Body,
    after_cr: bool,
}

impl ChunkedBody {
    /// An empty message that may grow to `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { body: Body::new(max), after_cr: false }
    }

    /// Takes the next bytes of a chunk.
    pub fn take(&mut self, input: &[u8]) -> Result<(), BrokenLine> {
        let mut rest = input;
        if self.after_cr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").ok_or(BrokenLine)?;
            self.body.push(b"\r\n");
            self.after_cr = false;
        }
        while let Some(at) = memchr3(b'\r', b'\n', 0, rest) {
            match (rest[at], rest.get(at + 1)) {
                (b'\r', Some(b'\n')) => {
                    self.body.push(&rest[..at + 2]);
                    rest = &rest[at + 2..];
                }
                (b'\r', None) => {
                    self.body.push(&rest[..at]);
                    self.after_cr = true;
                    return Ok(());
                }
                _ => return Err(BrokenLine),
            }
        }
        self.body.push(rest);
        Ok(())
    }

    /// What was kept.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The message, after its last chunk.
    pub fn into_body(self) -> Result<Body, BrokenLine> {
        if self.after_cr { Err(BrokenLine) } else { Ok(self.body) }
    }
}

/// The bytes of a message, up to a limit. Beyond it they are counted and let go, so that the
/// sender can be told at the end, in a fixed amount of memory.
#[derive(Debug)]
pub struct Body {
    kept: Vec<u8>,
    length: usize,
    max: usize,
}

impl Body {
    fn new(max: usize) -> Self {
        Self { kept: Vec::new(), length: 0, max }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= self.max {
            self.kept.extend_from_slice(bytes);
        } else {
            self.kept = Vec::new();
        }
    }

    /// How many bytes of it are held.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// How long the message is so far, kept or not.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Keeps no more: there is no room for it.
    pub fn let_go(&mut self) {
        self.max = 0;
        self.kept = Vec::new();
    }

    /// The message, or `None` when it was larger than the limit.
    pub fn into_kept(self) -> Option<Vec<u8>> {
        (self.length <= self.max).then_some(self.kept)
    }
}

/// Writes `message` as DATA wants it, without the final dot: dots stuffed, every line end CR LF,
/// the last line ended (RFC 5321 §4.5.2). What we built has no other line ends; should one slip
/// through, it leaves as CR LF and can not end the message.
pub fn stuff(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(message.len() + message.len() / 64 + 2);
    let mut rest = message;
    while !rest.is_empty() {
        // A NUL is left out; a dot behind it would otherwise begin the line unstuffed.
        if rest.iter().find(|b| **b != 0) == Some(&b'.') {
            out.push(b'.');
        }
        let (line, after) = match memchr::memchr2(b'\r', b'\n', rest) {
            Some(at) if rest[at..].starts_with(b"\r\n") => (&rest[..at], &rest[at + 2..]),
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        if memchr(0, line).is_some() {
            out.extend(line.iter().filter(|b| **b != 0));
        } else {
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(wire: &[u8]) -> Result<(Vec<u8>, usize), Option<BrokenLine>> {
        let mut data = DataBody::new(1 << 20);
        match data.take(wire) {
            Ok(Step::End(taken)) => Ok((data.into_body().into_kept().unwrap(), taken)),
            Ok(Step::More) => Err(None),
            Err(broken) => Err(Some(broken)),
        }
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        assert_eq!(whole(b"a\r\n.\r\nQUIT\r\n").unwrap(), (b"a\r\n".to_vec(), 6));
        assert_eq!(whole(b".\r\n").unwrap(), (vec![], 3));
        assert_eq!(whole(b"..\r\n...a\r\n.b\r\n.\r\n").unwrap().0, b".\r\n..a\r\nb\r\n");
        for smuggled in [
            &b"a\n.\nMAIL"[..],
            b"a\n.\r\nMAIL",
            b"a\r.\rMAIL",
            b"a\r.\r\nMAIL",
            b"a\r\n.\rMAIL",
            b"a\r\n.\nMAIL",
            b"a\r\n\n.\r\n",
            b"a\r\r\n.\r\n",
            b"a\r\n.\r\r\n",
            b"a\n\r\n.\r\n",
            b"\n.\r\n",
            b"\r.\r\n",
            b"a\0\r\n.\r\n",
            b".\0\r\n",
            b"a\r\n\0.\r\n",
            b"a\r\0\n.\r\n",
            b"a\r\n.\r\0\n",
            b"\0",
        ] {
            assert_eq!(whole(smuggled), Err(Some(BrokenLine)), "{}", smuggled.escape_ascii());
        }
        for goes_on in [
            &b"a\r\n. \r\n"[..],
            b"a\x0b.\x0b\r\n",
            b"a\xc2\x85.\xc2\x85\r\n",
            b"a\r\n.\x0c\r\n",
            b"a\xe2\x80\xa8.\r\n",
        ] {
            assert_eq!(whole(goes_on), Err(None), "{}", goes_on.escape_ascii());
        }
    }

    #[test]
    fn a_message_beyond_the_limit_is_read_to_its_end_and_not_kept() {
        let mut data = DataBody::new(10);
        for _ in 0..1_000 {
            assert_eq!(data.take(b"0123456789\r\n"), Ok(Step::More));
        }
        assert_eq!(data.take(b".\r\n"), Ok(Step::End(3)));
        assert_eq!(data.body().length(), 12_000);
        assert_eq!(data.into_body().into_kept(), None);
    }

    #[test]
    fn a_command_line_ends_with_crlf_alone() {
        assert_eq!(line(b"NOOP\r\nQUIT\r\n", 0), Ok(Line::Whole(4)));
        assert_eq!(line(b"NOOP\r", 0), Ok(Line::Partial));
        assert_eq!(line(b"NOOP\r\n", 5), Ok(Line::Whole(4)));
        assert_eq!(line(b"NOO", 0), Ok(Line::Partial));
        for broken in [&b"NOOP\n"[..], b"NOOP\rX", b"\n", b"NOOP\r\r\n"] {
            assert_eq!(line(broken, 0), Err(BrokenLine), "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn a_chunk_may_not_hold_what_data_may_not() {
        let mut chunks = ChunkedBody::new(100);
        chunks.take(b"a\r\n.\r\nb\r").unwrap();
        chunks.take(b"\nc").unwrap();
        assert_eq!(chunks.into_body().unwrap().into_kept().unwrap(), b"a\r\n.\r\nb\r\nc");
        for broken in [&b"a\nb"[..], b"a\rb", b"a\0", b"\n"] {
            assert_eq!(ChunkedBody::new(100).take(broken), Err(BrokenLine));
        }
        let mut cut = ChunkedBody::new(100);
        cut.take(b"a\r").unwrap();
        assert!(cut.into_body().is_err());
        let mut cut = ChunkedBody::new(100);
        cut.take(b"a\r").unwrap();
        assert_eq!(cut.take(b"b"), Err(BrokenLine));
    }

    /// Bytes that matter to framing, far more often than chance would give them.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![
                4 => Just(b"\r\n".to_vec()), 2 => Just(b".".to_vec()), 1 => Just(b"\r".to_vec()), 1 => Just(b"\n".to_vec()),
                1 => Just(vec![0]), 2 => Just(b"MAIL FROM:<>".to_vec()), 2 => proptest::collection::vec(any::<u8>(), 0..20),
            ],
            0..40,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Where reads happen to cut the stream changes nothing.
        #[test]
        fn cuts_do_not_matter(wire in hostile(), cut in 1usize..7) {
            let mut data = DataBody::new(1 << 20);
            let mut taken = 0;
            let mut ended = None;
            for piece in wire.chunks(cut) {
                match data.take(piece) {
                    Ok(Step::More) => taken += piece.len(),
                    Ok(Step::End(n)) => { ended = Some(Ok(taken + n)); break }
                    Err(broken) => { ended = Some(Err(Some(broken))); break }
                }
            }
            let at_once = whole(&wire).map(|(_, n)| n);
            prop_assert_eq!(ended.unwrap_or(Err(None)), at_once);
        }

        /// One message in is one message out: what was taken as one body, sent on, is read as
        /// one body again, with the same content, whatever it is.
        #[test]
        fn never_a_second_message_out_of_one(wire in hostile()) {
            if let Ok((body, taken)) = whole(&wire) {
                prop_assert!(wire[..taken].ends_with(b".\r\n"));
                let mut out = Vec::new();
                stuff(&body, &mut out);
                out.extend_from_slice(b".\r\n");
                let (again, all) = whole(&out).unwrap();
                prop_assert_eq!(all, out.len());
                prop_assert_eq!(again, body);
            }
        }

        /// Whatever is given to be sent, the far side sees exactly one message and no bare CR or LF.
        #[test]
        fn what_leaves_ends_once(message in hostile()) {
            let mut out = Vec::new();
            stuff(&message, &mut out);
            out.extend_from_slice(b".\r\n");
            prop_assert_eq!(whole(&out).unwrap().1, out.len());
        }

        #[test]
        fn chunks_keep_their_bytes(pieces in proptest::collection::vec(hostile(), 0..5)) {
            let mut chunks = ChunkedBody::new(1 << 20);
            if pieces.iter().all(|p| chunks.take(p).is_ok()) && let Ok(body) = chunks.into_body() {
                let kept = body.into_kept().unwrap();
                let bare = kept.iter().enumerate().any(|(n, b)| match b {
                    b'\r' => kept.get(n + 1) != Some(&b'\n'),
                    b'\n' => n == 0 || kept[n - 1] != b'\r',
                    b => *b == 0,
                });
                prop_assert!(!bare);
                prop_assert_eq!(kept, pieces.concat());
            }
        }
    }
}
