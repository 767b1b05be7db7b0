-- The first schema. Times are milliseconds since 1970; serials and hashes are lower-case hexadecimal.

-- The one cluster that this database is about.
CREATE TABLE cluster (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL,
    operator_key        TEXT NOT NULL,
    endpoint            TEXT NOT NULL,
    declared            TEXT NOT NULL,
    -- Counts what nodes should hold; `declared_generation` is the last one that a declaration caused.
    generation          BIGINT NOT NULL,
    declared_generation BIGINT NOT NULL,
    -- Counts every change that somebody may wait for, of declaration and of nodes.
    revision            BIGINT NOT NULL,
    created_at          BIGINT NOT NULL
);

-- Who may run what: a later owner has a greater epoch, and an earlier one is refused.
CREATE TABLE lease (
    name  TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL
);

-- The authorities. The root's parent is itself.
CREATE TABLE issuer (
    id          TEXT PRIMARY KEY,
    domain      TEXT NOT NULL,
    parent      TEXT NOT NULL REFERENCES issuer (id),
    certificate BYTEA NOT NULL,
    sealed_key  BYTEA NOT NULL,
    not_after   BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);

-- Everything that was ever signed for a holder. Rows are never deleted: the history is kept.
CREATE TABLE certificate (
    serial            TEXT PRIMARY KEY,
    issuer            TEXT NOT NULL REFERENCES issuer (id),
    shard             BIGINT NOT NULL,
    profile           TEXT NOT NULL,
    common_name       TEXT NOT NULL,
    node              TEXT,
    service           TEXT,
    der               BYTEA NOT NULL,
    fingerprint       TEXT NOT NULL UNIQUE,
    not_before        BIGINT NOT NULL,
    not_after         BIGINT NOT NULL,
    issued_at         BIGINT NOT NULL,
    revoked_at        BIGINT,
    revocation_reason TEXT,
    -- The CRLNumber of the first list of its shard that holds the revocation.
    listed_in         BIGINT,
    CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
);
-- What is looked at all the time is only what is live or waits to be listed; the history does not slow it down.
CREATE INDEX certificate_live_of_node ON certificate (node, not_after) WHERE revoked_at IS NULL;
CREATE INDEX certificate_revoked_of_node ON certificate (node, not_after) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificate_unlisted ON certificate (issuer, shard) WHERE revoked_at IS NOT NULL AND listed_in IS NULL;
CREATE INDEX certificate_by_common_name ON certificate (common_name);
CREATE INDEX certificate_revoked ON certificate (issuer, shard, not_after) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificate_by_age ON certificate (issued_at);

-- The lists as published. The number only rises.
CREATE TABLE crl_shard (
    issuer      TEXT NOT NULL REFERENCES issuer (id),
    shard       BIGINT NOT NULL,
    url         TEXT NOT NULL,
    number      BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    der         BYTEA NOT NULL,
    PRIMARY KEY (issuer, shard)
);

CREATE TABLE node (
    name                TEXT PRIMARY KEY,
    node_group          TEXT NOT NULL,
    state               TEXT NOT NULL,
    reported_at         BIGINT,
    reported_generation BIGINT NOT NULL,
    held                TEXT NOT NULL,
    fault               TEXT,
    created_at          BIGINT NOT NULL
);

-- At most one ticket for a node. The first key that shows it owns it.
CREATE TABLE join_ticket (
    node       TEXT PRIMARY KEY REFERENCES node (name) ON DELETE CASCADE,
    hash       TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    owner_key  TEXT
);

-- `folded` is the name in lower case: names that differ only in case are the same project.
CREATE TABLE project (
    name        TEXT PRIMARY KEY,
    folded      TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);

-- A member, the identity that the membership is, and the key that goes with its certificate.
CREATE TABLE member (
    project     TEXT NOT NULL REFERENCES project (name) ON DELETE CASCADE,
    user_name   TEXT NOT NULL,
    role        TEXT NOT NULL,
    certificate TEXT NOT NULL REFERENCES certificate (serial),
    sealed_key  BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (project, user_name)
);

CREATE TABLE saga (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    input       TEXT NOT NULL,
    state       TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX saga_unfinished ON saga (created_at) WHERE finished_at IS NULL;
CREATE INDEX saga_by_subject ON saga (subject);

CREATE TABLE saga_event (
    saga  TEXT NOT NULL REFERENCES saga (id),
    seq   BIGINT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (saga, seq)
);

-- Append-only; each row's hash covers the row and the hash before it.
CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    source   TEXT NOT NULL,
    action   TEXT NOT NULL,
    object   TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    hash     TEXT NOT NULL
);
