-- Contact rights beyond reviews and blocks.

-- What enforcement left a seller, towards one buyer or (buyer NULL) towards all. It is read for
-- every seller of a group. cause is a word or an id that names nobody.
CREATE TABLE restriction (
    id          BLOB PRIMARY KEY,
    marketplace INTEGER NOT NULL REFERENCES marketplace,
    seller      INTEGER NOT NULL,
    buyer       INTEGER,
    kind        TEXT NOT NULL,
    burst       INTEGER NOT NULL,
    per         INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    until       INTEGER,
    lifted      INTEGER,
    cause       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX restriction_seller ON restriction (seller) WHERE lifted IS NULL;
CREATE INDEX pair_seller ON pair (seller);

-- When the buyer last said that nothing more is wanted.
ALTER TABLE pair ADD COLUMN stopped INTEGER;

-- The buyer's newest own message in a conversation: what opens answers to it.
CREATE TABLE opening (
    conversation INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL
) STRICT;
INSERT INTO opening (conversation, at)
    SELECT conversation, max(at) FROM message
    WHERE from_side = 'buyer' AND automatic = 0 AND state IN ('queued', 'delivered', 'failed', 'withheld')
    GROUP BY conversation;

-- The cases between two, each as it stands.
CREATE TABLE case_state (
    buyer  INTEGER NOT NULL,
    seller INTEGER NOT NULL,
    id     TEXT NOT NULL,
    state  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (buyer, seller, id)
) STRICT, WITHOUT ROWID;

-- Requests for feedback: one for an order, or for a conversation without one. at names the
-- contact row that it cost, with which it is given back.
CREATE TABLE asked (
    buyer   INTEGER NOT NULL,
    seller  INTEGER NOT NULL,
    subject TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (buyer, seller, subject)
) STRICT, WITHOUT ROWID;

-- What a seller's lately sent texts were like: keyed hashes of their pieces, never their words.
CREATE TABLE sketch (
    num    INTEGER PRIMARY KEY,
    seller INTEGER NOT NULL,
    buyer  INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    hashes BLOB NOT NULL
) STRICT;
CREATE INDEX sketch_seller ON sketch (seller, at);
CREATE INDEX sketch_at ON sketch (at);
