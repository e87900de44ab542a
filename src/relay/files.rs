//! The files of a message: made afresh in a worker, with what leads away from the platform covered.

use std::{mem, sync::Arc};

use bytes::Bytes;

use super::{
    Relay,
    document::{self, Judged, study},
    picture::clean_picture,
    scrub::Read,
};
use crate::{
    detect::{Context, Piece, Window},
    media::{
        Unreadable, attachment,
        code::{Code, Linear},
        pdf::{Glance, Orders},
        words::{Budget, Words},
    },
    model::{Attachment, AttachmentAction, Fault, Finding, Part, Signal, Verdict},
    policy::pictures::ImageRules,
    sandbox::Rebuilt,
};

/// What was found in files.
#[derive(Debug)]
pub struct Opened {
    /// What was covered, and names that gave way.
    pub findings: Vec<Finding>,
    /// What words in pictures are up to.
    pub signals: Vec<Signal>,
    /// The least that is said of the message: a picture may have to be looked at by a person.
    pub verdict: Verdict,
    /// The files and findings as their author is told of them, where that is not the same.
    pub(super) told: Option<(Vec<Attachment>, Vec<Finding>)>,
    /// What its pictures look like.
    pub(super) looks: Vec<Looks>,
    /// What is left for reading the pixels of its PDF files.
    left: Budget,
}

/// What a picture looks like.
#[derive(Debug)]
pub(super) struct Looks {
    /// Which file of the message it is.
    pub(super) file: usize,
    /// Each frame in all ways it can be laid.
    pub(super) looks: Vec<u64>,
}

impl Default for Opened {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            signals: Vec::new(),
            verdict: Verdict::Deliver,
            told: None,
            looks: Vec::new(),
            left: Budget::PAGES,
        }
    }
}

impl Opened {
    /// Joins these findings, and what the words in pictures are up to, with what was read in texts.
    pub(super) fn join(&self, findings: &[Finding], read: &mut Read) {
        read.findings.extend_from_slice(findings);
        read.signals.extend_from_slice(&self.signals);
    }
}

/// A file made afresh, and what was covered in it.
type Made = Result<(Rebuilt, Vec<Finding>), Unreadable>;

impl Relay {
    /// Files are decoded and encoded afresh in a worker, codes and words that lead away covered, of
    /// a PDF the links too; nothing else of theirs survives.
    ///
    /// `told` is what their author is told by, if that is another context: then a PDF is drawn for
    /// both, whatever is found, so that the time it takes says nothing of what the vault knows.
    pub(super) async fn rebuild_files(
        &self,
        (context, told): (&Context, Option<&Context>),
        images: ImageRules,
        files: &mut [Attachment],
    ) -> Result<Opened, Fault> {
        let mut opened = Opened::default();
        for n in 0..files.len() {
            if files[n].action != AttachmentAction::Pending {
                continue;
            }
            let (part, bytes) = (Part::Attachment(n), mem::take(&mut files[n].bytes));
            files[n].action = AttachmentAction::RemovedUnreadable;
            let (made, other) = match files[n].media_type.as_str() {
                "application/pdf" => self.redraw((context, told), images, (part, bytes), &mut opened).await?,
                kind if kind.starts_with("image/") => {
                    (self.clean_picture(told.unwrap_or(context), images, (n, bytes), &mut opened).await?, None)
                }
                _ => (Err(Unreadable::Malformed), None),
            };
            if other.is_some() && opened.told.is_none() {
                opened.told = Some((files.to_vec(), opened.findings.clone()));
            }
            if let Some((told, findings)) = &mut opened.told {
                told[n] = files[n].clone();
                let other = other.unwrap_or_else(|| made.clone());
                findings.extend(settle(&mut told[n], other));
            }
            opened.findings.extend(settle(&mut files[n], made));
        }
        Ok(opened)
    }

    /// A file name is text too: one that carries a contact gives way to a plain one.
    pub(super) fn drop_caught_names(&self, context: &Context, files: &mut [Attachment]) -> Vec<Finding> {
        let detect = Arc::clone(&self.rules.load().detect);
        let mut caught = Vec::new();
        for (n, file) in files.iter_mut().enumerate() {
            let stem = file.filename.rsplit_once('.').map_or(file.filename.as_str(), |(stem, _)| stem);
            let spaced = stem.replace(['_', '-'], " ");
            let piece = [Piece { part: Part::Attachment(n), text: &spaced }];
            let found = detect.scan(&piece, context, &Window::default()).findings;
            if !found.is_empty() {
                caught.extend(found);
                file.filename = format!("file-{}", n + 1);
            }
            // A camera's name for a picture says nothing to the reader, and a person's may say who.
            if file.media_type.starts_with("image/") {
                file.filename = format!("picture-{}", n + 1);
            }
            file.filename = attachment::clean_filename(&file.filename, n, &file.media_type);
        }
        caught
    }

    /// A picture, with codes and words in it covered.
    async fn clean_picture(
        &self,
        context: &Context,
        images: ImageRules,
        (n, picture): (usize, Bytes),
        opened: &mut Opened,
    ) -> Result<Made, Fault> {
        let detect = Arc::clone(&self.rules.load().detect);
        let words = if images.reads(context.sender) { Words::Read } else { Words::Leave };
        let cleaned = clean_picture(&self.sandbox, (&detect, context), Part::Attachment(n), (picture, words)).await?;
        let mut picture = match cleaned {
            Ok(picture) => picture,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        opened.verdict = opened.verdict.max(images.verdict(context.sender, picture.read()));
        if words == Words::Read && !picture.read() {
            metrics::counter!("tabir_pictures_unread_total").increment(1);
        }
        opened.looks.push(Looks { file: n, looks: mem::take(&mut picture.file.looks) });
        opened.signals.extend(picture.signals);
        Ok(Ok((picture.file, picture.findings)))
    }

    /// A PDF, drawn for its reader, and where `told` is given as its author is told of it, if that
    /// is not the same.
    ///
    /// What is read more than once is read by what its author is told by, so that the time it takes
    /// says nothing of what the vault knows.
    async fn redraw(
        &self,
        (context, told): (&Context, Option<&Context>),
        images: ImageRules,
        (part, file): (Part, Bytes),
        opened: &mut Opened,
    ) -> Result<(Made, Option<Made>), Fault> {
        let detect = Arc::clone(&self.rules.load().detect);
        let plain = told.unwrap_or(context);
        let words = if images.reads(context.sender) { Words::Read } else { Words::Leave };
        let glance = Glance { words, budget: opened.left };
        let (contents, judged) = match study(&self.sandbox, (&detect, plain), part, (file.clone(), glance)).await? {
            Ok(studied) => studied,
            Err(unreadable) => return Ok((Err(unreadable), None)),
        };
        opened.left = contents.left.unwrap_or(opened.left);
        opened.signals.extend_from_slice(&judged.signals);
        if !contents.is_read() {
            opened.verdict = opened.verdict.max(images.verdict(context.sender, false));
            if words == Words::Read {
                metrics::counter!("tabir_pictures_unread_total").increment(1);
            }
        }
        if told.is_none() {
            return Ok((self.draw(plain, judged, &file, part).await?, None));
        }
        let mut guarded = document::judge(&detect, context, &contents, part);
        guarded.add(judged.clone());
        let made = self.draw(plain, guarded, &file, part).await?;
        let other = self.draw(plain, judged, &file, part).await?;
        let same = other == made;
        Ok((made, (!same).then_some(other)))
    }

    async fn draw(&self, plain: &Context, judged: Judged, file: &Bytes, part: Part) -> Result<Made, Fault> {
        let Judged { mut findings, orders, .. } = judged;
        let draw = async |linear, orders: &Orders| self.sandbox.draw_pdf(file.clone(), linear, orders).await;
        let mut drawn = draw(Linear::Tell, &orders).await?;
        let mut linear = Linear::Tell;
        if drawn.as_ref().is_ok_and(|drawn| self.leads_away(plain, &drawn.codes)) {
            linear = Linear::Cover;
            drawn = draw(linear, &orders).await?;
        }
        Ok(drawn.map(|drawn| {
            let (drawn, codes) = with_codes(drawn, linear, part);
            findings.extend(codes);
            (drawn, findings)
        }))
    }

    /// Whether a linear code says something that leads off the platform.
    fn leads_away(&self, context: &Context, codes: &[Code]) -> bool {
        let detect = Arc::clone(&self.rules.load().detect);
        codes.iter().filter(|code| code.linear).any(|code| {
            let piece = [Piece { part: Part::Text(0), text: &code.text }];
            !detect.scan(&piece, context, &Window::default()).findings.is_empty()
        })
    }
}

/// The codes that were covered, as findings.
fn with_codes(mut rebuilt: Rebuilt, linear: Linear, part: Part) -> (Rebuilt, Vec<Finding>) {
    let codes = mem::take(&mut rebuilt.codes).into_iter();
    let covered = codes.filter(|code| !code.linear || linear == Linear::Cover);
    let findings = covered.map(|code| code.finding(part)).collect();
    (rebuilt, findings)
}

/// What was made takes the place of what came; what could not be made stays away.
fn settle(file: &mut Attachment, made: Made) -> Vec<Finding> {
    let Ok((rebuilt, findings)) = made else { return Vec::new() };
    file.bytes = rebuilt.bytes;
    rebuilt.media_type.clone_into(&mut file.media_type);
    file.action = if findings.is_empty() { AttachmentAction::Rebuilt } else { AttachmentAction::Redacted };
    findings
}
