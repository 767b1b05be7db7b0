-- Several daemons on one database: who leads, and sessions that each of them knows.

-- Who has a lease, and until when. An owner that is gone loses it when it is over.
ALTER TABLE lease ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE lease ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;

-- Open sessions, by the hash of what the client shows. The nonce that opened one opens no other.
CREATE TABLE session (
    hash         TEXT PRIMARY KEY,
    operator_key TEXT NOT NULL,
    nonce        TEXT NOT NULL UNIQUE,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX session_by_end ON session (expires_at);
