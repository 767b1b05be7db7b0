-- What has changed since a complete list that verifiers may have: the number of that one, and the delta as published. Null
-- while the last complete list is that one itself.
ALTER TABLE crl_shard ADD COLUMN base_number INTEGER NOT NULL DEFAULT 0;
UPDATE crl_shard SET base_number = number;
ALTER TABLE crl_shard ADD COLUMN delta BLOB;
