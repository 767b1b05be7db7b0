-- A login looks up the live certificates of the API, which are few among many.
CREATE INDEX certificate_live_of_api ON certificate (not_after) WHERE profile = 'api_server' AND revoked_at IS NULL;
