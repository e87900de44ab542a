-- Couriers who were announced at a buyer's door: of which carrier, from when until when. Whoever is not here was sent by
-- nobody. The digits that a courier must know are made from the id under the marketplace's key, and lie nowhere.
CREATE TABLE pickup (
    marketplace  INTEGER NOT NULL REFERENCES marketplace,
    id           TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation,
    carrier      TEXT NOT NULL,
    begins       INTEGER NOT NULL,
    ends         INTEGER NOT NULL,
    ended        INTEGER,
    PRIMARY KEY (marketplace, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pickup_of ON pickup (conversation, ends);
CREATE INDEX pickup_over ON pickup (ends);
