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

-- words and ruling are sealed under the key of whom it concerns.
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
CREATE INDEX appeal_open ON appeal (violation) WHERE decided IS NULL;

-- A seller's complaint about a buyer's message. words are sealed under the seller's key, ruling under the buyer's.
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
CREATE INDEX ticket_conversation ON ticket (conversation);

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

-- Since when the settings that bring sanctions are as they are: what was before them is not measured by them anew.
CREATE TABLE settings_since (
    marketplace INTEGER NOT NULL,
    side        TEXT NOT NULL,
    settings    INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (marketplace, side)
) STRICT, WITHOUT ROWID;

-- What sellers may share: the kind of each contact in the blind index (NULL: from before there were kinds).
ALTER TABLE tag ADD COLUMN kind TEXT;
-- Who else has a contact, and who reports by mail, is found by the contact alone.
CREATE INDEX tag_value ON tag (tag, ring_key);

-- Two sellers that share something; one is the lower number. state: linked and confirmed count, suggested and parted
-- do not. ruling: who confirmed it and why, sealed.
CREATE TABLE seller_link (
    id          BLOB PRIMARY KEY,
    marketplace INTEGER NOT NULL,
    one         INTEGER NOT NULL,
    other       INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    since       INTEGER NOT NULL,
    ruling      BLOB,
    UNIQUE (one, other, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX seller_link_other ON seller_link (other);
CREATE INDEX seller_link_market ON seller_link (marketplace, id);

-- What was said against a link: party NULL by the marketplace. words and ruling are sealed.
CREATE TABLE link_dispute (
    id      BLOB PRIMARY KEY,
    link    BLOB NOT NULL,
    party   INTEGER,
    at      INTEGER NOT NULL,
    words   BLOB,
    decided INTEGER,
    upheld  INTEGER,
    ruling  BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX link_dispute_link ON link_dispute (link, id);

-- All sellers of one cluster are one, by their declared group and by links that count: the lowest number of them.
-- clustered: when it last got or lost somebody.
ALTER TABLE party ADD COLUMN cluster INTEGER;
ALTER TABLE party ADD COLUMN clustered INTEGER;
UPDATE party SET cluster = (SELECT min(p.num) FROM party p
    WHERE p.marketplace = party.marketplace AND p.budget_group = party.budget_group)
    WHERE budget_group IS NOT NULL;
CREATE INDEX party_cluster ON party (cluster) WHERE cluster IS NOT NULL;
