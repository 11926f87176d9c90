#!/usr/bin/env bash
# The main job: a signaller with its web app, and the producer `door`, until Ctrl-C. The first start makes an
# account for you and one for the door.
#
#   CAMERA=v4l2:/dev/video0 MIC=alsa:default   what to send instead of the test picture and tone
#   SPEAKER=alsa:default                       where to play whoever rings the door instead of nowhere
#   PORT=8443                                  where to listen
#   LOCAL=1                                    on loopback only, where programs need no login
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8443}
listen="[::]:$port"
host=$(hostname)
local_peers=deny
[ -z "${LOCAL-}" ] || listen="127.0.0.1:$port" host=localhost local_peers=full
bin=target/release
data=var
token=$data/door.token
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

# Keeps accounts: `signaller account add …`
signaller() {
    "$bin/intercom-signaller" "$@" --data-dir "$data"
}

# The names of all accounts of a kind.
accounts() {
    signaller account list | awk -v kind="$1" '$2 == kind { print $1 }'
}

# The token in the file may be one that was revoked, or that of a door that was removed.
make_door() {
    accounts device | grep -x door >/dev/null || signaller account add door --kind device
    if [ ! -s "$token" ] || ! signaller token list door | grep ' make run$' >/dev/null; then
        (umask 077 && signaller token create door --name "make run" >"$token.new" && mv "$token.new" "$token")
    fi
}

new_password() {
    head -c 1000 /dev/urandom | LC_ALL=C tr -dc 'a-km-np-z2-9' | sed -E 's/^(.{5})(.{5})(.{5}).*/\1-\2-\3/'
}

# Says how to log in; makes an admin if there is none.
login() {
    local name password
    name=$(accounts admin | head -n 1)
    if [ -n "$name" ]; then
        echo "  Log in      as $name; the password was printed at the first start. A new one:"
        echo "              $bin/intercom-signaller account passwd $name --data-dir $data"
        return
    fi
    name=${USER-}
    [[ $name =~ ^[a-z0-9][a-z0-9._-]{0,31}$ && $name != door ]] || name=admin
    password=$(new_password)
    signaller account add "$name" --kind admin <<<"$password"
    echo "  Log in      as $name with the password $password"
    echo "              It is printed only now. Another one: account passwd $name --data-dir $data"
}

mkdir -p "$data"
start "$bin/intercom-signaller" serve --listen "$listen" --data-dir "$data" --anonymous deny --local-peers "$local_peers"
address=${line#listening on }
port=${address##*:}
make_door
start "$bin/intercom-producer" --server "wss://localhost:$port" --ca "$data/pki/ca.pem" --token-file "$token" \
    --name door --video "${CAMERA:-test:ball}" --audio "${MIC:-test}" --answer auto --speaker "${SPEAKER:-none}"

cat <<EOF

  $line

  Open        https://localhost:$port/
EOF
if [ -z "${LOCAL-}" ]; then
    for name in "$host.local" $(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v :); do
        echo "  or          https://$name:$port/"
    done
fi
login
cat <<EOF
  CA file     $data/pki/ca.pem
  Trust it    http://$host:$port/ca has it for phones; docs/guide/trust.md says how; a browser warns until then

  Nobody watches or sends without a login. LOCAL=1 keeps it all on this machine.
  Ctrl-C stops everything.

EOF
wait -n "${pids[@]}" || { echo "run: a program ended; its reason is above" >&2; exit 1; }
