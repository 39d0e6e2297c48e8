#!/bin/sh
# disk.sh AGENT_BENCH SECONDS: what agents of each durability write, each to an ext4 of its own in a loop-mounted
# image, side by side. As root.
set -eu
bench=$1
seconds=$2
folder=$(mktemp -d)
finish() {
  for mode in balanced strict spare-flash; do
    mountpoint -q "$folder/$mode" && umount "$folder/$mode"
  done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM
for mode in balanced strict spare-flash; do
  truncate -s 256M "$folder/$mode.img"
  mkfs.ext4 -q "$folder/$mode.img"
  mkdir "$folder/$mode"
  mount -o loop "$folder/$mode.img" "$folder/$mode"
  device=$(basename "$(findmnt -no SOURCE "$folder/$mode")")
  "$bench" "$seconds" "$mode" "$folder/$mode" "$device" >"$folder/$mode.txt" &
done
wait
for mode in balanced strict spare-flash; do
  echo "$mode:"
  sed 's/^/  /' "$folder/$mode.txt"
done
