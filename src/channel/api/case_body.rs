//! A case as its readers see it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    call::Call,
    messages::FileBody,
    problem::Problem,
    wire::{self, FindingBody, SideBody},
};
use crate::{
    desk::cases::{CaseView, ItemView, RequestView, findings_of},
    model::{File, ItemKind, LetterState, Money, Ruling, Side, Slot, Timestamp, Topic},
};

/// An amount of money.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoneyBody {
    /// Digits, with at most four behind a point: a text, or a whole number.
    #[schema(value_type = String)]
    amount: Amount,
    /// Three capital letters, such as `IDR`.
    currency: String,
}

/// As it was written.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Number(u64),
}

impl MoneyBody {
    pub(super) fn read(self, field: &str) -> Result<Money, Problem> {
        let amount = match self.amount {
            Amount::Text(text) => text,
            Amount::Number(number) => number.to_string(),
        };
        Money::new(&amount, &self.currency)
            .map_err(|_| Problem::field(field, "an amount such as \"150000\" and a currency such as \"IDR\""))
    }

    fn of(money: Money) -> Self {
        Self { amount: Amount::Text(money.amount), currency: money.currency }
    }
}

/// A case.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseBody {
    /// The marketplace's id.
    id: String,
    /// About which conversation.
    conversation: String,
    /// `open` or `decided`.
    state: &'static str,
    /// `urgent` or `ordinary`.
    severity: &'static str,
    /// Its reason code.
    #[schema(value_type = String)]
    topic: Topic,
    /// Who opened it.
    by: SideBody,
    /// First submission: every clock but those of requests runs from here.
    opened_at: String,
    /// When it is overdue.
    due_at: String,
    /// In an urgent case: until when somebody must take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgent_until: Option<String>,
    /// When a person took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<String>,
    /// Its place from 1 among the open ones of its severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Whether a person was called, and why: `unattended`, `overdue`, `unproven`. Not told to a side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    escalated: Vec<&'static str>,
    /// What was asked of each side.
    requests: RequestsBody,
    /// What was put into it, oldest first.
    items: Vec<CaseItemBody>,
    /// How it ended: final.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<CaseDecisionBody>,
}

/// What was asked of each side.
#[derive(Serialize, ToSchema)]
struct RequestsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<CaseRequestBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seller: Option<CaseRequestBody>,
}

/// A request for evidence.
#[derive(Serialize, ToSchema)]
struct CaseRequestBody {
    /// The letter that asked.
    letter: String,
    /// When it was written.
    sent_at: String,
    /// `queued`, `delivered` or `failed`.
    #[schema(value_type = String)]
    state: LetterState,
    /// When it arrived: silence counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// The entry of the conversation's evidence that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<u64>,
    /// When the side first answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
    /// Until when its evidence is in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// Something in a case.
#[derive(Serialize, ToSchema)]
struct CaseItemBody {
    /// Its number.
    n: u64,
    /// `submission`, `evidence` or `offer`.
    #[schema(value_type = String)]
    kind: ItemKind,
    /// Whose.
    by: SideBody,
    /// What it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    slot: Option<Slot>,
    /// When it came.
    at: String,
    /// After its side's time.
    late: bool,
    /// What is claimed or offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<MoneyBody>,
    /// Of an offer: what is claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<MoneyBody>,
    /// Which offer it corrects: that one stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    corrects: Option<u64>,
    /// What is said, as the reader may read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Its files, as the reader may see them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<FileBody>,
    /// What was found in it: not told to a side.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<FindingBody>>,
    /// The entry of the conversation's evidence that holds it.
    entry: u64,
    /// Its author was erased.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// How a case ended.
#[derive(Serialize, ToSchema)]
struct CaseDecisionBody {
    /// `for_buyer`, `for_seller`, `partial`, `dismissed` or `withdrawn`.
    #[schema(value_type = String)]
    outcome: Ruling,
    /// Why; a side is told in the letter that it got.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Who decided: not told to a side.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// No person decided it: nobody answered.
    automated: bool,
    /// What is to be paid back.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<MoneyBody>,
    /// When.
    at: String,
    /// The entry of the conversation's evidence that holds it.
    entry: u64,
}

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Eyes {
    /// The marketplace, support, an auditor.
    Desk,
    /// One side.
    Of(Side),
}

/// Tells a case.
pub(super) fn tell(call: &Call<'_>, view: CaseView, eyes: Eyes) -> CaseBody {
    let CaseView { row, due, urgent_until, requests: [buyer, seller], items, decision } = view;
    let desk = eyes == Eyes::Desk;
    let sees = |side: Side| desk || eyes == Eyes::Of(side);
    let mut claim =
        items.iter().filter(|item| item.row.kind == ItemKind::Submission).filter_map(|i| i.row.money.clone());
    let claim = claim.next_back();
    let clock = &row.clock;
    let marks =
        [(clock.unattended, "unattended"), (clock.overdue, "overdue"), (clock.unproven.contains(&true), "unproven")];
    CaseBody {
        id: row.id.into(),
        conversation: row.conversation.into(),
        state: if clock.decided.is_some() { "decided" } else { "open" },
        severity: if clock.urgent { "urgent" } else { "ordinary" },
        topic: row.topic,
        by: clock.opener.into(),
        opened_at: clock.opened.rfc3339(),
        due_at: due.rfc3339(),
        urgent_until: urgent_until.filter(|_| desk).map(Timestamp::rfc3339),
        taken_at: clock.taken.filter(|_| desk).map(Timestamp::rfc3339),
        position: row.position,
        escalated: marks.into_iter().filter(|(yes, _)| *yes && desk).map(|(_, word)| word).collect(),
        requests: RequestsBody {
            buyer: buyer.filter(|_| sees(Side::Buyer)).map(request),
            seller: seller.filter(|_| sees(Side::Seller)).map(request),
        },
        items: items.into_iter().map(|one| item(call, one, (eyes, claim.as_ref()))).collect(),
        decision: row.decision.map(|ended| CaseDecisionBody {
            outcome: ended.ruling,
            reason: decision.as_ref().filter(|_| desk).map(|words| words.reason.clone()),
            actor: decision.filter(|_| desk).and_then(|words| words.actor),
            automated: ended.automated,
            amount: ended.amount.map(MoneyBody::of),
            at: ended.at.rfc3339(),
            entry: ended.entry.0,
        }),
    }
}

fn request(view: RequestView) -> CaseRequestBody {
    let RequestView { letter, answered, until } = view;
    let state = if letter.state == LetterState::Claimed { LetterState::Queued } else { letter.state };
    CaseRequestBody {
        letter: letter.id.to_string(),
        sent_at: letter.at.rfc3339(),
        state,
        delivered_at: letter.proof.map(|(at, _)| at.rfc3339()),
        proof: letter.proof.map(|(_, entry)| entry),
        answered_at: answered.map(Timestamp::rfc3339),
        until: until.map(Timestamp::rfc3339),
    }
}

fn item(call: &Call<'_>, view: ItemView, (eyes, claim): (Eyes, Option<&Money>)) -> CaseItemBody {
    let ItemView { row, words } = view;
    let erased = words.is_none();
    let whole = eyes == Eyes::Desk || eyes == Eyes::Of(row.side);
    let words = words.unwrap_or_default();
    let findings = findings_of(&words);
    let files = words.files.into_iter().map(|(shown, came)| if whole { came } else { shown });
    CaseItemBody {
        n: row.n,
        kind: row.kind,
        by: row.side.into(),
        slot: row.slot,
        at: row.at.rfc3339(),
        late: row.late,
        of: claim.filter(|_| row.kind == ItemKind::Offer).cloned().map(MoneyBody::of),
        amount: row.money.map(MoneyBody::of),
        corrects: row.corrects,
        text: if whole { words.text } else { words.shown.or(words.text) },
        attachments: files.map(described).collect(),
        findings: (eyes == Eyes::Desk).then(|| wire::findings(&findings, &call.explain())),
        entry: row.entry,
        erased,
    }
}

/// A file, described.
pub(super) fn described(file: File) -> FileBody {
    FileBody { filename: file.filename, media_type: file.media_type, bytes: file.bytes, action: file.action }
}
