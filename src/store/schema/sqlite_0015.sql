-- Thread ids in the order in which they came, found by a narrow index: a mail of a long conversation writes to one page
-- of it, where it wrote to one of many for each of its ids.

CREATE TABLE thread_in_order (
    num          INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    hash         BLOB NOT NULL,
    from_side    TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    print        BLOB,
    message      BLOB,
    until        INTEGER
) STRICT;
INSERT INTO thread_in_order (conversation, hash, from_side, sealed, print, message, until)
    SELECT conversation, hash, from_side, sealed, print, message, until FROM thread;
DROP TABLE thread;
ALTER TABLE thread_in_order RENAME TO thread;
CREATE UNIQUE INDEX thread_hash ON thread (conversation, hash);
