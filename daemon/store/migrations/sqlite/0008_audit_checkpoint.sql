-- Signed words on how the audit log stood: a log that was written anew does not fit them.
CREATE TABLE audit_checkpoint (
    sequence  INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    hash      TEXT NOT NULL,
    kid       TEXT NOT NULL REFERENCES token_key (kid),
    signature TEXT NOT NULL
) STRICT;
