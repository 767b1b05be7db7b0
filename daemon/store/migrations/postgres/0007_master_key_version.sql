-- Which version of the master key seals. What is sealed under another one is sealed anew in the background.
ALTER TABLE cluster ADD COLUMN master_key_version BIGINT NOT NULL DEFAULT 1;
