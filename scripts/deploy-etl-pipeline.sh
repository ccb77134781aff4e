#!/usr/bin/env bash
# Installs, upgrades or removes the pipeline on Debian or Ubuntu; RHEL and its likes: best effort. --help says how.
set -euo pipefail

SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE
readonly PREFIX=/opt/etl-pipeline CONFIG=/etc/etl-pipeline STATE=/var/lib/etl-pipeline LOGS=/var/log/etl-pipeline
readonly UNITS=/etc/systemd/system CRON=/etc/cron.d/etl-pipeline LOGROTATE=/etc/logrotate.d/etl-pipeline
readonly COMMAND=/usr/local/bin/etl-pipeline OWNER=etl WRONG_SETTINGS=78
readonly SHIPPED=(etl_daemon systemd docs deploy/dbt pyproject.toml requirements.txt requirements-build.txt README.md LICENSE etl-config.env.template)
python=${PYTHON:-/usr/bin/python3}
action=install by='' dry='' purge=''

usage() {
    cat <<'TEXT'
deploy-etl-pipeline.sh [--daemon | --timer | --cron] [--dry-run]
deploy-etl-pipeline.sh --uninstall [--purge] [--dry-run]

Installs this checkout under /opt/etl-pipeline with a Python environment of its own; run again, it upgrades. Settings
go to /etc/etl-pipeline/etl-config.env, which is never overwritten. An upgrade runs it as it ran before, unless told:
  --daemon      the daemon runs as etl-pipeline.service, and etl-pipeline-monitor.timer looks after it
  --timer       etl-pipeline-once.timer loads every five minutes, and etl-pipeline-monitor.timer looks after it
  --cron        cron does both; so it is at first, if nothing is said
Other options:
  --dry-run     print what would be done, and do nothing
  --uninstall   remove the program; settings, data, logs and the user stay
  --purge       with --uninstall: remove those too
PYTHON names another Python (3.11 or later); pip's own PIP_* variables say where packages come from.
Exit codes: 0 done, 1 failed, 2 usage, 78 the new version does not accept the settings: the one before stays.
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'deploy-etl-pipeline.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}
run() { if [[ $dry ]]; then printf '+ %s\n' "${*@Q}"; else "$@"; fi; }

# put FILE MODE GROUP: standard input becomes the file, whole or not at all
put() {
    if [[ $dry ]]; then
        cat >/dev/null
        say "+ write $1 ($2 root:$3)"
        return
    fi
    install -m "$2" -o root -g "$3" /dev/stdin "$1.new"
    mv -f "$1.new" "$1"
}

parse() {
    local word
    for word in "$@"; do
        case $word in
            --daemon) by=daemon ;;
            --timer) by=timer ;;
            --cron) by=cron ;;
            --dry-run) dry=yes ;;
            --uninstall) action=uninstall ;;
            --purge) purge=yes ;;
            -h | --help) usage && exit 0 ;;
            *) usage >&2 && fail "what is $word?" 2 ;;
        esac
    done
    [[ ! $purge || $action == uninstall ]] || fail "--purge goes with --uninstall" 2
    by=${by:-$(scheduled)}
    [[ $dry || $EUID -eq 0 ]] || fail "this needs root; --dry-run does not" 2
    [[ $by == cron ]] || booted || [[ $dry || $action == uninstall ]] || fail "systemd does not run here: leave --$by out" 2
}

booted() { [[ -d /run/systemd/system ]]; }

# by what it runs now; at first by cron
scheduled() {
    if [[ -L $UNITS/timers.target.wants/etl-pipeline-once.timer ]]; then
        echo timer
    elif booted && [[ -e $PREFIX/current && ! -e $CRON ]]; then
        echo daemon
    else
        echo cron
    fi
}

prerequisites() {
    local packages=()
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if command -v apt-get >/dev/null; then packages+=(python3 python3-venv); else packages+=(python3.11); fi
    fi
    [[ $by != cron || -d /etc/cron.d ]] || packages+=("$(command -v apt-get >/dev/null && echo cron || echo cronie)")
    command -v flock >/dev/null || packages+=(util-linux)
    if ((${#packages[@]})); then
        if command -v apt-get >/dev/null; then
            run apt-get update -q
            run env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
        elif command -v dnf >/dev/null; then
            run dnf install -q -y "${packages[@]}"
            [[ ${PYTHON:-} ]] || python=/usr/bin/python3.11
        else
            fail "please install: ${packages[*]}"
        fi
    fi
    [[ $dry ]] || "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is not 3.11 or later: name another one with PYTHON"
}

accounts_and_folders() {
    getent passwd "$OWNER" >/dev/null ||
        run useradd --system --user-group --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$OWNER"
    run install -d -m 0755 "$PREFIX" "$PREFIX/releases"
    run install -d -m 0750 -o root -g "$OWNER" "$CONFIG"
    run install -d -m 0750 -o "$OWNER" -g "$OWNER" "$STATE" "$LOGS"
    [[ -e $CONFIG/etl-config.env ]] || put "$CONFIG/etl-config.env" 0640 "$OWNER" <"$SOURCE/etl-config.env.template"
}

shipped() {
    tar --create --directory="$SOURCE" --exclude=__pycache__ --exclude=deploy/dbt/{target,logs} --sort=name --mtime=@0 --owner=0 --group=0 --mode=u+rw,go+r \
        "${SHIPPED[@]}"
}

# what a release is depends on all that goes into it, so that the same checkout makes the same one
release_name() { { shipped && readlink -f "$python" && "$python" -V; } | sha256sum | cut -c 1-12; }

make_release() {
    local release=$1
    if [[ -e $release/.complete ]]; then return; fi
    say "Installing $release"
    run rm -rf "$release"
    run install -d -m 0755 "$release"
    if [[ ! $dry ]]; then (umask 022 && shipped | tar --extract --no-same-owner --directory="$release"); fi
    (
        umask 022
        run "$python" -m venv "$release/venv"
        run "$release/venv/bin/pip" install --quiet --require-hashes --requirement "$release/requirements.txt"
        run "$release/venv/bin/pip" install --quiet --require-hashes --requirement "$release/requirements-build.txt"
        run "$release/venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index "$release"
        run rm -rf "$release/build" "$release/etl_daemon.egg-info"
    )
    run install -d -m 0755 "$release/bin"
    wrapper | put "$release/bin/etl-pipeline" 0755 root
    run touch "$release/.complete"
}

wrapper() {
    cat <<TEXT
#!/bin/sh
# etl-daemon with the settings and as the user of the service
[ "\$(id -u)" -ne 0 ] || exec setpriv --reuid=$OWNER --regid=$OWNER --init-groups -- "\$0" "\$@"
cd $STATE || exit 1
export HOME=$STATE PYTHONDONTWRITEBYTECODE=1 ETL_CONFIG_FILE="\${ETL_CONFIG_FILE:-$CONFIG/etl-config.env}"
export LOGS_DIRECTORY="\${LOGS_DIRECTORY:-$LOGS}"
set -a
if [ -r $CONFIG/environment ]; then . $CONFIG/environment; fi
exec "\$(dirname "\$(readlink -f "\$0")")/../venv/bin/etl-daemon" "\$@"
TEXT
}

# whether the release takes the settings as they are; what else may be amiss is no reason to stay behind
accepts_settings() {
    local code=0 check=("$1/bin/etl-pipeline" check) handed=()
    if [[ $dry ]]; then return; fi
    # as a credential the key is not readable here, and need not be
    [[ ! -e $UNITS/etl-pipeline.service.d/key.conf ]] ||
        check=(env "SNOWFLAKE_PRIVATE_KEY_PATH=$CONFIG/snowflake.key" "${check[@]}")
    # what else the service gets as a credential fills settings, which would be missing here
    mapfile -t handed < <(grep -hsE --exclude=key.conf '^(Load|Set)Credential(Encrypted)?=' "$UNITS"/etl-pipeline.service.d/*.conf)
    if booted && ((${#handed[@]})); then
        check=(systemd-run --quiet --pipe --wait --collect --uid="$OWNER" --gid="$OWNER" "${handed[@]/#/--property=}" "${check[@]}")
    fi
    "${check[@]}" || code=$?
    [[ $code -ne $WRONG_SETTINGS ]]
}

switch_to() {
    run ln -sfn "$1" "$PREFIX/current.new"
    run mv -Tf "$PREFIX/current.new" "$PREFIX/current"
}

install_units() {
    local unit
    command -v systemctl >/dev/null || return 0
    run install -d -m 0755 "$UNITS/etl-pipeline.service.d"
    for unit in "$SOURCE"/systemd/*.service "$SOURCE"/systemd/*.timer "$SOURCE"/systemd/*.d/*.example; do
        put "$UNITS/${unit#"$SOURCE/systemd/"}" 0644 root <"$unit"
    done
    if booted; then run systemctl daemon-reload; fi
}

install_logrotate() {
    put "$LOGROTATE" 0644 root <<TEXT
$LOGS/*.log {
    weekly
    rotate 8
    compress
    delaycompress
    missingok
    notifempty
    su $OWNER $OWNER
    create 0640 $OWNER $OWNER
}
TEXT
}

install_cron() {
    local command=$PREFIX/current/bin/etl-pipeline
    put "$CRON" 0644 root <<TEXT
MAILTO=""
PATH=/usr/sbin:/usr/bin:/sbin:/bin
*/5 * * * * $OWNER flock --nonblock $STATE/cron.lock $command once --json >>$LOGS/etl-cron.log 2>&1
7 * * * * $OWNER flock --nonblock $STATE/monitor.lock $command monitor --json >>$LOGS/etl-monitor.log 2>&1
TEXT
}

schedule() {
    if [[ $by == cron ]]; then install_cron; else run rm -f "$CRON"; fi
    booted || return 0
    [[ $by == daemon ]] || run systemctl disable --quiet --now etl-pipeline.service
    [[ $by == timer ]] || run systemctl disable --quiet --now etl-pipeline-once.timer
    case $by in
        cron) run systemctl disable --quiet --now etl-pipeline-monitor.timer ;;
        daemon) run systemctl enable --quiet etl-pipeline.service ;;
        timer) run systemctl enable --quiet --now etl-pipeline-once.timer ;;
    esac
    [[ $by == cron ]] || run systemctl enable --quiet --now etl-pipeline-monitor.timer
}

forget_releases_but() {
    local release
    for release in "$PREFIX"/releases/*; do
        [[ ! -d $release || $release == "$1" || $release == "$2" ]] || run rm -rf "$release"
    done
}

install_all() {
    local release before ready=yes
    prerequisites
    accounts_and_folders
    release=$PREFIX/releases/$(release_name)
    before=$(readlink "$PREFIX/current" || true)
    make_release "$release"
    if ! accepts_settings "$release"; then
        if [[ $before && $before != "$release" ]]; then
            run rm -rf "$release"
            fail "the new version does not accept the settings; $before stays" "$WRONG_SETTINGS"
        fi
        ready=
    fi
    switch_to "$release"
    install_units
    install_logrotate
    run ln -sfn "$PREFIX/current/bin/etl-pipeline" "$COMMAND"
    schedule
    if [[ $by == daemon && $ready ]]; then
        run systemctl restart etl-pipeline.service || roll_back "$before" "$release"
    fi
    forget_releases_but "$release" "$before"
    [[ $ready ]] || say "Now edit $CONFIG/etl-config.env, then: etl-pipeline check, and run this script again."
    say "Done."
}

roll_back() {
    [[ $1 && $1 != "$2" ]] || fail "the service does not start: journalctl -u etl-pipeline"
    switch_to "$1"
    run systemctl restart etl-pipeline.service || true
    run rm -rf "$2"
    fail "the new version does not start; $1 is back: journalctl -u etl-pipeline"
}

uninstall() {
    local unit
    for unit in "$SOURCE"/systemd/*.timer "$SOURCE"/systemd/*.service; do
        unit=${unit##*/}
        if booted && [[ $unit != *@* && -e $UNITS/$unit ]]; then run systemctl disable --quiet --now "$unit"; fi
        run rm -f "$UNITS/$unit"
    done
    run rm -f "$UNITS/etl-pipeline.service.d/key.conf.example"
    run rm -rf "$PREFIX" "$COMMAND" "$CRON" "$LOGROTATE"
    if [[ $purge ]]; then
        run rm -rf "$CONFIG" "$STATE" "$LOGS" "$UNITS/etl-pipeline.service.d"
        getent passwd "$OWNER" >/dev/null && run userdel "$OWNER"
    fi
    if booted; then run systemctl daemon-reload; fi
    [[ $purge ]] || say "Kept: $CONFIG $STATE $LOGS; --uninstall --purge removes them."
    say "Done."
}

parse "$@"
if [[ $action == install ]]; then install_all; else uninstall; fi
