#!/usr/bin/env bash
# Installs these programs as `make release` built them, our units, and sample settings where there are none yet.
# DESTDIR=DIR puts all of it below DIR instead, for packages, and changes nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${DESTDIR-}
settings=$root/etc/gst-intercom
closed=

for program in "$@"; do
    [ -e "target/release/$program" ] || { echo "install: $program is not built: run make release first" >&2; exit 1; }
    install -D -m 755 -t "$root/usr/local/bin" "target/release/$program"
done
install -D -m 644 -t "$root/etc/systemd/system" systemd/*.service
install -D -m 644 systemd/sysusers.conf "$root/etc/sysusers.d/gst-intercom.conf"
install -D -m 644 systemd/tmpfiles.conf "$root/etc/tmpfiles.d/gst-intercom.conf"
for program in signaller producer consumer; do
    [ -e "$settings/$program.toml" ] || {
        install -D -m 644 -t "$settings" "$program/$program.toml"
        [ "$program" != producer ] || closed=$settings/producer.toml # a camera's password may come to stand in it
        # The service's directory, also for who adds accounts at the command line.
        sed -i 's/^#data_dir = /data_dir = /' "$settings/$program.toml"
    }
done
[ -z "$closed" ] || chmod 640 "$closed"
if [ -z "$root" ]; then
    systemd-sysusers gst-intercom.conf
    [ -z "$closed" ] || chgrp gst-intercom "$closed"
    systemd-tmpfiles --create gst-intercom.conf
    systemctl daemon-reload
fi
