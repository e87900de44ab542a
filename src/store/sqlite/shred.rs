//! What an erasure takes along besides messages: words of cases, reports, appeals and tickets, and what others wrote
//! down about the person. Most of it lies under a key that goes with the person; its bytes go too, so that nothing is
//! left to try a key on.

use rusqlite::{Connection, Result, params};

use super::{columns::unsigned, numbers, pickups, registrations, retire};
use crate::model::Side;

/// What one side of a conversation leaves no words of.
pub(super) fn side(db: &Connection, conversation: i64, side: Side) -> Result<()> {
    db.prepare_cached(
        "DELETE FROM paper WHERE owner IN (
             SELECT i.id FROM dispute d JOIN dispute_item i ON i.dispute = d.num
             WHERE d.conversation = ?1 AND i.side = ?2
             UNION ALL SELECT id FROM report WHERE conversation = ?1 AND by_side = ?2)",
    )?
    .execute(params![conversation, side])?;
    // What support wrote to the person.
    db.prepare_cached(
        "UPDATE evidence SET sealed = NULL WHERE conversation = ?1 AND seq IN (
             SELECT entry FROM letter WHERE conversation = ?1 AND to_side = ?2)",
    )?
    .execute(params![conversation, side])?;
    let tickets = match side {
        Side::Buyer => "UPDATE ticket SET words = NULL, ruling = NULL WHERE conversation = ?1",
        Side::Seller => "UPDATE ticket SET words = NULL WHERE conversation = ?1",
    };
    db.prepare_cached(tickets)?.execute([conversation])?;
    if side == Side::Buyer {
        // A tracking number leads to a door.
        db.prepare_cached("UPDATE conversation SET tracking = x'' WHERE num = ?1")?.execute([conversation])?;
    }
    if side == Side::Buyer {
        pickups::forget(db, conversation)?;
    }
    numbers::forget(db, conversation, side)?;
    registrations::forget(db, conversation, side)?;
    decisions(db, conversation)?;
    apart(db, conversation, side)
}

/// Why cases ended so, once a side was erased and who is left was told: that letter is theirs.
pub(super) fn decisions(db: &Connection, conversation: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE evidence SET sealed = NULL WHERE conversation = ?1
             AND seq IN (SELECT decision FROM dispute WHERE conversation = ?1 AND decision IS NOT NULL AND settled = 1)
             AND (SELECT count(*) FROM data_key WHERE owner = ?1 AND kind IN ('buyer', 'seller')) < 2",
    )?
    .execute([conversation])
    .map(drop)
}

/// Reports of no conversation in which a handle that stands for the person was met.
fn apart(db: &Connection, conversation: i64, side: Side) -> Result<()> {
    let theirs: Vec<i64> = db
        .prepare_cached(
            "SELECT DISTINCT r.num FROM handle h JOIN report_leak l ON l.handle = h.hash JOIN report r ON r.num = l.report
             WHERE h.conversation = ?1 AND h.stands_for = ?2 AND r.by_side = ?2 AND r.conversation IS NULL",
        )?
        .query_map(params![conversation, side], |row| row.get(0))?
        .collect::<Result<_>>()?;
    retire::forget_apart(db, &theirs, &mut 0).map(drop)
}

/// What was said for and against the person, and why it was decided so.
pub(super) fn party(db: &Connection, party: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE appeal SET words = NULL, ruling = NULL
         WHERE violation IN (SELECT id FROM violation WHERE party = ?1)",
    )?
    .execute([party])?;
    db.prepare_cached("UPDATE seller_link SET ruling = NULL WHERE ?1 IN (one, other)")?.execute([party])?;
    db.prepare_cached(
        "UPDATE link_dispute SET words = iif(party IS NULL OR party = ?1, NULL, words), ruling = NULL
         WHERE link IN (SELECT id FROM seller_link WHERE ?1 IN (one, other))",
    )?
    .execute([party])
    .map(drop)
}

/// Reports of no conversation that are left: nobody can say whose they are.
pub(super) fn unclaimed(db: &Connection, market: i64) -> Result<u64> {
    db.prepare_cached("SELECT count(*) FROM report WHERE marketplace = ?1 AND sealed IS NOT NULL")?
        .query_row([market], |row| row.get(0))
        .map(unsigned)
}
