# The operator's token is read from RINGFENCE_TOKEN; make one with `openssl rand -hex 32`.
provider "ringfence" {}
