//! Numbers of the pool.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    Sqlite,
    columns::at_most,
    evidence,
    pair::market,
    writer::Patience::{Late, Urgent},
};
use crate::{
    model::{ConversationId, IndexTag, Scope, Side, Timestamp},
    store::{Answer, Assign, Assigned, NumberRow, Numbers, Texting},
};

impl Numbers for Sqlite {
    fn assign_number<'a>(&'a self, scope: &'a Scope, new: Assign) -> Answer<'a, Assigned> {
        let scope = scope.clone();
        self.write("assigning a number", Urgent, move |db| assign(db, &scope, &new))
    }

    fn numbers<'a>(&'a self, scope: &'a Scope, conversation: &'a ConversationId) -> Answer<'a, Vec<NumberRow>> {
        self.look("listing numbers", move |db| {
            db.prepare_cached(
                "SELECT n.side, n.number, n.tag, n.used, n.ring_key FROM conversation c JOIN sms_number n ON n.conversation = c.num
                 WHERE c.marketplace = ?1 AND c.id = ?2",
            )?
            .query_map(params![market(db, scope)?, conversation], number)?
            .collect()
        })
    }

    fn texting<'a>(&'a self, tags: &'a [IndexTag]) -> Answer<'a, Option<Texting>> {
        self.look("finding who texts", move |db| {
            let mut query = db.prepare_cached(
                "SELECT n.side, n.number, n.tag, n.used, n.ring_key, m.name, c.id FROM sms_number n
                 JOIN conversation c ON c.num = n.conversation JOIN marketplace m ON m.num = c.marketplace
                 WHERE n.tag = ?1",
            )?;
            for tag in tags {
                let found = query.query_row([tag.tag], owned).optional()?;
                if let Some((scope, conversation, number)) = found {
                    return Ok(Some(Texting { scope, conversation, number }));
                }
            }
            Ok(None)
        })
    }

    fn texted(&self, tag: [u8; 16], at: Timestamp) -> Answer<'_, ()> {
        self.write("keeping a number", Urgent, move |db| {
            db.prepare_cached("UPDATE sms_number SET used = max(used, ?2) WHERE tag = ?1")?
                .execute(params![tag, at])
                .map(drop)
        })
    }

    fn numbers_to_reindex(&self, ring_key: u32, limit: usize) -> Answer<'_, Vec<(Scope, ConversationId, NumberRow)>> {
        self.list("listing numbers to index anew", move |db| {
            db.prepare_cached(
                "SELECT n.side, n.number, n.tag, n.used, n.ring_key, m.name, c.id FROM sms_number n
                 JOIN conversation c ON c.num = n.conversation JOIN marketplace m ON m.num = c.marketplace
                 WHERE n.ring_key IS NOT ?1 LIMIT ?2",
            )?
            .query_map(params![ring_key, at_most(limit)], owned)?
            .collect()
        })
    }

    fn reindex_number(&self, old: [u8; 16], new: Option<IndexTag>) -> Answer<'_, bool> {
        self.write("indexing a number anew", Late, move |db| {
            if let Some(new) = &new
                && db
                    .prepare_cached("UPDATE OR IGNORE sms_number SET tag = ?2, ring_key = ?3 WHERE tag = ?1")?
                    .execute(params![old, new.tag, new.by])?
                    > 0
            {
                return Ok(true);
            }
            db.prepare_cached("DELETE FROM sms_number WHERE tag = ?1")?.execute([old])?;
            Ok(false)
        })
    }
}

fn owned(row: &Row<'_>) -> Result<(Scope, ConversationId, NumberRow)> {
    Ok((Scope::proven(row.get(5)?), row.get(6)?, number(row)?))
}

fn number(row: &Row<'_>) -> Result<NumberRow> {
    Ok(NumberRow { side: row.get(0)?, number: row.get(1)?, tag: row.get(2)?, used: row.get(3)?, by: row.get(4)? })
}

fn assign(db: &Connection, scope: &Scope, new: &Assign) -> Result<Assigned> {
    let Some(conversation) = evidence::conversation(db, scope, &new.conversation)? else {
        return Ok(Assigned::NotThere);
    };
    if let Some(number) = known(db, conversation, new)? {
        return Ok(Assigned::Number(number, 0));
    }
    db.prepare_cached("DELETE FROM sms_number WHERE conversation = ?1 AND side = ?2")?
        .execute(params![conversation, new.side])?;
    let mut held = Vec::new();
    for (number, tags) in &new.numbers {
        match holder(db, tags)? {
            Some(row) => held.push((number, tags, row)),
            None => {
                insert(db, conversation, new, (number, tags))?;
                return Ok(Assigned::Number(number.clone(), held.len()));
            }
        }
    }
    // None is free: one whose conversation is over, or in which nobody has texted for long.
    for (number, tags, (tag, used)) in &held {
        if *used < new.over || is_over(db, tag, new.over)? {
            db.prepare_cached("DELETE FROM sms_number WHERE tag = ?1")?.execute([tag])?;
            insert(db, conversation, new, (number, tags))?;
            return Ok(Assigned::Number((*number).clone(), held.len()));
        }
    }
    Ok(Assigned::Exhausted)
}

/// The one that the side has, if its phone is still the one it was given for. Of a key that is newer than all of the
/// caller's nothing can be said: the caller has not read the ring again yet, and the number stays.
fn known(db: &Connection, conversation: i64, new: &Assign) -> Result<Option<String>> {
    let row: Option<(String, [u8; 16], Option<u32>)> = db
        .prepare_cached("SELECT number, tag, ring_key FROM sms_number WHERE conversation = ?1 AND side = ?2")?
        .query_row(params![conversation, new.side], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((number, tag, by)) = row else { return Ok(None) };
    let fits = new.numbers.iter().any(|(known, tags)| {
        *known == number && (tags.iter().any(|t| t.tag == tag) || by > tags.iter().map(|t| t.by).max())
    });
    if fits {
        db.prepare_cached("UPDATE sms_number SET used = ?2 WHERE tag = ?1")?.execute(params![tag, new.at])?;
    }
    Ok(fits.then_some(number))
}

fn holder(db: &Connection, tags: &[IndexTag]) -> Result<Option<([u8; 16], Timestamp)>> {
    let mut query = db.prepare_cached("SELECT tag, used FROM sms_number WHERE tag = ?1")?;
    for tag in tags {
        let found = query.query_row([tag.tag], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_over(db: &Connection, tag: &[u8; 16], before: Timestamp) -> Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM sms_number n JOIN conversation c ON c.num = n.conversation
         WHERE n.tag = ?1 AND c.expires IS NOT NULL AND c.expires < ?2",
    )?
    .exists(params![tag, before])
}

fn insert(db: &Connection, conversation: i64, new: &Assign, (number, tags): (&str, &[IndexTag])) -> Result<()> {
    let Some(tag) = tags.first() else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO sms_number (tag, number, conversation, side, used, ring_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![tag.tag, number, conversation, new.side, new.at, tag.by])
    .map(drop)
}

/// What an erasure of a side takes along.
pub(super) fn forget(db: &Connection, conversation: i64, side: Side) -> Result<()> {
    db.prepare_cached("DELETE FROM sms_number WHERE conversation = ?1 AND side = ?2")?
        .execute(params![conversation, side])
        .map(drop)
}
