#!/bin/bash
# cutover is killed in mid-move: the sessions do not notice, and resume finishes the move.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_move.sh
# shellcheck disable=SC2119 # the lab as it is
move_lab
start_move
wait_until 60 moved_to "carrier red/drain at old-gw"
in_lab pkill -KILL -f "cutover run"
wait "$move" || true
fails grep -q "all .* steps are done" "$out/move.log"

echo "the sessions are up, and stay so"
wait_until 10 logins_are '.up == .wanted' true
logins '.broken' | found -x 0

echo "resume goes on where it was"
in_lab cutover resume --journal "$journal" --yes | tee "$out/resume.log"
grep -q "all .* steps are done" "$out/resume.log"
wait_until 10 logins_are '.up == .wanted' true
on_gateway old status --json | jq -e '[.lines[].enabled] | any | not'
on_gateway new status --json | jq -e '[.lines[].enabled] | all'
[ "$("$lab" spoofed | jq .total)" = 0 ]

echo "every login that was broken stands in vipd's log of paced resets"
in_lab cat /run/rehome/old-gw/resets.jsonl | jq -r .client | sort >"$out/resets"
cat "$journal".d/logins/*/gaps.jsonl | jq -r 'select(.relogin) | .local' | sort >"$out/broken"
[ -s "$out/broken" ]
[ -z "$(comm -13 "$out/resets" "$out/broken")" ]
