#!/bin/sh
# Installs the programs that the tests start: from Debian's packages, and a linter of certificates from PyPI into a
# directory of its own beside the built programs. What is there already stays as it is, and nothing that is installed here is
# started as a service.
set -eu

# A program, by a path or by name, and the package that brings it.
missing() {
  while read -r program package; do
    # shellcheck disable=SC2086 # the pattern is meant to be expanded
    ls $program >/dev/null 2>&1 || command -v "$program" >/dev/null 2>&1 || echo "$package"
  done <<PROGRAMS | sort -u
/usr/lib/postgresql/*/bin/initdb postgresql
psql postgresql-client
/usr/sbin/nginx nginx
/usr/sbin/mariadbd mariadb-server-core
mariadb-install-db mariadb-server-core
mariadb-admin mariadb-client
mariadb mariadb-client
openssl openssl
python3 python3
/usr/lib/python3*/ensurepip/__init__.py python3-venv
setpriv util-linux
PROGRAMS
}

install_linters() {
  linters="${CARGO_TARGET_DIR:-target}/linters"
  [ ! -x "$linters/bin/lint_pkix_cert" ] || return 0
  rm -rf "$linters"
  python3 -m venv "$linters"
  "$linters/bin/pip" install -q --disable-pip-version-check "pkilint==0.13.3" || {
    rm -rf "$linters"
    echo "pkilint cannot be installed from PyPI: see above" >&2
    exit 1
  }
}

packages=$(missing)
if [ -z "$packages" ]; then
  install_linters
  exit 0
fi
packages=$(echo "$packages" | tr '\n' ' ')
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "The tests need programs of these packages: $packages" >&2
  echo "Install them (Debian, as root: apt-get install $packages), or run \`make test\` as root on Debian." >&2
  exit 1
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $packages
packages=$(missing)
[ -z "$packages" ] || { echo "Still missing after the installation: $packages" >&2; exit 1; }
install_linters
