-- A certificate is found by its serial number and then compared byte for byte, so its fingerprint is not kept. An index of
-- random values costs a page for each certificate that is recorded, and one is enough.

ALTER TABLE certificate DROP COLUMN fingerprint;
ALTER TABLE certificate ALTER COLUMN holder DROP DEFAULT;
DROP INDEX certificate_live_of_node;
CREATE INDEX certificate_live_of_node ON certificate (node, not_after) WHERE revoked_at IS NULL AND node IS NOT NULL;
DROP INDEX certificate_revoked_of_node;
CREATE INDEX certificate_revoked_of_node ON certificate (node, not_after) WHERE revoked_at IS NOT NULL AND node IS NOT NULL;
DROP INDEX certificate_revoked;
-- All that a list needs of its entries, in the order in which they are kept.
CREATE INDEX certificate_revoked ON certificate (issuer, shard, not_after, serial, revoked_at, revocation_reason, listed_in)
    WHERE revoked_at IS NOT NULL;
