-- Tokens of services too: a token speaks of a project user or of a service on a node, and then it goes with the node.
DROP INDEX token_of_project_user;
ALTER TABLE token RENAME COLUMN project_user TO subject;
ALTER TABLE token ADD COLUMN node TEXT;
ALTER TABLE token ADD COLUMN issued_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX token_of_subject ON token (subject) WHERE ended_at IS NULL;
CREATE INDEX token_of_node ON token (node) WHERE node IS NOT NULL;
