-- Cases, reports from outside, and the third voice. As everywhere: no contact, name or text in
-- clear. What was said lies sealed in the evidence entry that a row points at (entry); files lie
-- beside it, as the other side may see them (shown) and as they came (original).

-- What support wrote to one side. due: NULL once it is settled. proof: the entry that says that it
-- arrived; NULL again when it came back later.
CREATE TABLE letter (
    num          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    conversation INTEGER NOT NULL,
    to_side      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    channel      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    entry        INTEGER NOT NULL,
    state        TEXT NOT NULL,
    due          INTEGER,
    claim        INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    proof        INTEGER,
    proven       INTEGER
) STRICT;
CREATE INDEX letter_due ON letter (due) WHERE due IS NOT NULL;
CREATE INDEX letter_conversation ON letter (conversation, num);

CREATE TABLE dispute (
    num          INTEGER PRIMARY KEY,
    marketplace  INTEGER NOT NULL,
    id           TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    opened_by    TEXT NOT NULL,
    topic        TEXT NOT NULL,
    urgent       INTEGER NOT NULL,
    quiet        INTEGER NOT NULL,
    opened       INTEGER NOT NULL,
    taken        INTEGER,
    decided      INTEGER,
    ruling       TEXT,
    automated    INTEGER,
    amount       TEXT,
    currency     TEXT,
    decision     INTEGER,           -- the entry that holds its reasons
    told_buyer   BLOB,              -- the letter that tells it
    told_seller  BLOB,
    unattended   INTEGER NOT NULL DEFAULT 0,
    overdue      INTEGER NOT NULL DEFAULT 0,
    unproven_buyer  INTEGER NOT NULL DEFAULT 0,
    unproven_seller INTEGER NOT NULL DEFAULT 0,
    settled      INTEGER NOT NULL DEFAULT 0,    -- decided, and both know: no clock runs any more
    UNIQUE (marketplace, id)
) STRICT;
CREATE INDEX dispute_open ON dispute (marketplace, urgent DESC, num) WHERE decided IS NULL;
CREATE INDEX dispute_running ON dispute (num) WHERE settled = 0;
CREATE INDEX dispute_conversation ON dispute (conversation, num);

-- The newest request to each side is the one that counts; the older ones stay as they were.
CREATE TABLE dispute_request (
    dispute  INTEGER NOT NULL,
    side     TEXT NOT NULL,
    n        INTEGER NOT NULL,
    letter   BLOB NOT NULL,
    sent     INTEGER NOT NULL,
    answered INTEGER,
    PRIMARY KEY (dispute, side, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX dispute_request_letter ON dispute_request (letter);

CREATE TABLE dispute_item (
    dispute  INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    id       BLOB NOT NULL UNIQUE,
    kind     TEXT NOT NULL,
    side     TEXT NOT NULL,
    slot     TEXT,
    at       INTEGER NOT NULL,
    late     INTEGER NOT NULL,
    amount   TEXT,
    currency TEXT,
    corrects INTEGER,
    entry    INTEGER NOT NULL,
    PRIMARY KEY (dispute, n)
) STRICT, WITHOUT ROWID;

-- Files of cases and reports, by the item or report that they came with.
CREATE TABLE paper (
    owner  BLOB NOT NULL,
    n      INTEGER NOT NULL,
    form   TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (owner, n, form)
) STRICT;

-- conversation: NULL while nobody said which; then the words lie sealed here, under the
-- marketplace's key, and not in a conversation's evidence. reporter: whose mail it was, where it
-- belongs to no conversation yet.
CREATE TABLE report (
    num          INTEGER PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    marketplace  INTEGER NOT NULL,
    conversation INTEGER,
    by_side      TEXT NOT NULL,
    category     TEXT NOT NULL,
    state        TEXT NOT NULL,
    at           INTEGER NOT NULL,
    entry        INTEGER,
    sealed       BLOB,
    reporter     INTEGER
) STRICT;
CREATE INDEX report_market ON report (marketplace, num);
CREATE INDEX report_conversation ON report (conversation, num) WHERE conversation IS NOT NULL;
CREATE INDEX report_reporter ON report (reporter) WHERE reporter IS NOT NULL;

-- Which handles were met in a report, and in what.
CREATE TABLE report_leak (
    report INTEGER NOT NULL,
    handle BLOB NOT NULL,
    met    TEXT NOT NULL,
    PRIMARY KEY (report, handle, met)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_leak_handle ON report_leak (handle);
