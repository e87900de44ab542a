//! The people's side of the story: a small mail program.

use std::{net::SocketAddr, path::Path, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{channel::smtp::Mailbox, model::Fault};

/// A mail to send.
pub(super) struct Letter<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) id: &'a str,
    pub(super) in_reply_to: Option<&'a str>,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
}

/// Sends a mail with STARTTLS; the relay's last word on it.
pub(super) async fn send(address: SocketAddr, tls: &TlsConnector, letter: &Letter<'_>) -> Result<String, Fault> {
    let doing = "sending a mail";
    let mut plain = BufReader::new(TcpStream::connect(address).await.map_err(|e| Fault::new(doing, e))?);
    reply(&mut plain).await?;
    ask(&mut plain, "EHLO laptop.example\r\n").await?;
    ask(&mut plain, "STARTTLS\r\n").await?;
    let name = ServerName::try_from("localhost").map_err(|e| Fault::new(doing, e))?;
    let stream = tls.connect(name, plain.into_inner()).await.map_err(|e| Fault::new(doing, e))?;
    let mut stream = BufReader::new(stream);
    ask(&mut stream, "EHLO laptop.example\r\n").await?;
    for command in
        [format!("MAIL FROM:<{}>\r\n", letter.from), format!("RCPT TO:<{}>\r\n", letter.to), "DATA\r\n".into()]
    {
        let answer = ask(&mut stream, &command).await?;
        if answer.starts_with(['4', '5']) {
            return Ok(answer);
        }
    }
    let answer = ask(&mut stream, &written(letter)).await?;
    let _ = stream.write_all(b"QUIT\r\n").await;
    Ok(answer)
}

/// As an ordinary mail program writes it, with all that it gives away.
fn written(letter: &Letter<'_>) -> String {
    let reply =
        letter.in_reply_to.map(|id| format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")).unwrap_or_default();
    format!(
        "Received: from phone.{host} (phone.{host} [192.0.2.7]) by mx.{host}; Sun, 22 Nov 2026 08:00:00 +0700\r\n\
         From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n{reply}\
         Date: Sun, 22 Nov 2026 08:00:00 +0700\r\nUser-Agent: Mozilla Thunderbird\r\nX-Originating-IP: [192.0.2.7]\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         {text}\r\n.\r\n",
        host = letter.from.rsplit('@').next().unwrap_or_default(),
        from = letter.from,
        to = letter.to,
        subject = letter.subject,
        id = letter.id,
        text = letter.text.replace('\n', "\r\n"),
    )
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, line: &str) -> Result<String, Fault> {
    stream.write_all(line.as_bytes()).await.map_err(|e| Fault::new("sending a mail", e))?;
    stream.flush().await.map_err(|e| Fault::new("sending a mail", e))?;
    reply(stream).await
}

/// The last line of a reply.
async fn reply<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Result<String, Fault> {
    loop {
        let mut line = String::new();
        let n = stream.read_line(&mut line).await.map_err(|e| Fault::new("reading a reply", e))?;
        if n == 0 {
            return Err(Fault::plain("reading a reply from a closed connection"));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line.trim_end().to_owned());
        }
    }
}

/// The `n`-th mail in a mailbox, waited for.
pub(super) async fn arrived(folder: &Path, address: &str, n: usize) -> Result<Option<String>, Fault> {
    for _ in 0..100 {
        let letters = Mailbox::read(folder, Some(address))?;
        if let Some(letter) = letters.get(n) {
            return Ok(Some(String::from_utf8_lossy(&letter.message).into_owned()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(None)
}

/// A header field of a mail.
pub(super) fn field<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    let head = mail.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The body as a person reads it, for a single text part.
pub(super) fn body(mail: &str) -> String {
    let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes());
    parsed.and_then(|m| m.body_text(0).map(|t| t.trim_end().to_owned())).unwrap_or_default()
}
