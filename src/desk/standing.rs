//! The standing of a party: points, sanctions, limits in force, and how soon it answers. Nothing of it is kept: it
//! follows from what stands now, so that a ruling corrects it by itself.

use crate::{
    model::{Closed, EntryKind, PartyId, Scope, Side, Timestamp},
    policy::{
        response::{self, Response, ResponseRules, Waiting},
        strikes,
    },
    store::{NewClosing, RestrictionRow, SanctionRow},
};

use super::{Declined, Desk, Wrong, entry};

/// How a party stands.
#[derive(Clone, Debug)]
pub struct PartyStanding {
    /// As a seller, together with its group.
    pub seller: AccountView,
    /// As a buyer.
    pub buyer: AccountView,
    /// What it may do less than others, as a seller.
    pub limits: Vec<RestrictionRow>,
    /// How soon it answers, as a seller.
    pub response: Response,
    /// When the marketplace was asked about who waits, in the order of `response.waiting`.
    pub asked: Vec<Option<Timestamp>>,
    /// When it is or will be closed.
    pub closed: Vec<Closed>,
    /// What its clocks are set to.
    pub clocks: ResponseRules,
    /// The moment of all this.
    pub now: Timestamp,
}

/// Points and what they brought.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// Points now.
    pub points: u32,
    /// How many violations stand.
    pub violations: usize,
    /// Sanctions in force.
    pub sanctions: Vec<SanctionRow>,
    /// Whose account it is: the sellers of one group have one.
    pub group: Vec<PartyId>,
}

impl Desk {
    /// How a party stands now.
    ///
    /// # Errors
    /// When there is none, or by a fault.
    pub async fn party_standing(&self, scope: &Scope, party: &PartyId) -> Result<PartyStanding, Declined> {
        let (rules, now) = (self.rules(scope), self.now());
        let clocks = rules.enforcement.response.clone();
        let seller = self.account_view(scope, party, Side::Seller, now).await?;
        let buyer = self.account_view(scope, party, Side::Buyer, now).await?;
        // Whoever waits longer than the window still waits.
        let since = now.minus(clocks.window).minus(clocks.window);
        let said = self.store.said(scope, party, since).await?;
        let closed = self.store.closings(scope, party, since).await?;
        let response = response::measure(&said, &closed, &clocks, now);
        let mut asked = Vec::with_capacity(response.waiting.len());
        for Waiting { message, .. } in &response.waiting {
            asked.push(self.store.asked(scope, *message).await?);
        }
        Ok(PartyStanding {
            seller,
            buyer,
            limits: self.store.restrictions(scope, party, now).await?,
            response,
            asked,
            closed: closed.into_iter().filter(|one| one.until > now).collect(),
            clocks,
            now,
        })
    }

    async fn account_view(
        &self,
        scope: &Scope,
        party: &PartyId,
        side: Side,
        now: Timestamp,
    ) -> Result<AccountView, Declined> {
        let account = self.store.account(scope, party, side).await?.ok_or(Declined::NotFound)?;
        let weighed = self.weighed(scope, &account);
        Ok(AccountView {
            points: strikes::total(&weighed, &self.rules(scope).enforcement.decay, now),
            violations: weighed.len(),
            sanctions: account.sanctions.into_iter().filter(|row| row.holds(now)).collect(),
            group: account.group,
        })
    }

    /// Declares when a seller will be closed: replaces what has not begun. Never afterwards, and no more than the
    /// settings allow at a time, since clocks stand still on these days.
    ///
    /// # Errors
    /// When there is no such party, a time is wrong, or by a fault.
    pub async fn put_closing(
        &self,
        scope: &Scope,
        party: &PartyId,
        closed: Vec<Closed>,
    ) -> Result<Vec<Closed>, Declined> {
        let now = self.now();
        let most = self.rules(scope).enforcement.response.closed_at_most;
        if closed.len() > 50 {
            return Err(Wrong::field("closed", "at most 50"));
        }
        for (n, one) in closed.iter().enumerate() {
            if one.until <= one.from {
                return Err(Wrong::at("closed", n, "ends before it begins"));
            }
            if one.from < now {
                return Err(Wrong::unfit_at("closed", n, Some("from"), "closed days are declared beforehand"));
            }
        }
        // What runs on from before counts with what is declared now: closing is not prolonged piece by piece.
        let running = self.store.closings(scope, party, now).await?;
        let running = running.iter().filter(|one| one.from <= now).map(|one| one.until.since(now).0);
        let total: i64 = closed.iter().map(|one| one.until.since(one.from).0).chain(running).sum();
        if total > most.0 {
            return Err(Wrong::unfit("closed", "more days than the marketplace allows at a time"));
        }
        let facts = format!("party={party} times={}", closed.len());
        let entry = entry(now, EntryKind::ClosingDeclared, None, facts);
        if !self.store.put_closing(scope, NewClosing { party: party.clone(), closed, at: now, entry }).await? {
            return Err(Declined::NotFound);
        }
        Ok(self.store.closings(scope, party, now).await?)
    }
}
