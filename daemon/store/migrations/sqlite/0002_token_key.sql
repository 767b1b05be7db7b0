-- The keys that sign tokens. Rows are never deleted; a key that is gone is erased from its row.
CREATE TABLE token_key (
    kid           TEXT PRIMARY KEY,
    state         TEXT NOT NULL,
    -- The public key as a JWK.
    public_key    TEXT NOT NULL,
    sealed_key    BLOB,
    created_at    INTEGER NOT NULL,
    activated_at  INTEGER,
    retired_at    INTEGER,
    -- When the last token that it signed ends; null when it signed none.
    tokens_end_at INTEGER,
    CHECK ((sealed_key IS NULL) = (state = 'gone'))
) STRICT;
-- At most one key signs, and at most one is ready to.
CREATE UNIQUE INDEX token_key_in_use ON token_key (state) WHERE state IN ('prepared', 'active');
CREATE INDEX token_key_by_age ON token_key (created_at);
