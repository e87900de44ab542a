//! Short messages: which number of the pool stands between two people, who texts it, and the way of a text out.
//!
//! A number is shared by many, so that what tells a conversation is the number together with who texts it: nobody ever
//! has two conversations on one number.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ring::digest;

use super::{Handover, Inbound, LastLook, Relay, claim::never, outcome::Stop, talk::Talk, wording};
use crate::{
    media::sms,
    model::{
        Channel, Contact, Content, ConversationId, Duration, EventId, Fault, MessageState, Outcome, Purpose, Scope,
        Secret, Side,
    },
    policy::numbers::Pool,
    store::{Assign, Assigned, Delivery, Idempotency, Texting as AssignedTo},
    vault::Place,
};

/// A short message ready to leave, its real recipient opened at the last moment.
pub struct Text {
    /// Of the pool.
    pub from: String,
    /// The real number.
    pub to: Secret<String>,
    /// What it says.
    pub body: String,
    /// The delivery: by it a provider's report is known again.
    pub delivery: EventId,
}

/// The way out for short messages.
pub trait Texting: Send + Sync {
    /// Hands one over.
    fn text<'a>(
        &'a self,
        text: &'a Text,
        last_look: LastLook<'a>,
    ) -> Pin<Box<dyn Future<Output = Handover> + Send + 'a>>;
}

/// How texts go.
pub struct Phones {
    /// The numbers between people.
    pub pool: Pool,
    /// In how many parts a text may go at most.
    pub segments: usize,
    /// The way out.
    pub texting: Arc<dyn Texting>,
}

/// A side that texts.
#[derive(Clone, Debug)]
pub struct Texter {
    /// Whose conversation.
    pub scope: Scope,
    /// Which one.
    pub conversation: ConversationId,
    /// Who texts.
    pub side: Side,
}

/// What becomes of a call.
pub enum Rung {
    /// It goes on.
    Through {
        /// The real number.
        to: Secret<String>,
        /// Of the pool: what is shown there.
        from: String,
        /// In which language whoever is rung reads.
        locale: Option<String>,
    },
    /// It may not be made, or there is nobody to ring.
    No,
    /// We failed.
    Failed(Fault),
}

/// Why a side can not be texted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untexted {
    /// Its party has no phone.
    NoPhone,
    /// No number serves its phone, or it has a conversation on each.
    NoNumber,
}

impl Relay {
    /// Lets people text.
    #[must_use]
    pub fn with_phones(self, phones: Phones) -> Self {
        Self { phones: Some(phones), ..self }
    }

    /// Gives each side that wants texts a number, and tells who can not be texted.
    ///
    /// # Errors
    /// By a fault.
    pub async fn assign_numbers(&self, scope: &Scope, id: &ConversationId) -> Result<Vec<(Side, Untexted)>, Fault> {
        if self.phones.is_none() {
            // Another process texts: it gives a number when the first text goes out.
            return Ok(Vec::new());
        }
        let Some(scene) = self.store.scene(scope, id, Side::Buyer, self.clock.now()).await? else {
            return Ok(Vec::new());
        };
        let row = scene.conversation;
        let wanted =
            [(Side::Buyer, &row.deliver.buyer, &scene.buyer), (Side::Seller, &row.deliver.seller, &scene.seller)];
        let mut lacking = Vec::new();
        for (side, ways, sealed) in wanted {
            let Some(sealed) = sealed.as_ref().filter(|_| wants_texts(ways.as_deref())) else { continue };
            let profile = self.opened(scope, &row, side, sealed)?;
            match profile.phones.first() {
                // Another way to it does.
                None if ways.as_ref().is_some_and(|ways| ways.iter().any(|way| *way != Channel::Sms)) => {}
                None => lacking.push((side, Untexted::NoPhone)),
                Some(phone) if self.number_for(scope, id, side, phone).await?.is_none() => {
                    lacking.push((side, Untexted::NoNumber));
                }
                Some(_) => {}
            }
        }
        Ok(lacking)
    }

    /// The number that a side texts in a conversation; `None`: there is none for its phone.
    async fn number_for(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        side: Side,
        phone: &str,
    ) -> Result<Option<String>, Fault> {
        let (Some(phones), Ok(contact)) = (&self.phones, Contact::phone(phone)) else { return Ok(None) };
        let serving = phones.pool.serving(scope.marketplace(), contact.value.reveal());
        let size = serving.len();
        let mut numbers: Vec<_> =
            serving.into_iter().map(|number| (number.to_owned(), self.vault.caller_tags(number, &contact))).collect();
        numbers.sort_by_cached_key(|(_, tags)| {
            tags.first().map(|active| phones.pool.rank(&active.tag, conversation.as_str()))
        });
        let at = self.clock.now();
        // Nearly always it has one already.
        let rows = self.store.numbers(scope, conversation).await?;
        let own = rows.into_iter().find(|row| row.side == side && row.used.plus(Duration::days(1)) > at);
        if let Some(row) = own
            && numbers.iter().any(|(number, tags)| *number == row.number && tags.iter().any(|t| t.tag == row.tag))
        {
            return Ok(Some(row.number));
        }
        let over = at.minus(phones.pool.release);
        let new = Assign { conversation: conversation.clone(), side, numbers, at, over };
        match self.store.assign_number(scope, new).await? {
            Assigned::Number(number, taken) => {
                foretell(taken, size);
                Ok(Some(number))
            }
            Assigned::Exhausted => {
                metrics::counter!("tabir_sms_pool_exhausted_total").increment(1);
                tracing::error!(
                    marketplace = %scope.marketplace(), %conversation, side = side.as_str(), numbers = size,
                    "no number of the pool is free for a phone: add one that serves its country ([[sms.numbers]])"
                );
                Ok(None)
            }
            Assigned::NotThere => Ok(None),
        }
    }

    /// Who texts a number of the pool; `None`: a stranger to it, counted. That the phone is still theirs is looked at.
    ///
    /// # Errors
    /// By a fault.
    pub async fn texter(&self, number: &str, phone: &str) -> Result<Option<Texter>, Fault> {
        let found = match Contact::phone(phone) {
            Ok(contact) => self.texter_of(number, &contact).await?,
            Err(_) => None,
        };
        if found.is_none() {
            metrics::counter!("tabir_sms_strangers_total").increment(1);
        }
        Ok(found)
    }

    async fn texter_of(&self, number: &str, contact: &Contact) -> Result<Option<Texter>, Fault> {
        if self.phones.as_ref().is_some_and(|phones| phones.pool.has(contact.value.reveal())) {
            // Our own number: what it brings would go round for ever.
            return Ok(None);
        }
        let tags = self.vault.caller_tags(number, contact);
        let Some(AssignedTo { scope, conversation, number }) = self.store.texting(&tags).await? else {
            return Ok(None);
        };
        let own = self.vault.tags(scope.marketplace(), contact);
        if self.store.speaks(&scope, &conversation, number.side, &own).await?.is_none() {
            return Ok(None);
        }
        let at = self.clock.now();
        if number.used.plus(Duration::days(1)) <= at {
            // Who only writes keeps the number too.
            self.store.texted(number.tag, at).await?;
        }
        Ok(Some(Texter { scope, conversation, side: number.side }))
    }

    /// In which language one of the two reads: as their party says, else their marketplace.
    ///
    /// # Errors
    /// By a fault.
    pub async fn locale_of(&self, texter: &Texter, side: Side) -> Result<Option<String>, Fault> {
        let (scope, id) = (&texter.scope, &texter.conversation);
        let rules = self.rules.load().book.of(scope.marketplace());
        let Some(scene) = self.store.scene(scope, id, texter.side, self.clock.now()).await? else {
            return Ok(rules.locale.clone());
        };
        let sealed = if side == Side::Buyer { scene.buyer } else { scene.seller };
        let own = match sealed.filter(|_| scene.conversation.key(side).is_some()) {
            Some(sealed) => self.opened(scope, &scene.conversation, side, &sealed)?.locale.clone(),
            None => None,
        };
        Ok(own.or_else(|| rules.locale.clone()))
    }

    /// A text on its way in. `id` is the provider's: the same one again has no second effect.
    pub async fn pass_text(&self, texter: &Texter, proof: &str, id: &str, text: String) -> Outcome {
        self.pass(self.come_in(texter, Channel::Sms, (proof, id), text)).await
    }

    fn come_in(&self, texter: &Texter, channel: Channel, (proof, id): (&str, &str), text: String) -> Inbound {
        let at = self.clock.now();
        let hash = |parts: &[&str]| {
            let mut context = digest::Context::new(&digest::SHA256);
            parts.iter().for_each(|part| context.update(format!("{}\n{part}", part.len()).as_bytes()));
            let mut hash = [0; 32];
            hash.copy_from_slice(context.finish().as_ref());
            hash
        };
        let key =
            hash(&[channel.as_str(), texter.scope.marketplace().as_str(), texter.conversation.as_str(), proof, id]);
        let idempotency = Idempotency { key, body: hash(&[&text]), expires: at.plus(Duration::days(7)) };
        Inbound {
            scope: texter.scope.clone(),
            conversation: texter.conversation.clone(),
            from: texter.side,
            agent: None,
            channel,
            purpose: Purpose::Other,
            template: None,
            proof: proof.to_owned(),
            content: Content { text: Some(text), ..Content::default() },
            removed: Vec::new(),
            named: Vec::new(),
            idempotency: Some(idempotency),
        }
    }

    /// A call on its way in: whom to ring, and under which number, once it was judged and recorded like every message.
    /// `id` is the provider's.
    pub async fn ring(&self, caller: &Texter, proof: &str, id: &str) -> Rung {
        let callee = match self.callee(caller).await {
            Ok(Some(callee)) => callee,
            Ok(None) => return Rung::No,
            Err(fault) => return Rung::Failed(fault),
        };
        let call = self.come_in(caller, Channel::Voice, (proof, id), CALL.to_owned());
        match self.pass(call).await {
            // The same call again may come when the gate has closed since: who is meant calls anew.
            Outcome::Accepted(call) if call.state == MessageState::Delivered && !call.repeated => {
                match self.locale_of(caller, caller.side.other()).await {
                    Ok(locale) => Rung::Through { to: callee.0, from: callee.1, locale },
                    Err(fault) => Rung::Failed(fault),
                }
            }
            Outcome::Accepted(_) | Outcome::Refused(_) => Rung::No,
            Outcome::Failed(fault) => Rung::Failed(fault),
        }
    }

    /// The phone of the other side, and the number that it knows the caller by.
    async fn callee(&self, caller: &Texter) -> Result<Option<(Secret<String>, String)>, Fault> {
        let (scope, id, side) = (&caller.scope, &caller.conversation, caller.side.other());
        let Some(scene) = self.store.scene(scope, id, caller.side, self.clock.now()).await? else { return Ok(None) };
        let deliver = &scene.conversation.deliver;
        let ways = if side == Side::Buyer { &deliver.buyer } else { &deliver.seller };
        if !wants_texts(ways.as_deref()) {
            // Who did not ask for the phone is not rung.
            return Ok(None);
        }
        let sealed = if side == Side::Buyer { scene.buyer } else { scene.seller };
        let Some(sealed) = sealed.filter(|_| scene.conversation.key(side).is_some()) else { return Ok(None) };
        let Some(phone) = self.opened(scope, &scene.conversation, side, &sealed)?.phones.first().cloned() else {
            return Ok(None);
        };
        let number = self.number_for(scope, id, side, &phone).await?;
        Ok(number.map(|number| (Secret::new(phone), number)))
    }

    /// A message as a text shows it; `None`: its reader is not texted.
    pub(super) fn as_text(&self, talk: &Talk, content: &Content) -> Result<Option<String>, Stop> {
        let Some(phones) = self.phones.as_ref().filter(|_| !talk.reader.phones.is_empty()) else { return Ok(None) };
        let language = wording::language(talk.reader_locale());
        let more = pick(language, MORE).replace("{market}", talk.known_as());
        let files = content.attachments.iter().filter(|file| !file.action.removed()).count();
        // Some write into the subject alone.
        let words = [&content.text, &content.subject].map(|part| part.as_deref().unwrap_or_default().trim());
        let text = words.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let whole = if files == 0 { text.to_owned() } else { format!("{text}\n{more}").trim().to_owned() };
        Ok(Some(sms::fitted(&whole, phones.segments, &more)))
    }

    /// As for mail: the person is opened now, and looked at a last time before the provider has the text.
    pub(super) async fn hand_over_text(&self, delivery: &Delivery, born: Option<&Talk>) -> Result<Handover, Fault> {
        let Some(phones) = &self.phones else { return Ok(Handover::NotNow { code: "no_provider".to_owned() }) };
        let boarded = match born {
            Some(talk) => talk.reader.phones.first().cloned().map(|phone| (phone, Arc::clone(&talk.key))),
            None => match self.board_text(delivery).await? {
                Ok(boarded) => Some(boarded),
                Err(handover) => return Ok(handover),
            },
        };
        let Some((phone, key)) = boarded else { return Ok(never("no_phone")) };
        let Some(from) = self.number_for(&delivery.scope, &delivery.conversation, delivery.to, &phone).await? else {
            return Ok(Handover::NotNow { code: "no_number".to_owned() });
        };
        let body = key.open(&Place::delivery(delivery.scope.marketplace(), &delivery.id), &delivery.body)?;
        let body = String::from_utf8(body).map_err(|e| Fault::new("reading a text", e))?;
        let text = Text { from, to: Secret::new(phone), body, delivery: delivery.id };
        let blind = AtomicBool::new(false);
        let last_look = self.last_look(delivery, &blind);
        Ok(match phones.texting.text(&text, last_look).await {
            Handover::CalledOff if blind.load(Ordering::Relaxed) => Handover::NotNow { code: "fault".to_owned() },
            handover => handover,
        })
    }

    async fn board_text(
        &self,
        delivery: &Delivery,
    ) -> Result<Result<(String, Arc<crate::vault::DataKey>), Handover>, Fault> {
        let Some(boarding) = self.store.boarding(delivery).await? else { return Ok(Err(Handover::CalledOff)) };
        let Some(reader) = boarding.reader else { return Ok(Err(never("erased"))) };
        let reader = self.opened(&delivery.scope, &boarding.conversation, delivery.to, &reader)?;
        let Some(phone) = reader.phones.first().cloned() else { return Ok(Err(never("no_phone"))) };
        match self.side_key(&delivery.scope, &boarding.conversation, delivery.to.other())? {
            Some(key) => Ok(Ok((phone, key))),
            None => Ok(Err(never("erased"))),
        }
    }
}

/// Whether a text says by itself that no more are wanted, in the words that networks know for it.
pub(super) fn is_stop(text: &str) -> bool {
    let bare = text.trim().trim_end_matches(['.', '!']);
    STOPS.iter().any(|stop| stop.eq_ignore_ascii_case(bare))
}

/// A pool that is nearly used up is told before it is.
fn foretell(taken: usize, size: usize) {
    metrics::histogram!("tabir_sms_numbers_of_a_phone").record(taken as f64 + 1.0);
    if (taken + 1) * 5 >= size * 4 && taken > 0 {
        tracing::warn!(
            taken = taken + 1,
            numbers = size,
            "a phone has a conversation on nearly every number that serves it"
        );
    }
}

fn wants_texts(ways: Option<&[Channel]>) -> bool {
    ways.is_some_and(|ways| ways.contains(&Channel::Sms))
}

fn pick<'t>(language: &str, texts: [&'t str; 3]) -> &'t str {
    match language {
        "id" => texts[1],
        "pl" => texts[2],
        _ => texts[0],
    }
}

const MORE: [&str; 3] = ["[more at {market}]", "[selengkapnya di {market}]", "[dalej: {market}]"];

/// A call as the history shows it.
const CALL: &str = "(call)";

const STOPS: [&str; 9] =
    ["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "BERHENTI", "STOP SMS"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_networks_stop_and_sentences_do_not() {
        for text in ["STOP", " stop. ", "Berhenti!", "Unsubscribe"] {
            assert!(is_stop(text), "{text}");
        }
        for text in ["", "please stop the shipment", "cancel my order", "when does it end"] {
            assert!(!is_stop(text), "{text}");
        }
    }
}
