//! Sellers that are one: by their declared group, by a telephone or an account that they share, or because a person
//! said so. Who is one with whom is kept as a number of the party, so that a decision about a message reads it and
//! computes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    Sqlite,
    columns::at_most,
    evidence,
    pair::market,
    parties, rights,
    strikes::{self, Account},
    writer::Patience::{Late, Urgent},
};
use crate::{
    model::{EntryKind, EventId, LinkKind, LinkState, Marketplace, PartyId, Scope, Side, Sketch, Timestamp},
    store::{
        Answer, Filed, LinkConfirmation, LinkDisputeRow, LinkFilter, LinkRow, LinkRuling, Links, NewLinkDispute, outbox,
    },
};

impl Links for Sqlite {
    fn seller_link<'a>(&'a self, scope: &'a Scope, id: EventId) -> Answer<'a, Option<LinkRow>> {
        self.look("finding a link", move |db| find(db, scope, id))
    }

    fn seller_links<'a>(&'a self, scope: &'a Scope, filter: LinkFilter) -> Answer<'a, Vec<LinkRow>> {
        let scope = scope.clone();
        self.list("listing links", move |db| list(db, &scope, &filter))
    }

    fn confirm_link<'a>(&'a self, scope: &'a Scope, confirmation: LinkConfirmation) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("confirming a link", Urgent, move |db| confirm(db, &scope, &confirmation))
    }

    fn dispute_link<'a>(&'a self, scope: &'a Scope, new: NewLinkDispute) -> Answer<'a, Filed> {
        let scope = scope.clone();
        self.write("disputing a link", Urgent, move |db| dispute(db, &scope, &new))
    }

    fn rule_link<'a>(&'a self, scope: &'a Scope, ruling: LinkRuling) -> Answer<'a, bool> {
        let scope = scope.clone();
        self.write("ruling on a link", Urgent, move |db| rule(db, &scope, &ruling))
    }

    fn compare_texts(&self, now: Timestamp) -> Answer<'_, u64> {
        const DOING: &str = "comparing what sellers write";
        Box::pin(async move {
            let mut made = 0;
            for _ in 0..PIECES {
                let after = self.compared();
                let (alike, last) = self.list(DOING, move |db| alike(db, after)).await?;
                if !alike.is_empty() {
                    made += self.write(DOING, Late, move |db| suggest(db, &alike, now)).await?;
                }
                let Some(last) = last else { break };
                self.compared_to(last);
            }
            Ok(made)
        })
    }
}

/// Links a party that sells with the others that sell and share a contact with it. A buyer of the same household is
/// none of them: what holds for a seller never holds for who buys.
pub(super) fn meet(db: &Connection, scope: &Scope, market: i64, party: i64, at: Timestamp) -> Result<()> {
    if !db.prepare_cached("SELECT 1 FROM conversation WHERE seller = ?1")?.exists([party])? {
        return Ok(());
    }
    let mut made = false;
    for (kind, others) in sharing(db, market, party)? {
        // What so many have is an agency's or stands for none: a person says once whether it joins them.
        let crowd = others.len() > SHARED_BY;
        for other in others.into_iter().take(if crowd { 1 } else { SHARED_BY }) {
            let begins = if crowd { LinkState::Suggested } else { kind.begins() };
            made |= make(db, scope, &Pair::of(party, other), kind, begins, at)?;
        }
    }
    if made { settle(db, &[party], at) } else { Ok(()) }
}

/// Who else sells and has the same, by each contact: of a crowd as many as tell that it is one, so that what a crowd
/// shares never hides what two share.
fn sharing(db: &Connection, market: i64, party: i64) -> Result<Vec<(LinkKind, Vec<i64>)>> {
    let own: Vec<([u8; 16], i64, LinkKind)> = db
        .prepare_cached("SELECT tag, ring_key, kind FROM tag WHERE party = ?1 AND agent = '' AND kind IS NOT NULL")?
        .query_map([party], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_>>()?;
    let mut others = db.prepare_cached(
        "SELECT o.party FROM tag o JOIN party p ON p.num = o.party
         WHERE o.tag = ?1 AND o.ring_key = ?2 AND o.kind = ?3 AND o.agent = '' AND o.party <> ?4 AND p.marketplace = ?5
             AND EXISTS (SELECT 1 FROM conversation c WHERE c.seller = o.party)
         ORDER BY o.party LIMIT ?6",
    )?;
    let mut shared = Vec::with_capacity(own.len());
    for (tag, ring_key, kind) in own {
        let rows =
            others.query_map(params![tag, ring_key, kind, party, market, at_most(SHARED_BY + 1)], |row| row.get(0))?;
        shared.push((kind, rows.collect::<Result<_>>()?));
    }
    Ok(shared)
}

/// Two sellers, the lower number first.
struct Pair {
    one: i64,
    other: i64,
}

impl Pair {
    fn of(a: i64, b: i64) -> Self {
        Self { one: a.min(b), other: a.max(b) }
    }
}

/// Writes a link down, unless there is one of its kind between the two. Who was parted by a person is not linked anew by
/// what is found later: a person is asked. Whether it counts now.
fn make(db: &Connection, scope: &Scope, pair: &Pair, kind: LinkKind, begins: LinkState, at: Timestamp) -> Result<bool> {
    let parted = db
        .prepare_cached("SELECT 1 FROM seller_link WHERE one = ?1 AND other = ?2 AND state = 'parted'")?
        .exists([pair.one, pair.other])?;
    let state = if parted { LinkState::Suggested } else { begins };
    let about = [&pair.one.to_be_bytes()[..], &pair.other.to_be_bytes(), kind.as_str().as_bytes()];
    let id = outbox::made_id(at, b"tabir seller link 1\n", &about);
    // What was only suggested for what a crowd shares counts once the two are found to share something of their own.
    let made: Option<EventId> = db
        .prepare_cached(
            "INSERT INTO seller_link (id, marketplace, one, other, kind, state, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (one, other, kind) DO UPDATE SET state = excluded.state, since = excluded.since
                 WHERE seller_link.state = 'suggested' AND excluded.state = 'linked'
             RETURNING id",
        )?
        .query_row(params![id, market(db, scope)?, pair.one, pair.other, kind, state, at], |row| row.get(0))
        .optional()?;
    let Some(id) = made else { return Ok(false) };
    let mut name = db.prepare_cached("SELECT id FROM party WHERE num = ?1")?;
    let [one, other] = [pair.one, pair.other].map(|num| name.query_row([num], |row| row.get::<_, PartyId>(0)));
    let facts = format!("link={id} kind={} party={} other={}", kind.as_str(), one?, other?);
    let told = if state.counts() { EntryKind::LinkMade } else { EntryKind::LinkSuggested };
    evidence::journal(db, scope, &strikes::entry(at, told, None, facts))?;
    Ok(state.counts())
}

/// Says anew who is one with whom, for these parties and whoever was one with them. What was imposed before stays as
/// it was: nobody's old strikes are weighed with somebody else's. What the joined had accepted before is judged by what
/// holds for all of them from now on.
pub(super) fn settle(db: &Connection, changed: &[i64], at: Timestamp) -> Result<()> {
    // As it was, before anything of it changes.
    let mut before: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for party in changed {
        for member in rights::group(db, *party)? {
            before.insert(member, rights::group(db, member)?.into_iter().collect());
        }
    }
    let mut done = BTreeSet::new();
    for (party, was) in before {
        if done.contains(&party) {
            continue;
        }
        let now = connected(db, party)?;
        if now != was {
            let cluster = now.first().filter(|_| now.len() > 1);
            let mut put = db.prepare_cached("UPDATE party SET cluster = ?2, clustered = ?3 WHERE num = ?1")?;
            now.iter().try_for_each(|member| put.execute(params![member, cluster, at]).map(drop))?;
            if let Some(cluster) = cluster.filter(|_| !now.is_subset(&was)) {
                close_what_waits(db, *cluster, at)?;
            }
        }
        done.extend(now);
    }
    Ok(())
}

/// Whom a buyer said no to, reviewed, or was told to be left alone by, has others beside it now: what these had accepted
/// for that buyer, and nobody has delivered, is old, and withheld when its turn comes.
fn close_what_waits(db: &Connection, cluster: i64, at: Timestamp) -> Result<()> {
    db.prepare_cached(
        "UPDATE pair SET epoch = epoch + 1
         WHERE (buyer, seller) IN (
             SELECT c.buyer, c.seller FROM conversation c JOIN party m ON m.num = c.seller
             WHERE m.cluster = ?1 AND c.num IN (
                 SELECT conversation FROM delivery WHERE lane IS NOT NULL
                 UNION SELECT conversation FROM message WHERE state = 'held'))
         AND EXISTS (
             SELECT 1 FROM party m LEFT JOIN pair p ON p.buyer = pair.buyer AND p.seller = m.num
             WHERE m.cluster = ?1 AND m.num <> pair.seller AND (
                 p.blocked_by_buyer OR p.stopped >= coalesce(p.last_from_buyer, p.stopped)
                 OR EXISTS (SELECT 1 FROM barrier b WHERE b.buyer = pair.buyer AND b.seller = m.num)
                 OR EXISTS (SELECT 1 FROM case_state k
                            WHERE k.buyer = pair.buyer AND k.seller = m.num AND k.state = 'closed')
                 OR EXISTS (SELECT 1 FROM restriction r
                            WHERE r.seller = m.num AND (r.buyer IS NULL OR r.buyer = pair.buyer) AND r.kind = 'withdrawn'
                                AND r.lifted IS NULL AND (r.until IS NULL OR r.until > ?2))))",
    )?
    .execute(params![cluster, at])
    .map(drop)
}

/// Everybody whom links that count and declared groups lead to.
fn connected(db: &Connection, from: i64) -> Result<BTreeSet<i64>> {
    let mut linked = db.prepare_cached(
        "SELECT other FROM seller_link WHERE one = ?1 AND state IN ('linked', 'confirmed')
         UNION ALL SELECT one FROM seller_link WHERE other = ?1 AND state IN ('linked', 'confirmed')",
    )?;
    let mut declared =
        db.prepare_cached("SELECT marketplace, budget_group FROM party WHERE num = ?1 AND budget_group IS NOT NULL")?;
    let mut group = db.prepare_cached("SELECT num FROM party WHERE marketplace = ?1 AND budget_group = ?2")?;
    let (mut all, mut open, mut groups) = (BTreeSet::from([from]), vec![from], BTreeSet::new());
    while let Some(party) = open.pop() {
        let mut near: Vec<i64> = linked.query_map([party], |row| row.get(0))?.collect::<Result<_>>()?;
        let of: Option<(i64, String)> = declared.query_row([party], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some(of) = of.filter(|of| !groups.contains(of)) {
            for member in group.query_map(params![of.0, of.1], |row| row.get(0))? {
                near.push(member?);
            }
            groups.insert(of);
        }
        open.extend(near.into_iter().filter(|party| all.insert(*party)));
    }
    Ok(all)
}

const LINK: &str = "SELECT l.id, a.id, b.id, l.kind, l.state, l.since, l.ruling
     FROM seller_link l JOIN party a ON a.num = l.one JOIN party b ON b.num = l.other";

fn read(row: &Row<'_>) -> Result<LinkRow> {
    Ok(LinkRow {
        id: row.get(0)?,
        parties: [row.get(1)?, row.get(2)?],
        kind: row.get(3)?,
        state: row.get(4)?,
        since: row.get(5)?,
        ruling: row.get(6)?,
        disputes: Vec::new(),
    })
}

fn find(db: &Connection, scope: &Scope, id: EventId) -> Result<Option<LinkRow>> {
    let row = db
        .prepare_cached(&format!("{LINK} WHERE l.marketplace = ?1 AND l.id = ?2"))?
        .query_row(params![market(db, scope)?, id], read)
        .optional()?;
    row.map(|row| with_disputes(db, row)).transpose()
}

fn list(db: &Connection, scope: &Scope, filter: &LinkFilter) -> Result<Vec<LinkRow>> {
    let market = market(db, scope)?;
    let party = match &filter.party {
        Some(id) => match parties::number(db, market, id)? {
            Some(num) => Some(num),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let rows: Vec<LinkRow> = db
        .prepare_cached(&format!(
            "{LINK} WHERE l.marketplace = ?1 AND (?2 IS NULL OR l.one = ?2 OR l.other = ?2)
                 AND (?3 IS NULL OR l.state = ?3) AND (?4 IS NULL OR l.id > ?4)
                 AND (NOT ?6 OR l.state <> 'suggested') ORDER BY l.id LIMIT ?5"
        ))?
        .query_map(params![market, party, filter.state, filter.after, at_most(filter.limit), filter.settled], read)?
        .collect::<Result<_>>()?;
    rows.into_iter().map(|row| with_disputes(db, row)).collect()
}

fn with_disputes(db: &Connection, row: LinkRow) -> Result<LinkRow> {
    let disputes = db
        .prepare_cached(
            "SELECT d.id, p.id, d.at, d.words, d.decided, d.upheld, d.ruling
             FROM link_dispute d LEFT JOIN party p ON p.num = d.party WHERE d.link = ?1 ORDER BY d.id",
        )?
        .query_map([row.id], |row| {
            Ok(LinkDisputeRow {
                id: row.get(0)?,
                by: row.get(1)?,
                at: row.get(2)?,
                words: row.get(3)?,
                outcome: row.get::<_, Option<Timestamp>>(4)?.zip(row.get(5)?),
                ruling: row.get(6)?,
            })
        })?
        .collect::<Result<_>>()?;
    Ok(LinkRow { disputes, ..row })
}

fn confirm(db: &Connection, scope: &Scope, new: &LinkConfirmation) -> Result<bool> {
    let confirmed: Option<i64> = db
        .prepare_cached(
            "UPDATE seller_link SET state = 'confirmed', ruling = ?3
             WHERE marketplace = ?1 AND id = ?2 AND state IN ('suggested', 'parted') RETURNING one",
        )?
        .query_row(params![market(db, scope)?, new.id, new.ruling], |row| row.get(0))
        .optional()?;
    let Some(one) = confirmed else { return Ok(false) };
    evidence::journal(db, scope, &new.entry)?;
    settle(db, &[one], new.at)?;
    Ok(true)
}

fn dispute(db: &Connection, scope: &Scope, new: &NewLinkDispute) -> Result<Filed> {
    let market = market(db, scope)?;
    let state: Option<LinkState> = db
        .prepare_cached("SELECT state FROM seller_link WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, new.link], |row| row.get(0))
        .optional()?;
    if state.is_none_or(|state| state == LinkState::Parted) {
        return Ok(Filed::Moot);
    }
    let party = match &new.by {
        Some(id) => parties::number(db, market, id)?,
        None => None,
    };
    let (open, own): (u32, u32) = db
        .prepare_cached(
            "SELECT count(*) - count(decided), count(*) FILTER (WHERE party IS ?2) FROM link_dispute WHERE link = ?1",
        )?
        .query_row(params![new.link, party], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if open > 0 {
        return Ok(Filed::Open);
    }
    if own >= new.times {
        return Ok(Filed::Spent);
    }
    db.prepare_cached("INSERT INTO link_dispute (id, link, party, at, words) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![new.id, new.link, party, new.at, new.words])?;
    evidence::journal(db, scope, &new.entry)?;
    Ok(Filed::Done(own + 1))
}

fn rule(db: &Connection, scope: &Scope, new: &LinkRuling) -> Result<bool> {
    let ruled: Option<(i64, i64)> = db
        .prepare_cached(
            "UPDATE link_dispute SET decided = ?2, upheld = ?3, ruling = ?4 WHERE id = ?1 AND decided IS NULL
                 AND link IN (SELECT id FROM seller_link WHERE marketplace = ?5)
             RETURNING (SELECT one FROM seller_link l WHERE l.id = link),
                 (SELECT other FROM seller_link l WHERE l.id = link)",
        )?
        .query_row(params![new.id, new.at, new.upheld, new.ruling, market(db, scope)?], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((one, other)) = ruled else { return Ok(false) };
    evidence::journal(db, scope, &new.entry)?;
    if !new.upheld {
        return Ok(true);
    }
    db.prepare_cached("UPDATE seller_link SET state = 'parted' WHERE one = ?1 AND other = ?2")?
        .execute([one, other])?;
    settle(db, &[one, other], new.at)?;
    for party in [one, other] {
        strikes::reconcile(db, scope, Account { party, side: Side::Seller }, &new.arbiter, new.at)?;
    }
    Ok(true)
}

/// What a seller wrote to a buyer, as far as it can be compared.
struct Written {
    num: i64,
    seller: i64,
    buyer: i64,
    market: i64,
    cluster: Option<i64>,
    sketch: Option<Sketch>,
}

fn read_written(row: &Row<'_>) -> Result<Written> {
    Ok(Written {
        num: row.get(0)?,
        seller: row.get(1)?,
        buyer: row.get(2)?,
        market: row.get(3)?,
        cluster: row.get(4)?,
        sketch: Sketch::read(row.get_ref(5)?.as_blob()?),
    })
}

const WRITTEN: &str = "SELECT s.num, s.seller, s.buyer, p.marketplace, p.cluster, s.hashes
     FROM sketch s JOIN party p ON p.num = s.seller";

/// Sellers of one marketplace who are not one yet and each wrote nearly the same to several buyers: among a piece of what
/// was written after a row, and what came shortly before it. With them the last row that was looked at; `None`: there is
/// none any more.
fn alike(db: &Connection, after: i64) -> Result<(BTreeSet<(i64, i64, i64)>, Option<i64>)> {
    let fresh: Vec<Written> = db
        .prepare_cached(&format!("{WRITTEN} WHERE s.num > ?1 ORDER BY s.num LIMIT ?2"))?
        .query_map(params![after, at_most(PIECE)], read_written)?
        .collect::<Result<_>>()?;
    let mut found = BTreeSet::new();
    for market in fresh.iter().map(|one| one.market).collect::<BTreeSet<_>>() {
        let near: Vec<Written> = db
            .prepare_cached(&format!(
                "{WRITTEN} WHERE s.num <= ?1 AND s.num > ?2 AND p.marketplace = ?3 ORDER BY s.num DESC LIMIT ?4"
            ))?
            .query_map(params![after, after - PASSED, market, at_most(NEAR)], read_written)?
            .collect::<Result<_>>()?;
        let own = || fresh.iter().filter(|one| one.market == market);
        for one in own() {
            found.extend(like(one, near.iter().chain(own())).map(|(a, b)| (market, a, b)));
        }
    }
    Ok((found, fresh.last().map(|one| one.num)))
}

/// With whom a seller shares a text that both wrote to several buyers.
fn like<'a>(one: &Written, near: impl Iterator<Item = &'a Written>) -> impl Iterator<Item = (i64, i64)> {
    let mut buyers: BTreeMap<(i64, Option<i64>), HashSet<i64>> = BTreeMap::new();
    for other in near {
        if one.sketch.zip(other.sketch).is_some_and(|(one, other)| one.is_like(&other)) {
            buyers.entry((other.seller, other.cluster)).or_default().insert(other.buyer);
        }
    }
    buyers.retain(|_, buyers| buyers.len() >= BUYERS);
    let (seller, cluster) = (one.seller, one.cluster);
    let too = buyers.contains_key(&(seller, cluster));
    let apart = move |other: &(i64, Option<i64>)| too && other.0 != seller && (cluster.is_none() || other.1 != cluster);
    buyers.into_keys().filter(apart).map(move |(other, _)| (seller.min(other), seller.max(other)))
}

fn suggest(db: &Connection, alike: &BTreeSet<(i64, i64, i64)>, at: Timestamp) -> Result<u64> {
    let mut name = db.prepare_cached("SELECT name FROM marketplace WHERE num = ?1")?;
    let before: u64 = count(db)?;
    for (market, one, other) in alike {
        let scope = Scope::proven(name.query_row([market], |row| row.get::<_, Marketplace>(0))?);
        make(db, &scope, &Pair::of(*one, *other), LinkKind::Text, LinkKind::Text.begins(), at)?;
    }
    Ok(count(db)?.saturating_sub(before))
}

fn count(db: &Connection) -> Result<u64> {
    let all = "SELECT count(*) FROM seller_link WHERE kind = 'text'";
    db.prepare_cached(all)?.query_row([], |row| row.get(0)).map(super::columns::unsigned)
}

/// A contact that more sellers than this share is an agency's, or stands for none.
const SHARED_BY: usize = 20;
/// Nearly the same to so many buyers, by each of two, is no chance.
const BUYERS: usize = 3;
/// So many texts are compared in one piece,
const PIECE: usize = 500;
/// with so many before them in their marketplace,
const NEAR: usize = 2_000;
/// which are looked for among so many of all.
const PASSED: i64 = 20_000;
/// So many pieces at once.
const PIECES: usize = 10;
