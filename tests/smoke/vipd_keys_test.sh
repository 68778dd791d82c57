#!/bin/bash
# Two gateways with keys: what somebody on the link forges, or sends again, does nothing but count; a key is replaced
# without a lost session; and while one side has no keys yet, nothing breaks if the operator takes what is untagged.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
keys() { # old|new ID... - in that order
    printf '%s\n' "${@:2}" | jq -s '{schema: "rehome/vipd-keys/1",
        keys: map({id: ., secret: ("\(.)" * 64)})}' >"$dir/$1-gw.keys"
    fits vipd-keys <"$dir/$1-gw.keys"
    chmod 600 "$dir/$1-gw.keys"
}
keys old 1
keys new 1
vipd_link=wan_link
vipd_change='.keys = {path: "\(.gateway).keys"}'
vipd_world
name_servers 1883
wait_until 5 say >/dev/null
grep -q 'known by key 1; what they send without a tag is dropped' "$dir/old.log"
signs() { figure_is old '.peers[0].tags.signed_by' "$1" && figure_is new '.peers[0].tags.signed_by' "${2:-$1}"; }
wait_until 5 signs 1
ctl old share 100
wait_until 5 served_by new-s

crowd 50
all_live() { all_at new-s; }
all_live
ctl old status --json | fits vipd-status
ctl old status | found 'signed by key 1'
tags() { figure new ".peers[0].tags.$1"; }
drops() { ctl new stats --json | jq ".drops.$1"; }
alive() { figure_is old '.peers[0].alive' true && figure_is new '.peers[0].alive' true; }

echo "untagged clients' packets, replies and keepalives as from the old gateway"
mac=$(ip -n new-gw -j link show link | jq -r '.[0].address')
before=$(drops untagged) flows=$(figure new .flows)
on wan python3 tests/smoke/on_link.py forge new "$mac" 10.99.0.1 10.99.0.2
[ "$(drops untagged)" -ge $((before + 400)) ]
[ "$(figure new .flows)" = "$flows" ]
all_live

echo "what passes on the link, sent once more"
before=$(tags replayed)
on wan python3 tests/smoke/on_link.py again old new 40
[ "$(tags replayed)" -ge $((before + 5)) ]
[ "$(drops bad_tag)" = "$(tags bad)" ]
alive
all_live

echo "another key, without a lost session"
rekey() { # old|new ID...
    keys "$@"
    ctl "$1" reload
    all_live
    alive
}
rekey old 1 2
rekey new 1 2
rekey new 2 1
rekey old 2 1
signs 2
rekey old 2
rekey new 2
figure_is old '.peers[0].tags.bad' 0

echo "a key file that others can read is refused, and changes nothing"
chmod 644 "$dir/old-gw.keys"
fails ctl old reload 2>"$dir/refused"
grep -q 'has mode 0644, expected one like 0640' "$dir/refused"
fails vipd check --config "$dir/old.json" 2>/dev/null
chmod 600 "$dir/old-gw.keys"
all_live

echo "a gateway that crashes agrees again"
stop_gateway new KILL
restart_gateway new
wait_until 5 alive
wait_until 5 signs 2
all_live
wait_until 5 served_by new-s

echo "the new site without keys: down, unless the old one takes what is untagged"
stop_gateway new TERM
cp "$dir/new.json" "$dir/new.keyed.json"
jq 'del(.keys)' "$dir/new.keyed.json" >"$dir/new.json"
start_gateway new
grep -q 'the link is trusted' "$dir/new.log"
refused() { [ "$(figure old '.peers[0].tags.untagged')" -gt 10 ] && figure_is old '.peers[0].alive' false; }
wait_until 5 refused
jq '.keys.untagged = true' "$dir/old.json" >"$dir/changed" && mv "$dir/changed" "$dir/old.json"
ctl old reload
wait_until 5 alive
figure_is old '.peers[0].tags.signed_by' null
figure_is new '.peers[0].tags' null
wait_until 5 served_by new-s
stop_gateway new TERM
mv "$dir/new.keyed.json" "$dir/new.json"
start_gateway new
wait_until 5 signs 2
wait_until 5 alive
jq '.keys.untagged = false' "$dir/old.json" >"$dir/changed" && mv "$dir/changed" "$dir/old.json"
ctl old reload
alive
wait_until 5 served_by new-s
