//! Programs that are told what happens.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    Sqlite,
    columns::{at_most, signed, unsigned},
    evidence,
    pair::market,
    writer::Patience::Urgent,
};
use crate::{
    model::{Scope, Timestamp, WebhookId},
    store::{
        Answer, DueWebhook, DueWebhooks, EventRow, NewEntry, PutWebhook, WebhookKept, WebhookRow, WebhookState,
        Webhooks,
    },
};

impl Webhooks for Sqlite {
    fn webhook<'a>(&'a self, scope: &'a Scope, id: &'a WebhookId) -> Answer<'a, Option<WebhookRow>> {
        self.look("finding a webhook", move |db| {
            db.prepare_cached(&format!("SELECT {COLUMNS} FROM webhook WHERE marketplace = ?1 AND id = ?2"))?
                .query_row(params![market(db, scope)?, id], read)
                .optional()
        })
    }

    fn webhooks<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a WebhookId>,
        limit: usize,
    ) -> Answer<'a, Vec<WebhookRow>> {
        self.look("listing webhooks", move |db| {
            let after = after.map_or("", WebhookId::as_str);
            db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM webhook WHERE marketplace = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
            ))?
            .query_map(params![market(db, scope)?, after, at_most(limit)], read)?
            .collect()
        })
    }

    fn put_webhook<'a>(&'a self, scope: &'a Scope, put: PutWebhook) -> Answer<'a, WebhookKept> {
        let scope = scope.clone();
        self.write("keeping a webhook", Urgent, move |db| keep(db, &scope, &put))
    }

    fn remove_webhook<'a>(&'a self, scope: &'a Scope, id: &'a WebhookId, entry: NewEntry) -> Answer<'a, bool> {
        let (scope, id) = (scope.clone(), id.clone());
        self.write("ending a webhook", Urgent, move |db| {
            let gone = db
                .prepare_cached("DELETE FROM webhook WHERE marketplace = ?1 AND id = ?2")?
                .execute(params![market(db, &scope)?, id])?;
            if gone == 1 {
                evidence::journal(db, &scope, &entry)?;
            }
            Ok(gone == 1)
        })
    }

    fn webhooks_due(&self, now: Timestamp) -> Answer<'_, DueWebhooks> {
        self.look("looking for webhooks to be told", move |db| due(db, now))
    }

    fn event<'a>(&'a self, scope: &'a Scope, num: u64) -> Answer<'a, Option<EventRow>> {
        self.look("finding an event", move |db| {
            let found = evidence::events(db, scope, num.saturating_sub(1), 1)?.rows;
            Ok(found.into_iter().find(|row| row.num == num))
        })
    }
}

fn keep(db: &Connection, scope: &Scope, put: &PutWebhook) -> Result<WebhookKept> {
    let market = market(db, scope)?;
    let known: Option<i64> = db
        .prepare_cached("SELECT generation FROM webhook WHERE marketplace = ?1 AND id = ?2")?
        .query_row(params![market, put.row.id], |row| row.get(0))
        .optional()?;
    if known != put.over {
        return Ok(WebhookKept::Moved);
    }
    let others: i64 = db
        .prepare_cached("SELECT count(*) FROM webhook WHERE marketplace = ?1")?
        .query_row([market], |row| row.get(0))?;
    if known.is_none() && others >= at_most(put.most) {
        return Ok(WebhookKept::Full);
    }
    if let Some(entry) = &put.entry {
        evidence::journal(db, scope, entry)?;
    }
    write(db, market, &put.row)?;
    Ok(WebhookKept::Done)
}

fn write(db: &Connection, market: i64, row: &WebhookRow) -> Result<()> {
    let place = match row.place {
        Some(place) => place,
        None => evidence::newest(db)?,
    };
    let (failures, since, next) = match row.state {
        WebhookState::Failing { since, failures, next_try } => (failures, Some(since), Some(next_try)),
        _ => (0, None, None),
    };
    let (disabled, because) = match &row.state {
        WebhookState::Disabled { at, because } => (Some(at), Some(because)),
        _ => (None, None),
    };
    let again: Vec<String> = row.again.iter().map(u64::to_string).collect();
    db.prepare_cached(&format!(
        "INSERT OR REPLACE INTO webhook (marketplace, {COLUMNS}) VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    ))?
    .execute(params![
        market,
        row.id,
        row.generation,
        row.created,
        row.url,
        row.events,
        row.secret,
        row.previous.as_ref().map(|(sealed, _)| sealed),
        row.previous.as_ref().map(|(_, until)| until),
        signed(place),
        again.join(" "),
        row.answer.as_ref().map(|(answer, _)| answer),
        row.answer.as_ref().map(|(_, at)| at),
        failures,
        since,
        next,
        disabled,
        because
    ])
    .map(drop)
}

fn due(db: &Connection, now: Timestamp) -> Result<DueWebhooks> {
    let newest = evidence::newest(db)?;
    let webhooks = db
        .prepare_cached(
            "SELECT m.name, w.id, w.generation, w.place, w.again <> '' FROM webhook w
             JOIN marketplace m ON m.num = w.marketplace
             WHERE w.disabled IS NULL AND (w.next_try IS NULL OR w.next_try <= ?1) AND (w.place < ?2 OR w.again <> '')",
        )?
        .query_map(params![now, signed(newest)], |row| {
            Ok(DueWebhook {
                scope: Scope::proven(row.get(0)?),
                id: row.get(1)?,
                generation: row.get(2)?,
                place: unsigned(row.get(3)?),
                again: row.get(4)?,
            })
        })?
        .collect::<Result<_>>()?;
    Ok(DueWebhooks { newest, webhooks })
}

const COLUMNS: &str = "id, generation, created, url, events, secret, previous, previous_until, place, again, answer, \
                       answered, failures, failing_since, next_try, disabled, disabled_for";

fn read(row: &Row<'_>) -> Result<WebhookRow> {
    let (disabled, because): (Option<Timestamp>, Option<String>) = (row.get(15)?, row.get(16)?);
    let (since, next): (Option<Timestamp>, Option<Timestamp>) = (row.get(13)?, row.get(14)?);
    let state = match (disabled.zip(because), since.zip(next)) {
        (Some((at, because)), _) => WebhookState::Disabled { at, because },
        (None, Some((since, next_try))) => WebhookState::Failing { since, failures: row.get(12)?, next_try },
        (None, None) => WebhookState::Fine,
    };
    let again: String = row.get(9)?;
    Ok(WebhookRow {
        id: row.get(0)?,
        generation: row.get(1)?,
        created: row.get(2)?,
        url: row.get(3)?,
        events: row.get(4)?,
        secret: row.get(5)?,
        previous: row.get::<_, Option<Vec<u8>>>(6)?.zip(row.get(7)?),
        place: Some(unsigned(row.get(8)?)),
        again: again.split_ascii_whitespace().filter_map(|num| num.parse().ok()).collect(),
        answer: row.get::<_, Option<String>>(10)?.zip(row.get(11)?),
        state,
    })
}
