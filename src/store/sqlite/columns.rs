//! How the words of the house stand in columns of SQLite.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::{
    model::{
        AgentId, CaseId, CaseState, Category, Channel, ContactKind, ConversationId, EventId, Fulfilment, HandleHash,
        ItemKind, LetterKind, LetterState, Link, LinkKind, LinkState, Marketplace, MessageState, OrderId, OrderState,
        PartyId, PickupId, Reason, ReportState, ReviewId, Ruling, Side, Slot, Timestamp, Topic, WebhookId,
    },
    store::{Cargo, HandleKind, Under, ViolationState, outbox::DeliveryState, words::Word},
};

/// A count or an epoch as SQLite's integers: they never come near 2^63.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Back again.
pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A limit as SQLite's integers.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

macro_rules! texts {
    ($($id:ident)*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )*};
}

texts! { AgentId CaseId ConversationId Marketplace OrderId PartyId PickupId ReviewId WebhookId }

macro_rules! words {
    ($($set:ident)*) => {$(
        impl ToSql for $set {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.word().into())
            }
        }

        impl FromSql for $set {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::read(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}

words! { Category ItemKind LetterKind LetterState LinkKind LinkState ReportState Ruling Slot Topic }
words! { Cargo CaseState Channel ContactKind DeliveryState Fulfilment HandleKind MessageState OrderState Reason Side Under ViolationState }

macro_rules! bytes {
    ($($name:ident)*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.as_slice().into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self)
            }
        }
    )*};
}

bytes! { EventId HandleHash Link }

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}
