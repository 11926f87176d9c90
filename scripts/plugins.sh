#!/usr/bin/env bash
# Builds the GStreamer plugins for gst-launch-1.0 into plugins/, checks that they load from there, and prints on standard
# output the line that makes a shell use them: eval "$(make -s plugins)"
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$PWD/plugins
built=${CARGO_TARGET_DIR:-target}/release
files=(libgstintercom.so libgstrsrtp.so)
elements=({intercom,webrtc}{sink,src}:libgstintercom.so rtpgccbwe:libgstrsrtp.so)

die() { echo "plugins: $1" >&2; exit 1; }

# The file that an element comes from in this shell's environment.
file_of() { gst-inspect-1.0 "$1" 2>/dev/null | awk '$1 == "Filename" { $1 = ""; print substr($0, 2); exit }' || true; }

# The device programs are named so that everything is built once with their features, for `make run` as well.
cargo build --quiet --release -p intercom-producer -p intercom-consumer -p gst-plugin-intercom -p gst-plugin-rtp

rm -rf "$dir"
mkdir "$dir"
for file in "${files[@]}"; do
    install -m 755 "$built/$file" "$dir/$file"
    absent=$(ldd "$dir/$file" | awk '/not found/ { print $1 }' | paste -sd ' ')
    [ -z "$absent" ] || die "$file needs $absent: see the Debian packages in gst-plugins/README.md"
done

export GST_PLUGIN_PATH=$dir
for element in "${elements[@]}"; do
    file=$(file_of "${element%:*}")
    [ "$file" = "$dir/${element#*:}" ] \
        || die "${element%:*} comes from ${file:-nowhere}, not from $dir: see \"Two of a kind\" in gst-plugins/README.md"
done
printf 'export GST_PLUGIN_PATH=%q\n' "$dir"
