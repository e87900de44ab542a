-- Which number of the pool a side texts in a conversation, and is texted from. tag is a keyed index of the number and the
-- side's own phone: nobody has two conversations on one number, over all marketplaces.
CREATE TABLE sms_number (
    tag          BLOB PRIMARY KEY,
    number       TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation,
    side         TEXT NOT NULL,
    used         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sms_number_of ON sms_number (conversation, side);
