//! What several calls say and hear, as JSON. Ids and times come in as texts and are read by
//! [`id`] and [`time`], so that a wrong one is named by its field.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    desk::{
        ConversationRow, Deliver, SideStanding, Standing,
        conversations::{ConversationView, HandleSet},
    },
    model::{Channel, Finding, Kind, Part, Phase, Reason, Side, Signal, SignalKind, Stage, Timestamp},
};

use super::problem::Problem;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed<T: ToSchema> {
    /// What was asked for.
    pub(super) items: Vec<T>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SideBody {
    Buyer,
    Seller,
}

impl From<SideBody> for Side {
    fn from(side: SideBody) -> Self {
        match side {
            SideBody::Buyer => Self::Buyer,
            SideBody::Seller => Self::Seller,
        }
    }
}

impl From<Side> for SideBody {
    fn from(side: Side) -> Self {
        match side {
            Side::Buyer => Self::Buyer,
            Side::Seller => Self::Seller,
        }
    }
}

/// By which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChannelBody {
    Mail,
    Api,
    Sms,
}

impl From<ChannelBody> for Channel {
    fn from(channel: ChannelBody) -> Self {
        match channel {
            ChannelBody::Mail => Self::Mail,
            ChannelBody::Api => Self::Api,
            ChannelBody::Sms => Self::Sms,
        }
    }
}

/// How each side wants its messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverBody {
    /// To the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    buyer: Option<Vec<ChannelBody>>,
    /// To the seller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seller: Option<Vec<ChannelBody>>,
}

impl From<DeliverBody> for Deliver {
    fn from(body: DeliverBody) -> Self {
        let ways = |ways: Option<Vec<ChannelBody>>| ways.map(|ways| ways.into_iter().map(Channel::from).collect());
        Self { buyer: ways(body.buyer), seller: ways(body.seller) }
    }
}

/// What was cut out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct FindingBody {
    /// A number, `html`, `subject` or `attachment:N`.
    #[schema(value_type = serde_json::Value)]
    part: Part,
    /// First Unicode scalar value.
    start: usize,
    /// One past the last.
    end: usize,
    /// What it is.
    #[schema(value_type = String)]
    kind: Kind,
    /// The exact substring, or what a code says.
    text: String,
    /// Why it is cut, in the marketplace's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    /// In a picture: left, top, width, height in pixels.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    area: Option<[u32; 4]>,
    /// In an animation: the frame, from 0. In a PDF: the page, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
}

/// What a sender is told of a rule of the lexicon, or of a kind of finding.
pub(super) type Explain<'a> = &'a dyn Fn(&str) -> Option<String>;

impl FindingBody {
    fn of(finding: &Finding, explain: Explain<'_>) -> Self {
        let Finding { part, start, end, kind, text, area, frame } = finding;
        Self {
            part: *part,
            start: *start,
            end: *end,
            kind: *kind,
            text: text.clone(),
            explanation: explain(kind.as_str()),
            area: *area,
            frame: *frame,
        }
    }
}

/// What was found, in words for who reads it.
pub(super) fn findings(findings: &[Finding], explain: Explain<'_>) -> Vec<FindingBody> {
    findings.iter().map(|finding| FindingBody::of(finding, explain)).collect()
}

/// What a text is up to, in words for who reads it.
pub(super) fn signals(signals: &[Signal], explain: Explain<'_>) -> Vec<SignalBody> {
    let body =
        |s: &Signal| SignalBody { part: s.part, kind: s.kind, rule: s.rule.clone(), explanation: explain(&s.rule) };
    signals.iter().map(body).collect()
}

/// What a text is up to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SignalBody {
    /// A number, `html`, `subject` or `attachment:N`.
    #[schema(value_type = serde_json::Value)]
    part: Part,
    /// What it is up to.
    #[schema(value_type = String)]
    kind: SignalKind,
    /// The rule that saw it.
    rule: String,
    /// The rule in words for the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

/// Why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReasonBody {
    /// A rule of contact such as `rate`, a kind of finding, or a rule of the lexicon.
    pub(super) rule: String,
    /// The rule in words for the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explanation: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(super) part: Option<Part>,
    /// First Unicode scalar value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<usize>,
    /// One past the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<usize>,
    /// The exact substring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// Whether no person decided it.
    pub(super) automated: bool,
}

/// The reasons of a decision: the contact rule, what was found, what it is up to.
pub(super) fn reasons(
    contact: Option<Reason>,
    findings: &[Finding],
    signals: &[Signal],
    explain: Explain<'_>,
) -> Vec<ReasonBody> {
    let bare = |rule: String| ReasonBody {
        explanation: explain(&rule),
        rule,
        part: None,
        start: None,
        end: None,
        text: None,
        automated: true,
    };
    let contact = contact.into_iter().map(|reason| bare(reason.as_str().to_owned()));
    let signals = signals.iter().map(|s| ReasonBody { part: Some(s.part), ..bare(s.rule.clone()) });
    let findings = findings.iter().map(|f| ReasonBody {
        part: Some(f.part),
        start: Some(f.start),
        end: Some(f.end),
        text: Some(f.text.clone()),
        ..bare(f.kind.as_str().to_owned())
    });
    contact.chain(signals).chain(findings).collect()
}

/// What both sides may do now.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct ContactBody {
    /// Where the conversation stands, which decides what the seller may write: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    stage: Option<Stage>,
    /// The seller.
    seller: StandingBody,
    /// The buyer.
    buyer: StandingBody,
}

/// What one side may do now.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct StandingBody {
    /// `open`, `cooling`, `limited`, `blocked` or `closed`; a seller is told only `open`, `limited` or `closed`.
    #[schema(value_type = String)]
    phase: Phase,
    /// What limits it: for the marketplace alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    because: Option<Reason>,
    /// How many messages it still has now; null: no limit.
    left: Option<u32>,
    /// What is left is for templates alone: for the marketplace alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    templates: bool,
}

/// Who reads an answer: a seller is told less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// The marketplace, its support or its auditor.
    Marketplace,
    /// A seller.
    Seller,
}

impl ContactBody {
    pub(super) fn of(standing: &Standing, reader: Reader) -> Self {
        let stage = (reader == Reader::Marketplace).then_some(standing.stage);
        Self {
            stage,
            seller: StandingBody::of(standing.seller, reader),
            buyer: StandingBody::of(standing.buyer, reader),
        }
    }
}

impl StandingBody {
    /// A seller learns that the door is closed, never by what: a review, a block and a spent
    /// budget look the same.
    fn of(side: SideStanding, reader: Reader) -> Self {
        match (reader, side.phase) {
            (Reader::Marketplace, phase) => {
                Self { phase, because: side.because, left: side.left, templates: side.templates }
            }
            (Reader::Seller, phase @ (Phase::Open | Phase::Closed)) => {
                Self { phase, because: None, left: side.left, templates: false }
            }
            (Reader::Seller, _) => Self { phase: Phase::Limited, because: None, left: side.left, templates: false },
        }
    }
}

/// What stands for one side.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HandleBody {
    /// The mail address; absent after an erasure.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The number that the other side texts, where it is texted.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// The postal handle, for a parcel label.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The public name.
    name: String,
}

impl From<HandleSet> for HandleBody {
    fn from(set: HandleSet) -> Self {
        Self { email: set.email, phone: set.phone, address: set.address, name: set.name }
    }
}

/// The handles of a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HandlesBody {
    /// They stand for the buyer: what the seller sees.
    buyer: HandleBody,
    /// They stand for the seller: what the buyer sees.
    seller: HandleBody,
}

/// A conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ConversationBody {
    /// The marketplace's id.
    id: String,
    /// `open` or `closed`.
    state: &'static str,
    /// About which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    /// About which listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<String>,
    /// The buyer's id: not told to a seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<String>,
    /// The seller's id.
    seller: String,
    /// Tracking numbers.
    tracking: Vec<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// When it was opened.
    created_at: String,
    /// What stands for each side.
    handles: HandlesBody,
    /// What each side may do.
    contact: ContactBody,
}

impl ConversationBody {
    pub(super) fn of(view: ConversationView, reader: Reader) -> Self {
        let state = if view.closed() { "closed" } else { "open" };
        let ConversationView { row, tracking, buyer, seller, standing } = view;
        let ConversationRow { id, order, listing, buyer: buyer_id, seller: seller_id, expires, created, .. } = row;
        Self {
            id: id.into(),
            state,
            order: order.map(String::from),
            listing,
            buyer: (reader == Reader::Marketplace).then(|| buyer_id.into()),
            seller: seller_id.into(),
            tracking,
            expires_at: expires.map(Timestamp::rfc3339),
            created_at: created.rfc3339(),
            handles: HandlesBody { buyer: buyer.into(), seller: seller.into() },
            contact: ContactBody::of(&standing, reader),
        }
    }
}

/// Reads one of the marketplace's ids, or an event's.
pub(super) fn id<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|_| Problem::field(field, "not an id: 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'"))
}

/// Reads an RFC 3339 time.
pub(super) fn time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| Problem::field(field, "not an RFC 3339 time such as 2026-11-22T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seller_can_not_tell_a_review_from_a_block_or_a_spent_budget() {
        let shut = |phase, because| SideStanding { phase, because: Some(because), left: Some(0), templates: false };
        let told = |phase, because| {
            let standing = Standing {
                stage: Stage::Reviewed,
                seller: shut(phase, because),
                buyer: SideStanding { phase: Phase::Open, because: None, left: None, templates: false },
            };
            serde_json::to_string(&ContactBody::of(&standing, Reader::Seller)).unwrap()
        };
        let rate = told(Phase::Limited, Reason::Rate);
        assert_eq!(told(Phase::Cooling, Reason::CoolDown), rate);
        assert_eq!(told(Phase::Blocked, Reason::Blocked), rate);
        assert_eq!(told(Phase::Limited, Reason::ReviewBudget), rate);
        assert!(!rate.contains("because"), "{rate}");
    }

    #[test]
    fn times_and_ids_name_their_field() {
        assert_eq!(time("at", "1970-01-01T00:00:01Z").unwrap(), Timestamp(1_000));
        for bad in ["", "yesterday", "2026-11-22", "1"] {
            assert_eq!(time("at", bad).unwrap_err().status(), 400, "{bad}");
        }
        assert!(id::<crate::model::PartyId>("id", "../x").is_err());
    }
}
