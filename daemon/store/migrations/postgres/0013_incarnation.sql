-- Which history this database is in. Another one begins after each restore.
ALTER TABLE cluster ADD COLUMN incarnation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cluster ADD COLUMN incarnation_id TEXT NOT NULL DEFAULT '';
-- When the rows came from a backup; null once the incarnation that follows it has begun.
ALTER TABLE cluster ADD COLUMN restored_at BIGINT;
-- The furthest point that the node's agent has heard of and this database has not had.
ALTER TABLE node ADD COLUMN beyond TEXT;

-- When the last list was signed, which is later than its thisUpdate.
ALTER TABLE crl_shard ADD COLUMN signed_at BIGINT NOT NULL DEFAULT 0;
UPDATE crl_shard SET signed_at = this_update;
-- The next list has a greater number than this: numbers up to it may have been used in a history that is lost.
ALTER TABLE crl_shard ADD COLUMN number_floor BIGINT NOT NULL DEFAULT 0;

-- Revocations of a history that is lost, found in its lists, of certificates that this database does not know. They are
-- listed for as long as their issuer lists anything.
CREATE TABLE lost_revocation (
    issuer            TEXT NOT NULL REFERENCES issuer (id),
    shard             BIGINT NOT NULL,
    serial            TEXT NOT NULL,
    revoked_at        BIGINT NOT NULL,
    revocation_reason TEXT NOT NULL,
    PRIMARY KEY (issuer, shard, serial)
);

-- Nonces that have opened a session. They are remembered for as long as they could open another.
CREATE TABLE login_nonce (
    nonce      TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX login_nonce_by_end ON login_nonce (expires_at);

-- How often the saga has been begun.
ALTER TABLE saga ADD COLUMN attempts BIGINT NOT NULL DEFAULT 1;
