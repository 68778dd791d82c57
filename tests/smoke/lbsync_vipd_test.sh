#!/bin/bash
# lbsync changes what a running vipd serves, reads it back, and puts it back when vipd refuses.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world

lb() { lbsync "$1" --inventory "$dir/inventory.json" "${@:2}"; }
refuses() { # EXIT WORDS COMMAND...: ends so, and says so
    local code=0 said
    said=$("${@:3}" 2>&1) || code=$?
    [ "$code" = "$1" ] || { echo "exit $code, expected $1: $said"; return 1; }
    [[ $said == *"$2"* ]] || { echo "does not say '$2': $said"; return 1; }
}
service() { # WEIGHT FORWARD: what the old gateway's file says
    jq ".services += [{name:\"dns\",vip:\"198.51.100.53\",protocol:\"udp\",port:53,forward:\"$2\",
        servers:[{name:\"s1\",address:\"10.1.0.2\",port:53,weight:$1}]}]" "$dir/first.json" >"$dir/old.json"
}
in_force() { ctl new config --json | jq -c '[.services[] | {name, server: .servers[0].address, weight: .servers[0].weight}]'; }
cp "$dir/old.json" "$dir/first.json"
first='[{"name":"meters","server":"172.20.0.2","weight":1}]'

lb verify
[ "$(in_force)" = "$first" ]

echo "# a service more at the old site: written, in force, and taken back"
service 3 nat
refuses 1 "server s1 172.20.0.2:53 weight 3" lb plan
lb apply --state "$dir/state.json"
[ "$(in_force | jq -c '.[1]')" = '{"name":"dns","server":"172.20.0.2","weight":3}' ]
[ "$(jq -c '.lines' "$dir/new.json")" = '[{"carrier":"red","enabled":false}]' ]
lb verify
lb undo --state "$dir/state.json"
[ "$(in_force)" = "$first" ]

echo "# access rules of the old site: a difference, carried as they stand, in their order, and in force"
jq '.access = {schema: "rehome/vipd-access/1", default: "accept", rules: [
    {action: "accept", service: "meters", clients: ["10.9.0.0/25"]}, {action: "drop", clients: ["10.9.0.0/24"]}]}' \
    "$dir/first.json" >"$dir/old.json"
refuses 1 '10.9.0.0/25' lb plan
lb apply
lb verify
[ "$(ctl new config --json | jq -c '.access.rules | map(.action)')" = '["accept","drop"]' ]
jq '.access.rules |= reverse' "$dir/old.json" >"$dir/turned.json" && cp "$dir/turned.json" "$dir/old.json"
fails lb verify
cp "$dir/first.json" "$dir/old.json"
lb apply
[ "$(ctl new config --json | jq -c .access)" = null ]
lb verify

echo "# a file that is right and not loaded is a difference too"
service 3 nat
lb apply --no-reload
lb verify --no-reload
refuses 1 "not in force" lb verify
lb apply
lb verify

echo "# what vipd refuses is backed out"
cp "$dir/new.json" "$dir/before.json"
jq '.services[0].servers[0].new.address = "169.254.0.9" | .sites[1].networks += ["169.254.0.0/24"]' \
    "$dir/inventory.json" >"$dir/wrong.json"
refuses 1 "no address that a server can have" lbsync apply --inventory "$dir/wrong.json"
cmp "$dir/new.json" "$dir/before.json"
[ "$(in_force | jq -c '.[1].weight')" = 3 ]

echo "# a vipd that does not run"
kill "$(pgrep -f "vipd run --config $dir/new.json" | head -n 1)"
wait_until 5 refuses 3 "start vipd there" lb verify
