//! A judge that is ClamAV's daemon, asked with INSTREAM over its socket (clamd(8)): one connection
//! a piece, its length before each chunk, an empty chunk at the end, and one answer.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{
    Ruling,
    wire::{ANSWER, Answer, Failure, REASON},
};

/// Where the daemon is: `unix:/run/clamav/clamd.ctl`, or an address of this machine such as
/// `127.0.0.1:3310`. What it is sent is in clear, so it is nowhere else.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Socket {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A port on loopback.
    Tcp(SocketAddr),
}

impl TryFrom<String> for Socket {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WANTED: &str = "not a place of clamd such as unix:/run/clamav/clamd.ctl or 127.0.0.1:3310";
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(WANTED) } else { Ok(Self::Unix(path.into())) };
        }
        let address: SocketAddr = text.parse().map_err(|_| WANTED)?;
        if !address.ip().to_canonical().is_loopback() {
            return Err("clamd is sent everything in clear: it has to be on this machine");
        }
        Ok(Self::Tcp(address))
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

impl Socket {
    /// Relative paths start at `folder`.
    pub(super) fn start_at(&mut self, folder: &Path) {
        if let Self::Unix(path) = self {
            *path = folder.join(&*path);
        }
    }

    /// Shows it every piece of a message, up to the first with something in it.
    pub(super) async fn ask(&self, pieces: &[&[u8]]) -> Result<Answer, Failure> {
        for piece in pieces {
            let found = self.scan(piece).await.map_err(|_| Failure::Broken)?;
            if let Some(name) = found {
                return Ok(Answer::of(Ruling::Refuse, Some(name)));
            }
        }
        Ok(Answer::of(Ruling::Pass, None))
    }

    /// What it finds in one piece.
    async fn scan(&self, piece: &[u8]) -> io::Result<Option<String>> {
        match self {
            Self::Unix(path) => stream(UnixStream::connect(path).await?, piece).await,
            Self::Tcp(address) => stream(TcpStream::connect(address).await?, piece).await,
        }
    }
}

async fn stream<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, piece: &[u8]) -> io::Result<Option<String>> {
    // It answers and closes before the end of what is too large for it: that answer is wanted.
    let sent = send(&mut stream, piece).await;
    let mut said = Vec::new();
    let read = stream.take(ANSWER as u64).read_to_end(&mut said).await;
    match verdict(&said) {
        Some(verdict) => sent.map(|()| verdict),
        None => Err(sent.err().or(read.err()).unwrap_or_else(|| io::ErrorKind::InvalidData.into())),
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, piece: &[u8]) -> io::Result<()> {
    stream.write_all(b"zINSTREAM\0").await?;
    for chunk in piece.chunks(CHUNK) {
        let length = u32::try_from(chunk.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(chunk).await?;
    }
    stream.write_all(&[0; 4]).await?;
    stream.flush().await
}

/// `stream: OK`, or `stream: NAME FOUND`, ended with NUL; `None`: neither, above all an error.
fn verdict(said: &[u8]) -> Option<Option<String>> {
    let said = std::str::from_utf8(said.strip_suffix(b"\0")?).ok()?.strip_prefix("stream: ")?;
    if said == "OK" {
        return Some(None);
    }
    let name = said.strip_suffix(" FOUND").filter(|name| !name.is_empty())?;
    Some(Some(name.chars().filter(|c| !c.is_control()).take(REASON).collect()))
}

const CHUNK: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use tokio::net::{TcpListener, UnixListener};

    use super::{
        super::{Case, Hit, JudgeSettings, judge::Judge},
        *,
    };
    use crate::{
        model::{Attachment, AttachmentAction, Content, Fault, SystemLuck},
        net::Dns,
    };

    const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

    /// What the daemon of a test does.
    #[derive(Clone, Copy, PartialEq)]
    enum Mood {
        /// What clamd does, with a limit on the size of a stream.
        Works(usize),
        /// Takes everything and says nothing.
        Hangs,
        /// Closes at once.
        Dies,
        /// Answers this.
        Says(&'static [u8]),
    }

    /// The protocol as clamd speaks it.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, mood: Mood) -> io::Result<()> {
        let mut command = [0; 10];
        if mood == Mood::Dies {
            return Ok(());
        }
        stream.read_exact(&mut command).await?;
        assert_eq!(&command, b"zINSTREAM\0");
        let mut whole = Vec::new();
        loop {
            let length = stream.read_u32().await? as usize;
            if matches!(mood, Mood::Works(limit) if whole.len() + length > limit) {
                return stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
            }
            if length == 0 {
                break;
            }
            let from = whole.len();
            whole.resize(from + length, 0);
            stream.read_exact(&mut whole[from..]).await?;
        }
        match mood {
            Mood::Works(_) if whole == EICAR.as_bytes() => stream.write_all(b"stream: Eicar-Signature FOUND\0").await,
            Mood::Works(_) => stream.write_all(b"stream: OK\0").await,
            Mood::Says(text) => stream.write_all(text).await,
            Mood::Hangs | Mood::Dies => std::future::pending().await,
        }
    }

    /// A daemon on a port of this machine.
    async fn on_tcp(mood: Mood) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, mood));
            }
        });
        address.to_string()
    }

    fn judge(place: &str, more: &str) -> Judge {
        let settings: JudgeSettings = toml::from_str(&format!("clamd = {place:?}\n{more}")).unwrap();
        assert_eq!(settings.faults(), []);
        Judge::new("av", &settings, &Dns::new(&[([127, 0, 0, 1], 9).into()]).unwrap()).unwrap()
    }

    fn file(bytes: &[u8]) -> Attachment {
        Attachment {
            filename: "manual.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            inline: None,
            bytes: bytes.to_vec().into(),
            action: AttachmentAction::Rebuilt,
        }
    }

    async fn hear(judge: &Judge, files: &[&[u8]]) -> Result<Option<Hit>, Fault> {
        let files: Vec<Attachment> = files.iter().map(|bytes| file(bytes)).collect();
        let cleaned = Content { text: Some("Here it is.".to_owned()), attachments: files, ..Content::default() };
        judge.hear(Case { cleaned: &cleaned, came: &[] }, &SystemLuck::new()).await
    }

    fn rule(hit: &Result<Option<Hit>, Fault>) -> Option<(Ruling, &str)> {
        hit.as_ref().unwrap().as_ref().map(|hit| (hit.ruling, hit.signal.rule.as_str()))
    }

    #[tokio::test]
    async fn what_it_knows_is_refused_and_all_else_passes() {
        let judge = judge(&on_tcp(Mood::Works(1 << 20)).await, "");
        assert_eq!(rule(&hear(&judge, &[]).await), None);
        assert_eq!(rule(&hear(&judge, &[b"a manual", &[7; 300_000]]).await), None, "in many chunks");
        let met = hear(&judge, &[b"a manual", EICAR.as_bytes(), b"another"]).await;
        assert_eq!(rule(&met), Some((Ruling::Refuse, "judge.av: Eicar-Signature")));
    }

    #[tokio::test]
    async fn a_socket_in_the_file_system_serves_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clamd.ctl");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Mood::Works(1 << 20)));
            }
        });
        let judge = judge(&format!("unix:{}", path.display()), "");
        assert_eq!(rule(&hear(&judge, &[b"a manual"]).await), None);
        let met = hear(&judge, &[EICAR.as_bytes()]).await;
        assert_eq!(rule(&met), Some((Ruling::Refuse, "judge.av: Eicar-Signature")));
    }

    #[tokio::test]
    async fn no_answer_is_never_a_pass() {
        for mood in [
            Mood::Works(1_000),
            Mood::Dies,
            Mood::Says(b""),
            Mood::Says(b"stream: OK"),
            Mood::Says(b"stream: OK\n"),
            Mood::Says(b"stream: FOUND\0"),
            Mood::Says(b"stream:  FOUND\0"),
            Mood::Says(b"stream: Can't allocate memory ERROR\0"),
            Mood::Says(b"UNKNOWN COMMAND\0"),
            Mood::Says(b"stream: OK\0stream: OK\0"),
            Mood::Says(&[b'x'; 100_000]),
        ] {
            let place = on_tcp(mood).await;
            let large = vec![7; 5_000_000];
            let held = hear(&judge(&place, ""), &[&large]).await;
            assert_eq!(rule(&held), Some((Ruling::Hold, "judge.av: broken")));
            assert_eq!(rule(&hear(&judge(&place, "on_failure = \"pass\""), &[&large]).await), None);
            assert!(hear(&judge(&place, "on_failure = \"later\""), &[&large]).await.is_err());
        }
        let nobody = judge("unix:/nowhere/clamd.ctl", "on_failure = \"refuse\"");
        assert_eq!(rule(&hear(&nobody, &[]).await), Some((Ruling::Refuse, "judge.av: broken")));
    }

    #[tokio::test]
    async fn one_that_hangs_is_late_and_keeps_nobody_else_waiting() {
        let judge = Arc::new(judge(&on_tcp(Mood::Hangs).await, "deadline = \"300ms\"\ncalls = 1"));
        let before = Instant::now();
        let one = || hear(&judge, &[b"a manual"]);
        let (first, second) = tokio::join!(one(), one());
        for late in [first, second] {
            assert_eq!(rule(&late), Some((Ruling::Hold, "judge.av: late")));
        }
        assert!(before.elapsed().as_secs() < 5);
    }

    #[test]
    fn it_is_on_this_machine() {
        let read = |text: &str| Socket::try_from(text.to_owned());
        for fine in ["unix:/run/clamav/clamd.ctl", "127.0.0.1:3310", "[::1]:3310"] {
            assert!(read(fine).is_ok(), "{fine}");
        }
        for bad in ["", "unix:", "/run/clamav/clamd.ctl", "127.0.0.1", "192.0.2.1:3310", "clamd.example:3310"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_stays_one_line() {
        assert_eq!(verdict(b"stream: Eicar\n\x1b[2J FOUND\0"), Some(Some("Eicar[2J".to_owned())));
        let long = [b"stream: ".as_slice(), &[b'x'; 4_000], b" FOUND\0"].concat();
        assert_eq!(verdict(&long).flatten().map(|name| name.len()), Some(REASON));
    }
}
