-- The ledger for PostgreSQL and the engines that speak its protocol: every primary key begins
-- with the marketplace, no sequences, no advisory locks. Times are milliseconds since 1970.
-- The row of chain is the lock of its conversation, the rows of pair are those of the pair.

CREATE TABLE party (
    marketplace  text NOT NULL,
    id           text NOT NULL,
    budget_group text,
    PRIMARY KEY (marketplace, id)
);
CREATE INDEX party_group ON party (marketplace, budget_group);

CREATE TABLE orders (
    marketplace text NOT NULL,
    id          text NOT NULL,
    state       text NOT NULL,
    fulfilment  text NOT NULL,
    PRIMARY KEY (marketplace, id)
);

CREATE TABLE conversation (
    marketplace text NOT NULL,
    id          text NOT NULL,
    order_id    text,
    buyer       text NOT NULL,
    seller      text NOT NULL,
    expires     bigint,
    PRIMARY KEY (marketplace, id)
);
CREATE INDEX conversation_pair ON conversation (marketplace, buyer, seller);

CREATE TABLE handle (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    hash         bytea NOT NULL,
    stands_for   text NOT NULL,
    kind         text NOT NULL,
    sealed       bytea NOT NULL,
    created      bigint NOT NULL,
    replaced     bigint,
    shut         bigint,
    epoch        integer NOT NULL,
    PRIMARY KEY (marketplace, conversation, hash)
);
CREATE UNIQUE INDEX handle_hash ON handle (hash);

CREATE TABLE pair (
    marketplace       text NOT NULL,
    buyer             text NOT NULL,
    seller            text NOT NULL,
    epoch             bigint NOT NULL DEFAULT 0,
    epoch_seller      bigint NOT NULL DEFAULT 0,
    high_water        bigint NOT NULL DEFAULT 0,
    last_from_buyer   bigint,
    blocked_by_buyer  boolean NOT NULL DEFAULT false,
    blocked_by_seller boolean NOT NULL DEFAULT false,
    PRIMARY KEY (marketplace, buyer, seller)
);

CREATE TABLE contact (
    marketplace text NOT NULL,
    buyer       text NOT NULL,
    seller      text NOT NULL,
    at          bigint NOT NULL,
    under       text NOT NULL,
    PRIMARY KEY (marketplace, buyer, seller, at)
);

CREATE TABLE barrier (
    marketplace text NOT NULL,
    buyer       text NOT NULL,
    seller      text NOT NULL,
    at          bigint NOT NULL,
    rating      smallint NOT NULL,
    PRIMARY KEY (marketplace, buyer, seller, at)
);

CREATE TABLE review (
    marketplace  text NOT NULL,
    id           text NOT NULL,
    conversation text NOT NULL,
    rating       smallint NOT NULL,
    at           bigint NOT NULL,
    claimed_at   bigint,
    withdrawn    boolean NOT NULL DEFAULT false,
    reviewer     text NOT NULL,
    PRIMARY KEY (marketplace, id)
);

CREATE TABLE message (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    id           bytea NOT NULL,
    seq          bigint NOT NULL,
    from_side    text NOT NULL,
    agent        text,
    channel      text NOT NULL,
    at           bigint NOT NULL,
    automatic    boolean NOT NULL,
    state        text NOT NULL,
    reason       text,
    debit        bigint,
    epoch        bigint NOT NULL,
    entry        bigint NOT NULL, -- the evidence entry that holds its text
    PRIMARY KEY (marketplace, conversation, id)
);

CREATE TABLE message_file (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    message      bytea NOT NULL,
    n            integer NOT NULL,
    sealed       bytea NOT NULL,
    PRIMARY KEY (marketplace, conversation, message, n)
);

CREATE TABLE delivery (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    id           bytea NOT NULL,
    message      bytea NOT NULL,
    seq          bigint NOT NULL,
    to_side      text NOT NULL,
    channel      text NOT NULL,
    cargo        text NOT NULL,
    state        text NOT NULL,
    lane         text,   -- the side, or the notice's own id; NULL: settled or held
    ready        bigint, -- due, on the head of a lane alone
    due          bigint NOT NULL,
    claim        bigint NOT NULL DEFAULT 0,
    attempts     bigint NOT NULL DEFAULT 0,
    accepted     bigint NOT NULL,
    settled      bigint,
    PRIMARY KEY (marketplace, conversation, id)
);
CREATE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_lane ON delivery (marketplace, conversation, lane, seq) WHERE lane IS NOT NULL;
CREATE INDEX delivery_ready ON delivery (ready) WHERE ready IS NOT NULL;
CREATE INDEX delivery_message ON delivery (marketplace, conversation, message);

CREATE TABLE delivery_body (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    delivery     bytea NOT NULL,
    sealed       bytea NOT NULL,
    PRIMARY KEY (marketplace, conversation, delivery)
);

CREATE TABLE thread (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    hash         bytea NOT NULL,
    from_side    text NOT NULL,
    sealed       bytea NOT NULL,
    PRIMARY KEY (marketplace, conversation, hash)
);

CREATE TABLE detection_window (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    side         text NOT NULL,
    seq          bigint NOT NULL,
    sealed       bytea NOT NULL,
    at           bigint NOT NULL,
    PRIMARY KEY (marketplace, conversation, side)
);

CREATE TABLE chain (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    messages     bigint NOT NULL,
    entries      bigint NOT NULL,
    head         bytea NOT NULL,
    PRIMARY KEY (marketplace, conversation)
);

CREATE TABLE evidence (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    seq          bigint NOT NULL,
    side         text,
    canonical    text NOT NULL,
    link         bytea NOT NULL,
    sealed       bytea,
    PRIMARY KEY (marketplace, conversation, seq)
);

CREATE TABLE repeat (
    marketplace text NOT NULL,
    key         bytea NOT NULL,
    body        bytea NOT NULL,
    message     bytea NOT NULL,
    expires     bigint NOT NULL,
    PRIMARY KEY (marketplace, key)
);
