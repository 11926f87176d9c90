#!/usr/bin/env bash
# The main job: a signaller with its web app, and the producer `door`, until Ctrl-C.
#
#   CAMERA=v4l2:/dev/video0 MIC=alsa:default   what to send instead of the test picture and tone
#   PORT=8443                                  where to listen
#   LOCAL=1                                    on loopback only
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8443}
listen="[::]:$port"
host=$(hostname)
[ -z "${LOCAL-}" ] || listen="127.0.0.1:$port" host=localhost
bin=target/release
data=var
pids=()
# What runs as a service here is no business of ours.
export INTERCOM_CONFIG=${INTERCOM_CONFIG-/dev/null}

stop() {
    trap - EXIT INT TERM
    [ ${#pids[@]} = 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'exit 0' INT TERM

# Starts a program and waits for its first line on standard output; the rest of it is shown as it comes.
start() {
    local dir pipe out
    dir=$(mktemp -d) pipe=$dir/out
    mkfifo "$pipe"
    "$@" >"$pipe" &
    pids+=("$!")
    exec {out}<"$pipe"
    rm -r "$dir"
    IFS= read -r -t 60 line <&"$out" || { echo "run: ${1##*/} did not start; its reason is above" >&2; exit 1; }
    cat <&"$out" &
}

mkdir -p "$data"
start "$bin/intercom-signaller" serve --listen "$listen" --data-dir "$data" --anonymous full --local-peers full
address=${line#listening on }
port=${address##*:}
start "$bin/intercom-producer" --server "wss://localhost:$port" --ca "$data/pki/ca.pem" --name door \
    --video "${CAMERA:-test:ball}" --audio "${MIC:-test}"

cat <<EOF

  $line

  Open        https://localhost:$port/
EOF
if [ -z "${LOCAL-}" ]; then
    for name in "$host.local" $(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v :); do
        echo "  or          https://$name:$port/"
    done
fi
cat <<EOF
  CA file     $data/pki/ca.pem
  Trust it    http://$host:$port/ca has it for phones; docs/guide/trust.md says how; a browser warns until then

  There is no login yet: whoever reaches this port may watch and send. LOCAL=1 keeps it on this machine.
  Ctrl-C stops everything.

EOF
wait -n "${pids[@]}" || { echo "run: a program ended; its reason is above" >&2; exit 1; }
