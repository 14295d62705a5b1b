#!/bin/bash
#
# compose.observability.yaml: what it promises about security, as Compose
# itself reads it; then brought up by `docker compose` on an engine 28.5, with
# Foghorn's image from the Dockerfile and, in the place of the socket proxy's
# image, Debian's haproxy with the rules that image documents.

# shellcheck disable=SC2317 # functions are called by `ok` and `within`
# shellcheck source-path=SCRIPTDIR
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"

readonly proxy_recipe=1
readonly file=$root/compose.observability.yaml

# The proxy's rules: what each variable opens, and nothing else. Only logs,
# stats and inspection of containers; archive, export, attach and top stay shut
# without variables of their own.
proxy_rules() {
    cat <<'TEXT'
global
    log stdout format raw daemon "${LOG_LEVEL}"
    pidfile /run/haproxy.pid
defaults
    mode http
    log global
    option httplog
    timeout connect 10s
    timeout client 10m
    timeout server 10m
    timeout http-request 10s
frontend proxy
    bind [::]:2375 v4v6
    acl reads method GET HEAD
    acl closed path_reg ^(/v[0-9.]+)?/containers/[^/]+/(archive|export|attach|top|changes)
    acl log path_reg ^(/v[0-9.]+)?/containers/[^/]+/logs
    http-request deny if !reads !{ env(POST) -m bool }
    http-request deny if closed
    http-request deny if log !{ env(ALLOW_LOGS) -m bool }
    http-request allow if { path_reg ^(/v[0-9.]+)?/containers } { env(CONTAINERS) -m bool }
    http-request allow if { path_reg ^(/v[0-9.]+)?/events } { env(EVENTS) -m bool }
    http-request allow if { path_reg ^(/v[0-9.]+)?/info } { env(INFO) -m bool }
    http-request allow if { path_reg ^(/v[0-9.]+)?/version } { env(VERSION) -m bool }
    http-request allow if { path_reg ^(/v[0-9.]+)?/_ping } { env(PING) -m bool }
    http-request deny
    default_backend engine
backend engine
    server socket unix@/var/run/docker.sock
TEXT
}

make_proxy() {
    local name=$1 key dir=$store/proxy
    key=$({ echo "$proxy_recipe"; proxy_rules; "$support/engine.sh" version 28.5; } | sha256sum)
    key=${key:0:16}
    if has_image "$key" "$name"; then return; fi
    rm -rf --one-file-system -- "$dir"
    mkdir -p -- "$dir"
    # shellcheck disable=SC2016 # expanded inside
    in_root "$("$support/engine.sh" root 28.5)" "$dir" /bin/bash -c '
        set -euo pipefail
        apt-get update -q -o Acquire::Check-Valid-Until=false
        apt-get install -q -y --no-install-recommends haproxy
        for file in /usr/sbin/haproxy $(ldd /usr/sbin/haproxy | grep -o "/[^ ]*"); do
            cp --dereference --parents "$file" /out
        done
        mkdir /out/run /out/tmp /out/etc
    ' >"$store/proxy.log" 2>&1 || { tail -n 30 -- "$store/proxy.log" >&2; die 'the proxy could not be made (see above)'; }
    proxy_rules >"$dir/haproxy.cfg"
    import "$key" "$name" "$dir" 'ENTRYPOINT ["/usr/sbin/haproxy","-db","-f","/haproxy.cfg"]' 'EXPOSE 2375'
    rm -rf --one-file-system -- "$dir"
}

compose() { docker compose --project-directory "$root" --file "$file" "$@"; }
cleanup() { compose down --volumes --timeout 10 >/dev/null 2>&1; }

start_engine
proxy=$(pinned compose.observability.yaml '[^ ]*socket-proxy:')
[[ -n $proxy ]] || die 'the compose file pins no socket-proxy image'
make_builder
make_proxy "$proxy"
ok 'the image builds' build_foghorn --quiet
((failures == 0)) || exit 1
docker tag foghorn:test foghorn:dev

# ------------------------------------------------------------- as it is read

ok 'docker compose understands the file' compose config --quiet
compose config --format json >"$work/config.json"
python3 - "$work/config.json" <<'PY' || failures=$((failures + 1))
import json, re, sys

config = json.load(open(sys.argv[1]))
services, failed = config["services"], False


def ok(name, good):
    global failed
    failed |= not good
    print("ok" if good else "not ok", name)


for name, service in services.items():
    ok(f"{name}: a read-only root", service.get("read_only") is True)
    ok(f"{name}: no capabilities", service.get("cap_drop") == ["ALL"] and not service.get("cap_add"))
    ok(f"{name}: no new privileges", "no-new-privileges:true" in service.get("security_opt", []))
    ok(f"{name}: not privileged, no namespace of the host",
       not service.get("privileged") and not any(service.get(key) == "host" for key in ("network_mode", "pid", "ipc", "userns_mode")))
    ok(f"{name}: a memory limit", int(service.get("mem_limit", 0)) > 0)
    ok(f"{name}: its own log is rotated", {"max-size", "max-file"} <= set(service.get("logging", {}).get("options", {})))
    ok(f"{name}: comes back by itself", service.get("restart") in ("unless-stopped", "always"))
    ports = service.get("ports", [])
    ok(f"{name}: publishes on loopback only", all(port.get("host_ip") == "127.0.0.1" for port in ports))
    tag = service["image"].split("@")[0].rpartition(":")[2]
    ok(f"{name}: an exact image", "build" in service or bool(re.search(r"\d+\.\d+", tag)))

socket = [name for name, service in services.items()
          for volume in service.get("volumes", []) if "docker.sock" in volume.get("source", "")]
ok("the proxy alone has the socket, read-only", socket == ["socket-proxy"]
   and services["socket-proxy"]["volumes"][0].get("read_only") is True)
open_ = {key for key, value in services["socket-proxy"]["environment"].items() if value == "1"}
ok("the proxy opens what reading takes and nothing else",
   open_ == {"CONTAINERS", "ALLOW_LOGS", "EVENTS", "INFO", "PING", "VERSION"})
ok("the proxy refuses to change anything", services["socket-proxy"]["environment"].get("POST") == "0")
ok("the proxy is on the inner network alone, and publishes nothing",
   set(services["socket-proxy"]["networks"]) == {"engine"} and not services["socket-proxy"].get("ports"))
ok("the inner network has no way out", config["networks"]["engine"].get("internal") is True)
ok("nobody else is on the inner network",
   {name for name, service in services.items() if "engine" in service.get("networks", {})} == {"foghorn", "socket-proxy"})
ok("Foghorn's data are in a named volume",
   [(v["type"], v["target"]) for v in services["foghorn"]["volumes"]] == [("volume", "/data")])
ok("Foghorn has a health check without a shell",
   services["foghorn"]["healthcheck"]["test"] == ["CMD", "/foghorn", "healthcheck"])
ok("Foghorn publishes its page", [str(p["published"]) for p in services["foghorn"]["ports"]] == ["3644"])
sys.exit(failed)
PY

# ---------------------------------------------------------------- as it runs

# Where the file expects the engine's socket.
"$support/engine.sh" exec "$engine" ln -sfn "$engine/docker.sock" /var/run/docker.sock
"$support/image.sh" "$engine" >/dev/null
docker run --detach --name talker foghorn-test/loggen:1 run --seed 1 --count 200 --rate 50 --streams out --hold >/dev/null

ok 'docker compose brings it up' compose up --detach --no-build --pull never
foghorn=$(compose ps --quiet foghorn)
healthy() { [[ $(docker inspect --format '{{ .State.Health.Status }}' "$foghorn") == healthy ]]; }
ok 'Foghorn becomes healthy' within 60 healthy
lines() { get "http://127.0.0.1:3644/api/v1/logs?limit=1000&query=container:talker" | grep -o '"container":"talker"' | wc -l; }
all_lines() { (($(lines) == 200)); }
ok 'the lines of a container arrive through the proxy, each once' within 60 all_lines
ok 'Foghorn is ready' within 10 get --output /dev/null http://127.0.0.1:3644/readyz

address=$(docker inspect --format '{{ range .NetworkSettings.Networks }}{{ .IPAddress }}{{ end }}' "$(compose ps --quiet socket-proxy)")
status() { nsenter --target "$(<"$work/holder")" --net -- curl -s --noproxy '*' --max-time 10 --output /dev/null \
    --write-out '%{http_code}' "$@"; }
ok 'a GET of the containers passes' test "$(status "http://$address:2375/containers/json")" = 200
ok 'a POST is refused' test "$(status --request POST "http://$address:2375/containers/talker/stop")" = 403
ok 'a DELETE is refused' test "$(status --request DELETE "http://$address:2375/containers/talker?force=1")" = 403
ok "a container's files are refused" test "$(status "http://$address:2375/containers/talker/archive?path=/")" = 403
ok 'images are refused' test "$(status "http://$address:2375/images/json")" = 403
ok 'the container still runs' test "$(docker inspect --format '{{ .State.Status }}' talker)" = running

# The proxy goes away for a moment, as it does when it is updated.
compose restart socket-proxy >/dev/null 2>&1
docker run --detach --name later foghorn-test/loggen:1 say after the restart of the proxy >/dev/null
later() { [[ $(get "http://127.0.0.1:3644/api/v1/logs?query=container:later") == *'after the restart'* ]]; }
ok 'lines arrive again after the proxy was restarted' within 60 later
ok 'and none came twice' all_lines
((failures == 0)) || compose logs --tail 40

compose down --volumes --timeout 10 >/dev/null 2>&1
ok 'it goes away without a trace' test -z "$(docker ps --all --quiet --filter label=com.docker.compose.project=observability)"
docker rm --force --volumes talker later >/dev/null
exit $((failures > 0))
