#!/bin/bash
# A gate fails in mid-move: everything is put back, and no session breaks.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_move.sh
# shellcheck disable=SC2119 # the lab as it is
move_lab
start_move
wait_until 60 moved_to "carrier green/announce at new-gw"

echo "the green carrier's clients lose 30 % from here on: probe's gate has to notice"
"$lab" wire green loss=30%
code=0
wait "$move" || code=$?
cat "$out/move.log"
[ "$code" = 1 ]
grep -q "backed out wholly" "$out/move.log"
"$lab" wire green loss=0.1%

echo "as it was: the old site announces on every carrier, serves everything, and relays nothing"
for carrier in red green blue; do
    in_lab cutover bird check --inventory /run/rehome/inventory.json --gateway old-gw --carrier "$carrier" --state announced
    in_lab cutover bird check --inventory /run/rehome/inventory.json --gateway new-gw --carrier "$carrier" --state withdrawn
done
on_gateway old status --json | jq -e '.share.percent == 0 and ([.lines[].enabled] | all)'
on_gateway new status --json | jq -e '[.lines[].enabled] | any | not'
fails in_lab lbsync plan --inventory /run/rehome/inventory.json # the policies were taken back, too

echo "no session of the carriers that were not hurt broke"
for carrier in red blue; do
    [ "$(jq -s 'map(select(.relogin)) | length' "$journal.d/logins/$carrier/gaps.jsonl")" = 0 ]
done
[ "$("$lab" spoofed | jq .total)" = 0 ]
