//! rewrite: the sender becomes a handle, headers come from a whitelist, thread ids are mapped.

use ring::digest;

use super::{
    Relay,
    outcome::Stop,
    scrub::escape,
    stage::{Judged, JudgedMessage, Rewritten, RewrittenMessage},
    talk::Talk,
    upstream,
};
use crate::{
    media::mail,
    model::{Channel, Content, EntryKind, EventId, Fault, Handle, HandleState, Message, Side, ThreadIds, Verdict},
    store::{HandleKind, NewDelivery, NewEntry, NewHandle, Rotation, ThreadRow},
    vault::Place,
};

impl Relay {
    pub(super) async fn rewrite(&self, judged: JudgedMessage) -> Result<RewrittenMessage, Stop> {
        let (content, Judged { scrubbed }) = judged.into_parts();
        let talk = std::sync::Arc::clone(&scrubbed.talk);
        let id = EventId::draw(talk.at, self.vault.luck())?;
        let ways = talk.ways();
        let mut deliveries = Vec::new();
        let mut threads = Vec::new();
        if ways.contains(&Channel::Mail) && !talk.reader.emails.is_empty() && scrubbed.verdict != Verdict::Refuse {
            let handle = self.active_handle(&talk).await?;
            let ours = self.mint_message_id(&talk)?;
            threads = self.remember_thread(&talk, &content.thread, &ours)?;
            let built = self.build(&talk, &content, handle, &ours).await?;
            let delivery = EventId::draw(talk.at, self.vault.luck())?;
            let body = talk.key.seal(&Place::delivery(talk.marketplace(), &delivery), &built)?;
            deliveries.push(NewDelivery { id: delivery, to: talk.from.other(), channel: Channel::Mail, body });
        }
        if ways.contains(&Channel::Sms)
            && scrubbed.verdict != Verdict::Refuse
            && let Some(text) = self.as_text(&talk, &content)?
        {
            let delivery = EventId::draw(talk.at, self.vault.luck())?;
            let body = talk.key.seal(&Place::delivery(talk.marketplace(), &delivery), text.as_bytes())?;
            deliveries.push(NewDelivery { id: delivery, to: talk.from.other(), channel: Channel::Sms, body });
        }
        if talk.channel == Channel::Proxy {
            deliveries.push(upstream::delivery(id, talk.from.other()));
        }
        let files = content.attachments.iter().filter(|f| !f.action.removed()).cloned().collect();
        Ok(Message::at(Rewritten { scrubbed, id, deliveries, threads, files }, content))
    }

    /// The mail as the other side gets it, without its To, which is opened at the last moment.
    async fn build(&self, talk: &Talk, content: &Content, handle: Handle, ours: &str) -> Result<Vec<u8>, Fault> {
        let in_reply_to = self.map_thread(talk, &content.thread.in_reply_to).await?;
        let references = self.map_thread(talk, &content.thread.references).await?;
        let from = format!("{handle}@{}", talk.market.domain);
        let files: Vec<_> = content.attachments.iter().filter(|f| !f.action.removed()).cloned().collect();
        let (text, html) = with_footer(talk, content);
        let mut seed = [0; 16];
        self.vault.luck().fill(&mut seed)?;
        Ok(mail::build(
            &mail::Outgoing {
                from_name: &talk.author.display_name,
                from: &from,
                id: ours,
                in_reply_to: &in_reply_to,
                references: &references,
                date: content.date.filter(|d| *d <= talk.at).unwrap_or(talk.at),
                subject: content.subject.as_deref().unwrap_or_default(),
                text: &text,
                html: html.as_deref(),
                attachments: &files,
                automatic: content.automatic,
            },
            &seed,
        ))
    }

    /// The handle that the sender writes under. One that grew old is replaced now.
    async fn active_handle(&self, talk: &Talk) -> Result<Handle, Fault> {
        if let Some(row) = &talk.handle
            && self.handle_state(&talk.scope, row) == HandleState::Active
        {
            return self.vault.read_handle(&talk.market.key, talk.marketplace(), &row.hash, &row.sealed);
        }
        if let Some(handle) = self.rotate_by_time(talk).await? {
            return Ok(handle);
        }
        let scene = self.store.scene(&talk.scope, &talk.conversation.id, talk.from, talk.at).await?;
        let row = scene.and_then(|scene| scene.handle).ok_or_else(|| Fault::plain("looking for a side's handle"))?;
        self.vault.read_handle(&talk.market.key, talk.marketplace(), &row.hash, &row.sealed)
    }

    /// The new handle; `None` when another message has already rotated.
    async fn rotate_by_time(&self, talk: &Talk) -> Result<Option<Handle>, Fault> {
        let (handle, sealed) = self.vault.mint(&talk.market.key, talk.marketplace())?;
        let new =
            NewHandle { hash: handle.hash(), stands_for: talk.from, kind: HandleKind::Mail, sealed, created: talk.at };
        let rotation = Rotation {
            conversation: talk.conversation.id.clone(),
            of: talk.from,
            handles: vec![new],
            at: talk.at,
            unless_newer_than: Some(talk.at.minus(talk.rules.handles.rotate)),
            entry: NewEntry {
                at: talk.at,
                kind: EntryKind::HandleRotated,
                by: None,
                message: None,
                facts: format!("of={} cause=time", talk.from.as_str()),
                private: None,
            },
        };
        Ok(self.store.rotate(&talk.scope, rotation).await?.then_some(handle))
    }

    /// A fresh Message-ID: nothing of the sender's, nothing of the conversation's.
    fn mint_message_id(&self, talk: &Talk) -> Result<String, Fault> {
        Ok(format!("{}@{}", Handle::draw(self.vault.luck())?, talk.market.domain))
    }

    /// Two rows: our id leads back to the sender's own, and the sender's own to ours.
    fn remember_thread(&self, talk: &Talk, thread: &ThreadIds, ours: &str) -> Result<Vec<ThreadRow>, Fault> {
        let Some(own) = &thread.id else { return Ok(Vec::new()) };
        let row = |looked_up: &str, of: Side, put: &str| -> Result<ThreadRow, Fault> {
            let hash = thread_hash(of, looked_up);
            let sealed = talk.market.key.seal(&Place::thread(talk.marketplace(), &hash), put.as_bytes())?;
            Ok(ThreadRow { hash, sealed })
        };
        Ok(vec![row(ours, talk.from.other(), own)?, row(own, talk.from, ours)?])
    }

    /// The ids of a thread as the reader knows them; what nobody here knows is dropped.
    async fn map_thread(&self, talk: &Talk, ids: &[String]) -> Result<Vec<String>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // A client that never trims its References must not make us look up thousands.
        let newest = &ids[ids.len().saturating_sub(50)..];
        let hashes: Vec<[u8; 16]> = newest.iter().map(|id| thread_hash(talk.from, id)).collect();
        let rows = self.store.threads(&talk.scope, &talk.conversation.id, &hashes).await?;
        let open = |row: ThreadRow| {
            let bytes = talk.market.key.open(&Place::thread(talk.marketplace(), &row.hash), &row.sealed).ok()?;
            String::from_utf8(bytes).ok()
        };
        Ok(rows.into_iter().flatten().filter_map(open).collect())
    }
}

/// Both forms with the words that stand under mails here, behind the line that programs take a
/// signature by, so that most leave it out of an answer.
fn with_footer(talk: &Talk, content: &Content) -> (String, Option<String>) {
    let (mut text, mut html) = (content.text.clone().unwrap_or_default(), content.html.clone());
    if let Some(footer) = talk.footer() {
        let words = footer.words(talk.reader_locale());
        text = format!("{}\n\n-- \n{words}\n", text.trim_end());
        html = html.map(|html| format!("{html}<p>-- <br>{}</p>", escape(&words)));
    }
    (text, html)
}

/// Ids are looked up as the writing side spells them: what one side invents can not meet the
/// other's.
pub(super) fn thread_hash(writer: Side, id: &str) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(writer.as_str().as_bytes());
    context.update(b"\n");
    context.update(id.as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&context.finish().as_ref()[..16]);
    hash
}

impl Rewritten {
    pub(super) fn talk(&self) -> &Talk {
        &self.scrubbed.talk
    }
}
