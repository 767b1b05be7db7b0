-- Authorities that come and go: prepared, active, retired, gone.

ALTER TABLE issuer ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
ALTER TABLE issuer ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
UPDATE issuer SET not_before = created_at;
-- Which of its domain it is; its id ends with it.
ALTER TABLE issuer ADD COLUMN number BIGINT NOT NULL DEFAULT 1;
-- In how many shards its certificates are listed.
ALTER TABLE issuer ADD COLUMN shards BIGINT NOT NULL DEFAULT 1;
-- The generation of the cluster with which nodes got to know it; it signs for them only when they have taken that.
ALTER TABLE issuer ADD COLUMN prepared_generation BIGINT NOT NULL DEFAULT 0;
-- When every node had taken that.
ALTER TABLE issuer ADD COLUMN known_at BIGINT;
ALTER TABLE issuer ADD COLUMN activated_at BIGINT;
UPDATE issuer SET activated_at = created_at;
ALTER TABLE issuer ADD COLUMN retired_at BIGINT;
-- When somebody asked for a successor, and when somebody said that the key may be in other hands.
ALTER TABLE issuer ADD COLUMN rotation_requested_at BIGINT;
ALTER TABLE issuer ADD COLUMN distrusted_at BIGINT;
-- Of a root: its key, signed by the root before it.
ALTER TABLE issuer ADD COLUMN cross_certificate BYTEA;
CREATE UNIQUE INDEX issuer_in_use ON issuer (domain, state) WHERE state IN ('prepared', 'active');
CREATE INDEX certificate_of_issuer ON certificate (issuer, not_after);
