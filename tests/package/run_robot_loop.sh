#!/usr/bin/env bash
# run_robot_loop.sh LOOP SLUICE: the example against `sluice model`, until the loop says that packets
# left and answers were applied, and the model that it received some.
set -euo pipefail
loop=$1 sluice=$2
work=$(mktemp -d)
pids=()
finish() {
  kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT

# wait_for FILE PATTERN: up to a minute.
wait_for() {
  for _ in $(seq 600); do
    grep -qE "$2" "$1" && return
    sleep 0.1
  done
  echo "Nothing like '$2' in:" >&2
  cat "$work"/* >&2
  return 1
}

"$loop" 'tcp://127.0.0.1:*' 'tcp://127.0.0.1:*' >"$work/loop" 2>&1 &
pids+=($!)
wait_for "$work/loop" '^tcp://127\.0\.0\.1:[0-9]+ tcp://127\.0\.0\.1:[0-9]+$'
read -r packets feedback <"$work/loop"
"$sluice" model "$packets" --feedback "$feedback" --layers 1 --width 32 --count 60 \
  >"$work/model" 2>&1 &
pids+=($!)
wait_for "$work/loop" ' [1-9][0-9]* packets sent, [1-9][0-9]* answers applied$'
wait_for "$work/model" '^60 packets,'
cat "$work/loop" "$work/model"
