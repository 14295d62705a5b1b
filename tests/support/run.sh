#!/bin/bash
#
# `make run`: Foghorn, as built, on the local engine. Where no engine answers,
# this says so, and Foghorn starts all the same and keeps trying.
#
# Usage: run.sh [ARGUMENT_OF_FOGHORN]...

set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.."

foghorn=${CARGO_TARGET_DIR:-target}/release/foghorn
if ! answer=$("$foghorn" check "$@" 2>&1); then
    if ! grep -q '^# engine: ' <<<"$answer"; then
        # A mistake in the configuration: Foghorn would stop with the same words.
        printf '%s\n' "$answer" >&2
        exit 1
    fi
    printf 'No engine yet, %s\n' "$(sed -n 's/^# engine: failed, //p' <<<"$answer")"
    echo 'Foghorn starts all the same and keeps trying; another engine: DOCKER_HOST=... make run'
fi
exec "$foghorn" serve "$@"
