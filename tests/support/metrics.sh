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

head=$(mktemp)
scrape=$(curl -sS --fail --noproxy '*' --max-time 10 --dump-header "$head" "$FOGHORN_URL/metrics")
check 'metrics are served' $?
type=$(tr -d '\r' <"$head" | sed -n 's/^content-type: *//Ip')
rm -f -- "$head"
if [[ $type == application/openmetrics-text* ]]; then
    [[ $scrape == *'# EOF' ]]
    check 'an OpenMetrics exposition ends with its mark' $?
    # promtool reads the older text format, which names the sample where
    # OpenMetrics names the family: a counter's description has its _total.
    scrape=$(awk '
        { line[NR] = $0 }
        $1 == "#" && $2 == "TYPE" && $4 == "counter" { counter[$3] = 1 }
        END {
            for (i = 1; i <= NR; i++) {
                split(line[i], word, " ")
                if (word[1] == "#" && word[3] in counter) sub(" " word[3] " ", " " word[3] "_total ", line[i])
                if (word[2] != "UNIT" && word[2] != "EOF") print line[i]
            }
        }' <<<"$scrape")
fi
promtool check metrics <<<"$scrape"
check 'promtool check metrics has no complaint' $?
grep -q '^foghorn_' <<<"$scrape"
check 'the families are named foghorn_' $?
exit "$code"
