-- Contact rights beyond reviews and blocks.

-- What enforcement left a seller, towards one buyer or (buyer NULL) towards all. It is read for
-- every seller of a group. cause is a word or an id that names nobody.
CREATE TABLE restriction (
    marketplace text NOT NULL,
    id          bytea NOT NULL,
    seller      text NOT NULL,
    buyer       text,
    kind        text NOT NULL,
    burst       bigint NOT NULL,
    per         bigint NOT NULL,
    since       bigint NOT NULL,
    until       bigint,
    lifted      bigint,
    cause       text NOT NULL,
    PRIMARY KEY (marketplace, id)
);
CREATE INDEX restriction_seller ON restriction (marketplace, seller) WHERE lifted IS NULL;
CREATE INDEX pair_seller ON pair (marketplace, seller);

-- When the buyer last said that nothing more is wanted.
ALTER TABLE pair ADD COLUMN stopped bigint;

-- The buyer's newest own message in a conversation: what opens answers to it.
CREATE TABLE opening (
    marketplace  text NOT NULL,
    conversation text NOT NULL,
    at           bigint NOT NULL,
    PRIMARY KEY (marketplace, conversation)
);
INSERT INTO opening (marketplace, conversation, at)
    SELECT marketplace, conversation, max(at) FROM message
    WHERE from_side = 'buyer' AND NOT automatic AND state IN ('queued', 'delivered', 'failed', 'withheld')
    GROUP BY marketplace, conversation;

-- The cases between two, each as it stands.
CREATE TABLE case_state (
    marketplace text NOT NULL,
    buyer       text NOT NULL,
    seller      text NOT NULL,
    id          text NOT NULL,
    state       text NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (marketplace, buyer, seller, id)
);

-- Requests for feedback: one for an order, or for a conversation without one. at names the
-- contact row that it cost, with which it is given back.
CREATE TABLE asked (
    marketplace text NOT NULL,
    buyer       text NOT NULL,
    seller      text NOT NULL,
    subject     text NOT NULL,
    at          bigint NOT NULL,
    PRIMARY KEY (marketplace, buyer, seller, subject)
);

-- What a seller's lately sent texts were like: keyed hashes of their pieces, never their words.
CREATE TABLE sketch (
    marketplace text NOT NULL,
    seller      text NOT NULL,
    buyer       text NOT NULL,
    at          bigint NOT NULL,
    hashes      bytea NOT NULL,
    PRIMARY KEY (marketplace, seller, at, buyer)
);
