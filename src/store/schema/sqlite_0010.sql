-- Where a marketplace's own programs are told what happens. A webhook is a reader of the feed with a place of its own in
-- it, so that nothing is queued twice. url, secret and previous lie sealed; events are patterns with spaces, and name
-- nobody. generation is drawn anew whenever a row is written: what was decided on another one is not. again: places of
-- the feed that are to be told once more.
CREATE TABLE webhook (
    marketplace    INTEGER NOT NULL REFERENCES marketplace,
    id             TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    url            BLOB NOT NULL,
    events         TEXT NOT NULL,
    secret         BLOB NOT NULL,
    previous       BLOB,
    previous_until INTEGER,
    place          INTEGER NOT NULL,
    again          TEXT NOT NULL,
    answer         TEXT,
    answered       INTEGER,
    failures       INTEGER NOT NULL,
    failing_since  INTEGER,
    next_try       INTEGER,
    disabled       INTEGER,
    disabled_for   TEXT,
    PRIMARY KEY (marketplace, id)
) STRICT, WITHOUT ROWID;
