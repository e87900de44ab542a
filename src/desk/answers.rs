//! Repeated requests: the same key and body get the same answer and no second effect.

use ring::digest;

use crate::{
    model::{Duration, EventId, Fault, Scope},
    store::{AnsweredRow, Idempotency},
    vault::Place,
};

use super::Desk;

/// What was answered before under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing.
    Nothing,
    /// This, to the same request.
    Same(Answer),
    /// Something, to another request.
    Other,
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A mail was taken, as this.
    pub(super) fn taken(id: EventId) -> Self {
        Self { status: 250, body: id.to_string().into_bytes() }
    }
}

impl Desk {
    /// The fingerprint of a request: what names it, and what it says.
    pub fn fingerprint(&self, scope: &Scope, names: &[&[u8]], says: &[&[u8]]) -> Idempotency {
        let market = scope.marketplace().as_str().as_bytes();
        let key = hash(std::iter::once(market).chain(names.iter().copied()));
        Idempotency { key, body: hash(says.iter().copied()), expires: self.now().plus(KEPT) }
    }

    /// What was answered before.
    ///
    /// # Errors
    /// By a fault.
    pub async fn earlier(&self, scope: &Scope, asked: &Idempotency) -> Result<Earlier, Fault> {
        let Some(row) = self.store.answered(scope, asked.key, self.now()).await? else { return Ok(Earlier::Nothing) };
        if row.idempotency.body != asked.body {
            return Ok(Earlier::Other);
        }
        let market = self.market(scope).await?;
        let opened = market.key.open(&Place::answer(&market.name, &asked.key), &row.sealed)?;
        let (status, body) = opened.split_first_chunk::<2>().ok_or_else(|| Fault::plain("reading a kept answer"))?;
        Ok(Earlier::Same(Answer { status: u16::from_be_bytes(*status), body: body.to_vec() }))
    }

    /// Keeps an answer, sealed, for 24 hours.
    ///
    /// # Errors
    /// By a fault.
    pub async fn keep_answer(&self, scope: &Scope, asked: Idempotency, answer: &Answer) -> Result<(), Fault> {
        let row = self.seal_answer(scope, asked, answer).await?;
        self.store.keep_answer(scope, row).await.map(|_| ())
    }

    pub(super) async fn seal_answer(
        &self,
        scope: &Scope,
        asked: Idempotency,
        answer: &Answer,
    ) -> Result<AnsweredRow, Fault> {
        let market = self.market(scope).await?;
        let plain = [&answer.status.to_be_bytes()[..], &answer.body].concat();
        let sealed = market.key.seal(&Place::answer(&market.name, &asked.key), &plain)?;
        Ok(AnsweredRow { idempotency: asked, sealed })
    }
}

/// Each part with its length before it, so that no two lists of parts are one.
fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// How long a key is remembered.
const KEPT: Duration = Duration::hours(24);
