-- A certificate is found by its serial number and then compared byte for byte, so its fingerprint is not kept. An index of
-- random values costs a page for each certificate that is recorded, and one is enough.
--
-- SQLite drops no column that is unique, so the table is made anew, and with it those that refer to it.

ALTER TABLE certificate RENAME TO certificate_before;
CREATE TABLE certificate (
    serial            TEXT PRIMARY KEY,
    issuer            TEXT NOT NULL REFERENCES issuer (id),
    shard             INTEGER NOT NULL,
    profile           TEXT NOT NULL,
    holder            TEXT NOT NULL,
    common_name       TEXT NOT NULL,
    node              TEXT,
    service           TEXT,
    der               BLOB NOT NULL,
    not_before        INTEGER NOT NULL,
    not_after         INTEGER NOT NULL,
    issued_at         INTEGER NOT NULL,
    revoked_at        INTEGER,
    revocation_reason TEXT,
    -- The CRLNumber of the first list of its shard that holds the revocation.
    listed_in         INTEGER,
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
) STRICT;
INSERT INTO certificate
    SELECT serial, issuer, shard, profile, holder, common_name, node, service, der, not_before, not_after, issued_at,
           revoked_at, revocation_reason, listed_in
    FROM certificate_before ORDER BY issued_at;

ALTER TABLE member RENAME TO member_before;
CREATE TABLE member (
    project     TEXT NOT NULL REFERENCES project (name) ON DELETE CASCADE,
    user_name   TEXT NOT NULL,
    role        TEXT NOT NULL,
    certificate TEXT NOT NULL REFERENCES certificate (serial),
    sealed_key  BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (project, user_name)
) STRICT;
INSERT INTO member SELECT project, user_name, role, certificate, sealed_key, created_at FROM member_before;
DROP TABLE member_before;

ALTER TABLE node_rotation RENAME TO node_rotation_before;
CREATE TABLE node_rotation (
    node   TEXT NOT NULL REFERENCES node (name) ON DELETE CASCADE,
    serial TEXT NOT NULL REFERENCES certificate (serial),
    PRIMARY KEY (node, serial)
) STRICT;
INSERT INTO node_rotation SELECT node, serial FROM node_rotation_before;
DROP TABLE node_rotation_before;

DROP TABLE certificate_before;
-- What is looked at all the time is only what is live or waits to be listed; the history does not slow it down.
CREATE INDEX certificate_live_of_node ON certificate (node, not_after) WHERE revoked_at IS NULL AND node IS NOT NULL;
CREATE INDEX certificate_revoked_of_node ON certificate (node, not_after) WHERE revoked_at IS NOT NULL AND node IS NOT NULL;
CREATE INDEX certificate_unlisted ON certificate (issuer, shard) WHERE revoked_at IS NOT NULL AND listed_in IS NULL;
CREATE INDEX certificate_by_common_name ON certificate (common_name);
-- All that a list needs of its entries, in the order in which they are kept.
CREATE INDEX certificate_revoked ON certificate (issuer, shard, not_after, serial, revoked_at, revocation_reason, listed_in)
    WHERE revoked_at IS NOT NULL;
CREATE INDEX certificate_by_age ON certificate (issued_at);
CREATE INDEX certificate_of_issuer ON certificate (issuer, not_after);
