# Shared by the packaging tests: an engine 28.5 with the docker command, and
# local images under the names that the Dockerfile and the compose file pin.
# To be sourced. No image is pulled, and no build reaches a network.
# shellcheck shell=bash

set -euo pipefail

root=$(readlink -f -- "$(dirname -- "${BASH_SOURCE[0]}")/../..")
support=$root/tests/support
cache=${FOGHORN_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/foghorn-tests}
store=$cache/packaging

# Raise these when the content of the tools or of a stand-in changes.
readonly tools_recipe=1 builder_recipe=5

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

failures=0
# ok NAME COMMAND...: one test, passed when the command succeeds.
ok() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else
        echo "not ok $name"
        failures=$((failures + 1))
    fi
}

((EUID == 0)) || die 'must be root'
umask 022
mkdir -p -- "$store"
# One at a time: the engine's data are kept from run to run, because the layer
# with the compiled dependencies is among them.
exec 6>"$store/lock"
flock 6

work=$(mktemp -d "${FOGHORN_TEST_DIR:-/var/tmp}/pack.XXXXXX")
engine=$work/e

# shellcheck disable=SC2317 # called by the trap
finish() {
    local code=$?
    trap - EXIT INT TERM
    if declare -F cleanup >/dev/null; then cleanup || true; fi
    # What is kept stays small, and is left in order.
    docker image prune --force >/dev/null 2>&1 || true
    docker builder prune --force --max-used-space 4GB >/dev/null 2>&1 || true
    "$support/engine.sh" stop "$engine" >/dev/null 2>&1 || true
    "$support/engine.sh" down "$engine" || code=1
    rm -rf --one-file-system -- "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs COMMAND in a throw-away copy of a root, with the machine's network and
# with OUT visible as /out: in_root ROOT OUT COMMAND...
in_root() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --pid --fork --kill-child -- "$BASH" -c '
        set -euo pipefail
        root=$1 out=$2 space=$3
        shift 3
        mount -t tmpfs -o mode=755 none "$space"
        mkdir "$space/upper" "$space/work" "$space/root"
        mount -t overlay -o "lowerdir=$root,upperdir=$space/upper,workdir=$space/work" overlay "$space/root"
        mount -t proc proc "$space/root/proc"
        mount --rbind /dev "$space/root/dev"
        mkdir -p "$space/root/out"
        mount --bind "$out" "$space/root/out"
        cp -L /etc/resolv.conf "$space/root/etc/resolv.conf"
        cp -L /etc/hosts "$space/root/etc/hosts"
        proxy=$(apt-config dump | grep "^Acquire::https\?::Proxy " || true)
        printf "%s\n" "$proxy" >"$space/root/etc/apt/apt.conf.d/90proxy"
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
            chroot "$space/root" "$@"
    ' bash "$1" "$2" "$(mktemp -d "$work/root.XXXXXX")" "${@:3}"
}

# The docker command with buildx and compose, as Debian packages them for the
# engine: made once, run inside the engine's root, whose libraries they need.
make_tools() {
    local dir=$store/tools-$tools_recipe
    if [[ ! -e $dir/whole ]]; then
        rm -rf -- "$dir"
        mkdir -p -- "$dir"
        # shellcheck disable=SC2016 # expanded inside
        in_root "$("$support/engine.sh" root 28.5)" "$dir" /bin/bash -c '
            set -euo pipefail
            # As debootstrap, which made this root, does not mind an old mirror.
            apt-get update -q -o Acquire::Check-Valid-Until=false
            apt-get install -q -y --no-install-recommends docker-cli docker-buildx docker-compose
            cp /usr/bin/docker /out/docker
            mkdir /out/cli-plugins
            find /usr/lib /usr/libexec -path "*cli-plugins/docker-*" -type f -exec cp {} /out/cli-plugins \;
        ' >"$dir/log" 2>&1 || { tail -n 30 -- "$dir/log" >&2; die 'the docker command could not be made (see above)'; }
        : >"$dir/whole"
    fi
    printf '%s\n' "$dir"
}

# Starts the engine on the kept data; data that it cannot use are dropped.
start_engine() {
    local try
    tools=$(make_tools)
    mkdir -p -- "$store/data"
    for try in kept fresh; do
        if "$support/engine.sh" up 28.5 "$engine" --owner $$ --bind "$store/data" \
            --bind "$tools" --bind "$root" --dockerd-arg "--data-root=$store/data" \
            --dockerd-arg --storage-driver=overlay2 >"$work/up.log" 2>&1; then
            break
        fi
        [[ $try == kept ]] || { cat -- "$work/up.log" >&2; die 'the engine does not start'; }
        rm -rf --one-file-system -- "$store/data"
        mkdir -p -- "$store/data"
    done
    mkdir -p -- "$engine/config"
    ln -sfn -- "$tools/cli-plugins" "$engine/config/cli-plugins"
    local left
    left=$(docker ps --all --quiet)
    # shellcheck disable=SC2086 # one word each
    [[ -z $left ]] || docker rm --force --volumes $left >/dev/null
}

# The docker command, inside the engine.
docker() {
    "$support/engine.sh" exec "$engine" env HOME=/root DOCKER_CONFIG="$engine/config" \
        DOCKER_HOST="unix://$engine/docker.sock" ${BUILDKIT:+DOCKER_BUILDKIT="$BUILDKIT"} \
        BUILDKIT_PROGRESS=plain "$tools/docker" "$@"
}

# Which image a file pins: pinned FILE PATTERN
pinned() {
    sed -nE "s#^ *(FROM|image:) *($2[^ ]*).*#\\2#p" "$root/$1" | head -n 1
}

# Imports a directory as an image, once for each KEY: import KEY NAME DIR CHANGE...
# The label says which key the image was made for.
import() {
    local key=$1 name=$2 dir=$3 change
    shift 3
    local -a changes=(--change "LABEL foghorn.stand-in=$key")
    for change in "$@"; do changes+=(--change "$change"); done
    tar --create --directory "$dir" --numeric-owner . | docker import "${changes[@]}" - "$name" >/dev/null
}

has_image() { # KEY NAME
    [[ $(docker image inspect --format '{{ index .Config.Labels "foghorn.stand-in" }}' "$2" 2>/dev/null) == "$1" ]]
}

# The Dockerfile's base: Debian bookworm with a C compiler and make, this machine's own
# Rust where the official image has its, and the crates of Cargo.lock, which
# cargo takes from a directory instead of the network.
make_builder() {
    local name key rust version
    name=$(pinned Dockerfile rust:)
    [[ -n $name ]] || die 'the Dockerfile pins no rust: image'
    rust=$(rustc --print sysroot)
    key=$({ echo "$builder_recipe"; rustc -vV; cat -- "$root/Cargo.lock"; } | sha256sum)
    key=${key:0:16}
    if has_image "$key" "$name"; then return; fi
    version=${name#rust:}
    [[ $(rustc --version) == "rustc ${version%%-*} "* ]] ||
        echo "# $name is played by $(rustc --version)"
    local dir=$store/builder
    rm -rf --one-file-system -- "$dir"
    mkdir -p -- "$dir"
    # shellcheck disable=SC2016 # expanded inside
    in_root "$("$support/engine.sh" root 20.10)" "$dir" /bin/bash -c '
        set -euo pipefail
        apt-get update -q
        apt-get install -q -y --no-install-recommends gcc libc6-dev make ca-certificates wget
        tar --create --directory / \
            --exclude "usr/bin/docker*" --exclude usr/sbin/dockerd --exclude "usr/bin/containerd*" \
            --exclude usr/sbin/runc --exclude usr/bin/ctr --exclude usr/lib/modules \
            bin sbin lib lib64 usr/bin usr/sbin usr/lib usr/lib64 usr/include usr/share/ca-certificates etc/ssl \
            etc/passwd etc/group etc/ld.so.conf etc/ld.so.conf.d etc/alternatives etc/debian_version etc/os-release |
            tar --extract --directory /out
    ' >"$store/builder.log" 2>&1 || { tail -n 30 -- "$store/builder.log" >&2; die 'the base image could not be made (see above)'; }
    mkdir -p -- "$dir/tmp" "$dir/root" "$dir/usr/local/rustup/bin" "$dir/usr/local/cargo"
    chmod 1777 "$dir/tmp"
    cp -a -- "$rust/lib" "$dir/usr/local/rustup/lib"
    cp -a -- "$rust/bin/"{rustc,cargo} "$dir/usr/local/rustup/bin/"
    find "$dir/usr/local/rustup/lib/rustlib" -mindepth 1 -maxdepth 1 -type d ! -name "$(rustc -vV | sed -n 's/^host: //p')" -exec rm -rf {} +
    (cd -- "$root" && cargo vendor --quiet --locked --versioned-dirs "$dir/usr/local/cargo/vendor") >/dev/null
    cat >"$dir/usr/local/cargo/config.toml" <<'TEXT'
[source.crates-io]
replace-with = "vendor"
[source.vendor]
directory = "/usr/local/cargo/vendor"
TEXT
    # Nothing that was built on another base is of use any more.
    docker image rm --force foghorn:test foghorn:dev "$name" >/dev/null 2>&1 || true
    docker builder prune --all --force >/dev/null
    import "$key" "$name" "$dir" \
        'ENV PATH=/usr/local/rustup/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        'ENV RUSTUP_HOME=/usr/local/rustup' 'ENV CARGO_HOME=/usr/local/cargo' 'ENV CARGO_NET_OFFLINE=true' \
        'CMD ["bash"]'
    rm -rf --one-file-system -- "$dir"
}

# The image of this source: foghorn:test.
build_foghorn() {
    docker build --tag foghorn:test "$@" "$root"
}

api() { # METHOD PATH [JSON]
    curl -sS --fail-with-body --noproxy '*' --max-time 60 --unix-socket "$engine/docker.sock" --request "$1" \
        --header 'Content-Type: application/json' ${3:+--data "$3"} "http://docker$2"
}

# Waits until a command succeeds: within SECONDS COMMAND...
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# A GET inside the engine's network namespace, where published ports are.
get() {
    "$support/engine.sh" info "$engine" | sed -n 's/^holder_pid=//p' >"$work/holder"
    nsenter --target "$(<"$work/holder")" --net -- curl -sS --fail --noproxy '*' --max-time 10 "$@"
}
