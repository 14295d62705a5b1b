#!/bin/bash
#
# Says exactly what is missing to build (needs.sh build), to lint (needs.sh
# lint) and how to get it; installs nothing. Exits 1 when something is missing.

set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."
export PATH=$PATH:${HOME:-/root}/.cargo/bin

bad=0
lacks() {
    printf 'missing: %s\n' "$1" >&2
    bad=1
}

# 0 when version $1 is $2 or newer.
at_least() {
    [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]
}

needs_build() {
    local want have
    want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        lacks "Rust $want or newer: https://rustup.rs, then open a new shell"
    else
        have=$(rustc --version | awk '{ print $2 }')
        at_least "${have%%-*}" "$want" ||
            lacks "Rust $want or newer; here is $have ($(command -v rustc)): rustup update, or https://rustup.rs when it comes from the system's packages"
    fi
    # zstd, ring and jemalloc are C and assembly; jemalloc has a makefile.
    command -v "${CC:-cc}" >/dev/null ||
        lacks 'a C compiler: apt-get install gcc libc6-dev'
    command -v make >/dev/null ||
        lacks 'make: apt-get install make'
}

needs_lint() {
    command -v cargo >/dev/null || return 0
    cargo fmt --version >/dev/null 2>&1 || lacks 'rustfmt: rustup component add rustfmt'
    cargo clippy --version >/dev/null 2>&1 || lacks 'clippy: rustup component add clippy'
}

for what in "$@"; do
    case $what in
    build) needs_build ;;
    lint) needs_lint ;;
    *) lacks "a rule for $what in needs.sh" ;;
    esac
done
exit "$bad"
