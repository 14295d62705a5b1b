#!/bin/bash
#
# Runs a command beside a Foghorn that reads a real engine: starts engine 28.5,
# two containers that log, and the Foghorn that was built for the tests, waits
# until their lines can be found, and ends all of it afterwards.
#
# Usage: with-foghorn.sh COMMAND...
#
# The command gets the address as FOGHORN_URL, and in its arguments instead of
# the word @URL; FOGHORN_APPEND_CMD is a shell command that makes a container
# write the line that is in $FOGHORN_LINE.
#
# FOGHORN_TEST_BINARY    another binary than target/debug/foghorn

set -euo pipefail

support=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
root=$(dirname -- "$(dirname -- "$support")")
binary=${FOGHORN_TEST_BINARY:-${CARGO_TARGET_DIR:-$root/target}/debug/foghorn}

die() {
    printf 'with-foghorn.sh: %s\n' "$*" >&2
    exit 1
}

(($#)) || die 'usage: with-foghorn.sh COMMAND...'
[[ -x $binary ]] || die "no binary at $binary: cargo build"

dir=$(mktemp -d "${FOGHORN_TEST_DIR:-/var/tmp}/foghorn.XXXXXX")
state=$dir/engine
foghorn=
# shellcheck disable=SC2317 # called by the trap
finish() {
    local code=$?
    trap - EXIT INT TERM
    if [[ -n $foghorn ]]; then
        kill -TERM "$foghorn" 2>/dev/null || true
        wait "$foghorn" 2>/dev/null || true
    fi
    "$support/engine.sh" down "$state" || code=1
    rm -rf --one-file-system -- "$dir"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

socket=$("$support/engine.sh" up 28.5 "$state" --owner $$)
"$support/image.sh" "$state" >/dev/null

api() { # METHOD PATH [JSON]
    curl -sS --fail-with-body --noproxy '*' --max-time 30 --unix-socket "$socket" --request "$1" \
        --header 'Content-Type: application/json' ${3:+--data "$3"} "http://docker$2"
}

# Two services of a Compose project, as Compose would label them.
for service in web worker; do
    api POST "/containers/create?name=shop-$service-1" "{
        \"Image\": \"foghorn-test/loggen:1\",
        \"Cmd\": [\"run\", \"--seed\", \"1\", \"--count\", \"500\", \"--rate\", \"200\", \"--hold\"],
        \"Labels\": {
            \"com.docker.compose.project\": \"shop\",
            \"com.docker.compose.service\": \"$service\",
            \"com.docker.compose.container-number\": \"1\"
        }
    }" >/dev/null
    api POST "/containers/shop-$service-1/start" >/dev/null
done

# What is written to the standard output of a container's first process is a
# line of that container.
pid=$(api GET /containers/shop-web-1/json | python3 -c 'import json, sys; print(json.load(sys.stdin)["State"]["Pid"])')
pid=$("$support/engine.sh" hostpid "$state" "$pid")
append="printf '%s\\n' \"\$FOGHORN_LINE\" >/proc/$pid/fd/1"

# Port 0: the address it prints is the one it got.
"$binary" serve --docker-host "unix://$socket" --http-listen 127.0.0.1:0 \
    --store-path "$dir/data" --store-commit-interval 500ms >"$dir/out" 2>"$dir/err" &
foghorn=$!
end=$((SECONDS + 60))
until url=$(sed -n 's|.*\(http://[0-9.:]*\)/*.*|\1|p' "$dir/out" | head -n 1) && [[ -n $url ]] &&
    curl -sf --noproxy '*' --max-time 5 "$url/readyz" >/dev/null &&
    [[ $(curl -sf --noproxy '*' --max-time 5 "$url/api/v1/logs?limit=1000") == *shop-worker-1* ]]; do
    if ((SECONDS >= end)) || ! kill -0 "$foghorn" 2>/dev/null; then
        cat -- "$dir/out" "$dir/err" >&2
        die 'Foghorn ended, or shows no lines of the containers after 60 s (its output is above)'
    fi
    sleep 0.1
done

export FOGHORN_URL=$url FOGHORN_APPEND_CMD=$append
code=0
"${@//@URL/$url}" || code=$?
if ((code != 0)); then
    echo "Foghorn's own output:" >&2
    tail -n 40 -- "$dir/out" "$dir/err" >&2
fi
exit "$code"
