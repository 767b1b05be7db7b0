-- The keys that sign tokens. Rows are never deleted; a key that is gone is erased from its row.
CREATE TABLE token_key (
    kid           TEXT PRIMARY KEY,
    state         TEXT NOT NULL,
    -- The public key as a JWK.
    public_key    TEXT NOT NULL,
    sealed_key    BYTEA,
    created_at    BIGINT NOT NULL,
    activated_at  BIGINT,
    retired_at    BIGINT,
    -- When the last token that it signed ends; null when it signed none.
    tokens_end_at BIGINT,
    CHECK ((sealed_key IS NULL) = (state = 'gone'))
);
-- At most one key signs, and at most one is ready to.
CREATE UNIQUE INDEX token_key_in_use ON token_key (state) WHERE state IN ('prepared', 'active');
CREATE INDEX token_key_by_age ON token_key (created_at);
