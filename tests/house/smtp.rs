//! A small SMTP client that can also speak badly.

use std::{io, net::SocketAddr, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long a reply may take; longer than any timeout of the house towards DNS.
const PATIENCE: Duration = Duration::from_secs(30);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection.
pub struct Smtp {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
    /// The lines of the last EHLO reply.
    pub offers: Vec<String>,
}

/// A reply, all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

impl Reply {
    /// The code and the enhanced code, as they stand on the wire.
    pub fn is(&self, start: &str) -> bool {
        format!("{} {}", self.code, self.text).starts_with(start)
    }
}

impl Smtp {
    /// Connects and reads the greeting.
    pub async fn open(at: SocketAddr) -> io::Result<Self> {
        Self::greet(Box::new(connect(at, None).await?)).await
    }

    /// Connects from one address of this machine.
    pub async fn open_from(at: SocketAddr, from: SocketAddr) -> io::Result<Self> {
        Self::greet(Box::new(connect(at, Some(from)).await?)).await
    }

    /// Connects as a balancer that says for whom.
    pub async fn open_behind(at: SocketAddr, header: &[u8]) -> io::Result<Self> {
        let mut tcp = connect(at, None).await?;
        tcp.write_all(header).await?;
        Self::greet(Box::new(tcp)).await
    }

    /// Connects, and waits for nothing.
    pub async fn open_unheard(at: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: Box::new(connect(at, None).await?), read: Vec::new(), offers: Vec::new() })
    }

    /// Connects, STARTTLS, EHLO.
    pub async fn open_tls(at: SocketAddr, name: &str, tls: &TlsConnector) -> io::Result<Self> {
        let mut smtp = Self::open(at).await?;
        smtp.ehlo().await?;
        smtp.starttls(name, tls).await
    }

    /// TLS from the first byte, then EHLO.
    pub async fn open_smtps(at: SocketAddr, name: &str, tls: &TlsConnector) -> io::Result<Self> {
        let tcp = connect(at, None).await?;
        let mut smtp = Self::greet(Box::new(tls.connect(server_name(name)?, tcp).await?)).await?;
        smtp.ehlo().await?;
        Ok(smtp)
    }

    async fn greet(stream: Box<dyn Stream>) -> io::Result<Self> {
        let mut smtp = Self { stream, read: Vec::new(), offers: Vec::new() };
        let greeting = smtp.reply().await?;
        if greeting.code == 220 { Ok(smtp) } else { Err(io::Error::other(format!("greeted with {greeting:?}"))) }
    }

    pub async fn ehlo(&mut self) -> io::Result<Reply> {
        let reply = self.ask("EHLO pembeli-klien.example").await?;
        self.offers = reply.text.split('\n').skip(1).map(str::to_owned).collect();
        Ok(reply)
    }

    pub fn offers(&self, keyword: &str) -> bool {
        self.offers.iter().any(|line| line.split(' ').next() == Some(keyword))
    }

    /// STARTTLS and EHLO again.
    pub async fn starttls(mut self, name: &str, tls: &TlsConnector) -> io::Result<Self> {
        let reply = self.ask("STARTTLS").await?;
        if reply.code != 220 {
            return Err(io::Error::other(format!("STARTTLS: {reply:?}")));
        }
        self.handshake(name, tls).await
    }

    /// The TLS handshake alone, after a STARTTLS that was already answered.
    pub async fn handshake(self, name: &str, tls: &TlsConnector) -> io::Result<Self> {
        let stream: Box<dyn Stream> = Box::new(tls.connect(server_name(name)?, self.stream).await?);
        let mut smtp = Self { stream, read: Vec::new(), offers: Vec::new() };
        smtp.ehlo().await?;
        Ok(smtp)
    }

    /// One command line, one reply.
    pub async fn ask(&mut self, line: &str) -> io::Result<Reply> {
        self.raw(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// AUTH PLAIN.
    pub async fn auth(&mut self, user: &str, password: &str) -> io::Result<Reply> {
        let token = data_encoding::BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        self.ask(&format!("AUTH PLAIN {token}")).await
    }

    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// MAIL, RCPT, DATA and the message; the last reply that said something final.
    pub async fn send(&mut self, from: &str, to: &str, message: &[u8]) -> io::Result<Reply> {
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
            let reply = self.ask(&line).await?;
            if reply.code >= 400 {
                let _ = self.ask("RSET").await;
                return Ok(reply);
            }
        }
        self.raw(&stuffed(message)).await?;
        self.reply().await
    }

    /// The same in one flight of commands.
    pub async fn send_pipelined(&mut self, from: &str, to: &str, message: &[u8]) -> io::Result<Reply> {
        let flight = format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        self.raw(flight.as_bytes()).await?;
        let replies = [self.reply().await?, self.reply().await?, self.reply().await?];
        if let Some(refused) = replies.iter().find(|reply| reply.code >= 400) {
            if replies[2].code == 354 {
                self.raw(b".\r\n").await?;
                self.reply().await?;
            }
            let _ = self.ask("RSET").await;
            return Ok(refused.clone());
        }
        self.raw(&stuffed(message)).await?;
        self.reply().await
    }

    /// Reads one reply, however many lines it has.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        timeout(PATIENCE, self.read_reply()).await.map_err(|_| io::Error::other("no reply in time"))?
    }

    async fn read_reply(&mut self) -> io::Result<Reply> {
        let mut text = String::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("not a reply: {line:?}")))?;
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..end]).into_owned();
                self.read.drain(..end + 2);
                return Ok(line);
            }
            let mut some = [0; 2048];
            let n = self.stream.read(&mut some).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&some[..n]);
        }
    }

    /// Whether the other end closes within `patience`; whatever it still says is read and dropped.
    pub async fn closes_within(&mut self, patience: Duration) -> bool {
        let drain = async {
            let mut some = [0; 2048];
            while let Ok(n) = self.stream.read(&mut some).await {
                if n == 0 {
                    break;
                }
            }
        };
        timeout(patience, drain).await.is_ok()
    }
}

async fn connect(at: SocketAddr, from: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(from)?;
    }
    let tcp = timeout(Duration::from_secs(10), socket.connect(at)).await.map_err(io::Error::other)??;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(io::Error::other)
}

/// With dots doubled and the final dot.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let mut start = true;
    for &byte in message {
        if start && byte == b'.' {
            out.push(b'.');
        }
        out.push(byte);
        start = byte == b'\n';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
