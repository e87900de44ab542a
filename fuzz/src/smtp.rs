//! SMTP: bytes into commands and messages, in whatever pieces they come.

use tabir::channel::smtp::{
    command::{Command, MailFrom, Mailbox, parse},
    framing::{Body, BrokenLine, ChunkedBody, DataBody, Line, Step, line, stuff},
};

/// The first byte says how the others are cut into packets, which changes nothing of what is
/// heard. A message ends where RFC 5321 says and nowhere else, and what is sent on is the same.
pub fn smtp(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let whole = heard(stream, stream.len().max(1));
    assert_eq!(whole, heard(stream, usize::from(*cut) % 31 + 1), "packets have a meaning");
    for message in
        whole.iter().filter_map(|heard| if let Heard::Message(Some(body)) = heard { Some(body) } else { None })
    {
        assert_message(message);
    }
}

/// What a session hears.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Broken,
    /// A command that was understood, or why not.
    Line(String),
    /// `None` when it was larger than is kept.
    Message(Option<Vec<u8>>),
}

/// What is expected next.
enum Next {
    Command,
    Data(DataBody),
    Chunk { left: u64, last: bool },
}

const MAX: usize = 4_096;

fn heard(stream: &[u8], packet: usize) -> Vec<Heard> {
    let mut session = Session { heard: Vec::new(), next: Next::Command, chunks: None, pending: Vec::new(), seen: 0 };
    for packet in stream.chunks(packet) {
        session.pending.extend_from_slice(packet);
        while let Some(taken) = session.step() {
            session.pending.drain(..taken);
            session.seen = 0;
        }
        if session.heard.last() == Some(&Heard::Broken) {
            break;
        }
    }
    session.heard
}

struct Session {
    heard: Vec<Heard>,
    next: Next,
    chunks: Option<ChunkedBody>,
    pending: Vec<u8>,
    seen: usize,
}

impl Session {
    /// Takes what can be taken; nothing when more is needed or all is over.
    fn step(&mut self) -> Option<usize> {
        if self.heard.last() == Some(&Heard::Broken) || self.pending.is_empty() {
            return None;
        }
        let taken = match &mut self.next {
            Next::Command => self.command(),
            Next::Data(data) => match data.take(&self.pending) {
                Ok(Step::More) => Ok(Some(self.pending.len())),
                Ok(Step::End(taken)) => {
                    self.end_of_data();
                    Ok(Some(taken))
                }
                Err(BrokenLine) => Err(BrokenLine),
            },
            Next::Chunk { .. } => self.chunk().map(Some),
        };
        taken.unwrap_or_else(|BrokenLine| {
            self.heard.push(Heard::Broken);
            None
        })
    }

    fn command(&mut self) -> Result<Option<usize>, BrokenLine> {
        let Line::Whole(length) = line(&self.pending, self.seen)? else {
            self.seen = self.pending.len();
            return Ok(None);
        };
        let text = &self.pending[..length];
        assert!(!text.iter().any(|byte| b"\r\n".contains(byte)), "a line holds a line end");
        let command = parse(text);
        self.heard.push(Heard::Line(format!("{command:?}")));
        match command {
            Ok(Command::Data) => self.next = Next::Data(DataBody::new(MAX)),
            Ok(Command::Bdat { size, last }) => {
                self.next = Next::Chunk { left: size, last };
                if size == 0 {
                    self.end_of_chunk(last)?;
                }
            }
            Ok(Command::Rcpt(mailbox)) => assert_written(mailbox, text),
            Ok(Command::Mail(MailFrom { sender: Some(mailbox), .. })) => assert_written(mailbox, text),
            _ => {}
        }
        Ok(Some(length + 2))
    }

    fn end_of_data(&mut self) {
        if let Next::Data(data) = std::mem::replace(&mut self.next, Next::Command) {
            self.heard.push(Heard::Message(data.into_body().into_kept()));
        }
    }

    fn chunk(&mut self) -> Result<usize, BrokenLine> {
        let Next::Chunk { left, last } = &mut self.next else { return Ok(0) };
        let taken = self.pending.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= taken as u64;
        let (over, last) = (*left == 0, *last);
        self.chunks.get_or_insert_with(|| ChunkedBody::new(MAX)).take(&self.pending[..taken])?;
        if over {
            self.end_of_chunk(last)?;
        }
        Ok(taken)
    }

    fn end_of_chunk(&mut self, last: bool) -> Result<(), BrokenLine> {
        self.next = Next::Command;
        if last {
            let body = self.chunks.take().map(ChunkedBody::into_body).transpose()?;
            self.heard.push(Heard::Message(body.map_or(Some(Vec::new()), Body::into_kept)));
        }
        Ok(())
    }
}

/// An address is the very text between the brackets, and nothing in it hides.
fn assert_written(mailbox: Mailbox<'_>, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let written = if mailbox.domain.is_empty() {
        format!("<{}>", mailbox.local)
    } else {
        format!("<{}@{}>", mailbox.local, mailbox.domain)
    };
    assert!(line.contains(&written), "{written} in {line}");
    assert!(!written.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')));
}

/// A message has whole line ends alone, and stuffed with dots it arrives as itself.
fn assert_message(message: &[u8]) {
    let bare = message.iter().enumerate().any(|(n, byte)| match byte {
        b'\r' => message.get(n + 1) != Some(&b'\n'),
        b'\n' => n == 0 || message[n - 1] != b'\r',
        byte => *byte == 0,
    });
    assert!(!bare, "a bare line end or a NUL in {}", message.escape_ascii());
    let mut wire = Vec::new();
    stuff(message, &mut wire);
    wire.extend_from_slice(b".\r\n");
    let mut data = DataBody::new(2 * MAX);
    assert_eq!(data.take(&wire), Ok(Step::End(wire.len())), "{}", wire.escape_ascii());
    let mut arrived = data.into_body().into_kept().expect("it is small");
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        arrived.truncate(arrived.len() - 2);
    }
    assert_eq!(arrived, message);
}
