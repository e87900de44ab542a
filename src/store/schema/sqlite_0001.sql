-- The first schema. Numbers (num) are internal and never leave the store; ids are the
-- marketplace's own or the relay's. Times are milliseconds since 1970. Nothing here is a
-- contact, a name or a text in clear: such columns are called sealed, profile, facts, tracking.

CREATE TABLE marketplace (
    num     INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    domain  TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL
) STRICT;

-- Every wrapped data key in one place, so that an erasure is one deletion and a rotation of the
-- ring one walk. kind: marketplace, party, or buyer and seller (of a conversation).
CREATE TABLE data_key (
    kind     TEXT NOT NULL,
    owner    INTEGER NOT NULL,
    ring_key INTEGER NOT NULL,
    sealed   BLOB NOT NULL,
    PRIMARY KEY (kind, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX data_key_ring ON data_key (ring_key);

CREATE TABLE token (
    id          BLOB PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE,
    marketplace INTEGER NOT NULL REFERENCES marketplace,
    kind        TEXT NOT NULL,
    party       TEXT,
    agent       TEXT,
    name        TEXT,
    created     INTEGER NOT NULL,
    expires     INTEGER,
    revoked     INTEGER
) STRICT, WITHOUT ROWID;

-- An erased party keeps its row without a profile: budgets and conversations still point at it.
CREATE TABLE party (
    num          INTEGER PRIMARY KEY,
    marketplace  INTEGER NOT NULL REFERENCES marketplace,
    id           TEXT NOT NULL,
    budget_group TEXT,
    profile      BLOB,
    changed      INTEGER NOT NULL,
    UNIQUE (marketplace, id)
) STRICT;
CREATE INDEX party_group ON party (marketplace, budget_group) WHERE budget_group IS NOT NULL;

CREATE TABLE agent (
    party    INTEGER NOT NULL REFERENCES party,
    id       TEXT NOT NULL,
    profile  BLOB NOT NULL,
    login    TEXT UNIQUE,
    verifier BLOB,
    changed  INTEGER NOT NULL,
    PRIMARY KEY (party, id)
) STRICT;

-- Blind index of contacts; agent is empty for the party itself.
CREATE TABLE tag (
    party    INTEGER NOT NULL,
    ring_key INTEGER NOT NULL,
    tag      BLOB NOT NULL,
    agent    TEXT NOT NULL,
    PRIMARY KEY (party, ring_key, tag, agent)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_ring ON tag (ring_key, party);

CREATE TABLE orders (
    marketplace INTEGER NOT NULL,
    id          TEXT NOT NULL,
    state       TEXT NOT NULL,
    fulfilment  TEXT NOT NULL,
    facts       BLOB NOT NULL,
    changed     INTEGER NOT NULL,
    PRIMARY KEY (marketplace, id)
) STRICT;

CREATE TABLE conversation (
    num            INTEGER PRIMARY KEY,
    marketplace    INTEGER NOT NULL REFERENCES marketplace,
    id             TEXT NOT NULL,
    order_id       TEXT,
    listing        TEXT,
    buyer          INTEGER NOT NULL REFERENCES party,
    seller         INTEGER NOT NULL REFERENCES party,
    tracking       BLOB NOT NULL,
    expires        INTEGER,
    deliver_buyer  TEXT,
    deliver_seller TEXT,
    created        INTEGER NOT NULL,
    UNIQUE (marketplace, id)
) STRICT;
CREATE INDEX conversation_order ON conversation (marketplace, order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX conversation_buyer ON conversation (buyer, seller);
CREATE INDEX conversation_seller ON conversation (seller, id);

CREATE TABLE handle (
    hash         BLOB PRIMARY KEY,
    conversation INTEGER NOT NULL,
    stands_for   TEXT NOT NULL,
    kind         TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    created      INTEGER NOT NULL,
    replaced     INTEGER,
    shut         INTEGER,
    epoch        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX handle_conversation ON handle (conversation, stands_for, kind, epoch);

CREATE TABLE tripwire (
    handle BLOB NOT NULL,
    cause  TEXT NOT NULL,
    hour   INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (handle, cause, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE disclosure (
    party        INTEGER NOT NULL,
    id           BLOB NOT NULL,
    conversation INTEGER NOT NULL,
    shown_to     TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    shipment     TEXT NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (party, id)
) STRICT, WITHOUT ROWID;

-- The exact state of contact, one row for each seller with each buyer; budgets are summed over
-- the sellers of a group when they are asked for, so that a changed group loses nothing.
CREATE TABLE pair (
    buyer             INTEGER NOT NULL,
    seller            INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    epoch_seller      INTEGER NOT NULL,
    high_water        INTEGER NOT NULL,
    last_from_buyer   INTEGER,
    blocked_by_buyer  INTEGER NOT NULL,
    blocked_by_seller INTEGER NOT NULL,
    PRIMARY KEY (buyer, seller)
) STRICT, WITHOUT ROWID;

-- Moments of one pair never repeat (high_water), so they name its rows.
CREATE TABLE contact (
    buyer  INTEGER NOT NULL,
    seller INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    under  TEXT NOT NULL,
    PRIMARY KEY (buyer, seller, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE barrier (
    buyer  INTEGER NOT NULL,
    seller INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    rating INTEGER NOT NULL,
    PRIMARY KEY (buyer, seller, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE review (
    marketplace  INTEGER NOT NULL,
    id           TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    rating       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    claimed_at   INTEGER,
    withdrawn    INTEGER NOT NULL,
    reviewer     TEXT NOT NULL,
    PRIMARY KEY (marketplace, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    num          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    from_side    TEXT NOT NULL,
    agent        TEXT,
    channel      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    automatic    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT,
    debit        INTEGER,           -- which contact row it cost; NULL: none, or given back
    epoch        INTEGER NOT NULL,  -- of the pair, in the message's direction, when it came
    entry        INTEGER NOT NULL,  -- the evidence entry that holds its text
    UNIQUE (conversation, seq)
) STRICT;
CREATE INDEX message_held ON message (num) WHERE state = 'held';

CREATE TABLE message_file (
    message INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    sealed  BLOB NOT NULL,
    PRIMARY KEY (message, n)
) STRICT;

-- The outbox. lane: twice the conversation's number, plus one towards the seller; a notice has
-- a lane of its own, minus its number; NULL once it is settled and while its message is held.
-- ready: equals due on the first delivery of a lane and is NULL on the others, so that the
-- search for due work sees only heads of lanes, however long a lane has grown.
CREATE TABLE delivery (
    num          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL,
    message      INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    to_side      TEXT NOT NULL,
    channel      TEXT NOT NULL,
    cargo        TEXT NOT NULL,
    state        TEXT NOT NULL,
    lane         INTEGER,
    ready        INTEGER,
    due          INTEGER NOT NULL,
    claim        INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    accepted     INTEGER NOT NULL,
    settled      INTEGER
) STRICT;
CREATE INDEX delivery_lane ON delivery (lane, seq) WHERE lane IS NOT NULL;
CREATE INDEX delivery_ready ON delivery (ready) WHERE ready IS NOT NULL;
CREATE INDEX delivery_message ON delivery (message);

CREATE TABLE delivery_body (
    delivery INTEGER PRIMARY KEY,
    sealed   BLOB NOT NULL
) STRICT;

CREATE TABLE thread (
    conversation INTEGER NOT NULL,
    hash         BLOB NOT NULL,
    from_side    TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    PRIMARY KEY (conversation, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE detection_window (
    conversation INTEGER NOT NULL,
    side         TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (conversation, side)
) STRICT;

-- The head of each conversation's evidence chain, and how many messages it has.
CREATE TABLE chain (
    conversation INTEGER PRIMARY KEY,
    messages     INTEGER NOT NULL,
    entries      INTEGER NOT NULL,
    head         BLOB NOT NULL
) STRICT;

CREATE TABLE evidence (
    num          INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    side         TEXT,
    canonical    TEXT NOT NULL,
    link         BLOB NOT NULL,
    sealed       BLOB,
    UNIQUE (conversation, seq)
) STRICT;

-- Messages that may be sent again by a peer that missed our answer.
CREATE TABLE repeat (
    marketplace INTEGER NOT NULL,
    key         BLOB NOT NULL,
    body        BLOB NOT NULL,
    message     BLOB NOT NULL,
    expires     INTEGER NOT NULL,
    PRIMARY KEY (marketplace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_expires ON repeat (expires);

-- Whole answers of the API, kept under the caller's key.
CREATE TABLE answer (
    marketplace INTEGER NOT NULL,
    key         BLOB NOT NULL,
    body        BLOB NOT NULL,
    expires     INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    PRIMARY KEY (marketplace, key)
) STRICT;
CREATE INDEX answer_expires ON answer (expires);

-- Written by the readiness check.
CREATE TABLE pulse (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    beat INTEGER NOT NULL
) STRICT;
INSERT INTO pulse VALUES (1, 0);
