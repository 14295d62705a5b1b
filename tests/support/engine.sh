#!/bin/bash
#
# Real Docker engines for the tests, from nothing but root on a Debian machine.
#
# Three generations of dockerd come from Debian's own packages. Each engine
# lives in its own mount, network, PID, IPC and UTS namespaces, which a small
# "holder" process (PID 1 of that PID namespace) keeps open. dockerd and
# containerd are started *into* those namespaces, so that dockerd can be
# stopped, killed and started again while containers and containerd go on
# (live-restore), and so that killing the one holder takes everything with it:
# the kernel ends every process of a PID namespace when its PID 1 ends.
#
# Usage: engine.sh COMMAND ...; `engine.sh help` lists the commands.

set -euo pipefail
umask 022

self=$(readlink -f -- "${BASH_SOURCE[0]}")
cache=${FOGHORN_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/foghorn-tests}

# Raise this whenever the content of the roots changes: older ones are rebuilt.
readonly recipe=1
# iproute2 for `engine.sh exec ... ip|tc`; the rest is what an engine needs.
readonly packages=docker.io,iptables,ca-certificates,iproute2

# The only PATH used inside a root; the caller's may point nowhere there.
readonly inner_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# The caller's may lack the directories of the administrator's programs.
export PATH=$PATH:$inner_path

usage() {
    cat <<'TEXT'
engine.sh check                     say what is missing on this machine
engine.sh install                   install it with apt-get
engine.sh root VERSION              make the root of an engine, print its path
engine.sh version VERSION           print the real version of that engine
engine.sh up VERSION STATE_DIR [OPTION]...
                                    start an engine, print its socket's path
    --live-restore                  containers outlive dockerd
    --dockerd-arg ARG               one more argument for dockerd (repeatable)
    --tcp-tls [PORT]                also listen on 127.0.0.1 with TLS (see below)
    --bind DIR                      show DIR inside at the same path (repeatable)
    --owner PID                     the engine ends when this process ends
engine.sh stop STATE_DIR            end dockerd gracefully (SIGTERM)
engine.sh kill STATE_DIR            end dockerd alone with SIGKILL
engine.sh start STATE_DIR           start dockerd again in the same namespaces
engine.sh restart STATE_DIR         stop, then start
engine.sh crash STATE_DIR           power cut: everything ends, the data stay;
                                    `start` then boots the engine again
engine.sh exec STATE_DIR CMD...     run CMD inside the engine's namespaces
engine.sh info STATE_DIR            print key=value lines about the engine
engine.sh hostpid STATE_DIR PID     translate a PID the engine reports (such as
                                    State.Pid) to one of the host
engine.sh down STATE_DIR            end everything and empty STATE_DIR
engine.sh reap DIR                  `down` for every engine below DIR

VERSION is 20.10 (bookworm), 26.1 (trixie) or 28.5 (sid: the newest slot).
The roots are cached below $FOGHORN_TEST_CACHE (default: foghorn-tests in the
user's cache directory). FOGHORN_TEST_MIRROR names a Debian mirror when the
machine's apt sources have none; FOGHORN_TEST_UNVERIFIED=1 allows a root whose
signature cannot be checked.

STATE_DIR holds docker.sock, dockerd.log, containerd.log, data/ (data-root),
exec/ (exec-root, with dockerd.pid) and, with --tcp-tls, tls/ with ca.pem,
cert.pem and key.pem as DOCKER_CERT_PATH wants them and `port`. It is visible
inside the engine at the same path, so bind mounts from below it work.
An engine with --tcp-tls shares the host's network, without a bridge and
without touching the host's packet filter: its containers have no network.
TEXT
}

die() {
    printf 'engine.sh: %s\n' "$*" >&2
    exit 1
}

# ---------------------------------------------------------------- processes

# The start time of a process, which together with its PID names it for good.
start_time() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    [[ -n $stat ]] || return 1
    # The name in brackets may hold spaces and brackets: cut after the last.
    stat=${stat##*) }
    local -a field
    read -r -a field <<<"$stat"
    # A zombie has ended; only its parent has not looked yet.
    [[ ${field[0]} != Z && ${field[0]} != X ]] || return 1
    printf '%s\n' "${field[19]}"
}

# Writes a record "PID START_TIME" that later calls can trust.
record() {
    local file=$1 pid=$2 started
    started=$(start_time "$pid") || return 1
    printf '%s %s\n' "$pid" "$started" >"$file.new"
    mv -f -- "$file.new" "$file"
}

# Prints the PID of a record if exactly that process is still alive.
alive() {
    local pid started now
    [[ -s $1 ]] || return 1
    read -r pid started <"$1" || return 1
    now=$(start_time "$pid") || return 1
    [[ $now == "$started" ]] || return 1
    printf '%s\n' "$pid"
}

# Waits until the process of a record has ended: wait_gone RECORD SECONDS.
wait_gone() {
    local end=$((SECONDS + $2))
    while alive "$1" >/dev/null; do
        ((SECONDS < end)) || return 1
        sleep 0.02
    done
}

# ------------------------------------------------------------------ machine

# Each line: what must be there, and the Debian package that has it.
needs() {
    cat <<'TEXT'
debootstrap debootstrap
unshare util-linux
nsenter util-linux
setsid util-linux
flock util-linux
pivot_root util-linux
mount mount
gpgv gpgv
wget wget
xz xz-utils
zstd zstd
curl curl
openssl openssl
tar tar
gcc gcc
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
libc.a libc6-dev
TEXT
}

# Prints "THING PACKAGE" for what is missing.
missing() {
    local thing package
    while read -r thing package; do
        case $thing in
        /*) [[ -e $thing || -e ${thing%.gpg}.pgp ]] ;;
        libc.a) # loggen is linked statically
            compgen -G '/usr/lib/*/libc.a' >/dev/null || [[ -e /usr/lib/libc.a ]] ;;
        *) command -v "$thing" >/dev/null ;;
        esac || printf '%s %s\n' "$thing" "$package"
    done < <(needs)
}

has_filesystem() {
    grep -qw -- "$1" /proc/filesystems && return
    modprobe -q "$1" 2>/dev/null && grep -qw -- "$1" /proc/filesystems
}

# Prints "KIND MOUNT_POINT" for every mounted cgroup hierarchy.
cgroup_mounts() {
    awk '{ for (i = 7; i < NF; i++) if ($i == "-") break
           if ($(i + 1) ~ /^cgroup2?$/) print $(i + 1), $5 }' /proc/self/mountinfo
}

cmd_check() {
    local bad=0 thing package kind where memory=
    if ((EUID != 0)); then
        echo 'missing: root (run as root; no package helps)'
        bad=1
    fi
    while read -r thing package; do
        echo "missing: $thing (apt-get install $package)"
        bad=1
    done < <(missing)
    if ! has_filesystem overlay; then
        echo 'missing: the overlay filesystem of the kernel (apt-get install linux-image-amd64; a container may not load modules)'
        bad=1
    fi
    while read -r kind where; do
        if [[ $kind == cgroup2 ]]; then
            grep -qw memory "$where/cgroup.controllers" 2>/dev/null && memory=$where
        elif [[ -e $where/memory.limit_in_bytes || -e $where/memory.oom_control ]]; then
            memory=$where
        fi
    done < <(cgroup_mounts)
    if [[ -z $memory ]]; then
        echo 'missing: a mounted cgroup hierarchy with the memory controller (mount -t cgroup2 none /sys/fs/cgroup, or apt-get install cgroupfs-mount)'
        bad=1
    elif [[ ! -w $memory ]]; then
        echo "missing: write access to the cgroups at $memory (in a container: run it privileged)"
        bad=1
    fi
    if ((EUID == 0)) && ! unshare --mount --net --pid --fork true 2>/dev/null; then
        echo 'missing: permission to make namespaces (in a container: run it privileged)'
        bad=1
    fi
    return "$bad"
}

cmd_install() {
    ((EUID == 0)) || die 'must be root'
    local -a list
    mapfile -t list < <(missing | awk '{ print $2 }' | sort -u)
    if ((${#list[@]})); then
        apt-get update
        DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "${list[@]}"
    fi
    cmd_check
}

# -------------------------------------------------------------------- roots

suite_of() {
    case $1 in
    20.10 | bookworm) echo bookworm ;;
    26.1 | trixie) echo trixie ;;
    28.5 | sid) echo sid ;;
    *) die "unknown version $1: 20.10, 26.1 or 28.5" ;;
    esac
}

label_of() {
    case $1 in
    20.10 | bookworm) echo 20.10 ;;
    26.1 | trixie) echo 26.1 ;;
    28.5 | sid) echo 28.5 ;;
    *) die "unknown version $1: 20.10, 26.1 or 28.5" ;;
    esac
}

# Prints the mirrors of this machine's apt sources, the likeliest first. apt
# itself parses them, so the one-line and the deb822 formats, options and
# disabled entries are all understood as apt does; it needs no downloaded lists.
mirrors() {
    if [[ -n ${FOGHORN_TEST_MIRROR:-} ]]; then
        printf '%s\n' "$FOGHORN_TEST_MIRROR"
        return
    fi
    local codename uri suite first=() later=()
    # shellcheck disable=SC1091 # a file of the machine, not of this project
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    while read -r uri suite; do
        case $uri in
        mirror*file:/*) # cloud images list their mirrors in a file
            uri=$(awk '!/^#/ && NF { print $1; exit }' "/${uri#*file:/}") ;;
        http:* | https:*) ;;
        *) continue ;;
        esac
        if [[ $suite == "$codename" || $suite =~ ^(sid|unstable|(old)?stable|testing)$ ]]; then
            first+=("$uri")
        else
            later+=("$uri")
        fi
    done < <(apt-get update --print-uris -o Debug::NoLocking=1 2>/dev/null |
        sed -n "s|^'\(.*\)/dists/\([^/']*\)/InRelease'.*|\1 \2|p")
    printf '%s\n' "${first[@]}" "${later[@]}" | awk 'NF && !seen[$0]++'
}

# Prints the keyrings that may verify a Debian suite.
keyrings() {
    local file
    for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} \
        /etc/apt/trusted.gpg.d/debian-archive-*.gpg /etc/apt/trusted.gpg; do
        if [[ -s $file ]]; then printf '%s\n' "$file"; fi
    done
}

# The proxy apt uses is the one debootstrap's wget must use, too.
proxy_of_apt() {
    apt-config dump 2>/dev/null |
        sed -n "s/^Acquire::$1::Proxy \"\(.*\)\";\$/\1/p" | grep -v '^DIRECT$' | head -n 1
}

debootstrap_into() {
    local suite=$1 target=$2 debs=$3 log=$4 mirror keyring try
    local -a tries=()
    while read -r keyring; do tries+=("--keyring=$keyring"); done < <(keyrings)
    if [[ ${FOGHORN_TEST_UNVERIFIED:-} == 1 ]]; then tries+=(--no-check-gpg); fi
    local http https
    http=${http_proxy:-$(proxy_of_apt http || true)}
    https=${https_proxy:-$(proxy_of_apt https || true)}
    while read -r mirror; do
        for try in "${tries[@]}"; do
            [[ $try != --no-check-gpg ]] ||
                echo "engine.sh: warning: the signature of $suite is not checked" >&2
            # In a mount namespace of its own: whatever debootstrap mounts
            # goes away with it, even when it is killed half-way.
            # The second round repairs a download that broke off: what
            # arrived is in the cache.
            local round
            for round in 1 2; do
                rm -rf --one-file-system -- "$target" "$target.empty" "$target.work"
                mkdir -m 755 -- "$target"
                printf '== %s %s %s, round %s\n' "$suite" "$mirror" "$try" "$round" >>"$log"
                if http_proxy=$http https_proxy=$https unshare --mount \
                    "$BASH" "$self" _unsynced "$target" \
                    debootstrap --variant=minbase --include="$packages" \
                    --cache-dir="$debs" "$try" "$suite" "$target" "$mirror" \
                    >>"$log" 2>&1 </dev/null; then
                    return 0
                fi
                # A wrong key or mirror is not cured by another try.
                [[ -d $target/usr/bin || -d $target/var/cache/apt/archives/partial ]] || break
            done
        done
    done < <(mirrors)
    return 1
}

# Runs a command (in a mount namespace of its own) with nothing below DIR being
# synced: a volatile overlay ignores fsync. dpkg syncs every file, which on a
# busy disk takes longer than all the rest, and a root that a power cut spoils
# is not renamed to its final name yet. Where the kernel refuses, it is slower.
unsynced() {
    local dir=$1
    shift
    mkdir -- "$dir.empty" "$dir.work"
    mount -t overlay -o "lowerdir=$dir.empty,upperdir=$dir,workdir=$dir.work,volatile" \
        overlay "$dir" 2>/dev/null || true
    exec "$@"
}

root_is_ready() {
    local have=
    [[ -r $1/.foghorn-root ]] && read -r have <"$1/.foghorn-root"
    [[ $have == "$recipe" ]]
}

cmd_root() {
    (($# == 1)) || die 'usage: engine.sh root VERSION'
    local label suite dir
    label=$(label_of "$1")
    suite=$(suite_of "$1")
    dir=$cache/roots/$label
    if root_is_ready "$dir"; then
        printf '%s\n' "$dir"
        return
    fi
    ((EUID == 0)) || die 'must be root'
    mkdir -p -- "$cache/roots" "$cache/debs/$label"
    # Two callers may race: the second waits here and finds the work done.
    exec 8>"$cache/roots/.$label.lock"
    flock 8
    if ! root_is_ready "$dir"; then
        # Remnants of a run that was killed; we hold the lock, so nobody's.
        rm -rf --one-file-system -- "$cache/roots/.$label.building"{,.empty,.work} \
            "$cache/roots/.$label.old"
        local new=$cache/roots/.$label.building log=$cache/roots/$label.log
        : >"$log"
        if ! debootstrap_into "$suite" "$new" "$cache/debs/$label" "$log"; then
            tail -n 30 -- "$log" >&2
            tail -n 30 -- "$new/debootstrap/debootstrap.log" >&2 2>/dev/null || true
            die "could not make the root for $label (see above; the whole log: $log)"
        fi
        # No engine needs these, and an overlay needs no package cache.
        rm -rf -- "$new"/var/cache/apt/* "$new"/var/lib/apt/lists/* \
            "$new"/usr/share/{doc,man,locale,info}
        local real
        real=$(env -i PATH="$inner_path" chroot "$new" dockerd --version)
        printf '%s\n%s\n' "$recipe" "$real" >"$new/.foghorn-root"
        if [[ -d $dir ]]; then mv -- "$dir" "$cache/roots/.$label.old"; fi
        # One sync for all, before the name says that it is whole.
        sync --file-system -- "$new"
        mv -- "$new" "$dir"
        rm -rf --one-file-system -- "$cache/roots/.$label.old" "$new.empty" "$new.work"
    fi
    exec 8>&-
    printf '%s\n' "$dir"
}

cmd_version() {
    (($# == 1)) || die 'usage: engine.sh version VERSION'
    local root
    root=$(cmd_root "$1")
    # "Docker version 28.5.2+dfsg4, build ..."
    sed -n '2s/.*version \([^,]*\).*/\1/p' -- "$root/.foghorn-root"
}

# ------------------------------------------------------------------- engine

# Turns STATE_DIR into the absolute path used everywhere.
state_path() {
    local path
    path=$(readlink -m -- "$1")
    # The path goes into mount options and into containerd's TOML.
    [[ $path =~ ^/[A-Za-z0-9_./+@~-]+$ ]] || die "unsuitable characters in the path $path"
    # The kernel's limit for the path of a Unix socket is 107 bytes.
    ((${#path} + 12 <= 107)) || die "path too long for a socket below it: $path"
    printf '%s\n' "$path"
}

# A short name for the engine's cgroup, the same at every call.
engine_id() {
    local sum
    sum=$(printf '%s' "$1" | sha256sum)
    printf 'foghorn-%s\n' "${sum:0:12}"
}

# Opens the lock of a STATE_DIR for the rest of this process. Everything
# started in the background must close descriptor 9.
lock_state() {
    exec 9>"$1/.lock"
    flock 9
}

# Loads the settings `up` wrote: version, root, network, owner.
load() {
    [[ -r $1/engine.env ]] || die "no engine in $1"
    version='' root='' network='' owner=''
    # shellcheck disable=SC1091 # written by `up`
    . "$1/engine.env"
}

# Runs a command in the engine's namespaces. Entering the mount namespace sets
# root and working directory; nsenter's --root would restore the host's latter.
enter() {
    local holder=$1
    shift
    nsenter --target "$holder" --mount --net --pid --ipc --uts -- "$@"
}

# PID 1 of the engine, first part: runs with the host's files still in view.
hold() {
    local state=$1 root=$2 network=$3 owner=$4 owner_start=$5 pid dir mnt
    # The host's /proc is still mounted, so this is our PID as the host sees it.
    read -r pid _ </proc/self/stat
    # Kept open for the owner's watch below, after the pivot.
    exec 7</proc
    mnt=$state/mnt
    mkdir -p -- "$mnt"
    # All that the engine writes outside STATE_DIR is in memory and private;
    # the cached root below is shared by every engine of the version.
    mount -t tmpfs -o mode=755 foghorn "$mnt"
    mkdir -- "$mnt/upper" "$mnt/work" "$mnt/root"
    mount -t overlay -o "lowerdir=$root,upperdir=$mnt/upper,workdir=$mnt/work" overlay "$mnt/root"
    cd -- "$mnt/root"
    mount -t proc proc proc
    # A sysfs shows the network of the namespace it was mounted in, and the
    # engine finds its bridge there.
    mount -t sysfs sysfs sys
    mount --rbind /sys/fs/cgroup sys/fs/cgroup
    mount --rbind /dev dev
    mount -t tmpfs -o mode=755 tmpfs run
    mkdir -p run/docker run/lock
    mount --bind "$state/exec" run/docker
    mkdir -p ".$state"
    mount --bind "$state" ".$state"
    while IFS= read -r -d '' dir; do
        mkdir -p ".$dir"
        mount --rbind "$dir" ".$dir"
    done <"$state/engine.binds"
    printf 'engine\n' >/proc/sys/kernel/hostname
    mkdir -p .old
    pivot_root . .old
    cd /
    hash -r
    umount -l /.old
    rmdir /.old
    if [[ $network == own ]]; then ip link set lo up; fi
    printf '%s\n' "$pid" >"$state/holder.ready.new"
    mv -f -- "$state/holder.ready.new" "$state/holder.ready"
    # From here on only files of the root are in use. bash reaps whatever is
    # handed to PID 1 (dockerd, containerd, shims), which `sleep` would not.
    # shellcheck disable=SC2016 # expanded by the inner shell
    PATH=$inner_path exec -a foghorn-engine-holder /bin/bash -c '
        while :; do
            if [[ -z $1 ]]; then
                sleep infinity 7<&- & wait "$!"
                continue
            fi
            sleep 1 7<&- & wait "$!"
            # The owner, as the host sees it: is it the same process still?
            { read -r stat <"/proc/self/fd/7/$1/stat"; } 2>/dev/null || exit 0
            read -r -a field <<<"${stat##*) }"
            [[ ${field[19]} == "$2" && ${field[0]} != Z ]] || exit 0
        done' foghorn-engine-holder "$owner" "$owner_start"
}

start_holder() {
    local state=$1 end
    local -a spaces=(--mount --pid --ipc --uts --fork)
    if [[ $network == own ]]; then spaces+=(--net); fi
    # Modules that a stock kernel loads only when asked; harmless otherwise.
    local module
    for module in overlay bridge veth br_netfilter xt_addrtype xt_conntrack xt_MASQUERADE; do
        modprobe -q "$module" 2>/dev/null || true
    done
    rm -f -- "$state/holder.process" "$state/holder.ready"
    # exec/ plays the part of /run: it must not survive a boot.
    rm -rf --one-file-system -- "$state/exec"
    mkdir -p -- "$state/exec" "$state/data" "$state/containerd"
    setsid unshare "${spaces[@]}" -- "$BASH" "$self" _hold \
        "$state" "$root" "$network" "$owner" "$owner_start" \
        </dev/null >>"$state/holder.log" 2>&1 9>&- &
    local outer=$!
    disown "$outer"
    end=$((SECONDS + 20))
    until [[ -s $state/holder.ready ]]; do
        if ! kill -0 "$outer" 2>/dev/null || ((SECONDS >= end)); then
            tail -n 20 -- "$state/holder.log" >&2
            die 'could not make the namespaces of the engine (see above)'
        fi
        sleep 0.01
    done
    record "$state/holder.process" "$(<"$state/holder.ready")" || die 'the holder ended at once'
    mkdir -p -- "$cache/engines"
    # A second copy outside STATE_DIR: a test's temporary directory may be
    # deleted before `down` is called, and `reap` must still find the engine.
    { cat -- "$state/holder.process"; printf '%s\n' "$state"; } >"$cache/engines/$(engine_id "$state")"
}

# Starts a program inside as a child of the holder: spawn STATE NAME LOG CMD...
# The subshell writes its PID as the host sees it through the host's /proc
# (descriptor 7) and becomes the program; when the outer shell ends, the program
# is handed to PID 1 of its namespace, not to some process of the host.
spawn() {
    local state=$1 name=$2 log=$3 holder
    shift 3
    holder=$(alive "$state/holder.process") || die "the engine in $state is not up"
    rm -f -- "$state/$name.started"
    # shellcheck disable=SC2016 # expanded by the inner shell
    enter "$holder" env -i PATH="$inner_path" HOME=/root \
        HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY= \
        /bin/bash -c '
            file=$1; shift
            (
                read -r pid _ </proc/self/fd/7/self/stat
                printf "%s\n" "$pid" >"$file.new"
                mv -f "$file.new" "$file"
                exec setsid "$@" 7<&-
            ) &
        ' bash "$state/$name.started" "$@" \
        7</proc </dev/null >>"$log" 2>&1 9>&-
    local end=$((SECONDS + 10))
    until [[ -s $state/$name.started ]]; do
        ((SECONDS < end)) || die "could not start $name"
        sleep 0.01
    done
    record "$state/$name.process" "$(<"$state/$name.started")" || {
        tail -n 20 -- "$log" >&2
        die "$name ended at once (see above)"
    }
}

start_containerd() {
    local state=$1 holder
    holder=$(alive "$state/holder.process")
    # Apart from dockerd, as Debian's service does it: a containerd started by
    # dockerd dies with it. Everything docker does not use is off, for speed.
    cat >"$state/containerd.toml" <<TEXT
version = 2
root = "$state/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[debug]
  level = "warn"
TEXT
    # A socket left by a dead containerd would look ready.
    enter "$holder" rm -f /run/containerd/containerd.sock
    spawn "$state" containerd "$state/containerd.log" \
        containerd --config "$state/containerd.toml"
    # dockerd's first try to connect must not fail: it would wait a second.
    local end=$((SECONDS + 30))
    until [[ -S /proc/$holder/root/run/containerd/containerd.sock ]]; do
        if ((SECONDS >= end)) || ! alive "$state/containerd.process" >/dev/null; then
            tail -n 20 -- "$state/containerd.log" >&2
            die 'containerd did not start (see above)'
        fi
        sleep 0.02
    done
}

ping_ok() {
    [[ -S $1 ]] && [[ $(curl -fs --noproxy '*' --max-time 5 --unix-socket "$1" \
        http://docker/_ping 2>/dev/null) == OK ]]
}

start_dockerd() {
    local state=$1 end
    local -a args
    if ! alive "$state/containerd.process" >/dev/null; then start_containerd "$state"; fi
    mapfile -t -d '' args <"$state/engine.args"
    # Left by a dockerd that was killed. PIDs in a young namespace are small
    # and soon used again, which could make dockerd think it is running.
    rm -f -- "$state/exec/dockerd.pid" "$state/docker.sock"
    # Ours first, so that the caller's --dockerd-arg wins.
    spawn "$state" dockerd "$state/dockerd.log" dockerd \
        --data-root "$state/data" --exec-root /run/docker \
        --pidfile /run/docker/dockerd.pid --host "unix://$state/docker.sock" \
        --group root --containerd /run/containerd/containerd.sock \
        --cgroup-parent "/$(engine_id "$state")" \
        --exec-opt native.cgroupdriver=cgroupfs "${args[@]}"
    end=$((SECONDS + 60))
    until ping_ok "$state/docker.sock"; do
        if ((SECONDS >= end)) || ! alive "$state/dockerd.process" >/dev/null; then
            echo "engine.sh: dockerd $version did not answer; its log:" >&2
            # A wrong argument is named in the first lines, before the help.
            awk '{ line[NR] = $0 }
                 END { for (i = 1; i <= NR; i++)
                           if (i <= 3 || i > NR - 40) print line[i] }' "$state/dockerd.log" >&2
            return 1
        fi
        sleep 0.02
    done
}

# A free port below the range from which the kernel takes ephemeral ports.
free_port() {
    local port try
    for try in {1..200}; do
        port=$((20000 + (RANDOM + try) % 12000))
        if ! grep -qi ":$(printf '%04X' "$port") 0" /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
    die 'no free port'
}

# A certificate authority, a server for the loopback and a client.
make_certificates() {
    local dir=$1 name
    mkdir -m 700 -- "$dir"
    local -a key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc)
    {
        openssl req -x509 "${key[@]}" -days 30 -subj '/CN=Foghorn test CA' \
            -addext keyUsage=critical,keyCertSign,cRLSign \
            -keyout "$dir/ca-key.pem" -out "$dir/ca.pem"
        printf '%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
            'extendedKeyUsage=serverAuth' >"$dir/server.ext"
        printf '%s\n' 'extendedKeyUsage=clientAuth' >"$dir/client.ext"
        for name in server client; do
            openssl req "${key[@]}" -subj "/CN=Foghorn test $name" \
                -keyout "$dir/$name-key.pem" -out "$dir/$name.csr"
            openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" \
                -CAkey "$dir/ca-key.pem" -CAcreateserial -days 30 \
                -extfile "$dir/$name.ext" -out "$dir/$name-cert.pem"
        done
    } >"$dir/openssl.log" 2>&1 || {
        cat -- "$dir/openssl.log" >&2
        die 'openssl could not make the certificates (see above)'
    }
    # The names the docker client looks for below DOCKER_CERT_PATH.
    mv -- "$dir/client-cert.pem" "$dir/cert.pem"
    mv -- "$dir/client-key.pem" "$dir/key.pem"
    rm -f -- "$dir"/*.csr "$dir"/*.ext "$dir"/*.srl "$dir/openssl.log"
}

cmd_up() {
    (($# >= 2)) || die 'usage: engine.sh up VERSION STATE_DIR [OPTION]...'
    ((EUID == 0)) || die 'must be root'
    local label state port='' owner_start=''
    local -a args=() binds=()
    local version root network=own owner=''
    label=$(label_of "$1")
    state=$(state_path "$2")
    shift 2
    while (($#)); do
        case $1 in
        --live-restore) args+=(--live-restore) ;;
        --dockerd-arg)
            args+=("${2?--dockerd-arg wants an argument}")
            shift
            ;;
        --bind)
            binds+=("$(readlink -e -- "${2?--bind wants a directory}")")
            shift
            ;;
        --owner)
            owner=${2?--owner wants a PID}
            owner_start=$(start_time "$owner") || die "no process $owner"
            shift
            ;;
        --tcp-tls)
            network=host
            if [[ ${2:-} =~ ^[0-9]+$ ]]; then
                port=$2
                shift
            fi
            ;;
        *) die "unknown option $1" ;;
        esac
        shift
    done
    version=$label
    # shellcheck disable=SC2119 # the argument is given
    root=$(cmd_root "$label")
    [[ $root != *[:,\\]* ]] || die "an overlay cannot be made from $root (no ':' or ',' in FOGHORN_TEST_CACHE)"
    mkdir -p -- "$state"
    lock_state "$state"
    if alive "$state/holder.process" >/dev/null; then die "an engine is up in $state already"; fi
    # `down` empties the directory, so it must not hold anything of others.
    [[ -e $state/engine.env || -z $(find "$state" -mindepth 1 ! -name .lock -print -quit) ]] ||
        die "$state is not empty"
    if [[ -e $state/engine.env ]]; then clear_state "$state"; fi
    if [[ $network == host ]]; then
        port=${port:-$(free_port)}
        make_certificates "$state/tls"
        printf '%s\n' "$port" >"$state/tls/port"
        # The host's packet filter and forwarding are none of our business.
        args=(--bridge=none --iptables=false --ip6tables=false --ip-forward=false
            --ip-masq=false --host "tcp://127.0.0.1:$port" --tlsverify
            --tlscacert "$state/tls/ca.pem" --tlscert "$state/tls/server-cert.pem"
            --tlskey "$state/tls/server-key.pem" "${args[@]}")
    fi
    declare -p version root network owner owner_start |
        sed 's/^declare -- //' >"$state/engine.env"
    : >"$state/engine.args"
    : >"$state/engine.binds"
    if ((${#args[@]})); then printf '%s\0' "${args[@]}" >"$state/engine.args"; fi
    if ((${#binds[@]})); then printf '%s\0' "${binds[@]}" >"$state/engine.binds"; fi
    # Whatever goes wrong from here on, nothing must stay behind.
    # shellcheck disable=SC2064 # the path is known now and has no odd characters
    trap "trap - EXIT; end_engine '$state'; clear_state '$state'; rm -f '$state/.lock'; exit 1" EXIT
    start_holder "$state"
    start_dockerd "$state"
    trap - EXIT
    printf '%s\n' "$state/docker.sock"
}

# Common start of the commands on one engine that is there.
open_engine() {
    (($# == 1)) || die 'usage: engine.sh COMMAND STATE_DIR'
    ((EUID == 0)) || die 'must be root'
    state=$(state_path "$1")
    [[ -d $state ]] || die "no engine in $state"
    lock_state "$state"
    load "$state"
}

stop_dockerd() {
    local pid
    pid=$(alive "$1/dockerd.process") || return 0
    kill -TERM "$pid" 2>/dev/null || true
    # It gives its containers 10 s and itself 15.
    wait_gone "$1/dockerd.process" 60 || die "dockerd (PID $pid) does not end"
}

cmd_stop() {
    local state version root network owner owner_start
    open_engine "$@"
    stop_dockerd "$state"
}

cmd_kill() {
    local state version root network owner owner_start pid
    open_engine "$@"
    pid=$(alive "$state/dockerd.process") || return 0
    kill -KILL "$pid" 2>/dev/null || true
    wait_gone "$state/dockerd.process" 20 || die "dockerd (PID $pid) does not end"
}

cmd_start() {
    local state version root network owner owner_start
    open_engine "$@"
    if alive "$state/dockerd.process" >/dev/null; then die "dockerd of $state is running"; fi
    if ! alive "$state/holder.process" >/dev/null; then
        remove_cgroups "$(engine_id "$state")"
        start_holder "$state"
    fi
    start_dockerd "$state"
    printf '%s\n' "$state/docker.sock"
}

cmd_restart() {
    local state version root network owner owner_start
    open_engine "$@"
    alive "$state/holder.process" >/dev/null || die "the engine in $state is not up"
    stop_dockerd "$state"
    start_dockerd "$state"
    printf '%s\n' "$state/docker.sock"
}

cmd_crash() {
    local state version root network owner owner_start
    open_engine "$@"
    kill_holder "$state/holder.process"
}

cmd_exec() {
    (($# >= 2)) || die 'usage: engine.sh exec STATE_DIR CMD...'
    local state holder
    state=$(state_path "$1")
    shift
    holder=$(alive "$state/holder.process") || die "the engine in $state is not up"
    enter "$holder" env PATH="$inner_path" "$@"
}

cmd_hostpid() {
    (($# == 2)) || die 'usage: engine.sh hostpid STATE_DIR PID'
    local state holder space pid
    state=$(state_path "$1")
    holder=$(alive "$state/holder.process") || die "the engine in $state is not up"
    # The PID namespace of the process, which is a container's own as a rule.
    space=$(readlink "/proc/$holder/root/proc/$2/ns/pid") ||
        die "no process $2 in the engine"
    # NSpid lists a process's PIDs from the outermost namespace inwards; the
    # engine's is the second.
    while read -r pid; do
        [[ $(readlink "/proc/$pid/ns/pid" 2>/dev/null) == "$space" ]] || continue
        printf '%s\n' "$pid"
        return
    done < <(grep -h '^NSpid:' /proc/[0-9]*/status 2>/dev/null |
        awk -v want="$2" '$3 == want { print $2 }')
    die "no process $2 in the engine"
}

cmd_info() {
    (($# == 1)) || die 'usage: engine.sh info STATE_DIR'
    local state version root network owner owner_start
    state=$(state_path "$1")
    load "$state"
    printf 'version=%s\n' "$version"
    printf 'socket=%s\n' "$state/docker.sock"
    printf 'cgroup_parent=/%s\n' "$(engine_id "$state")"
    printf 'holder_pid=%s\n' "$(alive "$state/holder.process" || true)"
    printf 'containerd_pid=%s\n' "$(alive "$state/containerd.process" || true)"
    printf 'dockerd_pid=%s\n' "$(alive "$state/dockerd.process" || true)"
    if [[ -s $state/tls/port ]]; then
        printf 'docker_host=tcp://127.0.0.1:%s\n' "$(<"$state/tls/port")"
        printf 'docker_cert_path=%s\n' "$state/tls"
    fi
}

# ------------------------------------------------------------------ the end

# Ends the holder of a record, and with it every process of its namespace.
kill_holder() {
    local pid
    pid=$(alive "$1") || return 0
    kill -KILL "$pid" 2>/dev/null || true
    # It is gone only when all processes of the namespace are.
    wait_gone "$1" 30 || die "the engine's processes (PID 1: $pid) do not end"
}

# Removes the engine's cgroups from every mounted hierarchy.
remove_cgroups() {
    local id=$1 where end=$((SECONDS + 10)) left
    while :; do
        left=0
        while read -r _ where; do
            [[ -d $where/$id ]] || continue
            find "$where/$id" -depth -type d -exec rmdir -- {} + 2>/dev/null || true
            if [[ -d $where/$id ]]; then left=1; fi
        done < <(cgroup_mounts)
        # A cgroup stays busy for a moment after its last process.
        if ((left == 0)); then return 0; fi
        ((SECONDS < end)) || die "could not remove the cgroup $id"
        sleep 0.05
    done
}

end_engine() {
    local id
    id=$(engine_id "$1")
    kill_holder "$1/holder.process"
    if [[ -s $cache/engines/$id ]]; then
        kill_holder "$cache/engines/$id"
        rm -f -- "$cache/engines/$id"
    fi
    remove_cgroups "$id"
}

clear_state() {
    # The engine's mounts were in its own namespace and ended with it; if the
    # host has one below all the same, it is not ours, and rm must not enter.
    find "$1" -mindepth 1 -maxdepth 1 ! -name .lock \
        -exec rm -rf --one-file-system -- {} +
}

down_one() {
    local state
    state=$(state_path "$1")
    if [[ -d $state ]]; then
        (
            lock_state "$state"
            end_engine "$state"
            # Only a directory that `up` marked is emptied.
            if [[ -e $state/engine.env ]]; then clear_state "$state"; fi
            rm -f -- "$state/.lock"
        )
    else
        end_engine "$state"
    fi
}

cmd_down() {
    (($# == 1)) || die 'usage: engine.sh down STATE_DIR'
    ((EUID == 0)) || die 'must be root'
    down_one "$1"
}

cmd_reap() {
    (($# == 1)) || die 'usage: engine.sh reap DIR'
    ((EUID == 0)) || die 'must be root'
    local dir state failed=0
    dir=$(readlink -m -- "$1")
    # Both the engines whose directory is there and those whose directory was
    # deleted under them.
    while IFS= read -r state; do
        # In a shell of its own, so that one that resists does not save others.
        (down_one "$state") || failed=1
    done < <({
        if [[ -d $dir ]]; then
            find "$dir" \( -path '*/data/containers' -o -path '*/data/overlay2' \
                -o -path '*/containerd/io.containerd.*' \) -prune -o \
                -name engine.env -printf '%h\n'
        fi
        if [[ -d $cache/engines ]]; then
            find "$cache/engines" -type f -exec sed -s -n '2p' -- {} + 2>/dev/null |
                awk -v dir="$dir" '$0 == dir || index($0, (dir == "/" ? "" : dir) "/") == 1'
        fi
    } | sort -u)
    return "$failed"
}

# Closes what the caller left open: an engine that outlives it must not keep
# the caller's pipes and locks. 255 is where bash reads this script from.
close_inherited() {
    local fd
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        if ((fd > 2 && fd != 255)); then exec {fd}>&-; fi
    done
}

main() {
    close_inherited
    local command=${1:-help}
    if (($#)); then shift; fi
    case $command in
    check | install | root | version | up | stop | kill | start | restart | \
        crash | exec | info | hostpid | down | reap) "cmd_$command" "$@" ;;
    _hold) hold "$@" ;;
    _unsynced) unsynced "$@" ;;
    help | -h | --help) usage ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
}

main "$@"
