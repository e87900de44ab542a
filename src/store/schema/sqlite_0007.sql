-- Certificates by which agents' mail programs log in: SHA-256 of the whole certificate. Each marketplace has its own.
CREATE TABLE agent_certificate (
    marketplace INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    party       INTEGER NOT NULL,
    agent       TEXT NOT NULL,
    PRIMARY KEY (marketplace, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_certificate_agent ON agent_certificate (party, agent);
