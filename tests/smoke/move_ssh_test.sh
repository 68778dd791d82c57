#!/bin/bash
# A move over ssh: real sshd, and hosts that share no file with the operator's but what --set names.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_move.sh
move_lab --hosts ssh
hosts=$(in_lab jq -r '[.. | .host? // empty] | unique[] | sub("ssh:root@"; "")' /run/rehome/inventory.json)
far=(--set far_inventory=/var/lib/rehome/inventory.json --set far_logins=/var/lib/rehome/logins)
preflight() { in_lab cutover preflight playbooks/subnet-move.json --inventory /run/rehome/inventory.json "$@"; }

echo "a file of the operator's is not there, and preflight says so, host by host"
fails in_lab ssh root@red-clients test -e /run/rehome/inventory.json
preflight >"$out/noon" || [ $? = 1 ]
grep -q '^ssh:root@red-clients: the steps name JOURNAL.d/inventory.json, which this host alone has' "$out/noon"
preflight "${far[@]}" >"$out/noon" || [ $? = 1 ]
grep -q '^ssh:root@old-gw: cannot read the inventory: /var/lib/rehome/inventory.json' "$out/noon"

echo "with the inventory on each host all is good"
for host in $hosts; do
    in_lab sh -c "ssh root@$host 'cat >/var/lib/rehome/inventory.json' </run/rehome/inventory.json"
done
preflight "${far[@]}"

echo "the move"
start_move "${far[@]}"
wait "$move" || { cat "$out/move.log"; exit 1; }
grep -q "all .* steps are done" "$out/move.log"
wait_until 10 logins_are '.up == .wanted' true
[ "$("$lab" spoofed | jq .total)" = 0 ]
on_gateway old status --json | jq -e '[.lines[].enabled] | any | not'
on_gateway new status --json | jq -e '[.lines[].enabled] | all'

echo "the agents' state is where it was said, and nowhere here"
in_lab ssh root@red-clients test -s /var/lib/rehome/logins/red/status.json
fails in_lab test -e "$journal.d/logins/red"
in_lab cutover login stop --dir "$journal.d/logins"
code=0
in_lab cutover login status --dir "$journal.d/logins" || code=$?
[ "$code" = 1 ]
