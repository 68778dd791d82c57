#!/bin/bash
# vipd init writes what vipd check takes; what differs from the inventory is told, all of it at once, with its place.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

inventory=tests/lab/inventory.json
code_of() { # CODE COMMAND...: what it says is in $dir/said
    local code=0
    "${@:2}" >"$dir/out" 2>"$dir/said" || code=$?
    [ $code = "$1" ] || { echo "exit $code, not $1: ${*:2}" >&2 && cat "$dir/said" >&2 && return 1; }
}

echo "# both gateways of the lab: what init writes is what stands in the lab's files, but for what the inventory cannot know"
cp $inventory "$dir/inventory.json"
for site in old new; do
    mkdir "$dir/$site"
    [ $site = old ] && carried=() || carried=(--without-services)
    vipd init --gateway $site-gw --inventory "$dir/inventory.json" --out "$dir/$site/vipd.json" \
        --port green=af_packet:green0 --port servers=af_xdp:srv0 "${carried[@]}"
    for file in "$dir/$site/vipd.json" tests/lab/$site-gw.vipd.json; do
        jq -S 'del(.reset_log, .memory, .inventory) | .ports |= sort_by(.name)' "$file"
    done >"$dir/both"
    jq -se '.[0] == .[1]' "$dir/both" >/dev/null
done
[ "$(jq -r .inventory "$dir/old/vipd.json")" = "$dir/inventory.json" ]
vipd check --config "$dir/old/vipd.json"
(cd "$dir" && vipd init --gateway old-gw --inventory inventory.json --out old/relative.json)
[ "$(jq -r .inventory "$dir/old/relative.json")" = ../inventory.json ]
vipd check --config "$dir/old/relative.json" --gateway old-gw

echo "# a file that is there stays, unless somebody says otherwise; what is wrong writes nothing"
before=$(sha256sum <"$dir/old/vipd.json")
code_of 2 vipd init --gateway old-gw --inventory $inventory --out "$dir/old/vipd.json"
found 'is there already, expected another --out, or --replace' <"$dir/said"
[ "$(sha256sum <"$dir/old/vipd.json")" = "$before" ]
code_of 2 vipd init --gateway old-gx --inventory $inventory --out "$dir/none.json"
found 'no gateway "old-gx" in the inventory, expected one of old-gw, new-gw' <"$dir/said"
code_of 2 vipd init --gateway old-gw --inventory $inventory --out "$dir/none.json" --port red=eth0
fails test -e "$dir/none.json"
vipd init --gateway old-gw --inventory $inventory --out "$dir/old/vipd.json" --replace
[ "$(sha256sum <"$dir/old/vipd.json")" != "$before" ]

echo "# the new gateway lacks what lbsync has not carried yet"
code_of 2 vipd check --config "$dir/new/vipd.json"
[ "$(grep -c '/services: .* is missing, expected it as in the inventory: lbsync apply carries it' "$dir/said")" = 3 ]

echo "# a wrong port, a server at 8.8.8.8, a service less and a line less: all at once"
jq '.services[0].servers[0].address = "8.8.8.8" | .services[1].port = 14001 | del(.services[2], .lines[0]) |
    .inventory = "'"$PWD/$inventory"'"' "$dir/old/vipd.json" >"$dir/wrong.json"
code_of 2 vipd check --config "$dir/wrong.json"
while IFS='|' read -r place said; do
    found -F "$dir/wrong.json: $place: $said" <"$dir/said"
done <<'WRONG'
/services/0/servers/0/address|8.8.8.8 is outside site old, expected one in 10.1.0.0/16
/services/1/port|is 14001, expected 14000 as in the inventory
/services|"reflect" (udp 198.51.100.10:862) is missing, expected it as in the inventory
/lines|the line to red is missing, expected it with "enabled" true or false
WRONG
[ "$(wc -l <"$dir/said")" = 4 ]

echo "# another inventory than the file's, another gateway, and one that is not there"
jq '.services[0].server_port = 1884' $inventory >"$dir/other.json"
jq --arg inventory "$PWD/$inventory" '.inventory = $inventory' "$dir/old/vipd.json" >"$dir/right.json"
vipd check --config "$dir/right.json"
code_of 2 vipd check --config "$dir/right.json" --inventory "$dir/other.json"
[ "$(grep -c 'port: is 1883, expected 1884 as in the inventory' "$dir/said")" = 2 ]
code_of 2 vipd check --config "$dir/right.json" --gateway new-gw
found '/gateway: is "old-gw", expected "new-gw"' <"$dir/said"
code_of 2 vipd check --config "$dir/right.json" --inventory "$dir/nowhere.json"
