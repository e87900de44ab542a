//! The milter protocol, version 6, as Postfix and Sendmail speak it: a length of four bytes, one
//! letter, and what belongs to it.

use std::net::IpAddr;

/// What the mail host tells or asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'b> {
    /// What it can do: its version, what a filter may do, which steps there are.
    Negotiate {
        /// Of the protocol.
        version: u32,
        /// Bits of the steps that can be left out or changed.
        steps: u32,
    },
    /// A client has connected, from here if that is known.
    Connect(Option<IpAddr>),
    /// It greets with this.
    Helo(&'b [u8]),
    /// MAIL FROM, the address with its angle brackets.
    Mail(&'b [u8]),
    /// RCPT TO, likewise.
    Rcpt(&'b [u8]),
    /// DATA.
    Data,
    /// A header field, its value with the line ends in it.
    Header(&'b [u8], &'b [u8]),
    /// The header is over.
    EndOfHeader,
    /// A piece of the body.
    Body(&'b [u8]),
    /// The last piece: the answer for the whole message is due.
    EndOfMessage(&'b [u8]),
    /// This message is off; the client is still there.
    Abort,
    /// The client has gone, and another one comes.
    NextClient,
    /// It is over.
    Quit,
    /// Values of the host's own, and commands that it does not know: none of ours.
    Other {
        /// Whether an answer is waited for.
        answered: bool,
    },
}

/// Not the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMilter;

/// The first packet of `bytes` and its length; `None` while it is not whole.
///
/// # Errors
/// When it is longer than any packet is, or says nothing that could be meant.
pub fn read(bytes: &[u8]) -> Result<Option<(Request<'_>, usize)>, NotMilter> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| NotMilter)?;
    if !(1..=LONGEST).contains(&length) {
        return Err(NotMilter);
    }
    let Some(packet) = rest.get(..length) else { return Ok(None) };
    let Some((letter, content)) = packet.split_first() else { return Err(NotMilter) };
    Ok(Some((request(*letter, content)?, 4 + length)))
}

fn request(letter: u8, content: &[u8]) -> Result<Request<'_>, NotMilter> {
    Ok(match letter {
        b'O' => negotiate(content)?,
        b'C' => Request::Connect(address(content)),
        b'H' => Request::Helo(word(content)?),
        b'M' => Request::Mail(word(content)?),
        b'R' => Request::Rcpt(word(content)?),
        b'T' => Request::Data,
        b'L' => header(content)?,
        b'N' => Request::EndOfHeader,
        b'B' => Request::Body(content),
        b'E' => Request::EndOfMessage(content),
        b'A' => Request::Abort,
        b'K' => Request::NextClient,
        b'Q' => Request::Quit,
        b'D' => Request::Other { answered: false },
        b'U' => Request::Other { answered: true },
        _ => return Err(NotMilter),
    })
}

fn negotiate(content: &[u8]) -> Result<Request<'_>, NotMilter> {
    let number = |at: usize| {
        let bytes = content.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    match (number(0), number(4), number(8)) {
        (Some(version), Some(_), Some(steps)) => Ok(Request::Negotiate { version, steps }),
        _ => Err(NotMilter),
    }
}

/// The client's name, its kind, its port and its address, where it has one.
fn address(content: &[u8]) -> Option<IpAddr> {
    let (_, rest) = split(content)?;
    let text = match rest.split_first()? {
        (b'4' | b'6', rest) => std::str::from_utf8(split(rest.get(2..)?)?.0).ok()?,
        _ => return None,
    };
    text.strip_prefix("IPv6:").unwrap_or(text).parse().ok()
}

/// The first text; what follows an address are parameters of the command.
fn word(content: &[u8]) -> Result<&[u8], NotMilter> {
    split(content).map(|(word, _)| word).ok_or(NotMilter)
}

fn header(content: &[u8]) -> Result<Request<'_>, NotMilter> {
    let (name, rest) = split(content).ok_or(NotMilter)?;
    let (value, _) = split(rest).ok_or(NotMilter)?;
    Ok(Request::Header(name, value))
}

/// A text up to its NUL, and what follows.
fn split(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = content.iter().position(|byte| *byte == 0)?;
    Some((&content[..end], &content[end + 1..]))
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'t> {
    /// Which of the host's steps go unanswered, and which it leaves out.
    Agreed(u32),
    /// Go on.
    Continue,
    /// Take it, and ask no more about it.
    Accept,
    /// Take it, and throw it away: somebody else answers for it now.
    Discard,
    /// Tell the client this, a whole SMTP reply.
    Reply(&'t str),
    /// It takes a while.
    Progress,
}

impl Answer<'_> {
    /// As it travels.
    pub fn write(self, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        let letter = match self {
            Self::Agreed(steps) => {
                text.extend([VERSION, 0, steps].into_iter().flat_map(u32::to_be_bytes));
                b'O'
            }
            Self::Continue => b'c',
            Self::Accept => b'a',
            Self::Discard => b'd',
            Self::Progress => b'p',
            Self::Reply(reply) => {
                // A host takes a single % for the beginning of something.
                text.extend(reply.replace('%', "%%").bytes().filter(|byte| *byte != 0));
                text.push(0);
                b'y'
            }
        };
        let length = u32::try_from(text.len() + 1).unwrap_or(1);
        out.extend(length.to_be_bytes());
        out.push(letter);
        out.extend(text);
    }
}

/// Of the protocol.
pub const VERSION: u32 = 6;
/// A packet of the body has 64 kB; a header field may have more.
pub const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(letter: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 1).unwrap();
        [&length.to_be_bytes(), [letter].as_slice(), content].concat()
    }

    #[test]
    fn every_letter_is_read_as_it_is_meant() {
        let local = Some(IpAddr::from([192, 0, 2, 7]));
        for (letter, content, meant) in [
            (b'O', &b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"[..], Request::Negotiate { version: 6, steps: 0x001f_ffff }),
            (b'C', b"mail.example\x004\x1f\x90192.0.2.7\0", Request::Connect(local)),
            (b'C', b"localhost\x006\x1f\x90IPv6:2001:db8::7\0", Request::Connect("2001:db8::7".parse().ok())),
            (b'C', b"localhost\0U", Request::Connect(None)),
            (b'H', b"mail.example\0", Request::Helo(b"mail.example")),
            (b'M', b"<a@b.example>\0SIZE=3\0", Request::Mail(b"<a@b.example>")),
            (b'R', b"<c@d.example>\0", Request::Rcpt(b"<c@d.example>")),
            (b'L', b"Subject\0 two\n lines\0", Request::Header(b"Subject", b" two\n lines")),
            (b'B', b"text\r\n", Request::Body(b"text\r\n")),
            (b'E', b"", Request::EndOfMessage(b"")),
            (b'D', b"Cj\0relay.example\0", Request::Other { answered: false }),
        ] {
            let bytes = packet(letter, content);
            assert_eq!(read(&bytes), Ok(Some((meant, bytes.len()))), "{}", char::from(letter));
            assert_eq!(read(&bytes[..bytes.len() - 1]), Ok(None), "not whole");
        }
    }

    #[test]
    fn what_is_no_packet_ends_the_talk() {
        for bytes in
            [&[0, 0, 0, 0][..], &[0xff; 4], b"GET / HTTP/1.1\r\n\r\n", &packet(b'?', b""), &packet(b'O', b"\0")]
        {
            assert_eq!(read(bytes), Err(NotMilter), "{bytes:?}");
        }
        assert_eq!(read(&packet(b'R', b"no end")), Err(NotMilter));
    }

    #[test]
    fn answers_travel_as_the_protocol_says() {
        let written = |answer: Answer<'_>| {
            let mut out = Vec::new();
            answer.write(&mut out);
            out
        };
        assert_eq!(written(Answer::Continue), [0, 0, 0, 1, b'c']);
        assert_eq!(written(Answer::Agreed(3)), [0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(written(Answer::Reply("550 5.7.1 100%")), [&[0, 0, 0, 17, b'y'][..], b"550 5.7.1 100%%\0"].concat());
    }

    proptest! {
        #[test]
        fn no_bytes_are_read_past_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some((_, length))) = read(&bytes) {
                prop_assert!(length <= bytes.len() && length > 4);
            }
        }

        #[test]
        fn whatever_a_letter_brings_is_read_or_refused(letter in any::<u8>(), content in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bytes = packet(letter, &content);
            prop_assert!(read(&bytes).is_ok_and(|found| found.is_some()) || read(&bytes) == Err(NotMilter));
        }
    }
}
