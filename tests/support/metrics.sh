#!/bin/bash
#
# What Prometheus's own tool says of a scrape of Foghorn.

set -uo pipefail

if [[ -z ${FOGHORN_URL:-} ]]; then
    exec "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/with-foghorn.sh" "$BASH" "${BASH_SOURCE[0]}"
fi

code=0
check() { # NAME, exit code of what was just run
    if (($2 == 0)); then echo "ok $1"; else
        echo "not ok $1"
        code=1
    fi
}

scrape=$(curl -sS --fail --noproxy '*' --max-time 10 "$FOGHORN_URL/metrics")
check 'metrics are served' $?
promtool check metrics <<<"$scrape"
check 'promtool check metrics has no complaint' $?
grep -q '^foghorn_' <<<"$scrape"
check 'the families are named foghorn_' $?
exit "$code"
