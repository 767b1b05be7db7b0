-- Jobs: programs that run for a while as a project user. What they were given ends with them.
CREATE TABLE job (
    project    TEXT NOT NULL,
    user_name  TEXT NOT NULL,
    job        TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    PRIMARY KEY (project, user_name, job),
    FOREIGN KEY (project, user_name) REFERENCES member (project, user_name) ON DELETE CASCADE
) STRICT;
ALTER TABLE certificate ADD COLUMN job TEXT;
CREATE INDEX certificate_of_job ON certificate (common_name, job) WHERE job IS NOT NULL;

-- Tokens that were signed, without the tokens: whether each is still good is asked by its id.
CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    kid          TEXT NOT NULL REFERENCES token_key (kid),
    project_user TEXT NOT NULL,
    job          TEXT,
    one_time     INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- When it was ended before its time, or used if it is good for once.
    ended_at     INTEGER
) STRICT;
CREATE INDEX token_by_end ON token (expires_at);
CREATE INDEX token_of_project_user ON token (project_user) WHERE ended_at IS NULL;
