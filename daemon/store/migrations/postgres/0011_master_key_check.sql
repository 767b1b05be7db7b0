-- Tells the version of the master key that seals from another key of the same number. Null until a daemon has said it.
ALTER TABLE cluster ADD COLUMN master_key_check TEXT;
