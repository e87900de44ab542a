//! scrub: opens every part into texts, finds, cuts, rebuilds. Bytes that were not parsed are
//! never edited and never passed on.

use std::{collections::HashMap, ops::Range, sync::Arc};

use bytes::Bytes;
use ring::digest;

use super::{
    Relay,
    files::Opened,
    outcome::Stop,
    stage::{AdmittedMessage, Scrubbed, ScrubbedMessage},
    talk::{Market, Run, Talk},
    texts,
};
use crate::{
    detect::{Context, Guard, Known, Own, Piece, Said, View, Window, link_stays, placeholder},
    media::{Removed, footer::Footer, html::Document, text},
    model::{
        Attachment, Channel, Content, Fault, File, Finding, Form, Kept, Kind, Message, Part, Profile, Reason, Scope,
        Sentence, Shown, Side, Signal, SignalKind, Unguarded, Verdict,
    },
    policy::{content, rules::MarketRules, voice},
    store::{ConversationRow, WindowRow},
    vault::Place,
};

/// What one reading of a message's texts gave.
#[derive(Default)]
pub(super) struct Read {
    pub(super) findings: Vec<Finding>,
    pub(super) signals: Vec<Signal>,
    window: Option<Window>,
    /// What the words of the text are, so that HTML that says the same is told.
    said: Said,
}

impl Read {
    fn verdict(&self, talk: &Talk) -> Verdict {
        content::decide(&self.findings, &self.signals, talk.from, &talk.rules.content)
    }
}

impl Relay {
    pub(super) async fn scrub(&self, admitted: &AdmittedMessage, row: WindowRow) -> Result<ScrubbedMessage, Stop> {
        let talk = Arc::clone(&admitted.stage().talk);
        let original = shown(admitted.content());
        let mut content = admitted.content().clone();
        let (seq, window) = (row.seq, open_window(&talk, &row)?);
        let (context, plain) = (self.context(&talk), self.unguarding(&talk));
        let seen = (&context, Some(&plain));
        let opened = self.rebuild_files(seen, talk.rules.images, &mut content.attachments).await?;
        let hits = self.look_up(admitted, &opened.looks).await?;
        let told = opened.told.clone().unwrap_or_else(|| (content.attachments.clone(), opened.findings.clone()));
        let mut read = self.cut(&talk, &context, &mut content, window.clone())?;
        opened.join(&opened.findings, &mut read);
        if is_hollow(&content) && !is_hollow_by_itself(&talk, admitted.content()) {
            return Err(self.refuse_hollow(&talk, admitted.content()).await?);
        }
        show_plainly(&mut content);
        let unguarded = self.unguarded(&talk, admitted.content(), told, window, (&read, &opened))?;
        let verdict = read.verdict(&talk).max(opened.verdict);
        let sealed = self.seal_window(&talk, read.window.take().unwrap_or_default())?;
        let Read { findings, signals, .. } = read;
        let stage = Scrubbed { talk, original, findings, signals, verdict, hits, unguarded, window: (seq, sealed) };
        Ok(Message::at(stage, content))
    }

    /// Cuts what is found out of every part, and says what is missing.
    fn cut(&self, talk: &Talk, context: &Context, content: &mut Content, window: Window) -> Result<Read, Stop> {
        let mut read = self.read_texts(talk, context, content, window)?;
        read.findings.extend(self.drop_caught_names(context, &mut content.attachments));
        tell_removed(content, &talk.removed, talk.reader_locale());
        Ok(read)
    }

    /// The same without what is guarded, as a dry run does it, where the guard may have decided: what its sender is told
    /// then. What the next message is read after tells nothing of the guard anyway.
    fn unguarded(
        &self,
        talk: &Talk,
        content: &Content,
        (files, found): (Vec<Attachment>, Vec<Finding>),
        window: Window,
        (read, opened): (&Read, &Opened),
    ) -> Result<Option<Box<Unguarded>>, Stop> {
        let may_be_guard =
            |kind: Kind| matches!(kind, Kind::Address | Kind::Email | Kind::Name | Kind::Payment | Kind::Phone);
        if talk.run == Run::Dry || !read.findings.iter().any(|f| may_be_guard(f.kind)) {
            return Ok(None);
        }
        let mut content = Content { attachments: files, ..content.clone() };
        let mut plain = self.cut(talk, &self.unguarding(talk), &mut content, window)?;
        opened.join(&found, &mut plain);
        if plain.findings == read.findings {
            return Ok(None);
        }
        show_plainly(&mut content);
        let verdict = plain.verdict(talk).max(opened.verdict);
        let (findings, signals) = (Kept::written(&plain.findings), Kept::written_signals(&plain.signals));
        Ok(Some(Box::new(Unguarded { delivered: shown(&content), findings, signals, verdict })))
    }

    /// What its sender wrote could not be opened: told at once, or the words would be lost.
    async fn refuse_hollow(&self, talk: &Talk, content: &Content) -> Result<Stop, Fault> {
        match talk.run {
            Run::Real => self.refuse_early(talk, content, Reason::Unreadable).await,
            Run::Dry => Ok(Reason::Unreadable.into()),
        }
    }

    /// Reads subject, text and HTML, and cuts what was found out of each.
    fn read_texts(&self, talk: &Talk, context: &Context, content: &mut Content, window: Window) -> Result<Read, Stop> {
        let detect = Arc::clone(&self.rules.load().detect);
        let mut read = Read::default();
        let subject = content.subject.take().unwrap_or_default();
        let footer = talk.footer();
        let body = match (content.text.take(), &footer) {
            (Some(text), Some(footer)) => Some(footer.cut(&text)),
            (body, _) => body,
        };
        let pieces = [
            Piece { part: Part::Subject, text: &subject },
            Piece { part: Part::Text(0), text: body.as_deref().unwrap_or_default() },
        ];
        let report = detect.scan(&pieces, context, &window);
        let mut redacted = report.redacted.into_iter();
        content.subject = redacted.next().filter(|s| !s.is_empty());
        content.text = redacted.next().filter(|_| body.is_some());
        read.findings = report.findings;
        read.signals = report.signals;
        if matches!(talk.form, Form::Template(_)) {
            // The house's own words, with a value or two: nobody need look at them.
            read.signals.retain(|signal| !signal.is_guess());
        }
        read.said = report.said;
        read.window = Some(report.window.clone());
        unmask_pose(talk, content, &mut read.signals);
        if let Some(html) = content.html.take() {
            // An unreadable HTML part is dropped when the text says the same; alone it would
            // leave nothing to judge.
            match Document::parse(&html) {
                Ok(mut document) => {
                    footer.iter().for_each(|footer| cut_footer(footer, &mut document));
                    // Alone it is read after the subject; beside a text it says the same again.
                    let window = if body.is_some() { &window } else { &report.window };
                    self.read_html(talk, context, document, content, window, &mut read);
                }
                Err(_) if body.is_some() => {
                    inline_becomes_attached(&mut content.attachments);
                    metrics::counter!("tabir_html_dropped_total").increment(1);
                }
                Err(_) => return Err(Reason::Unreadable.into()),
            }
        }
        Ok(read)
    }

    fn read_html(
        &self,
        talk: &Talk,
        context: &Context,
        mut document: Document,
        content: &mut Content,
        window: &Window,
        read: &mut Read,
    ) {
        let detect = Arc::clone(&self.rules.load().detect);
        let before: Vec<String> = document.links();
        document.keep_links(&|link| link_stays(link, &talk.rules.links.allow));
        let shown = rename_inline(&mut content.attachments, &talk.market.domain);
        document.keep_images(&mut |source| shown.get(source.strip_prefix("cid:").unwrap_or(source)).cloned());
        let kept = document.links();
        let blocks = document.blocks();
        if poses(talk, &blocks) {
            read.signals.push(pose(Part::Html));
        }
        let pieces: Vec<Piece<'_>> =
            blocks.iter().enumerate().map(|(n, text)| Piece { part: Part::Text(n), text }).collect();
        let report = detect.scan_again(&pieces, context, window, read.said);
        let mut cuts: Vec<Option<Vec<(Range<usize>, String)>>> = vec![None; blocks.len()];
        let starts: Vec<usize> = blocks
            .iter()
            .scan(0, |at, block| {
                let start = *at;
                *at += block.chars().count() + 1;
                Some(start)
            })
            .collect();
        for finding in report.findings {
            let Part::Text(block) = finding.part else { continue };
            let mark = placeholder(finding.kind, talk.reader_locale()).to_owned();
            cuts[block].get_or_insert_default().push((finding.start..finding.end, mark));
            let start = starts[block];
            read.findings.push(Finding {
                part: Part::Html,
                start: start + finding.start,
                end: start + finding.end,
                ..finding
            });
        }
        document.rewrite(&cuts);
        // A link behind harmless words was cut too: its sender is told.
        let gone = before.into_iter().filter(|link| !kept.contains(link));
        read.findings.extend(gone.map(|text| Finding::in_text(Part::Html, (0, 0), Kind::Link, text)));
        let told = report.signals.into_iter().filter_map(|signal| {
            // As findings are counted: over all blocks.
            let Part::Text(block) = signal.part else { return None };
            let at = starts[block];
            let moved = |Sentence { start, end, text }| Sentence { start: at + start, end: at + end, text };
            Some(Signal { part: Part::Html, sentence: signal.sentence.map(moved), ..signal })
        });
        Signal::join(&mut read.signals, told);
        if content.text.is_none() {
            content.text = Some(document.to_text());
            read.window = Some(report.window);
        }
        content.html = Some(document.to_html());
    }

    /// The context without what the vault knows: for what authors are told of, whatever they
    /// guess.
    fn unguarding(&self, talk: &Talk) -> Context {
        Context { guard: Guard::default(), ..self.context(talk) }
    }

    pub(super) fn context(&self, talk: &Talk) -> Context {
        let setting = Setting {
            scope: &talk.scope,
            market: &talk.market,
            rules: &talk.rules,
            conversation: &talk.conversation,
            from: talk.from,
            author: Some(&talk.author),
            reader: Some(&talk.reader),
            guarded: talk.run == Run::Real,
        };
        setting.context()
    }

    /// Whether the buyer says in words of their own that nothing more is wanted: history that a
    /// mail quotes below an answer is the other side's.
    pub(super) fn wants_no_more(&self, scrubbed: &Scrubbed) -> bool {
        let says =
            |signals: &[Signal]| signals.iter().any(|signal| signal.kind == SignalKind::Stop && !signal.is_guess());
        let talk = &scrubbed.talk;
        let text = scrubbed.original.text.as_deref().unwrap_or_default();
        if talk.from == Side::Buyer && talk.channel == Channel::Sms && texts::is_stop(text) {
            return true;
        }
        if talk.from != Side::Buyer || !says(&scrubbed.signals) {
            return false;
        }
        let own = text::own_words(text);
        if own.len() == text.len() && !own.is_empty() {
            return true;
        }
        let subject = scrubbed.original.subject.as_deref().unwrap_or_default();
        let subject = if own.trim().is_empty() { subject } else { "" };
        let pieces = [Piece { part: Part::Subject, text: subject }, Piece { part: Part::Text(0), text: &own }];
        // Of HTML alone there are no lines to tell history by.
        let hidden = scrubbed.original.text.is_none();
        hidden || says(&self.rules.load().detect.scan(&pieces, &self.context(talk), &Window::default()).signals)
    }

    /// The detection window as it is now.
    pub(super) async fn window(&self, talk: &Talk) -> Result<WindowRow, Fault> {
        self.store.window(&talk.scope, &talk.conversation.id, talk.from).await
    }

    fn seal_window(&self, talk: &Talk, window: Window) -> Result<Vec<u8>, Fault> {
        let bytes = serde_json::to_vec(&window).map_err(|e| Fault::new("writing a detection window", e))?;
        talk.key.seal(&Place::window(talk.marketplace(), &talk.conversation.id), &bytes)
    }
}

fn open_window(talk: &Talk, row: &WindowRow) -> Result<Window, Fault> {
    if row.sealed.is_empty() {
        return Ok(Window::default());
    }
    let bytes = talk.key.open(&Place::window(talk.marketplace(), &talk.conversation.id), &row.sealed)?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Nobody but support stands under its name: a subject that does is taken out, and a text that begins
/// so is told as posing.
fn unmask_pose(talk: &Talk, content: &mut Content, signals: &mut Vec<Signal>) {
    let mark = folded(&talk.mark());
    if content.subject.as_deref().is_some_and(|subject| voice::wears(&folded(subject), &mark)) {
        content.subject = None;
        signals.push(pose(Part::Subject));
    }
    if content.text.as_deref().is_some_and(|text| voice::speaks_as(&folded(text), &mark)) {
        signals.push(pose(Part::Text(0)));
    }
}

/// The same of what a page shows.
fn poses(talk: &Talk, blocks: &[String]) -> bool {
    let mark = folded(&talk.mark());
    blocks.iter().any(|block| voice::speaks_as(&folded(block), &mark))
}

fn pose(part: Part) -> Signal {
    Signal::of_part(part, SignalKind::PlatformPose, POSE)
}

/// A text as the detectors compare it.
pub(super) fn folded(text: &str) -> String {
    View::of(text).text().to_owned()
}

/// The rule that meets who stands under the name of support.
const POSE: &str = "support_name";

/// History that quotes our own words under a mail loses them: nobody wrote them.
fn cut_footer(footer: &Footer, document: &mut Document) {
    let blocks = document.blocks();
    let places = blocks.iter().map(|block| footer.places(block).into_iter().map(|place| (place, String::new())));
    let cuts: Vec<_> = places.map(|cuts| Some(cuts.collect())).collect();
    document.rewrite(&cuts);
    // Readers' programs make links of what looks like one.
    document.keep_links(&|link| !footer.is_report(link));
}

/// Without its HTML a picture has no place in the text: it is an ordinary file then.
fn inline_becomes_attached(files: &mut [Attachment]) {
    for file in files {
        file.inline = None;
    }
}

/// Pictures in the text get content ids of ours; the sender's would name its program and host.
fn rename_inline(files: &mut [Attachment], domain: &str) -> HashMap<String, String> {
    let mut renamed = HashMap::new();
    for (n, file) in files.iter_mut().enumerate() {
        let Some(own) = file.inline.take() else { continue };
        if !file.action.removed() {
            let ours = format!("picture-{}@{domain}", n + 1);
            file.inline = Some(ours.clone());
            renamed.insert(own, ours);
        }
    }
    renamed
}

/// Between whom and in what a text is read. Who was erased is not there.
pub(super) struct Setting<'a> {
    pub(super) scope: &'a Scope,
    pub(super) market: &'a Market,
    pub(super) rules: &'a MarketRules,
    pub(super) conversation: &'a ConversationRow,
    pub(super) from: Side,
    pub(super) author: Option<&'a Profile>,
    pub(super) reader: Option<&'a Profile>,
    /// Whether what the vault knows of the two is looked for.
    pub(super) guarded: bool,
}

impl Setting<'_> {
    /// What the detectors are told.
    pub(super) fn context(&self) -> Context {
        let of =
            |profile: Option<&Profile>, field: fn(&Profile) -> &Option<String>| profile.and_then(|p| field(p).clone());
        Context {
            lang: of(self.author, |p| &p.locale).or_else(|| self.rules.locale.clone()),
            reader: of(self.reader, |p| &p.locale).or_else(|| self.rules.locale.clone()),
            region: of(self.author, |p| &p.region).or_else(|| self.rules.region.clone()),
            sender: self.from,
            known: Known {
                orders: self.conversation.order.iter().map(ToString::to_string).collect(),
                tracking: self.tracking(),
                links: self.rules.links.allow.clone(),
                ..Known::default()
            },
            guard: self.guard(),
            own: Own { domains: vec![self.market.domain.clone()], ..Own::default() },
        }
    }

    fn tracking(&self) -> Vec<String> {
        let row = self.conversation;
        if row.tracking.is_empty() {
            return Vec::new();
        }
        let place = Place::tracking(self.scope.marketplace(), &row.id);
        let opened = self.market.key.open(&place, &row.tracking).ok();
        opened.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn guard(&self) -> Guard {
        guarding([self.author, self.reader].into_iter().flatten().filter(|_| self.guarded))
    }
}

/// What must not get through of these people.
pub(super) fn guarding<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> Guard {
    let mut guard = Guard::default();
    for profile in profiles {
        guard.names.extend(profile.names.iter().cloned());
        guard.emails.extend(profile.emails.iter().cloned());
        guard.phones.extend(profile.phones.iter().cloned());
        guard.accounts.extend(profile.accounts.iter().cloned());
        guard.streets.extend(profile.addresses.iter().flat_map(|address| address.lines.iter().cloned()));
    }
    guard
}

/// Nothing for a person to read or see, the subject apart.
fn is_hollow(content: &Content) -> bool {
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    blank(&content.text) && content.attachments.iter().all(|f| f.action.removed())
}

/// Whether it came so: a subject alone is a message too.
fn is_hollow_by_itself(talk: &Talk, content: &Content) -> bool {
    is_hollow(content) && content.html.is_none() && talk.removed.is_empty()
}

/// What turns the order of letters around would show another number than the one that was
/// judged, and control characters have no place in a message.
fn show_plainly(content: &mut Content) {
    for text in [&mut content.subject, &mut content.text, &mut content.html].into_iter().flatten() {
        // Most texts are plain ASCII: told apart without reading characters.
        let plain = text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        if !plain && text.chars().any(is_unseen) {
            text.retain(|c| !is_unseen(c));
        }
    }
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Whoever reads is told what is missing.
fn tell_removed(content: &mut Content, removed: &[Removed], locale: Option<&str>) {
    let language = locale.unwrap_or("en");
    let parts = removed.iter().filter(|r| r.is_loss()).map(|r| text::notice(*r, language).to_owned());
    let files = content.attachments.iter().filter_map(|file| {
        let notice = text::notice(Removed::of(file)?, language);
        Some(format!("[{}: {}", file.filename, notice.trim_start_matches('[')))
    });
    let lines: Vec<String> = parts.chain(files).collect();
    if lines.is_empty() {
        return;
    }
    let body = content.text.get_or_insert_default();
    if !body.is_empty() {
        body.push_str("\n\n");
    }
    body.push_str(&lines.join("\n"));
    if let Some(html) = &mut content.html {
        lines.iter().for_each(|line| html.push_str(&format!("<p>{}</p>", escape(line))));
    }
    for file in content.attachments.iter_mut().filter(|f| f.action.removed()) {
        file.bytes = Bytes::new();
    }
}

/// A text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A content described, for evidence and for the API.
pub(super) fn shown(content: &Content) -> Shown {
    Shown {
        subject: content.subject.clone(),
        text: content.text.clone(),
        html: content.html.clone(),
        files: content.attachments.iter().map(describe).collect(),
    }
}

pub(super) fn describe(file: &Attachment) -> File {
    File {
        filename: file.filename.clone(),
        media_type: file.media_type.clone(),
        bytes: file.bytes.len() as u64,
        sha256: data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, &file.bytes).as_ref()),
        action: file.action,
    }
}
