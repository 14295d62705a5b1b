#!/bin/bash
#
# `make test`: everything that is tested, on engines of its own, never the
# user's. On a Debian machine, as root, it installs what is missing; elsewhere
# it says exactly what is missing. It stops what it started, and nothing else,
# and its last line is "N passed, M failed".
#
# Usage: test.sh              everything
#        test.sh exactness    the exactness tests alone (`make engine-long`)
#
# FOGHORN_TEST_DOCKER_HOST    without root: a disposable engine to test on, as
#                             DOCKER_HOST is written; containers are made on it
# FOGHORN_TEST_LONG=1         the long form of the tests that have one
# FOGHORN_TEST_CACHE          see engine.sh
# CI=true                     nothing may be left out

set -uo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." || exit 1

only=${1:-}
support=$PWD/tests/support
export HOME=${HOME:-/root}
export FOGHORN_TEST_CACHE=${FOGHORN_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/foghorn-tests}
cache=$FOGHORN_TEST_CACHE
export PATH=$cache/tools/bin:$PATH:$HOME/.cargo/bin:/usr/local/sbin:/usr/sbin:/sbin
target=${CARGO_TARGET_DIR:-target}
results=$target/test
readonly nextest_version=0.9.143

passed=0
failed=0
left_out=()
summary=()
running=()

# Whatever a test makes is below one directory, so that `reap` finds every
# engine. On a disk, not in memory, and short: a socket's path has 107 bytes.
work=$(mktemp -d /var/tmp/foghorn-test.XXXXXX) || exit 1
mkdir -p -- "$work/tmp" "$results"
export TMPDIR=$work/tmp FOGHORN_TEST_DIR=$work

finish() {
    local code=$? pid
    trap - EXIT INT TERM HUP
    for pid in "${running[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
    if ((${#running[@]})); then
        # nextest ends its tests, the tests their programs.
        for _ in {1..100}; do
            pgrep -g "$(IFS=, && echo "${running[*]}")" >/dev/null || break
            sleep 0.1
        done
        for pid in "${running[@]}"; do kill -KILL -- "-$pid" 2>/dev/null; done
    fi
    if ((EUID == 0)); then "$support/engine.sh" reap "$work" || code=1; fi
    rm -rf --one-file-system -- "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n== %s\n' "$*"; }

# Runs a command as a process group of its own, so that all of it can be ended:
# begin LOG COMMAND... sets $begun.
begin() {
    local log=$1
    shift
    set -m
    ("$@" </dev/null 2>&1 | tee -- "$log") &
    begun=$!
    set +m
    running+=("$begun")
}

# Waits for what `begin` began, and gives its exit code.
await() {
    local code=0 pid left=()
    wait "$1" || code=$?
    for pid in "${running[@]}"; do [[ $pid == "$1" ]] || left+=("$pid"); done
    running=("${left[@]}")
    return "$code"
}

# Adds the result of a stage: judge NAME COUNTER EXIT_CODE LOG SECONDS.
judge() {
    local name=$1 counter=$2 code=$3 log=$4 seconds=$5 good=0 bad=0
    read -r good bad < <("count_$counter" "$code" "$log")
    # A failure that nobody counted is one, and so is a stage that ran nothing.
    if ((code != 0 && bad == 0)); then bad=1; fi
    if ((code == 0 && good + bad == 0)); then
        echo "$name ran no test at all"
        bad=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    summary+=("$(printf '%-10s %5d passed %5d failed %6d s' "$name" "$good" "$bad" "$seconds")")
}

# One stage after the other: stage NAME COUNTER COMMAND...
stage() {
    local name=$1 counter=$2 started=$SECONDS code=0 begun
    shift 2
    say "$name"
    begin "$results/$name.log" "$@"
    await "$begun" || code=$?
    judge "$name" "$counter" "$code" "$results/$name.log" "$((SECONDS - started))"
    return "$code"
}

# Counters: EXIT_CODE LOG to "PASSED FAILED".
count_one() { if (($1 == 0)); then echo '1 0'; else echo '0 1'; fi; }

# "Summary [ 5.3s] 227 tests run: 225 passed (1 slow), 1 failed, 1 timed out, 0 skipped"
count_nextest() {
    sed -nE 's/^ *Summary .* ([0-9]+)(\/[0-9]+)? tests? run: ([0-9]+) passed.*/\1 \3/p' "$2" |
        awk '{ run = $1; good = $2 } END { print good + 0, run - good }'
}

count_libtest() {
    awk '/^test result: / { good += $4; bad += $6 } END { print good + 0, bad + 0 }' "$2"
}

count_tap() {
    awk '/^ok / { good++ } /^not ok / { bad++ } END { print good + 0, bad + 0 }' "$2"
}

# A script that says "N passed, M failed" itself.
count_said() {
    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$2" | awk '{ n = $0 } END { print n == "" ? "0 0" : n }'
}

# ------------------------------------------------------------------ machine

# Each line: what must be there, and the Debian package that has it.
needs() {
    printf '%s\n' 'gcc gcc' 'make make' 'pgrep procps'
    if compgen -G 'tests/browser/*.mjs' >/dev/null; then echo 'node nodejs'; fi
    # The rest is for what runs on engines of our own.
    [[ $engines == own ]] || return 0
    printf '%s\n' 'curl curl' 'python3 python3' 'git git' 'promtool prometheus'
    if [[ -e tests/browser/page.mjs ]]; then echo 'chromium chromium'; fi
}

missing() {
    local thing package
    while read -r thing package; do
        command -v "$thing" >/dev/null || printf '%s %s\n' "$thing" "$package"
    done < <(needs)
}

debian() { [[ -r /etc/debian_version ]] && command -v apt-get dpkg-deb >/dev/null; }

# promtool alone: installing the package would start a Prometheus.
get_promtool() {
    local dir
    dir=$(mktemp -d) || return 1
    (cd -- "$dir" && { apt-get download -q prometheus || { apt-get update && apt-get download -q prometheus; }; }) &&
        dpkg-deb --extract "$dir"/prometheus_*.deb "$dir/root" &&
        install -D -- "$dir/root/usr/bin/promtool" "$cache/tools/bin/promtool"
}

get_tools() {
    local -a packages
    mapfile -t packages < <(missing | awk '$1 != "promtool" { print $2 }' | sort -u)
    if ((${#packages[@]})); then
        apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "${packages[@]}" || return 1
    fi
    command -v promtool >/dev/null || get_promtool || return 1
    "$support/engine.sh" install || return 1
}

# Says what a machine lacks that is not Debian, or where we are not root.
refuse() {
    local thing package
    {
        echo 'make test cannot run everything here:'
        if ((EUID != 0)); then
            echo 'missing: root. The tests start Docker engines of their own, which takes root on a Debian machine (sudo make test).'
        fi
        if ! debian; then
            echo "missing: Debian. The engines come from Debian's packages; this is $(uname -s)."
        fi
        echo '         Or name an engine whose containers may be lost: FOGHORN_TEST_DOCKER_HOST=unix:///var/run/docker.sock make test'
        while read -r thing package; do
            echo "missing: $thing (Debian's package $package)"
        done < <(missing)
    } >&2
}

get_nextest() {
    if cargo nextest --version >/dev/null 2>&1; then return 0; fi
    # Without optimisation it is built in half the time and runs as fast.
    CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$cache/tools/build \
        cargo install cargo-nextest --version "$nextest_version" --locked --debug \
        --root "$cache/tools" &&
        rm -rf -- "$cache/tools/build"
}

# The roots of the engines, the newest first: it is wanted first.
get_engines() {
    local version code=0
    for version in 28.5 26.1 20.10; do
        "$support/engine.sh" root "$version" || code=1
    done
    return "$code"
}

# -------------------------------------------------------------------- tests

fail_early() {
    printf '%s\n' "$@"
    printf '\n%d passed, %d failed\n' "$passed" "$((failed + 1))"
    exit 1
}

started=$SECONDS
engines=own
if ((EUID != 0)) || ! debian; then
    engines=given
    if [[ -z ${FOGHORN_TEST_DOCKER_HOST:-} ]] || [[ -n $(missing) ]]; then
        refuse
        fail_early
    fi
fi
# A C compiler is installed below; Rust is not.
if [[ $engines == given ]] || ! command -v cargo rustc >/dev/null; then
    "$support/needs.sh" build lint || fail_early
fi

roots=
if [[ $engines == own ]]; then
    say 'tools of the machine'
    get_tools >"$results/tools.log" 2>&1 || {
        tail -n 30 -- "$results/tools.log"
        fail_early "The machine's tools could not be installed (see above)."
    }
    "$support/needs.sh" build lint || fail_early
    say 'roots of the engines, in the background'
    begin "$results/roots.log" get_engines
    roots=$begun
fi
say 'cargo-nextest'
get_nextest || fail_early 'cargo-nextest could not be installed (see above).'
summary+=("$(printf '%-10s %37d s' tools "$((SECONDS - started))")")

test_nextest() {
    cargo nextest run --locked --no-tests=fail "$@"
}

# Waits for the engines' roots, which were begun above.
await_roots() {
    local began=$SECONDS
    [[ -n $roots ]] || return 0
    await "$roots" || {
        tail -n 30 -- "$results/roots.log"
        fail_early 'The engines could not be made (see above).'
    }
    roots=
    summary+=("$(printf '%-10s %37d s' roots "$((SECONDS - began))")")
}

if [[ $only == exactness ]]; then
    await_roots
    stage exactness nextest test_nextest --profile long -E 'test(exactness)'
elif [[ -n $only ]]; then
    fail_early "test.sh: $only is not known: exactness, or nothing for everything"
else
    test_doc() { RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --locked; }
    stage fmt one cargo fmt --check
    stage clippy one cargo clippy --all-targets --locked -- -D warnings
    stage doc one test_doc
    stage build one cargo build --all-targets --locked
    await_roots
    stage tests nextest test_nextest
    stage doctests libtest cargo test --doc --locked
    if compgen -G 'tests/browser/*.test.mjs' >/dev/null; then
        stage page tap node --test --test-reporter tap tests/browser/*.test.mjs
    fi
    if [[ $engines == own ]]; then
        stage metrics tap timeout 600 tests/support/metrics.sh
        if [[ -e tests/browser/page.mjs ]]; then stage browser said timeout 900 tests/support/browser.sh; fi
        for script in tests/packaging/*.sh; do
            [[ $script == */common.sh || ! -e $script ]] || stage "$(basename -- "$script" .sh)" tap timeout 1800 "$script"
        done
    else
        left_out+=('metrics, browser and packaging tests: they need root, for engines of their own')
    fi
fi

say 'stages'
printf '%s\n' "${summary[@]}" "$(printf '%-10s %37d s' 'in all' "$((SECONDS - started))")"
if ((${#left_out[@]})); then
    printf 'not run: %s\n' "${left_out[@]}"
    if [[ ${CI:-} == true ]]; then failed=$((failed + 1)); fi
fi
printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
