#!/bin/bash
#
# The page in a real Chromium, over a real engine, two containers and Foghorn.

set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
exec "$here/with-foghorn.sh" node "$here/../browser/page.mjs" @URL
