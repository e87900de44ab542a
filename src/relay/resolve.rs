//! resolve: handle and sender → conversation and side. A handle alone routes; the sender must
//! be the other side of it.

use std::sync::Arc;

use super::{
    Relay,
    outcome::Stop,
    stage::{Resolved, ResolvedMessage},
    talk::{Run, Talk},
};
use crate::{
    media::Removed,
    model::{
        AgentId, Approach, Channel, Contact, Content, ConversationId, EntryKind, Fault, Handle, HandleHash,
        HandleState, Marketplace, Message, PartyId, Purpose, Reason, Refusal, Scope, Secret, Side, Template,
    },
    policy::{
        contact::closed_to_words,
        life::{self, Age},
        templates::Filled,
    },
    store::{HandleKind, HandleRow, Idempotency, NewEntry, Scene, SealedProfile},
    vault,
};

/// A message as a channel hands it over, its sender proven.
#[derive(Debug)]
pub struct Inbound {
    /// Whose conversation.
    pub scope: Scope,
    /// Which one.
    pub conversation: ConversationId,
    /// Who writes.
    pub from: Side,
    /// Which agent, where one was named.
    pub agent: Option<AgentId>,
    /// By which way it came.
    pub channel: Channel,
    /// What its sender says it is for.
    pub purpose: Purpose,
    /// A text of the house that takes the place of the sender's own.
    pub template: Option<Filled>,
    /// How the sender was proven: facts that name nobody, such as `spf=pass dmarc=pass`.
    pub proof: String,
    /// What it says.
    pub content: Content,
    /// What was taken out of it when it was opened.
    pub removed: Vec<Removed>,
    /// Whom its header names beside the handle, if it has one.
    pub named: Vec<Secret<String>>,
    /// The API's idempotency key; mail has its own, made from Message-ID and body.
    pub idempotency: Option<Idempotency>,
}

/// Where a handle leads.
#[derive(Clone, Debug)]
pub struct Route {
    /// Whose.
    pub scope: Scope,
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whom the handle stands for: who will receive.
    pub to: Side,
    /// Where the handle is in its life.
    pub state: HandleState,
    /// The handle's row key.
    pub hash: HandleHash,
    /// It was given to somebody else than the seller.
    pub registration: bool,
}

/// Who was proven by AUTH or a certificate.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Of which marketplace.
    pub scope: Scope,
    /// Which seller.
    pub party: PartyId,
    /// Which agent.
    pub agent: Option<AgentId>,
}

/// A login by SCRAM-SHA-256 that has begun (RFC 5802).
pub struct Challenge {
    scram: vault::Scram,
    speaker: Option<Speaker>,
}

impl Challenge {
    /// The user's salt; of one that is not there too.
    pub fn salt(&self) -> &[u8] {
        self.scram.salt()
    }

    /// How often the client hashes.
    pub fn rounds(&self) -> u32 {
        self.scram.rounds()
    }

    /// Who logs in, and our own signature over what was said, if the proof is right.
    pub fn answer(self, said: &[u8], proof: &[u8]) -> Option<(Speaker, Vec<u8>)> {
        let signature = self.scram.sign(said, proof)?;
        Some((self.speaker?, signature))
    }
}

/// Who claims to write, and how it was proven.
#[derive(Clone, Copy, Debug)]
pub enum Sender<'a> {
    /// A mail address that DKIM or SPF proved.
    Mail {
        /// The address of the header From.
        address: &'a str,
    },
    /// An agent who logged in.
    Login(&'a Speaker),
}

/// Addresses of a header that are looked up: more than a person and its colleagues.
const MOST_NAMED: usize = 20;

impl Relay {
    /// Whether mail for this domain is ours.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_our_domain(&self, domain: &str) -> Result<bool, Fault> {
        Ok(self.marketplace_of(domain).await?.is_some())
    }

    /// Whose handles have this domain. Marketplaces are few, and keep their domain for life.
    pub(super) async fn marketplace_of(&self, domain: &str) -> Result<Option<Marketplace>, Fault> {
        let domain = domain.to_ascii_lowercase();
        let known = self.markets.iter().find(|market| market.domain == domain).map(|market| market.key().clone());
        match known {
            Some(marketplace) => Ok(Some(marketplace)),
            None => self.store.marketplace_by_domain(&domain).await,
        }
    }

    /// Where an address leads; `None` is answered with the one fixed refusal, whatever the
    /// cause. A retired handle leaves a tripwire record; a seller's goes on taking the
    /// buyer's mail, since buyers keep it in their address books.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn route(&self, local: &str, domain: &str) -> Result<Option<Route>, Fault> {
        let Some(marketplace) = self.marketplace_of(domain).await? else { return Ok(None) };
        // One look-up whether or not the text is a handle: the time tells nothing.
        let hash = local.parse::<Handle>().map_or(HandleHash([0; 16]), |handle| handle.hash());
        let found = self.store.handle(hash).await?;
        let Some((scope, row)) =
            found.filter(|(scope, row)| *scope.marketplace() == marketplace && row.kind != HandleKind::Postal)
        else {
            return Ok(None);
        };
        let state = self.handle_state(&scope, &row);
        if state == HandleState::Retired && (row.stands_for == Side::Buyer || row.shut.is_some()) {
            self.tripwire(&scope, &row, "retired").await?;
            return Ok(None);
        }
        let registration = row.kind == HandleKind::Registration;
        Ok(Some(Route { scope, conversation: row.conversation, to: row.stands_for, state, hash, registration }))
    }

    /// Whether a proven sender is the other side of a route: `Some(agent)` when it is. A
    /// stranger leaves a tripwire record.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recognise(&self, route: &Route, sender: &Sender<'_>) -> Result<Option<Option<AgentId>>, Fault> {
        let scope = &route.scope;
        let known = match sender {
            Sender::Login(speaker) => {
                let conversation = self.store.conversation(scope, &route.conversation).await?;
                let expected = conversation.as_ref().map(|c| c.party(route.to.other()));
                let own = speaker.scope == *scope && Some(&speaker.party) == expected;
                own.then(|| speaker.agent.clone())
            }
            Sender::Mail { address } => match Contact::email(address) {
                Ok(contact) => {
                    let tags = self.vault.tags(scope.marketplace(), &contact);
                    self.store.speaks(scope, &route.conversation, route.to.other(), &tags).await?
                }
                Err(_) => None,
            },
        };
        if known.is_none() {
            self.stranger(route).await?;
        }
        Ok(known)
    }

    /// A sender who was not proven, or is a stranger to the handle: recorded, counted per
    /// handle and hour.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stranger(&self, route: &Route) -> Result<(), Fault> {
        if let Some((scope, row)) = self.store.handle(route.hash).await? {
            self.tripwire(&scope, &row, "foreign").await?;
        }
        Ok(())
    }

    /// Who logs in with this user name and password.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn login(&self, user: &str, password: &str) -> Result<Option<Speaker>, Fault> {
        let found = self.store.agent_by_login(user).await?;
        let verifier = found.as_ref().and_then(|(_, agent)| agent.login.as_ref()).map(|(_, verifier)| verifier.clone());
        let password = password.to_owned();
        // PBKDF2 takes milliseconds; an unknown user takes them too.
        let fits = tokio::task::spawn_blocking(move || {
            let unknown = [0; 48];
            vault::check_password(&password, verifier.as_deref().unwrap_or(&unknown))
        })
        .await
        .map_err(|e| Fault::new("checking a password", e))?;
        Ok(found.filter(|_| fits).map(|(scope, agent)| Speaker { scope, party: agent.party, agent: Some(agent.id) }))
    }

    /// Whose certificate a mail program has shown, in the marketplace of the handle it writes to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn certified(&self, route: &Route, fingerprint: [u8; 32]) -> Result<Option<Speaker>, Fault> {
        let found = self.store.agent_by_certificate(&route.scope, fingerprint).await?;
        Ok(found.map(|(party, agent)| Speaker { scope: route.scope.clone(), party, agent: Some(agent) }))
    }

    /// Begins a login by SCRAM-SHA-256.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn challenge(&self, user: &str) -> Result<Challenge, Fault> {
        let found = self.store.agent_by_login(user).await?;
        let verifier =
            found.as_ref().and_then(|(_, agent)| agent.login.as_ref()).map(|(_, verifier)| verifier.as_slice());
        let scram = self.vault.scram(user, verifier);
        let speaker = found.map(|(scope, agent)| Speaker { scope, party: agent.party, agent: Some(agent.id) });
        Ok(Challenge { scram, speaker })
    }

    /// The early look for a seller who logged in: is the door closed anyway?
    ///
    /// # Errors
    /// When the store fails.
    pub async fn may_write(&self, route: &Route) -> Result<Option<Refusal>, Fault> {
        let state = self.store.pair(&route.scope, &route.conversation, self.clock.now()).await?;
        let rules = self.rules.load().book.of(route.scope.marketplace());
        Ok(state.and_then(|s| closed_to_words(&s, route.to.other(), &rules.contact)).map(Refusal::new))
    }

    /// Whether one of these is neither an address of ours nor the writer's own: enrolled for the
    /// side that writes, or for one of its agents.
    async fn names_outsider(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Side,
        named: &[Secret<String>],
    ) -> Result<bool, Fault> {
        if named.len() > MOST_NAMED {
            return Ok(true);
        }
        for address in named {
            let domain = address.reveal().rsplit('@').next().unwrap_or_default();
            if self.is_our_domain(domain).await? {
                continue;
            }
            let Ok(contact) = Contact::email(address.reveal()) else { return Ok(true) };
            let tags = self.vault.tags(scope.marketplace(), &contact);
            if self.store.speaks(scope, conversation, from, &tags).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The stage itself: opens what the way needs to know.
    pub(super) async fn resolve(&self, inbound: Inbound, run: Run) -> Result<ResolvedMessage, Stop> {
        let Inbound { scope, conversation, from, agent, channel, proof, removed, named, idempotency, .. } = inbound;
        let (purpose, template, mut content) = (inbound.purpose, inbound.template, inbound.content);
        let outsider = self.names_outsider(&scope, &conversation, from, &named).await?;
        let market = self.market(scope.marketplace()).await?;
        let at = self.clock.now();
        let Some(scene) = self.store.scene(&scope, &conversation, from, at).await? else {
            return Err(Reason::UnknownHandle.into());
        };
        let Scene { conversation, buyer, seller, pair, window, handle } = scene;
        let (author, reader) = match from {
            Side::Buyer => (buyer, seller),
            Side::Seller => (seller, buyer),
        };
        let open = |side, sealed: Option<SealedProfile>| {
            sealed.map(|sealed| self.opened(&scope, &conversation, side, &sealed)).transpose()
        };
        let (author, reader) = (open(from, author)?, open(from.other(), reader)?);
        let key = self.side_key(&scope, &conversation, from)?;
        // A side whose key was shredded is somebody else's by now, whatever the party's id.
        let whole = conversation.key(from.other()).is_some();
        let (Some(author), Some(reader), Some(key), true) = (author, reader, key, whole) else {
            // One of the two was erased: nobody is left to talk to, and nothing stays open.
            self.forget(&scope, &conversation);
            return Err(Reason::Closed.into());
        };
        let rules = self.rules.load().book.of(scope.marketplace());
        let told = template.as_ref().map(Filled::template);
        let form = Approach::of(from, told, purpose, content.automatic).form;
        let purpose = told.map_or(purpose, Template::purpose);
        if let Some(filled) = &template {
            content.text = Some(filled.text(reader.locale.as_deref().or(rules.locale.as_deref())));
        }
        let talk = Talk {
            run,
            scope,
            market,
            rules,
            conversation,
            from,
            agent,
            channel,
            purpose,
            form,
            proof,
            removed,
            outsider,
            idempotency,
            at,
            key,
            author,
            reader,
            pair,
            window,
            handle,
        };
        Ok(Message::at(Resolved { talk: Arc::new(talk) }, content))
    }

    pub(super) fn handle_state(&self, scope: &Scope, row: &HandleRow) -> HandleState {
        let rules = self.rules.load().book.of(scope.marketplace());
        let age = Age { ages: row.ages(), created: row.created, replaced: row.replaced, shut: row.shut };
        life::state(age, &rules.handles, self.clock.now())
    }

    async fn tripwire(&self, scope: &Scope, row: &HandleRow, cause: &'static str) -> Result<(), Fault> {
        metrics::counter!("tabir_handle_misused_total", "cause" => cause).increment(1);
        let entry = NewEntry {
            at: self.clock.now(),
            kind: EntryKind::HandleMisused,
            by: None,
            message: None,
            facts: format!(
                "cause={cause} stands_for={} epoch={} shown_to={}",
                row.stands_for.as_str(),
                row.epoch,
                row.shown_to
            ),
            private: None,
        };
        self.store.tripwire(scope, row.hash, entry).await
    }
}
