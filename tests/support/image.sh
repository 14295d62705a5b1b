#!/bin/bash
#
# Makes the image foghorn-test/loggen:1 in an engine, without pulling anything:
# loggen alone, statically linked, sent through the engine's API.
#
# Usage: image.sh STATE_DIR|SOCKET

set -euo pipefail

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
cache=${FOGHORN_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/foghorn-tests}
readonly repository=foghorn-test/loggen tag=1

die() {
    printf 'image.sh: %s\n' "$*" >&2
    exit 1
}

(($# == 1)) || die 'usage: image.sh STATE_DIR|SOCKET'
socket=$1
if [[ -d $socket ]]; then socket=$socket/docker.sock; fi
[[ -S $socket ]] || die "no socket at $socket"

# Built once for all engines; another source, compiler or way of compiling
# gets another name, so nothing stale can be used.
flags=(--edition 2024 -O -C target-feature=+crt-static -C panic=abort -C strip=symbols)
key=$({
    cat -- "$here/loggen.rs" "$here/lines.rs"
    rustc --version --verbose
    printf '%s\n' "${flags[@]}"
} | sha256sum)
archive=$cache/loggen/${key:0:16}.tar
if [[ ! -s $archive ]]; then
    mkdir -p -- "$cache/loggen"
    # Renamed when it is whole: callers may race, and the last one wins.
    work=$(mktemp -d "$cache/loggen/.build.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    rustc "${flags[@]}" -o "$work/loggen" "$here/loggen.rs"
    # The time is fixed so that the same program makes the same image.
    tar --create --file "$work/loggen.tar" --directory "$work" --owner=0 --group=0 \
        --numeric-owner --mtime=@0 loggen
    mv -f -- "$work/loggen.tar" "$archive"
fi

# ENTRYPOINT ["/loggen"]
entrypoint='ENTRYPOINT%20%5B%22%2Floggen%22%5D'
answer=$(curl -sS --noproxy '*' --max-time 60 --unix-socket "$socket" \
    --request POST --header 'Content-Type: application/x-tar' --data-binary "@$archive" \
    "http://docker/images/create?fromSrc=-&repo=$repository&tag=$tag&changes=$entrypoint")
# The engine answers 200 before it reads the archive; only the body tells.
[[ $answer == *'"status":"sha256:'* ]] || die "the engine made no image: $answer"
printf '%s:%s\n' "$repository" "$tag"
