//! The standing of a party: points, sanctions, limits in force, and how soon it answers. Nothing of it is kept: it
//! follows from what stands now, so that a ruling corrects it by itself.

use crate::{
    model::{Closed, EntryKind, PartyId, Scope, Side, Timestamp, TooLong},
    policy::{
        response::{self, Response, ResponseRules, Waiting},
        strikes,
    },
    store::{Declared, NewClosing, RestrictionRow, SanctionRow},
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
        let facts = format!("party={party} times={}", closed.len());
        let entry = entry(now, EntryKind::ClosingDeclared, None, facts);
        let (clocks, declared) = (self.rules(scope).enforcement.response.clone(), closed.clone());
        let judge = Box::new(move |begun: &[Closed]| clocks.may_close(begun, &declared, now));
        let new = NewClosing { party: party.clone(), closed, at: now, since: now.minus(response::YEAR), entry };
        match self.store.put_closing(scope, new, judge).await? {
            Declared::Done => Ok(self.store.closings(scope, party, now).await?),
            Declared::NoSuchParty => Err(Declined::NotFound),
            Declared::TooLong(TooLong::AtATime) => {
                Err(Wrong::unfit("closed", "more days than the marketplace allows at a time"))
            }
            Declared::TooLong(TooLong::InAYear) => {
                Err(Wrong::unfit("closed", "more days than the marketplace allows in any 365 days"))
            }
        }
    }
}
