#!/usr/bin/env bash
# build.sh WHEELS FOLDER: the Debian package of this checkout in FOLDER, with what it needs of Python from WHEELS.
# It holds what scripts/deploy-etl-pipeline.sh installs, and installing it runs that script, offline.
set -euo pipefail

SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
wheels=$1 folder=$2
python=${PYTHON:-/usr/bin/python3}
eval "$(grep '^readonly SHIPPED=' "$SOURCE/scripts/deploy-etl-pipeline.sh")"

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$SOURCE/pyproject.toml")
# wheels fit one Python and one processor, and so does the package
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
architecture=$(dpkg --print-architecture)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
umask 022
home=$root/usr/lib/etl-daemon
mkdir -p "$home/wheels" "$root/DEBIAN" "$folder"
tar --create --directory="$SOURCE" --exclude=__pycache__ --exclude=deploy/dbt/{target,logs} "${SHIPPED[@]}" scripts |
    tar --extract --no-same-owner --directory="$home"
chmod -R u+rwX,go=rX "$home"
cp "$wheels"/*.whl "$home/wheels/"
install -m 0755 "$SOURCE"/deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
cat >"$root/DEBIAN/control" <<TEXT
Package: etl-daemon
Version: $version+py${minor/./}
Architecture: $architecture
Maintainer: The etl_daemon authors <etl-daemon@example.invalid>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)
Depends: python3 (>= $minor), python3 (<< $next), python3-venv, util-linux, passwd, systemd | cron
Section: database
Priority: optional
Description: loads market data from S3 into Snowflake or DuckDB
 A service that brings objects of a bucket into tables, each object version
 exactly once, and keeps every rejected row with its reasons. Settings are in
 /etc/etl-pipeline/etl-config.env.
TEXT
dpkg-deb --build --root-owner-group -Zxz -z1 "$root" "$folder"
