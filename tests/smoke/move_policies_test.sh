#!/bin/bash
# subnet-move's policies, without the rest of it: confirmed before anything else begins, put back by the targets
# themselves where the runner is killed or the line to one of them is cut, and what resume and undo then say.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_lbsync.sh
: "${inventory:?}"
lbsync_world
for host in old-s1 new-s1; do on "$host" nft -f - <<NFT; done
table inet filter { chain input { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }
NFT
on old-s1 nft add rule inet filter input tcp dport 81 accept
has() { on "$1" nft list ruleset | found -F "$2"; }
waits() { on "$1" lbsync armed | jq -e '.armed != null and .waits' >/dev/null; }
nobody_waits() { on "$1" lbsync armed | jq -e '.armed == null' >/dev/null; }
old=$(on new-s1 nft list ruleset)
is_old() { [ "$(on new-s1 nft list ruleset)" = "$old" ]; }

# The stage as it stands in the playbook; no vipd runs here, and nobody logs in.
jq 'del(.guards) | .stages |= map(select(.name == "policies"))
    | walk(if type == "array" and .[0] == "lbsync" and (.[1] | IN("apply", "verify")) then . + ["--no-reload"] else . end)
    | .parameters.confirm_s.min = 5' playbooks/subnet-move.json >"$dir/book.json"
# With a pause behind the gate, until $dir/go is there, in which a run can be met unconfirmed.
jq '.stages[0].steps |= (.[:2] + [{name: "pause", repeatable: true,
    do: ["sh", "-c", "until [ -e /run/rehome/go ]; do sleep 0.05; done"]}] + .[2:])' "$dir/book.json" >"$dir/slow.json"
run=(--inventory "$inventory" --journal "$dir/j" --yes)
resume() { cutover resume --journal "$dir/j" --yes; }
undo_all() { cutover undo --journal "$dir/j"; }
step_is() { grep -q "\"$1\".*\"policies/$2\"" "$dir/j" 2>/dev/null; }
# paused CONFIRM_S: a run that has applied, and has not confirmed.
paused() {
    rm -rf "$dir"/{go,j,j.d}
    cutover run "$dir/slow.json" "${run[@]}" --set confirm_s="$1" >"$dir/said" 2>&1 &
    runner=$!
    wait_until 30 step_is begun pause
    waits new-s1
    has new-s1 'dport 81'
}
kill_run() { kill -KILL "$runner" && { wait "$runner" || true; } && touch "$dir/go"; }

echo "# confirmed when the stage is over; undo puts back what was there"
cutover run "$dir/book.json" "${run[@]}"
has new-s1 'dport 81'
nobody_waits new-s1
lb verify
undo_all | found 'backed out wholly'
is_old

echo "# killed before it confirms, and resumed in time: it goes on, and confirms"
paused 300
kill_run
resume | found 'all .* steps are done'
nobody_waits new-s1
lb verify
undo_all | found 'backed out wholly'
is_old

echo "# killed, and nobody comes: the target puts itself back, resume says so and backs out"
paused 5
kill_run
wait_until 20 is_old
wait_until 5 nobody_waits new-s1
code=0
resume >"$dir/said" || code=$?
cat "$dir/said"
[ "$code" = 1 ]
grep -q 'failed policies/confirm: .*netns:new-s1: was put back at 2.*, as nobody had confirmed it' "$dir/said"
grep -q 'backed out wholly' "$dir/said"
is_old

echo "# killed, and undone in time: put back at once, and nothing waits"
paused 300
kill_run
undo_all | found 'backed out wholly'
is_old
nobody_waits new-s1

echo "# the line to a target is cut: it cannot be confirmed, the others are put back, and it puts itself back"
on old-s2 nft -f - <<NFT
table inet other { chain input { type filter hook input priority 0; tcp dport 82 drop; }; }
NFT
ip netns exec new-s1 sleep infinity & # holds the namespace while it has no name
there=$!
paused 12
has new-s2 'dport 82'
ip netns delete new-s1
touch "$dir/go"
code=0
wait "$runner" || code=$?
cat "$dir/said"
[ "$code" = 3 ]
grep -q 'failed policies/confirm: .*new-s1' "$dir/said"
[ -z "$(on new-s2 nft list ruleset)" ]
ip netns attach new-s1 "$there"
wait_until 20 is_old
wait_until 5 nobody_waits new-s1
code=0
resume >"$dir/said" || code=$?
[ "$code" = 1 ]
grep -q 'backed out wholly' "$dir/said"
is_old
