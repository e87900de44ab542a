//! Cases: intake, evidence of both sides, offers, the queue, and a decision that is final.

use crate::{
    model::{
        Attachment, CaseClock, CaseId, CaseWords, ConversationId, DecisionWords, EntryKind, EventId, Fault, File,
        Finding, ItemKind, Kept, Money, OrderId, PartyId, Scope, Share, Side, Signal, Slot, Timestamp, Topic,
    },
    policy::cases::evidence_until,
    store::{
        CaseFilter, CaseRow, ConversationRow, ItemRow, LetterRow, NewCase, NewEntry, NewItem, PutCase, PutItem,
        SealedPaper,
    },
    vault::{DataKey, Place},
};

use super::{Declined, Desk, Wrong, entry, parties::fits};

/// What somebody says, read by the detectors, with its files.
#[derive(Default)]
pub struct Statement {
    /// As it was said.
    pub text: Option<String>,
    /// As the other side may read it.
    pub shown: Option<String>,
    /// What was found in it.
    pub findings: Vec<Finding>,
    /// What it is up to.
    pub signals: Vec<Signal>,
    /// Its files: as the other side may see them, where it may, and as they came.
    pub files: Vec<(Option<Attachment>, Attachment)>,
    /// The same, described.
    pub described: Vec<(File, File)>,
}

/// A case as it is submitted.
pub struct CaseForm {
    /// About which conversation.
    pub conversation: ConversationId,
    /// Who submits it.
    pub by: Side,
    /// What it is about.
    pub topic: Topic,
    /// About which order.
    pub order: Option<OrderId>,
    /// What is claimed back.
    pub claim: Option<Money>,
    /// The other side is told nothing of it.
    pub quiet: bool,
    /// What is said.
    pub said: Statement,
}

/// What is put into a case.
pub struct ItemForm {
    /// By whom.
    pub by: Side,
    /// Evidence or an offer.
    pub kind: ItemKind,
    /// What it shows.
    pub slot: Option<Slot>,
    /// What is offered.
    pub money: Option<Money>,
    /// Which offer it corrects.
    pub corrects: Option<u64>,
    /// What is said.
    pub said: Statement,
}

/// A case as it is.
pub struct CaseView {
    /// The row.
    pub row: CaseRow,
    /// When it is overdue.
    pub due: Timestamp,
    /// In an urgent case: until when somebody must take it.
    pub urgent_until: Option<Timestamp>,
    /// The requests to both sides: buyer, seller.
    pub requests: [Option<RequestView>; 2],
    /// What was put into it.
    pub items: Vec<ItemView>,
    /// Why it ended so.
    pub decision: Option<DecisionWords>,
}

/// Between whom a case is.
pub struct CasePlace {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Who sells there.
    pub seller: PartyId,
    /// Its other side is told nothing of it.
    pub is_quiet: bool,
    /// See [`CaseClock::is_pressing`](crate::model::CaseClock::is_pressing).
    pub is_pressing: bool,
}

/// A request for evidence.
pub struct RequestView {
    /// The letter.
    pub letter: LetterRow,
    /// When the side first answered.
    pub answered: Option<Timestamp>,
    /// Until when its evidence is in time; `None`: it has not arrived.
    pub until: Option<Timestamp>,
}

/// Something in a case.
pub struct ItemView {
    /// The row.
    pub row: ItemRow,
    /// Its words; `None` after an erasure.
    pub words: Option<CaseWords>,
}

/// A file of a case.
pub struct PaperView {
    /// Described.
    pub file: File,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Desk {
    /// Opens a case, or puts a further submission into one; `true`: it is new.
    ///
    /// # Errors
    /// When a field is wrong, it is another's, it is decided, or by a fault.
    pub async fn put_case(&self, scope: &Scope, id: &CaseId, form: CaseForm) -> Result<(CaseView, bool), Declined> {
        check_text("description", form.said.text.as_deref(), true)?;
        let conversation = self.store.conversation(scope, &form.conversation).await?;
        let conversation = conversation.ok_or_else(|| Wrong::field("conversation", "no such conversation"))?;
        if form.order.is_some() && form.order != conversation.order {
            return Err(Wrong::unfit("order", "this conversation is about another order"));
        }
        if let Some(known) = self.store.case(scope, id).await? {
            if known.conversation != form.conversation || known.clock.opener != form.by {
                return Err(Wrong::unfit("conversation", "this case is of another conversation or side"));
            }
            if self.says_the_same(scope, &known, &form).await? {
                return Ok((self.case_view(scope, known).await?, false));
            }
        }
        let known = self.store.case(scope, id).await?.is_some();
        let kind = if known { EntryKind::CaseChanged } else { EntryKind::CaseOpened };
        let new = self.new_case(scope, id, kind, (&conversation, &form))?;
        let created = match self.store.put_case(scope, new).await? {
            PutCase::Created => true,
            PutCase::Changed => false,
            PutCase::Other => return Err(Wrong::unfit("conversation", "this case is of another conversation or side")),
            PutCase::Decided => return Err(Wrong::unfit("id", "this case is decided, and a decision is final")),
            PutCase::Full => return Err(Wrong::unfit("id", "there is too much in this case")),
            PutCase::NoSuchConversation => return Err(Wrong::field("conversation", "no such conversation")),
        };
        Ok((self.case_of(scope, id).await?, created))
    }

    /// A submission, sealed for the side that makes it.
    pub(super) fn new_case(
        &self,
        scope: &Scope,
        id: &CaseId,
        kind: EntryKind,
        (conversation, form): (&ConversationRow, &CaseForm),
    ) -> Result<NewCase, Declined> {
        let now = self.now();
        let item_id = self.draw_id(now)?;
        let mut facts = format!("case={id} topic={} item={item_id}", form.topic.as_str());
        money_facts(&mut facts, form.claim.as_ref());
        let words = CaseWords {
            topic: Some(form.topic.as_str().to_owned()),
            order: conversation.order.as_ref().map(ToString::to_string),
            money: form.claim.clone(),
            ..words(&form.said)
        };
        let key = self.key_in(scope, conversation, form.by)?;
        let alarm = format!("case={id} topic={}", form.topic.as_str());
        Ok(NewCase {
            id: id.clone(),
            conversation: form.conversation.clone(),
            topic: form.topic,
            quiet: form.quiet,
            item: NewItem {
                id: item_id,
                kind: ItemKind::Submission,
                side: form.by,
                slot: None,
                at: now,
                late: false,
                money: form.claim.clone(),
                corrects: None,
                entry: self.said_by(scope, &key, (kind, form.by), item_id, &words, facts)?,
                papers: self.seal_papers(scope, &key, item_id, &form.said.files)?,
            },
            alarm: form.topic.is_urgent().then(|| entry(now, EntryKind::CaseUrgent, None, alarm)),
        })
    }

    /// One case.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn case_of(&self, scope: &Scope, id: &CaseId) -> Result<CaseView, Declined> {
        let row = self.store.case(scope, id).await?.ok_or(Declined::NotFound)?;
        Ok(self.case_view(scope, row).await?)
    }

    /// Open cases, urgent ones first, then in order of arrival; or all of a conversation.
    ///
    /// # Errors
    /// By a fault.
    pub async fn cases(
        &self,
        scope: &Scope,
        conversation: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<CaseView>, Declined> {
        let mut views = Vec::new();
        for row in self.store.cases(scope, CaseFilter { conversation, limit }).await? {
            views.push(self.case_view(scope, row).await?);
        }
        Ok(views)
    }

    /// Between whom a case is.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn case_between(&self, scope: &Scope, id: &CaseId) -> Result<CasePlace, Declined> {
        let row = self.store.case(scope, id).await?.ok_or(Declined::NotFound)?;
        let (_, seller) = self.between(scope, &row.conversation).await?;
        let clock = row.clock;
        let (is_quiet, is_pressing) = (clock.quiet, clock.is_pressing());
        Ok(CasePlace { conversation: row.conversation, seller, is_quiet, is_pressing })
    }

    /// Puts evidence or an offer into a case; gives its number. What comes after its side's time is
    /// taken and said to be late.
    ///
    /// # Errors
    /// When there is no such case, it is decided, a field is wrong, or by a fault.
    pub async fn put_case_item(&self, scope: &Scope, id: &CaseId, form: ItemForm) -> Result<CaseView, Declined> {
        let row = self.store.case(scope, id).await?.ok_or(Declined::NotFound)?;
        check_text("text", form.said.text.as_deref(), false)?;
        check_slot(&form)?;
        let now = self.now();
        let rules = self.rules(scope);
        let until = evidence_until(&row.clock, &rules.cases.clocks, form.by);
        let late = form.kind == ItemKind::Evidence && until.is_some_and(|until| now > until);
        let item_id = self.draw_id(now)?;
        let (kind, what) = match form.kind {
            ItemKind::Offer => (EntryKind::CaseOffer, "offer"),
            _ => (EntryKind::CaseEvidence, form.slot.map_or("none", Slot::as_str)),
        };
        let mut facts = format!("case={id} item={item_id} slot={what} late={late}");
        money_facts(&mut facts, form.money.as_ref());
        if let Some(corrects) = form.corrects {
            facts.push_str(&format!(" corrects={corrects}"));
        }
        let words = CaseWords { money: form.money.clone(), ..words(&form.said) };
        let key = self.key_of(scope, &row.conversation, form.by).await?;
        let item = NewItem {
            id: item_id,
            kind: form.kind,
            side: form.by,
            slot: form.slot,
            at: now,
            late,
            money: form.money.clone(),
            corrects: form.corrects,
            entry: self.said_by(scope, &key, (kind, form.by), item_id, &words, facts)?,
            papers: self.seal_papers(scope, &key, item_id, &form.said.files)?,
        };
        match self.store.put_item(scope, id, item).await? {
            PutItem::Done(_) => self.case_of(scope, id).await,
            PutItem::NoSuchCase => Err(Declined::NotFound),
            PutItem::Decided => Err(Wrong::unfit("id", "this case is decided, and a decision is final")),
            PutItem::NothingToCorrect => Err(Wrong::unfit("corrects", "no such offer of this side")),
            PutItem::Full => Err(Wrong::unfit("id", "there is too much in this case")),
        }
    }

    /// A file of a case: as the other side may see it, or as it came. That an original was opened
    /// stands in evidence before it is given out.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn case_paper(
        &self,
        scope: &Scope,
        id: &CaseId,
        (item, n): (u64, usize),
        original: bool,
    ) -> Result<(Side, PaperView), Declined> {
        let view = self.case_of(scope, id).await?;
        let item = view.items.into_iter().find(|one| one.row.n == item).ok_or(Declined::NotFound)?;
        let words = item.words.ok_or(Declined::NotFound)?;
        let (shown, came) = words.files.into_iter().nth(n).ok_or(Declined::NotFound)?;
        let sealed = self.store.paper(scope, item.row.id, n, original).await?.ok_or(Declined::NotFound)?;
        let key = self.key_of(scope, &view.row.conversation, item.row.side).await?;
        let market = scope.marketplace();
        let place =
            if original { Place::paper_original(market, &item.row.id) } else { Place::paper(market, &item.row.id) };
        let bytes = key.open(&place, &sealed)?;
        if original {
            let facts = format!("case={id} item={} file={n}", item.row.id);
            let opened = entry(self.now(), EntryKind::CaseFileOpened, None, facts);
            self.store.append(scope, &view.row.conversation, opened).await?;
        }
        Ok((item.row.side, PaperView { file: if original { came } else { shown }, bytes }))
    }

    async fn case_view(&self, scope: &Scope, row: CaseRow) -> Result<CaseView, Fault> {
        let clocks = self.rules(scope).cases.clocks.clone();
        let mut requests = [None, None];
        for side in [Side::Buyer, Side::Seller] {
            let at = CaseClock::index(side);
            if let (Some(letter), Some(request)) = (row.requests[at], row.clock.request(side))
                && let Some(letter) = self.store.letter(scope, letter).await?
            {
                let until = evidence_until(&row.clock, &clocks, side);
                requests[at] = Some(RequestView { letter, answered: request.answered, until });
            }
        }
        let mut items = Vec::new();
        for item in self.store.case_items(scope, &row.id).await? {
            let words = self.open_words(scope, &row.conversation, &item).await?;
            items.push(ItemView { row: item, words });
        }
        let decision = match &row.decision {
            Some(decision) => self.open_decision(scope, decision.entry.1, &decision.sealed).await?,
            None => None,
        };
        Ok(CaseView {
            due: clocks.after(row.clock.opened, clocks.solve),
            urgent_until: row.clock.urgent.then(|| row.clock.opened.plus(clocks.urgent)),
            requests,
            items,
            decision,
            row,
        })
    }

    async fn open_words(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        item: &ItemRow,
    ) -> Result<Option<CaseWords>, Fault> {
        let Some(row) = self.store.conversation(scope, conversation).await? else { return Ok(None) };
        let Some(key) = self.side_key(scope, &row, item.side)? else { return Ok(None) };
        if item.sealed.is_empty() {
            return Ok(None);
        }
        let json = key.open_committed(&Place::evidence(scope.marketplace(), &item.id), &item.sealed)?;
        serde_json::from_slice(&json).map(Some).map_err(|e| Fault::new("reading what is in a case", e))
    }

    /// The key of what a side writes; an erased side writes no more.
    pub(super) async fn key_of(&self, scope: &Scope, id: &ConversationId, side: Side) -> Result<DataKey, Declined> {
        self.key_in(scope, &self.row(scope, id).await?, side)
    }

    pub(super) fn key_in(&self, scope: &Scope, row: &ConversationRow, side: Side) -> Result<DataKey, Declined> {
        self.side_key(scope, row, side)?.ok_or_else(|| Wrong::unfit("by", "this side was erased"))
    }

    pub(super) fn said_by(
        &self,
        scope: &Scope,
        key: &DataKey,
        (kind, by): (EntryKind, Side),
        id: EventId,
        words: &CaseWords,
        facts: String,
    ) -> Result<NewEntry, Fault> {
        let json = |fault| Fault::new("writing what somebody said", fault);
        let whole = serde_json::to_vec(words).map_err(json)?;
        let (said, shown) = (serde_json::to_vec(&words.said()), serde_json::to_vec(&words.shown()));
        let (said, shown) = (said.map_err(json)?, shown.map_err(json)?);
        let parts = [(Share::Said, said.as_slice()), (Share::Shown, &shown)];
        let place = Place::evidence(scope.marketplace(), &id);
        let (private, [said, shown]) = key.commit_parts(&place, &whole, parts)?;
        let facts = format!("{facts} said={said} shown={shown}");
        Ok(NewEntry { message: Some(id), private: Some(private), ..entry(self.now(), kind, Some(by), facts) })
    }

    pub(super) fn seal_papers(
        &self,
        scope: &Scope,
        key: &DataKey,
        id: EventId,
        files: &[(Option<Attachment>, Attachment)],
    ) -> Result<Vec<SealedPaper>, Fault> {
        let market = scope.marketplace();
        let seal = |(shown, original): &(Option<Attachment>, Attachment)| {
            let shown = shown.as_ref().map(|file| key.seal(&Place::paper(market, &id), &file.bytes)).transpose()?;
            Ok(SealedPaper { shown, original: key.seal(&Place::paper_original(market, &id), &original.bytes)? })
        };
        files.iter().map(seal).collect()
    }

    /// Whether a submission repeats the newest one: a call that was made again changes nothing. Where its side was asked
    /// since, to say the same again is an answer.
    async fn says_the_same(&self, scope: &Scope, known: &CaseRow, form: &CaseForm) -> Result<bool, Fault> {
        if known.clock.request(form.by).is_some_and(|request| request.answered.is_none()) {
            return Ok(false);
        }
        let items = self.store.case_items(scope, &known.id).await?;
        let Some(last) = items.into_iter().rfind(|item| item.kind == ItemKind::Submission) else { return Ok(false) };
        let Some(words) = self.open_words(scope, &known.conversation, &last).await? else { return Ok(false) };
        let files =
            |described: &[(File, File)]| described.iter().map(|(_, came)| came.sha256.clone()).collect::<Vec<_>>();
        Ok(known.topic == form.topic
            && words.text == form.said.text
            && last.money == form.claim
            && files(&words.files) == files(&form.said.described))
    }
}

pub(super) fn words(said: &Statement) -> CaseWords {
    CaseWords {
        text: said.text.clone(),
        shown: said.shown.clone().filter(|shown| Some(shown) != said.text.as_ref()),
        findings: Kept::written(&said.findings),
        signals: Kept::written_signals(&said.signals),
        files: said.described.clone(),
        ..CaseWords::default()
    }
}

/// What was found in somebody's words.
pub fn findings_of(words: &CaseWords) -> Vec<Finding> {
    Kept::read_findings(&words.findings)
}

/// What somebody's words are up to.
pub fn signals_of(words: &CaseWords) -> Vec<Signal> {
    Kept::read_signals(&words.signals)
}

/// The subject of a letter: a line.
///
/// # Errors
/// When it is none.
pub fn check_subject(subject: &str) -> Result<(), Declined> {
    if subject.is_empty() || fits(subject, 200) {
        return Ok(());
    }
    Err(Wrong::field("subject", "at most 200 characters without control characters"))
}

pub(super) fn money_facts(facts: &mut String, money: Option<&Money>) {
    if let Some(money) = money {
        facts.push_str(&format!(" amount={} currency={}", money.amount, money.currency));
    }
}

/// A text of a form: line breaks are fine in it, other control characters are not.
pub(super) fn check_text(field: &'static str, text: Option<&str>, needed: bool) -> Result<(), Declined> {
    let empty = text.is_none_or(|text| text.trim().is_empty());
    let odd = |text: &str| text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if empty && needed || text.is_some_and(|text| text.chars().count() > TEXT || odd(text)) {
        return Err(Wrong::field(field, "1 to 10000 characters without control characters"));
    }
    Ok(())
}

fn check_slot(form: &ItemForm) -> Result<(), Declined> {
    let nothing = form.said.text.as_deref().is_none_or(|text| text.trim().is_empty()) && form.said.files.is_empty();
    match (form.kind, form.slot) {
        (ItemKind::Offer, _) if form.money.is_none() => Err(Wrong::field("amount", "an offer needs an amount")),
        (ItemKind::Evidence, Some(Slot::Chat)) if nothing => {
            Err(Wrong::field("text", "a chat needs its words or a file"))
        }
        (ItemKind::Evidence, Some(slot)) if slot != Slot::Chat && form.said.files.is_empty() => {
            Err(Wrong::field("attachments", "this kind of evidence is a file"))
        }
        _ => Ok(()),
    }
}

const TEXT: usize = 10_000;
