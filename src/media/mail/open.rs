//! A message's bytes into a content.

use std::borrow::Cow;

use bytes::Bytes;

use super::{LOOP_MARK, Limits, Report, automatic, parts::Part, report};
use crate::{
    media::{Removed, Unreadable, attachment, html::Document, text},
    model::{Attachment, AttachmentAction, Content, ThreadIds},
};

/// A message, opened.
#[derive(Clone, Default)]
pub struct Opened {
    /// What it says.
    pub content: Content,
    /// Every address in every From field, the host in lower case.
    pub from: Vec<String>,
    /// How many From fields there are; anything but one is a trick (RFC 5322 §3.6).
    pub from_fields: usize,
    /// The Sender field's address.
    pub sender: Option<String>,
    /// The addresses of To.
    pub to: Vec<String>,
    /// The addresses of Cc.
    pub cc: Vec<String>,
    /// How many Received fields there are.
    pub hops: usize,
    /// It has been through this relay before.
    pub own_mark: bool,
    /// It is a report of some kind by its type, of a delivery or of reading: never passed on, since
    /// it names addresses, hosts and hours.
    pub is_report: bool,
    /// What it reports about another message. What it says in words alone may be believed only
    /// where it came to an envelope sender of ours.
    pub report: Option<Report>,
    /// What was taken out.
    pub removed: Vec<Removed>,
    /// Mails in it, as many as [`Limits::forwarded`] asks for.
    pub forwarded: Vec<Bytes>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("hops", &self.hops).field("removed", &self.removed).finish_non_exhaustive()
    }
}

/// Opens a message. Whether it is [`Content::automatic`] is judged by its header fields alone;
/// a null envelope sender is for the caller to add.
///
/// # Errors
/// When something in it can not be read safely, or the message is larger, deeper or more
/// fragmented than `limits`.
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Opened, Unreadable> {
    let mut walk = Walk {
        limits,
        fields_left: limits.headers,
        body_left: limits.body,
        parts: 0,
        said: false,
        files: Vec::new(),
        removed: Vec::new(),
        forwarded: Vec::new(),
        report: report::Found::default(),
    };
    let root = Part::read(bytes, PLAIN, &mut walk.fields_left)?;
    let body = walk.part(&root, 0, Place::Alone)?;
    let fields = &root.fields;
    let is_report = walk.report.is_report();
    let report = walk.report.report(fields, body.text.as_deref());
    let content = Content {
        subject: fields.text("Subject"),
        text: body.text,
        html: body.html,
        attachments: walk.files,
        thread: ThreadIds {
            id: fields.ids("Message-ID").into_iter().next(),
            in_reply_to: fields.ids("In-Reply-To"),
            references: fields.ids("References"),
        },
        date: fields.date(),
        automatic: is_report || report.is_some() || automatic::is_automatic(fields),
    };
    Ok(Opened {
        content,
        from: fields.addresses("From"),
        from_fields: fields.all("From").count(),
        sender: fields.addresses("Sender").into_iter().next(),
        to: fields.addresses("To"),
        cc: fields.addresses("Cc"),
        hops: fields.all("Received").count(),
        own_mark: fields.has(LOOP_MARK),
        is_report,
        report,
        removed: walk.removed,
        forwarded: walk.forwarded,
    })
}

struct Walk<'l> {
    limits: &'l Limits,
    fields_left: usize,
    body_left: usize,
    parts: usize,
    /// Something was said by now.
    said: bool,
    files: Vec<Attachment>,
    removed: Vec<Removed>,
    forwarded: Vec<Bytes>,
    report: report::Found,
}

/// What a part says, in one or both forms.
#[derive(Default)]
struct Body {
    text: Option<String>,
    html: Option<String>,
}

/// Where a part stands, which decides whether a text is a body or a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    /// One of several forms of the same.
    Choice,
    /// Shown by another part.
    Aside,
}

impl Walk<'_> {
    fn part(&mut self, part: &Part<'_>, depth: usize, place: Place) -> Result<Body, Unreadable> {
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(Unreadable::TooManyParts);
        }
        if let Some(kind) = part.media_type.strip_prefix("multipart/") {
            return self.multipart(part, kind, depth + 1);
        }
        match part.media_type.as_str() {
            "message/external-body" | "message/partial" => return Err(Unreadable::External),
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => return Err(Unreadable::Encrypted),
            _ if self.report.take(part) => return Ok(Body::default()),
            PLAIN | HTML if self.is_body(part, place) => return self.text(part),
            _ => {}
        }
        match unwanted(&part.media_type) {
            // Without another form beside it, its words are said nowhere else.
            Some(Removed::Alternative) if place != Place::Choice => self.file(part),
            Some(removed) => self.take_out(removed, || part.bytes().ok().map(|bytes| Bytes::from(bytes.into_owned()))),
            None => self.file(part),
        }
        Ok(Body::default())
    }

    /// Says what was taken out, and keeps a mail in the mail where somebody wants to read it.
    fn take_out(&mut self, removed: Removed, bytes: impl FnOnce() -> Option<Bytes>) {
        if removed == Removed::ForwardedMail && self.forwarded.len() < self.limits.forwarded {
            self.forwarded.extend(bytes());
        }
        self.removed.push(removed);
    }

    /// Whether a text is a body and no file. A name alone makes no file of it: some programs name
    /// bodies too, and the first words of a message are what it says, wherever they stand.
    fn is_body(&self, part: &Part<'_>, place: Place) -> bool {
        let stands = place != Place::Aside && (part.is_inline || part.file_name.is_none());
        !part.is_attachment && (stands || !self.said)
    }

    fn multipart(&mut self, part: &Part<'_>, kind: &str, depth: usize) -> Result<Body, Unreadable> {
        if depth > self.limits.depth {
            return Err(Unreadable::TooDeep);
        }
        let children = part.children(self.limits)?;
        match kind {
            "encrypted" => Err(Unreadable::Encrypted),
            "signed" => {
                self.removed.push(Removed::Signature);
                self.sequence(&children[..1], PLAIN, depth, |_| Place::Alone)
            }
            "alternative" => self.alternative(&children, depth),
            "related" => self.sequence(&children, PLAIN, depth, |n| if n == 0 { Place::Alone } else { Place::Aside }),
            "digest" => self.sequence(&children, "message/rfc822", depth, |_| Place::Alone),
            "report" => {
                self.report.announce(part.parameter("report-type").as_deref());
                self.sequence(&children, PLAIN, depth, |_| Place::Alone)
            }
            _ => self.sequence(&children, PLAIN, depth, |_| Place::Alone),
        }
    }

    /// Parts one after the other: their texts are joined.
    fn sequence(
        &mut self,
        children: &[&[u8]],
        default: &str,
        depth: usize,
        place: impl Fn(usize) -> Place,
    ) -> Result<Body, Unreadable> {
        let mut bodies = Vec::new();
        for (n, child) in children.iter().enumerate() {
            let part = Part::read(child, default, &mut self.fields_left)?;
            bodies.push(self.part(&part, depth, place(n))?);
        }
        join(bodies)
    }

    /// The same in several forms: the last plain text and the last HTML count, as readers show it.
    fn alternative(&mut self, children: &[&[u8]], depth: usize) -> Result<Body, Unreadable> {
        let mut chosen = Body::default();
        for child in children {
            let part = Part::read(child, PLAIN, &mut self.fields_left)?;
            let body = self.part(&part, depth, Place::Choice)?;
            for (slot, form) in [(&mut chosen.text, body.text), (&mut chosen.html, body.html)] {
                if form.is_some() && std::mem::replace(slot, form).is_some() {
                    self.removed.push(Removed::Alternative);
                }
            }
        }
        // Programs that write HTML alone may put an empty text beside it.
        if chosen.html.is_some() && chosen.text.as_ref().is_some_and(|text| text.trim().is_empty()) {
            chosen.text = None;
        }
        Ok(chosen)
    }

    fn text(&mut self, part: &Part<'_>) -> Result<Body, Unreadable> {
        let raw = part.text(self.body_left)?;
        self.body_left = self.body_left.saturating_sub(raw.len());
        self.said |= !raw.trim().is_empty();
        if part.media_type == HTML {
            return Ok(Body { html: Some(raw), text: None });
        }
        let mut words = changed(text::normalise(&raw)).unwrap_or(raw);
        if part.is_flowed {
            words = text::unflow(&words, part.is_delsp);
        }
        let clean = changed(text::strip_blocks(&words, &mut self.removed));
        Ok(Body { text: Some(clean.unwrap_or(words)), html: None })
    }

    fn file(&mut self, part: &Part<'_>) {
        let claimed = part.media_type.as_str();
        let (bytes, action) = match part.bytes() {
            Ok(bytes) => (Bytes::from(bytes.into_owned()), AttachmentAction::Pending),
            Err(_) => (Bytes::new(), AttachmentAction::RemovedUnreadable),
        };
        let found = attachment::sniff(&bytes, claimed);
        if let Some(removed) = unwanted(found) {
            self.take_out(removed, || Some(bytes));
            return;
        }
        let name = part.file_name.as_deref().unwrap_or_default();
        self.files.push(Attachment {
            filename: attachment::clean_filename(name, self.files.len(), found),
            media_type: found.to_owned(),
            inline: part.content_id().filter(|_| found.starts_with("image/") && !part.is_attachment),
            bytes,
            action,
        });
    }
}

/// Types that name people, hide content or only make sense to the sender's own programs.
fn unwanted(media_type: &str) -> Option<Removed> {
    Some(match media_type {
        "text/calendar" | "application/ics" => Removed::Calendar,
        "text/vcard" | "text/x-vcard" | "text/directory" => Removed::ContactCard,
        "message/rfc822" | "message/global" | "message/news" | "text/rfc822-headers" | "message/global-headers" => {
            Removed::ForwardedMail
        }
        "message/tracking-status" | "message/disposition-notification" | "message/global-disposition-notification" => {
            Removed::Report
        }
        "application/ms-tnef" | "application/vnd.ms-tnef" => Removed::Tnef,
        "application/pgp-keys" | "application/pkix-cert" | "application/x-x509-ca-cert" => Removed::Key,
        "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
            Removed::Signature
        }
        "application/pgp-encrypted" => Removed::Encrypted,
        "text/enriched" | "text/richtext" | "text/rtf" | "text/x-amp-html" | "text/watch-html" => Removed::Alternative,
        _ => return None,
    })
}

/// Joins the texts of parts that follow each other. Where both forms are there, each is
/// completed from the other, so that they go on saying the same.
fn join(mut bodies: Vec<Body>) -> Result<Body, Unreadable> {
    bodies.retain(|b| b.text.is_some() || b.html.is_some());
    if bodies.len() < 2 {
        return Ok(bodies.pop().unwrap_or_default());
    }
    let pages = bodies.iter().filter(|b| b.html.is_some()).count();
    if pages > MAX_PAGES {
        return Err(Unreadable::TooManyParts);
    }
    let rich = pages > 0;
    let mut texts = Vec::with_capacity(bodies.len());
    let mut pages = String::new();
    for Body { text, html } in bodies {
        let page = html.map(|html| Document::parse(&html)).transpose()?;
        let text = text.or_else(|| page.as_ref().map(Document::to_text)).unwrap_or_default();
        if rich {
            pages.push_str(&page.map_or_else(|| paragraphs(&text), |page| page.to_html()));
        }
        texts.push(text);
    }
    Ok(Body { text: Some(texts.join("\n")), html: rich.then_some(pages) })
}

/// A plain text as HTML.
fn paragraphs(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 11);
    out.push_str("<div>");
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\n' => out.push_str("<br>"),
            c => out.push(c),
        }
    }
    out.push_str("</div>");
    out
}

/// The changed text, or nothing when it is as it was.
fn changed(now: Cow<'_, str>) -> Option<String> {
    match now {
        Cow::Owned(text) => Some(text),
        Cow::Borrowed(_) => None,
    }
}

/// HTML parts that follow each other in one message.
const MAX_PAGES: usize = 16;

const PLAIN: &str = "text/plain";
const HTML: &str = "text/html";
