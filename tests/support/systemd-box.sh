#!/usr/bin/env bash
# A machine of its own for tests: a real systemd as process 1, over a throw-away overlay of this machine's files.
#   systemd-box.sh up FOLDER           boot; FOLDER is empty, on any file system
#   systemd-box.sh run FOLDER WORD...  run a command inside, as root in a clean environment
#   systemd-box.sh down FOLDER         power off and forget everything
# Needs root and Debian's systemd. Network and clock are this machine's; processes, mounts, users' files are not.
set -euo pipefail

readonly CONTROLLERS=(systemd unified memory pids cpu cpuacct)
readonly MASKED=(
    systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket
    systemd-sysctl.service systemd-modules-load.service systemd-timesyncd.service systemd-binfmt.service
    proc-sys-fs-binfmt_misc.automount console-getty.service getty.target systemd-remount-fs.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount
)
action=${1:?up, run or down} folder=$(realpath "${2:?a folder}")
shift 2
root=$folder/ram/root name=box-$(cksum <<<"$folder" | cut -d ' ' -f 1)

cgroups() {
    local controller
    for controller in "${CONTROLLERS[@]}"; do
        if [[ -d /sys/fs/cgroup/$controller ]]; then printf '%s\n' "/sys/fs/cgroup/$controller/$name"; fi
    done
}

inside() {
    nsenter --target "$(cat "$folder/leader")" --mount --uts --ipc --net --pid --cgroup -- env -i HOME=/root TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SYSTEMD_PAGER= SYSTEMD_COLORS=0 "$@"
}

lay_out() {
    local unit
    mkdir "$folder/ram"
    mount -t tmpfs -o "size=${BOX_SIZE:-6g}" tmpfs "$folder/ram"
    mkdir "$folder/ram/upper" "$folder/ram/work" "$root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/ram/upper,workdir=$folder/ram/work" "$root"
    rm -rf "$root"/etc/systemd/system/*.{wants,requires} "$root"/etc/rc[0-6S].d "$root"/etc/cron.d/* "$root"/var/log/journal
    rm -f "$root/var/lib/dbus/machine-id" "$root/usr/sbin/policy-rc.d"
    : >"$root/etc/fstab"
    : >"$root/etc/machine-id"
    mkdir -p "$root/var/log/journal"
    for unit in "${MASKED[@]}"; do ln -sfn /dev/null "$root/etc/systemd/system/$unit"; done
    ln -sfn /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
}

# what the first process of the box does before it becomes systemd; device nodes are its own, because systemd changes
# the mode of /dev/console
first_process() {
    cat <<'PROGRAM'
set -eu
cd "$1"
mount -t proc proc proc
for file in sys sysrq-trigger; do
    [ -e "proc/$file" ] || continue
    mount --bind "proc/$file" "proc/$file" && mount -o remount,bind,ro "proc/$file"
done
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
umask 0
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"; done
mknod -m 666 dev/tty c 5 0
mknod -m 600 dev/console c 1 3
umask 022
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${stream%:*}" "dev/${stream#*:}"; done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
    for controller in memory pids cpu cpuacct; do
        [ -d "/sys/fs/cgroup/$controller" ] || continue
        mkdir "sys/fs/cgroup/$controller" && mount -t cgroup -o "$controller" cgroup "sys/fs/cgroup/$controller"
    done
else
    mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mkdir -p .before
pivot_root . .before
umount -l /.before
mount --make-rshared / # as systemd does where it is no guest: it mounts the credentials of a unit from beside
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /lib/systemd/systemd --system --show-status=false
PROGRAM
}

boot() {
    local group
    while read -r group; do mkdir -p "$group"; done < <(cgroups)
    first_process >"$folder/first-process"
    (
        while read -r group; do echo "$BASHPID" >"$group/cgroup.procs"; done < <(cgroups)
        exec setsid unshare --mount --uts --ipc --pid --cgroup --fork --propagation private \
            sh "$folder/first-process" "$root" </dev/null >"$folder/console" 2>&1
    ) &
    echo $! >"$folder/parent"
    await_boot
}

await_boot() {
    local parent state
    parent=$(cat "$folder/parent")
    for _ in {1..600}; do
        kill -0 "$parent" 2>/dev/null || break
        if pgrep --parent "$parent" >"$folder/leader"; then
            state=$(inside systemctl is-system-running 2>/dev/null || true)
            [[ $state != running && $state != degraded ]] || return 0
        fi
        sleep 0.1
    done
    printf 'systemd did not boot: %s\n' "${state:-it ended}" >&2
    cat "$folder/console" >&2
    return 1
}

power_off() {
    local parent group
    parent=$(cat "$folder/parent")
    inside systemctl poweroff >/dev/null 2>&1 || true
    for _ in {1..150}; do
        kill -0 "$parent" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$(cat "$folder/leader")" "$parent" 2>/dev/null || true
    umount -l "$root" "$folder/ram"
    rmdir "$folder/ram"
    while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done < <(cgroups)
}

case $action in
    up) lay_out && boot ;;
    run) inside "$@" ;;
    down) power_off ;;
    *) exit 2 ;;
esac
