#!/bin/bash
#
# The Dockerfile: built as it is, by an engine 28.5 that reaches no registry,
# with local images under the pinned names; then run as a careful user would.
#
# FOGHORN_TEST_LONG=1    also with the engine's older builder, from nothing

# shellcheck disable=SC2317 # functions are called by `ok` and `within`
# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

start_engine
make_builder

began=$SECONDS
ok 'the image builds' build_foghorn
((failures == 0)) || exit 1
echo "# built in $((SECONDS - began)) s"
image() { docker image inspect --format "$1" foghorn:test; }

size=$(image '{{ .Size }}')
echo "# size: $size bytes"
ok 'it is under 40 MB' test "$size" -lt 40000000

# What is in it, all of it.
docker create --name contents foghorn:test >/dev/null
docker export contents | tar --list --verbose --numeric-owner >"$work/contents"
docker rm contents >/dev/null
# Docker itself puts these into every container.
ours() { awk '{ print $6 }' "$work/contents" | grep -v -e '^dev/' -e '^etc/' -e '^proc/' -e '^sys/' -e '^\.dockerenv$'; }
ok 'it holds the program, its licence and a data directory, so no shell' \
    test "$(ours | LC_ALL=C sort | xargs)" = 'LICENSE data/ foghorn'
ok 'the data directory belongs to the user' grep -q '^drwxr-xr-x 65532/65532 .* data/$' "$work/contents"
ok 'it does not run as root' test "$(image '{{ .Config.User }}')" = 65532:65532
ok 'it has a health check without a shell' \
    test "$(image '{{ json .Config.Healthcheck.Test }}')" = '["CMD","/foghorn","healthcheck"]'
ok 'it stops by SIGTERM' test "$(image '{{ .Config.StopSignal }}')" = SIGTERM

# Read-only, without capabilities, not root, on the engine's own socket. The
# socket's group is what must be added.
"$support/image.sh" "$engine" >/dev/null
docker run --detach --name talker foghorn-test/loggen:1 run --seed 1 --count 200 --rate 0 --streams out --hold >/dev/null
docker run --detach --name foghorn --read-only --cap-drop ALL --security-opt no-new-privileges \
    --group-add "$(stat -c %g "$engine/docker.sock")" --memory 256m --publish 127.0.0.1:3644:3644 \
    --volume "$engine/docker.sock:/var/run/docker.sock" --volume data:/data foghorn:test >/dev/null

healthy() { [[ $(docker inspect --format '{{ .State.Health.Status }}' foghorn) == healthy ]]; }
all_lines() { [[ $(get 'http://127.0.0.1:3644/api/v1/logs?limit=1000&query=container:talker' | grep -o '"container":"talker"' | wc -l) == 200 ]]; }
ok 'read-only, without capabilities, it becomes healthy' within 60 healthy
ok 'it has indexed every line of a container' within 30 all_lines
ok 'it answers as ready' within 10 get --output /dev/null http://127.0.0.1:3644/readyz
began=$SECONDS
docker stop --time 20 foghorn >/dev/null
ok 'it ends by itself when it is stopped' test "$(docker inspect --format '{{ .State.ExitCode }}' foghorn)" = 0
ok 'and within 10 s' test $((SECONDS - began)) -le 10
docker start foghorn >/dev/null
ok 'what it had indexed is there when it starts again' within 30 all_lines
((failures == 0)) || docker logs foghorn 2>&1 | tail -n 40

if [[ ${FOGHORN_TEST_LONG:-} == 1 ]]; then
    BUILDKIT=0 ok "the engine's older builder makes it, too" build_foghorn --no-cache
fi

docker rm --force --volumes foghorn talker >/dev/null
docker volume rm data >/dev/null
exit $((failures > 0))
