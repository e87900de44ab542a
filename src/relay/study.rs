//! What a side puts into a case, or reports from outside: read by the detectors that read messages,
//! its files made afresh for the other side, the originals kept for the mediator, and every handle
//! of ours named that is met in it.

use bytes::Bytes;

use super::{Relay, scrub::describe};
use crate::{
    detect::{Context, Guard, Own, Piece, Window},
    media::{
        attachment,
        html::Document,
        mail::{self, Limits},
    },
    model::{
        Attachment, AttachmentAction, Contact, Content, ConversationId, Fault, File, Finding, Handle, HandleHash, Part,
        Scope, Side, Signal, Verdict,
    },
    policy::{cases::CaseFiles, rules::MarketRules},
};

/// What is to be studied.
pub struct Ask<'a> {
    /// Whose marketplace.
    pub scope: &'a Scope,
    /// About which conversation, where that is known.
    pub conversation: Option<&'a ConversationId>,
    /// Whose it is.
    pub by: Side,
    /// A text.
    pub text: Option<&'a str>,
    /// Files, as they came.
    pub files: Vec<Attachment>,
    /// What for.
    pub matter: Matter,
}

/// What something is put in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// A case: the other side gets to see it, redacted.
    Case,
    /// A report: nobody's other side ever sees it, and mails may come with it.
    Report,
}

/// What was found.
#[derive(Debug)]
pub struct Studied {
    /// The text as the other side may read it.
    pub shown: Option<String>,
    /// What was found in texts and files.
    pub findings: Vec<Finding>,
    /// What they are up to.
    pub signals: Vec<Signal>,
    /// Each file: as the other side may see it, where it may, and as it came.
    pub files: Vec<(Option<Attachment>, Attachment)>,
    /// Handles of this marketplace that were met, and where: `text`, `recipient`, `sender`.
    pub handles: Vec<(HandleHash, &'static str)>,
    /// Who of the conversation's sides wrote the mail that came with it, by a real address.
    pub sent_by: Option<Side>,
    /// What mails that came with it say, each part by itself.
    pub words: Vec<String>,
}

impl Studied {
    /// Each file described, as shown and as it came.
    pub fn described(&self) -> Vec<(File, File)> {
        // What a file that could not be opened says of itself is not passed on.
        let taken = |n: usize, original: &Attachment| File {
            filename: format!("file-{}", n + 1),
            media_type: attachment::sniff(&original.bytes, "").to_owned(),
            action: AttachmentAction::RemovedUnreadable,
            ..describe(original)
        };
        let both = |(n, (shown, original)): (usize, &(Option<Attachment>, Attachment))| {
            (shown.as_ref().map_or_else(|| taken(n, original), describe), describe(original))
        };
        self.files.iter().enumerate().map(both).collect()
    }
}

/// Why files are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is no such conversation.
    NoConversation,
    /// Too many of them.
    TooMany,
    /// This one is too large.
    TooLarge(usize),
    /// This one is of another type, whatever it calls itself.
    Type(usize),
}

impl Relay {
    /// Studies what was put in.
    ///
    /// # Errors
    /// The outer error is ours.
    pub async fn study(&self, ask: Ask<'_>) -> Result<Result<Studied, Unfit>, Fault> {
        let rules = self.rules.load().book.of(ask.scope.marketplace());
        if let Err(unfit) = admit(&ask.files, &rules.cases.attachments, ask.matter) {
            return Ok(Err(unfit));
        }
        let Some(context) = self.context_of(&ask, &rules).await? else { return Ok(Err(Unfit::NoConversation)) };
        let mut studied = Studied {
            shown: None,
            findings: Vec::new(),
            signals: Vec::new(),
            files: Vec::new(),
            handles: Vec::new(),
            sent_by: None,
            words: Vec::new(),
        };
        if let Some(text) = ask.text {
            studied.shown = self.read(&context, Part::Text(0), text, &mut studied);
        }
        for (n, file) in ask.files.iter().enumerate() {
            if is_mail(file) {
                self.read_mail(&ask, &context, (n, &file.bytes, 0), &mut studied).await?;
                studied.files.push((None, file.clone()));
            } else {
                let made = self.rebuild_one(&context, &rules, (n, file), &mut studied).await?;
                studied.files.push((made, file.clone()));
            }
        }
        self.find_handles(ask.scope, &mut studied).await?;
        Ok(Ok(studied))
    }

    /// What it is read with. A case is redacted by what the conversation guards; a report is told
    /// everything, our own handles too.
    async fn context_of(&self, ask: &Ask<'_>, rules: &MarketRules) -> Result<Option<Context>, Fault> {
        let bare = Context { lang: rules.locale.clone(), region: rules.region.clone(), ..Context::default() };
        let Some(conversation) = ask.conversation else { return Ok(Some(bare)) };
        let Some(talk) = self.hear(ask.scope, conversation, ask.by).await? else {
            // One of the two was erased: who is left may still be heard.
            let there = self.store.conversation(ask.scope, conversation).await?.is_some();
            return Ok(there.then_some(bare));
        };
        // Words in pictures are read as a seller's are, whoever sent them: a label names somebody.
        let context = Context { sender: Side::Seller, ..self.context(&talk) };
        Ok(Some(match ask.matter {
            Matter::Case => context,
            Matter::Report => Context { guard: Guard::default(), own: Own::default(), ..context },
        }))
    }

    fn read(&self, context: &Context, part: Part, text: &str, studied: &mut Studied) -> Option<String> {
        let report = self.rules.load().detect.scan(&[Piece { part, text }], context, &Window::default());
        studied.handles.extend(spelled(text).map(|hash| (hash, "text")));
        studied.findings.extend(report.findings);
        for signal in report.signals {
            if !studied.signals.contains(&signal) {
                studied.signals.push(signal);
            }
        }
        report.redacted.into_iter().next()
    }

    /// A picture or PDF made afresh; `None`: it could not be read so far that it may be shown.
    async fn rebuild_one(
        &self,
        context: &Context,
        rules: &MarketRules,
        (n, file): (usize, &Attachment),
        studied: &mut Studied,
    ) -> Result<Option<Attachment>, Fault> {
        let kind = attachment::sniff(&file.bytes, &file.media_type);
        let mut made = [Attachment {
            filename: attachment::clean_filename(&file.filename, n, kind),
            media_type: kind.to_owned(),
            action: AttachmentAction::Pending,
            ..file.clone()
        }];
        let opened = self.rebuild_files((context, None), rules.images, &mut made).await?;
        let at = |finding: Finding| Finding { part: Part::Attachment(n), ..finding };
        studied.findings.extend(opened.findings.into_iter().map(at));
        studied.findings.extend(self.drop_caught_names(context, &mut made).into_iter().map(at));
        studied.signals.extend(opened.signals.into_iter().map(|s| s.moved_to(Part::Attachment(n))));
        let [made] = made;
        Ok((!made.action.removed() && opened.verdict < Verdict::Hold).then_some(made))
    }

    /// A mail that was handed in: whom it names, what it says, and what came with it, mails in it too.
    async fn read_mail(
        &self,
        ask: &Ask<'_>,
        context: &Context,
        (n, bytes, depth): (usize, &Bytes, usize),
        studied: &mut Studied,
    ) -> Result<(), Fault> {
        let limits = Limits { forwarded: MOST_FORWARDED, ..Limits::default() };
        let Ok(opened) = mail::open(bytes, &limits) else { return Ok(()) };
        let recipients = opened.to.iter().chain(&opened.cc);
        for (address, met) in recipients.map(|a| (a, "recipient")).chain(opened.from.iter().map(|a| (a, "sender"))) {
            studied.handles.extend(spelled(address).map(|hash| (hash, met)));
        }
        if let Some(conversation) = ask.conversation {
            for address in opened.from.iter().chain(opened.sender.as_ref()).take(MOST_SENDERS) {
                studied.sent_by = studied.sent_by.or(self.side_of(ask.scope, conversation, address).await?);
            }
        }
        let part = Part::Attachment(n);
        for text in texts(&opened.content) {
            self.read(context, part, &text, studied);
            studied.words.push(text);
        }
        let rules = self.rules.load().book.of(ask.scope.marketplace());
        let inner = opened.content.attachments.iter().filter(|inner| {
            let kind = attachment::sniff(&inner.bytes, &inner.media_type);
            rules.cases.attachments.types.iter().any(|allowed| allowed == kind)
        });
        for inner in inner.take(rules.cases.attachments.max) {
            self.rebuild_one(context, &rules, (n, inner), studied).await?;
        }
        for inner in opened.forwarded.iter().filter(|_| depth < DEEPEST) {
            Box::pin(self.read_mail(ask, context, (n, inner, depth + 1), studied)).await?;
        }
        Ok(())
    }

    pub(super) async fn side_of(
        &self,
        scope: &Scope,
        id: &ConversationId,
        address: &str,
    ) -> Result<Option<Side>, Fault> {
        let Ok(contact) = Contact::email(address) else { return Ok(None) };
        let tags = self.vault.tags(scope.marketplace(), &contact);
        for side in [Side::Seller, Side::Buyer] {
            if self.store.speaks(scope, id, side, &tags).await?.is_some() {
                return Ok(Some(side));
            }
        }
        Ok(None)
    }

    /// Of what looks like a handle those that are ones here; what was found in pictures too.
    async fn find_handles(&self, scope: &Scope, studied: &mut Studied) -> Result<(), Fault> {
        let met: Vec<HandleHash> = studied.findings.iter().flat_map(|finding| spelled(&finding.text)).collect();
        studied.handles.extend(met.into_iter().map(|hash| (hash, "text")));
        let mut known: Vec<(HandleHash, &'static str)> = Vec::new();
        for (hash, met) in std::mem::take(&mut studied.handles).into_iter().take(MOST_HANDLES) {
            if known.contains(&(hash, met)) {
                continue;
            }
            if self.store.handle(hash).await?.is_some_and(|(of, _)| of == *scope) {
                known.push((hash, met));
            }
        }
        studied.handles = known;
        Ok(())
    }
}

fn admit(files: &[Attachment], rules: &CaseFiles, matter: Matter) -> Result<(), Unfit> {
    if files.len() > rules.max {
        return Err(Unfit::TooMany);
    }
    for (n, file) in files.iter().enumerate() {
        if file.bytes.len() as u64 > rules.max_bytes {
            return Err(Unfit::TooLarge(n));
        }
        let kind = attachment::sniff(&file.bytes, &file.media_type);
        let listed = rules.types.iter().any(|allowed| allowed.eq_ignore_ascii_case(kind));
        let taken = listed || matter == Matter::Report && is_mail(file);
        if !taken {
            return Err(Unfit::Type(n));
        }
    }
    Ok(())
}

fn is_mail(file: &Attachment) -> bool {
    attachment::sniff(&file.bytes, &file.media_type) == "message/rfc822"
}

/// What looks like a handle in a text: 26 characters of its alphabet, whatever stands around them.
fn spelled(text: &str) -> impl Iterator<Item = HandleHash> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() == HANDLE);
    words.filter_map(|word| word.parse::<Handle>().ok()).map(|handle| handle.hash())
}

fn texts(content: &Content) -> Vec<String> {
    let page = content.html.as_deref().and_then(|html| Document::parse(html).ok()).map(|page| page.to_text());
    content.subject.iter().chain(&content.text).cloned().chain(page).collect()
}

/// Characters of a handle.
const HANDLE: usize = 26;
/// So many words that look like handles are looked up.
const MOST_HANDLES: usize = 100;
/// So many mails in a mail are read, and so deep.
const MOST_FORWARDED: usize = 5;
const DEEPEST: usize = 2;
/// So many senders of one mail are looked up.
const MOST_SENDERS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &'static [u8]) -> Attachment {
        Attachment {
            filename: name.to_owned(),
            media_type: "image/png".to_owned(),
            inline: None,
            bytes: Bytes::from_static(bytes),
            action: AttachmentAction::Pending,
        }
    }

    #[test]
    fn files_are_told_by_content_and_a_mail_comes_with_a_report_only() {
        let rules = CaseFiles { max: 2, max_bytes: 40, ..CaseFiles::default() };
        let png = || file("a.png", b"\x89PNG\r\n\x1a\n0000");
        let exe = || file("a.png", b"MZ\x90\x00\x03\x00\x00\x00");
        let mail = || file("a.png", b"Received: x\r\nFrom: a@b.example\r\n");
        assert_eq!(admit(&[png(), png()], &rules, Matter::Case), Ok(()));
        assert_eq!(admit(&[png(), png(), png()], &rules, Matter::Case), Err(Unfit::TooMany));
        assert_eq!(admit(&[png(), exe()], &rules, Matter::Case), Err(Unfit::Type(1)));
        assert_eq!(admit(&[mail()], &rules, Matter::Case), Err(Unfit::Type(0)));
        assert_eq!(admit(&[mail()], &rules, Matter::Report), Ok(()));
        let large = CaseFiles { max_bytes: 4, ..rules };
        assert_eq!(admit(&[png()], &large, Matter::Case), Err(Unfit::TooLarge(0)));
    }

    #[test]
    fn of_a_file_that_can_not_be_shown_not_even_its_name_is() {
        let original = file("call-me-555-0100.png", b"MZ\x90\x00\x03\x00\x00\x00");
        let studied = Studied {
            shown: None,
            findings: Vec::new(),
            signals: Vec::new(),
            files: vec![(None, original)],
            handles: Vec::new(),
            sent_by: None,
            words: Vec::new(),
        };
        let (shown, kept) = studied.described().remove(0);
        assert_eq!((shown.filename.as_str(), shown.action), ("file-1", AttachmentAction::RemovedUnreadable));
        assert_eq!(kept.filename, "call-me-555-0100.png");
    }

    #[test]
    fn a_handle_is_met_in_whatever_it_stands() {
        let handle = Handle::from_bits([7; 16]);
        let text = format!("They wrote to <{}@veil.example>, why?", handle.to_string().to_uppercase());
        assert_eq!(spelled(&text).collect::<Vec<_>>(), [handle.hash()]);
        assert_eq!(spelled("nothing of ours@veil.example").count(), 0);
    }
}
