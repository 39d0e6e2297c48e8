#!/bin/bash
# Runs the unmodified jtop service of jetson_stats in a namespace that looks like a Jetson, reads it
# with godwit-agent there, and compares with the tree that the service read.
# usage (root, network on the first run): run.sh VERSION BOARD AGENT WORK_FOLDER
# Exit 77: skipped, with the reason.
set -eu
version=$1 board=$2 agent=$(realpath "$3") work=$4
here=$(cd "$(dirname "$0")" && pwd)
peers=$(dirname "$here")
[ "$(id -u)" = 0 ] || { echo "skipped: only root can make the namespace"; exit 77; }
unshare -m true 2>/dev/null || { echo "skipped: no mount namespaces here"; exit 77; }
mkdir -p "$work"
work=$(realpath "$work")
site=$work/jetson-stats-$version
if [ ! -e "$site/.complete" ]; then
  rm -rf "$site"
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-deps --root-user-action ignore \
      --target "$site" "jetson-stats==$version" distro >"$work/pip.log" 2>&1; then
    echo "skipped: cannot install jetson-stats $version (no network?):"
    cat "$work/pip.log"
    exit 77
  fi
  touch "$site/.complete"
fi
# What lies below a folder that enter.sh replaces has to be kept visible.
BIND="$(dirname "$agent") $work $peers" BOARD=$board PYTHONDONTWRITEBYTECODE=1 \
  "$peers/jetson-emulation/enter.sh" python3 "$here/check.py" \
  "$version" "$board" "$agent" "$site" "$peers/jetson-emulation"
