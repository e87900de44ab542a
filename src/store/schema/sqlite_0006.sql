-- Rights of persons and what proves how they were kept: anchors, disclosures with two people, holds, restrictions, who
-- read whose data.

-- Heads of all chains of a marketplace under one signature; anchor is what was signed, which names nobody.
CREATE TABLE anchor (
    marketplace INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    anchor      TEXT NOT NULL,
    PRIMARY KEY (marketplace, number)
) STRICT, WITHOUT ROWID;

-- Where the chains stood that had grown since the anchor before. conversation is that of chain: a journal's is negative.
CREATE TABLE anchor_head (
    conversation INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    entries      INTEGER NOT NULL,
    head         BLOB NOT NULL,
    PRIMARY KEY (conversation, number)
) STRICT, WITHOUT ROWID;

-- A reading that two people answer for names their request; conversation is 0 where it belongs to none.
ALTER TABLE disclosure ADD COLUMN request BLOB;
ALTER TABLE disclosure ADD COLUMN fields TEXT;
CREATE INDEX disclosure_to ON disclosure (shown_to, at);

-- A request to see a person's contact. actor and approver are the marketplace's ids of its staff. sealed: why the
-- person is told later.
CREATE TABLE glass (
    id           BLOB PRIMARY KEY,
    party        INTEGER NOT NULL REFERENCES party,
    conversation INTEGER NOT NULL,
    purpose      TEXT NOT NULL,
    reference    TEXT,
    fields       TEXT NOT NULL,
    actor        TEXT NOT NULL,
    token        BLOB NOT NULL,
    asked        INTEGER NOT NULL,
    minutes      INTEGER NOT NULL,
    approver     TEXT,
    opened       INTEGER,
    until        INTEGER,
    notice_due   INTEGER,
    noticed      INTEGER,
    sealed       BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX glass_party ON glass (party, id);
CREATE INDEX glass_notice ON glass (notice_due) WHERE notice_due IS NOT NULL;

-- When look-ups of one reader were last told to be too many.
CREATE TABLE disclosure_alarm (
    marketplace INTEGER NOT NULL,
    shown_to    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (marketplace, shown_to)
) STRICT, WITHOUT ROWID;

-- Nothing of a party is erased while one of these stands; reference is a case or the marketplace's own word.
CREATE TABLE hold (
    party     INTEGER NOT NULL REFERENCES party,
    reference TEXT NOT NULL,
    placed    INTEGER NOT NULL,
    until     INTEGER,
    PRIMARY KEY (party, reference)
) STRICT, WITHOUT ROWID;

-- Erasures that were asked for and wait for a hold to end.
CREATE TABLE erasure (
    party INTEGER PRIMARY KEY REFERENCES party,
    asked INTEGER NOT NULL
) STRICT;

CREATE TABLE confinement (
    party INTEGER PRIMARY KEY REFERENCES party,
    since INTEGER NOT NULL
) STRICT;

-- Which token read whose data in which hour since 1970, counted.
CREATE TABLE access (
    party INTEGER NOT NULL,
    token BLOB NOT NULL,
    hour  INTEGER NOT NULL,
    what  TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (party, token, hour, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_token ON access (token, hour);
CREATE INDEX access_hour ON access (hour);

-- What a person is told, and what age ends, is looked up by these.
CREATE INDEX review_conversation ON review (conversation);
CREATE INDEX report_apart ON report (marketplace, at) WHERE sealed IS NOT NULL;
CREATE INDEX appeal_words ON appeal (marketplace, decided) WHERE words IS NOT NULL OR ruling IS NOT NULL;
CREATE INDEX ticket_words ON ticket (marketplace, decided) WHERE words IS NOT NULL OR ruling IS NOT NULL;
