use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    future::Future,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use data_encoding::HEXLOWER;

use crate::{
    model::{Clock, Fault, Luck, Secret, Timestamp},
    relay::{Handover, LastLook, Mail, Transport},
};

/// The local mailbox: where mail ends until a route out is set. One `.eml` file a mail, readable
/// by the owner alone.
///
/// It stands for the far side's mailbox, so real addresses lie in it in clear; a relay in service
/// has a route and no mailbox.
pub struct Mailbox {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    luck: Arc<dyn Luck>,
}

/// A mail in the local mailbox.
pub struct Letter {
    /// When it came.
    pub at: Timestamp,
    /// To whom.
    pub to: Secret<String>,
    /// The message, after the two lines that the mailbox wrote above it.
    pub message: Vec<u8>,
}

impl Letter {
    /// The header From as written: a handle's address.
    pub fn from(&self) -> Option<&str> {
        let head = self.message.split(|b| *b == b'\n').take_while(|line| !line.trim_ascii().is_empty());
        let line =
            head.filter_map(|line| std::str::from_utf8(line).ok()).find_map(|line| line.strip_prefix("From:"))?;
        Some(line.trim())
    }
}

impl Mailbox {
    /// The mailbox in `folder`, made when it is not there.
    ///
    /// # Errors
    /// When it can not be made.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>, luck: Arc<dyn Luck>) -> Result<Self, Fault> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o700)))
            .map_err(|error| Fault::new("opening the local mailbox", error))?;
        Ok(Self { folder: folder.to_owned(), clock, luck })
    }

    /// What lies in the mailbox of `folder`, oldest first: everything, or what came for one
    /// address. Works beside a relay that writes to it.
    ///
    /// # Errors
    /// When it can not be read.
    pub fn read(folder: &Path, address: Option<&str>) -> Result<Vec<Letter>, Fault> {
        let letters = || -> io::Result<Vec<Letter>> {
            let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
                Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(error),
            };
            files.retain(|file| file.extension().is_some_and(|ext| ext == "eml"));
            files.sort();
            let letters = files.iter().filter_map(|file| letter(file, &fs::read(file).ok()?));
            Ok(letters.filter(|letter| address.is_none_or(|a| letter.to.reveal().eq_ignore_ascii_case(a))).collect())
        };
        letters().map_err(|error| Fault::new("reading the local mailbox", error))
    }

    /// The file's name sorts by time; the random part keeps two of one moment apart.
    fn names(&self) -> Result<(PathBuf, PathBuf), Fault> {
        let mut random = [0; 8];
        self.luck.fill(&mut random)?;
        let name = format!("{:013}-{}", self.clock.now().0, HEXLOWER.encode(&random));
        Ok((self.folder.join(format!("{name}.part")), self.folder.join(format!("{name}.eml"))))
    }

    async fn keep(&self, mail: &Mail, last_look: LastLook<'_>) -> Result<Handover, Fault> {
        let (part, whole) = self.names()?;
        let fault = |error| Fault::new("writing to the local mailbox", error);
        let head = format!("Return-Path: <{}>\r\nDelivered-To: {}\r\n", mail.from, mail.to.reveal());
        // A few kilobytes into the page cache: shorter than handing it to another thread. Not
        // synced, as what stands for a far server's disk is no part of what the relay promises.
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).and_then(|mut file| {
            file.write_all(head.as_bytes())?;
            file.write_all(&mail.bytes)
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&part);
            return Err(fault(error));
        }
        if !last_look.await {
            fs::remove_file(&part).map_err(fault)?;
            return Ok(Handover::CalledOff);
        }
        fs::rename(&part, &whole).map_err(fault)?;
        Ok(Handover::Delivered)
    }
}

impl Transport for Mailbox {
    fn deliver<'a>(
        &'a self,
        mail: &'a Mail,
        last_look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>> {
        Box::pin(async move {
            self.keep(mail, last_look).await.unwrap_or_else(|fault| {
                tracing::error!(fault = fault.chain(), "local mailbox");
                Handover::NotNow { code: "mailbox".to_owned() }
            })
        })
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("«letter»")
    }
}

fn letter(file: &Path, bytes: &[u8]) -> Option<Letter> {
    let at = file.file_stem()?.to_str()?.split('-').next()?.parse().ok()?;
    let first = memchr::memmem::find(bytes, b"\r\n")?;
    let rest = &bytes[first + 2..];
    let second = memchr::memmem::find(rest, b"\r\n")?;
    let to = std::str::from_utf8(&rest[..second]).ok()?.strip_prefix("Delivered-To: ")?;
    Some(Letter { at: Timestamp(at), to: Secret::new(to.to_owned()), message: rest[second + 2..].to_vec() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::{SystemClock, SystemLuck};

    fn mail(to: &str) -> Mail {
        Mail {
            from: "b-1@relay.localhost".to_owned(),
            to: Secret::new(to.to_owned()),
            bytes: Bytes::from_static(b"Subject: hello\r\n\r\nBody\r\n"),
        }
    }

    #[tokio::test]
    async fn a_letter_is_kept_for_its_reader_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("mailbox");
        assert!(Mailbox::read(&folder, None).unwrap().is_empty());
        let mailbox = Mailbox::open(&folder, Arc::new(SystemClock), Arc::new(SystemLuck::new())).unwrap();
        for to in ["budi@mail.example", "toko@shop.example"] {
            assert_eq!(mailbox.deliver(&mail(to), Box::pin(async { true })).await, Handover::Delivered);
        }
        assert_eq!(Mailbox::read(&folder, None).unwrap().len(), 2);
        let letters = Mailbox::read(&folder, Some("Budi@mail.example")).unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].message, b"Subject: hello\r\n\r\nBody\r\n");
        for entry in fs::read_dir(&folder).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_letter_called_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open(folder.path(), Arc::new(SystemClock), Arc::new(SystemLuck::new())).unwrap();
        let handover = mailbox.deliver(&mail("budi@mail.example"), Box::pin(async { false })).await;
        assert_eq!(handover, Handover::CalledOff);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
