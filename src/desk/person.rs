//! What is held about a person, for that person: as JSON, with the record of its use.
//!
//! # Security
//! What the other side wrote is told as it was delivered, and nothing else of the other side: no contact, no case that it
//! was to hear nothing of, to a seller no review and no block. [`LEFT_OUT`] says so in the file itself.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{
    Declined, Desk,
    access::HOUR,
    appeals::Heard,
    cases::{CaseView, ItemView},
    conversations::read_tracking,
    entry,
    links::LinkView,
    messages::MessageView,
    parties::Opened,
    registrations::RegistrationView,
    reports::ReportView,
    violations::ViolationView,
    voice::LetterView,
};
use crate::{
    model::{CaseWords, Closed, EntryKind, EventId, Fault, PartyId, PostalAddress, Scope, Side, Timestamp},
    store::{AccessRow, ConversationFilter, ConversationRow, HoldRow, LinkFilter, Traces, ViolationFilter},
    vault::{DataKey, Place},
};

impl Desk {
    /// What is held about a person, with the record of its use: for the person, as JSON. That it was drawn stands in the
    /// journal before it is given out.
    ///
    /// # Errors
    /// When there is no such party, or by a fault.
    pub async fn person(&self, scope: &Scope, party: &PartyId) -> Result<Vec<u8>, Declined> {
        let opened = self.open_party(scope, party).await?.ok_or(Declined::NotFound)?;
        let rights = self.rights(scope, party).await?;
        let mut conversations = Vec::new();
        for side in [Side::Buyer, Side::Seller] {
            for row in self.all_conversations(scope, party, side).await? {
                conversations.push(self.conversation_of(scope, &row, side).await?);
            }
        }
        let now = self.now();
        let whole = json!({
            "format": "tabir person 2", "marketplace": scope.marketplace().as_str(), "party": party.as_str(),
            "exported_at": now.rfc3339(),
            "profile": profile(&opened),
            "agents": self.agents_of(scope, &opened).await?,
            "closed": self.store.closings(scope, party, Timestamp(0)).await?.iter().map(closing).collect::<Vec<_>>(),
            "conversations": conversations,
            "reports_of_no_conversation": self.reports_apart(scope, party).await?,
            "violations": self.violations_of(scope, party).await?,
            "links": self.links_of(scope, party).await?,
            "disclosures": self.all_disclosures(scope, party).await?,
            "read_by": rights.accesses.iter().map(access).collect::<Vec<_>>(),
            "restricted_since": rights.restricted.map(Timestamp::rfc3339),
            "holds": rights.holds.iter().map(hold).collect::<Vec<_>>(),
            "left_out": LEFT_OUT,
        });
        let bytes =
            serde_json::to_vec_pretty(&whole).map_err(|e| Fault::new("writing what is held about a person", e))?;
        let record = entry(now, EntryKind::PersonExported, None, format!("party={party}"));
        self.store.note(scope, record).await?;
        Ok(bytes)
    }

    async fn all_conversations(
        &self,
        scope: &Scope,
        party: &PartyId,
        side: Side,
    ) -> Result<Vec<ConversationRow>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let mut filter = ConversationFilter { after, limit: PAGE, ..ConversationFilter::default() };
            match side {
                Side::Buyer => filter.buyer = Some(party.clone()),
                Side::Seller => filter.seller = Some(party.clone()),
            }
            let rows = self.store.conversations(scope, filter).await?;
            after = rows.last().map(|row| row.id.clone());
            let last = rows.len() < PAGE;
            all.extend(rows);
            if last {
                return Ok(all);
            }
        }
    }

    async fn conversation_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Value, Declined> {
        let traces = self.store.traces(scope, &row.id).await?;
        let order = match &row.order {
            Some(id) => match self.order(scope, id).await {
                Ok(facts) => Some(json!({"id": id.as_str(), "facts": facts})),
                Err(Declined::Fault(fault)) => return Err(fault.into()),
                Err(_) => Some(json!({"id": id.as_str()})),
            },
            None => None,
        };
        Ok(json!({
            "id": row.id.as_str(), "as": side.as_str(), "opened_at": row.created.rfc3339(), "listing": row.listing,
            "order": order, "tracking": read_tracking(&*self.market(scope).await?, row)?,
            "messages": self.messages_of(scope, row, side).await?,
            "letters": self.letters_of(scope, row, side).await?,
            "registrations": self.registrations_of(scope, row, side).await?,
            "cases": self.cases_of(scope, row, side).await?,
            "reports": self.reports_of(scope, &traces, side).await?,
            "tickets": self.tickets_of(scope, &traces, side).await?,
            "barriers": barriers(&traces, side),
        }))
    }

    /// What the buyer gave to others than the seller.
    async fn registrations_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Vec<Value>, Declined> {
        if side == Side::Seller {
            return Ok(Vec::new());
        }
        let told = |view: RegistrationView| {
            json!({
                "address": view.address, "facts": view.facts, "drawn_at": view.created.rfc3339(),
                "closed_at": view.closed.map(Timestamp::rfc3339),
            })
        };
        Ok(self.registrations(scope, &row.id).await?.into_iter().map(told).collect())
    }

    async fn messages_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Vec<Value>, Declined> {
        let keys = [self.side_key(scope, row, Side::Buyer)?, self.side_key(scope, row, Side::Seller)?];
        let (mut messages, mut after) = (Vec::new(), None);
        loop {
            let page = self.messages_as(scope, &row.id, side, after, PAGE).await?;
            for view in &page.messages {
                let key = keys[usize::from(view.from == Side::Seller)].as_ref();
                messages.push(self.message_of(scope, view, key, side).await?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(messages);
            }
        }
    }

    async fn message_of(
        &self,
        scope: &Scope,
        view: &MessageView,
        key: Option<&DataKey>,
        side: Side,
    ) -> Result<Value, Declined> {
        let kept = view.kept.as_ref();
        let shown = kept.map(|kept| if view.from == side { &kept.original } else { &kept.delivered });
        let mut files = Vec::new();
        if let (Some(_), Some(key)) = (shown, key) {
            let row = self.store.message(scope, view.id).await?;
            for sealed in row.iter().flat_map(|row| &row.files) {
                files.push(BASE64.encode(&key.open(&Place::files(scope.marketplace(), &view.id), sealed)?));
            }
        }
        Ok(json!({"id": view.id.to_string(), "at": view.at.rfc3339(), "from": view.from.as_str(),
            "channel": view.channel.as_str(), "message": shown, "files": files}))
    }

    async fn letters_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Vec<Value>, Declined> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.letters_to(scope, &row.id, side, after, PAGE).await?;
            after = page.last().map(|letter| letter.row.id);
            all.extend(page.iter().map(letter));
            if page.len() < PAGE {
                return Ok(all);
            }
        }
    }

    /// Cases as that side knows them: of a quiet one of the other side it hears nothing.
    async fn cases_of(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<Vec<Value>, Declined> {
        let mut all = Vec::new();
        for view in self.cases(scope, Some(row.id.clone()), MOST_CASES).await? {
            if view.row.clock.quiet && view.row.clock.opener != side {
                continue;
            }
            let mut items = Vec::with_capacity(view.items.len());
            for item in &view.items {
                let key = self.side_key(scope, row, item.row.side)?;
                items.push(self.item_of(scope, item, key.as_ref(), side).await?);
            }
            all.push(case(&view, items));
        }
        Ok(all)
    }

    async fn item_of(
        &self,
        scope: &Scope,
        item: &ItemView,
        key: Option<&DataKey>,
        side: Side,
    ) -> Result<Value, Declined> {
        let own = item.row.side == side;
        let words = item.words.clone().unwrap_or_default();
        let files = self.papers_of(scope, (item.row.id, &words), key, own).await?;
        let text = if own { words.text } else { words.shown.or(words.text) };
        Ok(json!({"n": item.row.n, "kind": item.row.kind.as_str(), "by": item.row.side.as_str(),
            "slot": item.row.slot.map(|slot| slot.as_str()), "at": item.row.at.rfc3339(), "late": item.row.late,
            "amount": item.row.money, "corrects": item.row.corrects, "text": text, "files": files}))
    }

    /// Files of a case or report: own ones as they came, others' as they were shown.
    async fn papers_of(
        &self,
        scope: &Scope,
        (owner, words): (EventId, &CaseWords),
        key: Option<&DataKey>,
        own: bool,
    ) -> Result<Vec<Value>, Declined> {
        let market = scope.marketplace();
        let place = if own { Place::paper_original(market, &owner) } else { Place::paper(market, &owner) };
        let mut files = Vec::with_capacity(words.files.len());
        for (n, (shown, came)) in words.files.iter().enumerate() {
            let content = match (self.store.paper(scope, owner, n, own).await?, key) {
                (Some(sealed), Some(key)) => Some(BASE64.encode(&key.open(&place, &sealed)?)),
                _ => None,
            };
            files.push(json!({"file": if own { came } else { shown }, "content": content}));
        }
        Ok(files)
    }

    async fn reports_of(&self, scope: &Scope, traces: &Traces, side: Side) -> Result<Vec<Value>, Declined> {
        let mut all = Vec::new();
        for row in traces.reports.iter().filter(|row| row.by == side) {
            let view = self.report(scope, row.id).await?;
            let key = match &row.conversation {
                Some(id) => self.side_key(scope, &self.row(scope, id).await?, side)?,
                None => None,
            };
            all.push(self.report_of(scope, view, key.as_ref()).await?);
        }
        Ok(all)
    }

    async fn reports_apart(&self, scope: &Scope, party: &PartyId) -> Result<Vec<Value>, Declined> {
        let market = self.market(scope).await?;
        let mut all = Vec::new();
        for row in self.store.reports_apart(scope, party).await? {
            let view = self.report(scope, row.id).await?;
            all.push(self.report_of(scope, view, Some(&market.key)).await?);
        }
        Ok(all)
    }

    async fn report_of(&self, scope: &Scope, view: ReportView, key: Option<&DataKey>) -> Result<Value, Declined> {
        let words = view.words.unwrap_or_default();
        let files = self.papers_of(scope, (view.row.id, &words), key, true).await?;
        Ok(json!({"id": view.row.id.to_string(), "state": view.row.state.as_str(), "at": view.row.at.rfc3339(),
            "category": view.row.category.as_str(), "text": words.text, "files": files,
            "case": view.case.map(String::from)}))
    }

    /// A seller's own tickets; of a buyer those about their messages, without the seller's words.
    async fn tickets_of(&self, scope: &Scope, traces: &Traces, side: Side) -> Result<Vec<Value>, Declined> {
        let mut all = Vec::new();
        for row in &traces.tickets {
            let view = self.ticket_view(scope, row.clone()).await?;
            let mut told = json!({"id": view.id.to_string(), "message": view.message.to_string(),
                "breach": view.breach.as_str(), "ruling": heard(&view.heard)});
            if side == Side::Buyer {
                told["ruling"]["text"] = Value::Null;
            }
            all.push(told);
        }
        Ok(all)
    }

    async fn violations_of(&self, scope: &Scope, party: &PartyId) -> Result<Vec<Value>, Declined> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (party, limit) = (Some(party.clone()), PAGE);
            let page =
                self.violations(scope, ViolationFilter { party, side: None, after, settled: true, limit }).await?;
            after = page.last().map(|view| view.row.id);
            all.extend(page.iter().map(violation));
            if page.len() < PAGE {
                return Ok(all);
            }
        }
    }

    /// With whom somebody else shares something is theirs: only that there is a link, and what was said against it.
    async fn links_of(&self, scope: &Scope, of: &PartyId) -> Result<Vec<Value>, Declined> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let party = Some(of.clone());
            let filter = LinkFilter { party, state: None, settled: true, after, limit: PAGE };
            let page = self.links(scope, filter).await?;
            after = page.last().map(|view| view.id);
            all.extend(page.iter().map(|view| link(view, of)));
            if page.len() < PAGE {
                return Ok(all);
            }
        }
    }

    async fn agents_of(&self, scope: &Scope, opened: &Opened) -> Result<Vec<Value>, Declined> {
        let mut all = Vec::new();
        for agent in self.store.agents(scope, &opened.row.id).await? {
            let profile = opened.key.open(&Place::agent(scope.marketplace(), &agent.id), &agent.profile)?;
            let profile: Value =
                serde_json::from_slice(&profile).map_err(|e| Fault::new("reading an agent's profile", e))?;
            all.push(json!({"id": agent.id.as_str(), "profile": profile, "changed_at": agent.changed.rfc3339()}));
        }
        Ok(all)
    }

    async fn all_disclosures(&self, scope: &Scope, party: &PartyId) -> Result<Vec<Value>, Declined> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let rows = self.store.disclosures(scope, party, after, PAGE).await?;
            after = rows.last().map(|row| row.id);
            for row in &rows {
                // Who may not be told yet, must not read it here.
                let hidden = match row.request {
                    Some(id) => self.store.glass(scope, id).await?.is_some_and(|glass| glass.noticed.is_none()),
                    None => false,
                };
                if !hidden {
                    all.push(
                        json!({"at": row.at.rfc3339(), "to": row.to, "purpose": row.purpose, "fields": row.fields,
                        "about": row.shipment}),
                    );
                }
            }
            if rows.len() < PAGE {
                return Ok(all);
            }
        }
    }
}

fn profile(opened: &Opened) -> Value {
    let profile = &opened.profile;
    json!({
        "display_name": profile.display_name, "names": profile.names, "group": opened.row.group,
        "locale": profile.locale, "region": profile.region, "emails": profile.emails, "phones": profile.phones,
        "accounts": profile.accounts,
        "addresses": profile.addresses.iter().map(address).collect::<Vec<_>>(),
        "changed_at": opened.row.changed.rfc3339(),
    })
}

fn address(address: &PostalAddress) -> Value {
    json!({"name": address.name, "lines": address.lines, "city": address.city, "region": address.region,
        "postcode": address.postcode, "country": address.country})
}

fn letter(view: &LetterView) -> Value {
    let (row, words) = (&view.row, view.words.as_ref());
    json!({"id": row.id.to_string(), "kind": row.kind.as_str(), "at": row.at.rfc3339(), "channel": row.channel.as_str(),
        "delivered_at": row.proof.map(|(at, _)| at.rfc3339()), "case": words.and_then(|words| words.case.clone()),
        "subject": words.map(|words| &words.subject), "text": words.map(|words| &words.text)})
}

/// Why it ended so was told in a letter.
fn case(view: &CaseView, items: Vec<Value>) -> Value {
    let row = &view.row;
    let decision = row.decision.as_ref().map(|decision| {
        json!({"outcome": decision.ruling.as_str(), "automated": decision.automated, "amount": decision.amount,
            "at": decision.at.rfc3339()})
    });
    json!({"id": row.id.as_str(), "topic": row.topic.as_str(), "by": row.clock.opener.as_str(),
        "opened_at": row.clock.opened.rfc3339(), "items": items, "decision": decision})
}

/// What somebody said against something, and what was decided: not by whom.
fn heard(heard: &Heard) -> Value {
    json!({"at": heard.at.rfc3339(), "text": heard.words, "upheld": heard.outcome.map(|(_, upheld)| upheld),
        "decided_at": heard.outcome.map(|(at, _)| at.rfc3339()), "reason": heard.reason})
}

fn violation(view: &ViolationView) -> Value {
    let row = &view.row;
    let sanction = |one: &crate::store::SanctionRow| {
        json!({"measure": one.sanction.measure.as_str(), "since": one.sanction.since.rfc3339(),
            "until": one.sanction.until.map(Timestamp::rfc3339), "lifted_at": one.lifted.map(Timestamp::rfc3339)})
    };
    json!({
        "id": row.id.to_string(), "side": row.side.as_str(), "conversation": row.conversation.as_str(),
        "message": row.message.to_string(), "breach": row.breach.as_str(), "state": row.state.as_str(),
        "at": row.at.rfc3339(), "decided_at": row.decided.rfc3339(), "points_left": view.left, "rule": row.rule,
        "text": view.text, "automated": row.automated,
        "consequences": view.sanctions.iter().map(sanction).collect::<Vec<_>>(),
        "appeals": view.appeals.iter().map(|appeal| heard(&appeal.heard)).collect::<Vec<_>>(),
    })
}

fn link(view: &LinkView, party: &PartyId) -> Value {
    let own = view.disputes.iter().filter(|dispute| dispute.by.as_ref() == Some(party));
    json!({"id": view.id.to_string(), "shares": view.kind.as_str(), "state": view.state.as_str(),
        "since": view.since.rfc3339(), "disputes": own.map(|dispute| heard(&dispute.heard)).collect::<Vec<_>>()})
}

/// A seller is told of its own block alone: what a buyer set up against it must not be read off here.
fn barriers(traces: &Traces, side: Side) -> Value {
    if side == Side::Seller {
        return json!({"blocked": traces.blocked[1]});
    }
    let review = |(id, row): &(crate::model::ReviewId, crate::store::ReviewRow)| {
        json!({"id": id.as_str(), "rating": row.rating, "at": row.at.rfc3339(), "withdrawn": row.withdrawn,
            "reviewer": row.reviewer})
    };
    json!({"blocked": traces.blocked[0], "stopped_at": traces.stopped.map(Timestamp::rfc3339),
        "afraid_since": traces.afraid.map(Timestamp::rfc3339),
        "reviews": traces.reviews.iter().map(review).collect::<Vec<_>>()})
}

fn access(row: &AccessRow) -> Value {
    let hour = Timestamp(row.hour * HOUR).rfc3339();
    json!({"hour": hour, "token": row.token.to_string(), "what": row.what, "count": row.count})
}

fn hold(row: &HoldRow) -> Value {
    json!({"reference": row.reference, "since": row.placed.rfc3339(), "until": row.until.map(Timestamp::rfc3339)})
}

fn closing(closed: &Closed) -> Value {
    json!({"from": closed.from.rfc3339(), "until": closed.until.rfc3339()})
}

/// What is held and not told here, in every file the same, so that nothing can be read off it.
const LEFT_OUT: [&str; 6] = [
    "the other side: its names, its contacts, and words of it that were not delivered to this person",
    "reports of others, and cases that the other side was to hear nothing of: telling of them could endanger who made them",
    "to sellers: reviews, blocks and fears of buyers, and what follows from them, so that nobody strikes back",
    "who of the staff decided something; requests to see a contact as long as the law has their notice wait",
    "messages that were sealed for a court",
    "keyed hashes of contacts and texts, from which nothing can be read without the marketplace's key",
];
const PAGE: usize = 200;
const MOST_CASES: usize = 10_000;
