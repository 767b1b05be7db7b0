-- Certificates for keys that callers made.

-- Who holds the key of a certificate: `daemon`, `agent` or `caller`. What an agent's report says is about its own only.
ALTER TABLE certificate ADD COLUMN holder TEXT NOT NULL DEFAULT 'daemon';
UPDATE certificate SET holder = 'agent' WHERE profile IN ('node', 'service');

-- Replacing what a node's agent holds because somebody asked: when the last request was, and which certificates it is
-- about. Whether each has been replaced shows in its own row.
ALTER TABLE node ADD COLUMN rotation_requested_at BIGINT;
CREATE TABLE node_rotation (
    node   TEXT NOT NULL REFERENCES node (name) ON DELETE CASCADE,
    serial TEXT NOT NULL REFERENCES certificate (serial),
    PRIMARY KEY (node, serial)
);

-- Changing the operator's token: the key that takes over with its first login, and those that were taken over.
ALTER TABLE cluster ADD COLUMN pending_operator_key TEXT;
CREATE TABLE retired_operator_key (
    key        TEXT PRIMARY KEY,
    retired_at BIGINT NOT NULL
);
