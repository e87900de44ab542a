-- Handles that a buyer gives to somebody else than the seller: what they are for, and which domains may write to them,
-- sealed under the marketplace's key. version is raised with each change.
CREATE TABLE registration (
    handle  BLOB PRIMARY KEY,
    sealed  BLOB NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
