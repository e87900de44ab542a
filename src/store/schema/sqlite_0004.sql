-- Enforcement: violations and what followed, appeals, tickets against buyers, clocks of answers. Points are never
-- kept: they follow from the violations that count.

-- A rule that a message broke. Where it stands in the message is here as numbers, its words only in the message's
-- own evidence. state: pending (the message is held), counted, reversed (an appeal), released (a person let the
-- message go), lapsed (nobody looked). ruler: who decided, sealed, where a person did.
CREATE TABLE violation (
    num          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    marketplace  INTEGER NOT NULL REFERENCES marketplace,
    party        INTEGER NOT NULL,
    side         TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    message      BLOB NOT NULL,
    breach       TEXT NOT NULL,
    rule         TEXT NOT NULL,
    part         TEXT NOT NULL,
    begins       INTEGER,
    ends         INTEGER,
    base         INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    decided      INTEGER NOT NULL,
    state        TEXT NOT NULL,
    automated    INTEGER NOT NULL,
    ruler        BLOB
) STRICT;
CREATE INDEX violation_party ON violation (party, side, decided);
CREATE INDEX violation_market ON violation (marketplace, num);
CREATE INDEX violation_message ON violation (message);

-- What a violation brought. One that restricts a seller is a row of restriction too, under the same id.
CREATE TABLE sanction (
    id        BLOB PRIMARY KEY,
    violation BLOB NOT NULL,
    party     INTEGER NOT NULL,
    side      TEXT NOT NULL,
    measure   TEXT NOT NULL,
    burst     INTEGER NOT NULL,
    per       INTEGER NOT NULL,
    points    INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    until     INTEGER,
    lifted    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sanction_party ON sanction (party, side);
CREATE INDEX sanction_violation ON sanction (violation);

-- words and ruling are sealed.
CREATE TABLE appeal (
    id          BLOB PRIMARY KEY,
    marketplace INTEGER NOT NULL,
    violation   BLOB NOT NULL,
    n           INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    words       BLOB,
    decided     INTEGER,
    upheld      INTEGER,
    ruling      BLOB,
    UNIQUE (violation, n)
) STRICT, WITHOUT ROWID;

-- A seller's complaint about a buyer's message. words and ruling are sealed.
CREATE TABLE ticket (
    id           BLOB PRIMARY KEY,
    marketplace  INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    message      BLOB NOT NULL UNIQUE,
    breach       TEXT NOT NULL,
    at           INTEGER NOT NULL,
    words        BLOB,
    decided      INTEGER,
    upheld       INTEGER,
    ruling       BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_market ON ticket (marketplace, id);

-- When a seller is closed, as declared beforehand.
CREATE TABLE closing (
    party   INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (party, from_at)
) STRICT, WITHOUT ROWID;

-- A buyer's message that nobody answered in time. at NULL: its clock stands still until due, over closed days.
CREATE TABLE overdue (
    message      BLOB PRIMARY KEY,
    marketplace  INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    complaint    INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    at           INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX overdue_due ON overdue (marketplace, due) WHERE at IS NULL;
CREATE INDEX overdue_conversation ON overdue (conversation);
