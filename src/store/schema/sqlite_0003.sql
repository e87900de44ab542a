-- Sellers who may be striking back: one row for a review of a pair, with the numbers as they last
-- were (times in milliseconds).
CREATE TABLE retaliation (
    seller       INTEGER NOT NULL,
    buyer        INTEGER NOT NULL,
    reviewed     INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    silence      INTEGER NOT NULL,
    first        INTEGER NOT NULL,
    before       INTEGER NOT NULL,
    after        INTEGER NOT NULL,
    PRIMARY KEY (seller, buyer, reviewed)
) STRICT, WITHOUT ROWID;

-- Pairs whose buyer is afraid, beside the block that closes them: nothing is picked up at the
-- buyer's door until the buyer takes it back.
CREATE TABLE fear (
    buyer  INTEGER NOT NULL,
    seller INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (buyer, seller)
) STRICT, WITHOUT ROWID;
