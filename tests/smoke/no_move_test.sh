#!/bin/bash
# An inventory without a move, given to each program: who needs one says so, and what else is missing is named.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
cat >"$dir/inventory.json" <<'END'
{"schema": "rehome/inventory/1", "prefixes": ["198.51.100.0/24"], "carriers": [{"name": "uplink"}],
 "sites": [{"name": "home", "networks": ["10.0.0.0/24"], "gateways": [{"name": "gw"}],
   "lines": [{"carrier": "uplink", "gateway": "gw", "port": "wan", "address": "192.0.2.2/30", "peer": "192.0.2.1"}]}],
 "services": [{"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80}],
 "logins": [{"name": "web", "service": "web", "sessions_per_carrier": 1, "steps": [{"send": ["text:x"]}],
   "heartbeat": {"every_ms": 100, "send": ["text:x"], "expect": ["text:x"]}}]}
END
cat >"$dir/vipd.json" <<END
{"schema": "rehome/vipd/1", "gateway": "gw", "inventory": "inventory.json", "control": "$dir/vipd.sock",
 "ports": [{"name": "wan", "device": "null:"}, {"name": "lan", "device": "null:"}],
 "lines": [{"carrier": "uplink", "enabled": true}],
 "services": [{"name": "web", "vip": "198.51.100.10", "protocol": "tcp", "port": 80, "forward": "nat",
   "servers": [{"name": "s1", "address": "10.0.0.11", "port": 80}]}]}
END
# The inventory with a change (jq's syntax), in a file of its own and in vipd's.
with() { jq "$1" "$dir/inventory.json" >"$dir/other.json"; }
within() { jq --slurpfile i "$dir/other.json" '.inventory = $i[0]' "$dir/vipd.json" >"$dir/one.json"; }
# Exit 2, and the line says so.
refused() { # WHAT IS SAID, COMMAND...
    local code=0
    "${@:2}" >"$dir/out" 2>"$dir/said" </dev/null || code=$?
    if [ $code != 2 ] || ! grep -qF -- "$1" "$dir/said"; then
        echo "exit $code, not 2 with \"$1\": ${*:2}" >&2
        cat "$dir/said" >&2
        return 1
    fi
}

echo "# whoever works on a move wants one"
no_move="$dir/inventory.json: /move: is missing, expected the site that is left and the one that takes over: nothing moves"
for command in plan verify apply; do
    refused "$no_move" lbsync $command --inventory "$dir/inventory.json"
done
refused "$no_move" cutover show playbooks/subnet-move.json --inventory "$dir/inventory.json"
refused "$no_move" cutover run playbooks/subnet-move.json --inventory "$dir/inventory.json" --journal "$dir/journal"
fails test -e "$dir/journal"
refused "$dir/vipd.json: /schema: is \"rehome/vipd/1\", expected \"rehome/inventory/1\"" \
    lbsync plan --inventory "$dir/vipd.json"

echo "# others want what they use of it, and no more"
refused 'has no vantage in the inventory, expected one: from where to log in' \
    cutover login start --inventory "$dir/inventory.json" --login web --dir "$dir/logins"
refused '"gw" is no gateway with a BIRD in the inventory' \
    cutover bird show --inventory "$dir/inventory.json" --gateway gw
refused '--source: is missing, expected an address of this host, as carrier "uplink" has no vantage in the inventory' \
    probe run --inventory "$dir/inventory.json" --carrier uplink --dry-run
ip route add 198.51.100.0/24 dev lo
ip address add 192.0.2.77/32 dev lo
probe run --inventory "$dir/inventory.json" --carrier uplink --source 192.0.2.77 --dry-run | found 198.51.100.10

echo "# vipd: in a file of its own or in vipd's, the same is taken and refused"
vipd check --config "$dir/vipd.json"
with . && within
vipd check --config "$dir/one.json"
while IFS='|' read -r change pointer said; do
    with "$change" && within
    jq '.inventory = "other.json"' "$dir/vipd.json" >"$dir/apart.json"
    refused "$dir/other.json: $pointer: $said" vipd check --config "$dir/apart.json"
    refused "$dir/one.json: /inventory$pointer: $said" vipd check --config "$dir/one.json"
done <<'END'
.sites = []|/sites|is a list of 0 items
.sites[0].gateways += [{name: "gw2"}]|/sites/0/gateways/1/tunnel|is missing, expected this gateway's end
.move = {from: "home", to: "away"}|/move/to|"away" is no site, expected one of home
.move = {from: "home"}|/move/to|is missing
.services[0].servers = [{name: "s", old: {address: "10.0.0.11"}}]|/services/0/servers|is given, expected none where nothing moves
.prefixes = []|/prefixes|is a list of 0 items
.carriers[0].clients = []|/carriers/0/clients|is a list of 0 items
.sites[0].lines[0].peer = "192.0.2.9"|/sites/0/lines/0/peer|192.0.2.9 is outside the line's subnet
END
for inventory in 7 null '[]' '""' true; do
    jq ".inventory = $inventory" "$dir/vipd.json" >"$dir/one.json"
    refused "$dir/one.json: /inventory: is " vipd check --config "$dir/one.json"
done
jq 'del(.inventory)' "$dir/vipd.json" >"$dir/one.json"
refused "$dir/one.json: /inventory: is missing, expected a string of 1 to 4096 characters or an object" \
    vipd check --config "$dir/one.json"
