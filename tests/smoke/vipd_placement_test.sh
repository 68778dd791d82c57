#!/bin/bash
# Who is served where, among three sites, with real sessions: a site is emptied and its clients come back, a set is moved
# range by range, a share is raised in steps and lowered, a site is masked and emptied; whoever lives stays where he is, and
# every gateway says the same.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"

# A third site beside the two of the move.
gateway_data=$dir/gateway
mkdir -p "$gateway_data"
cp "$here/../data/gateway/vipd.json" "$gateway_data/"
jq '.sites[1] as $new | .sites += [$new | .name = "east" | .asn = 64800 | .networks = ["172.21.0.0/16"] |
        .gateways[0] |= (.name = "east-gw" | .host = "netns:east-gw" | .tunnel.address = "10.99.0.3" |
            .vipd = {"config": "/run/rehome/east.json", "socket": "/run/rehome/east.sock"}) |
        .lines[0] |= (.gateway = "east-gw" | .address = "100.64.3.2/30" | .peer = "100.64.3.1")]' \
    "$here/../data/gateway/inventory.json" >"$gateway_data/inventory.json"
vipd_link=east_link
east_link() {
    wan_link
    ns east-gw east-s
    veth isp east east-gw red0
    veth east-gw srv0 east-s eth0
    veth east-gw link0 wan east 1600
    ip -n wan link set east master br0
    ip -n isp address add 100.64.3.1/30 dev east
    ip -n east-s address add 172.21.0.2/24 dev eth0
    ip -n east-s route add default via 172.21.0.1
}
vipd_world
vipd_config east 172.21.0.2 false >"$dir/east.json"
start_gateway east
for site in old new; do # a link of three
    address=$(ip -n $site-gw -j address show dev link | jq -r '.[0].addr_info[0].local')
    ip -n $site-gw address del "$address/30" dev link
    ip -n $site-gw address add "$address/29" dev link
done
address_gateway east 100.64.3.2/30 172.21.0.1/24 10.99.0.3/29 100.64.3.1
all_alive() { figure_is "$1" '[.peers[].alive] | all' true; }
for site in old new east; do wait_until 5 all_alive $site; done
name_servers 1883
on east-s python3 tests/smoke/peers.py names 1883 east-s &
for i in {20..219}; do ip -n client address add "10.9.0.$i/24" dev c0; done
wait_until 5 say

same_everywhere() { [ "$(for site in old new east; do figure $site .placement.digest; done | uniq | wc -l)" = 1 ]; }

echo "three sites by weights: every gateway places alike, wherever the carrier delivers"
ctl old weights old=40,new=30,east=30
same_everywhere
crowd 200 10.9.0.20
first=$(asked_of 1)
jq -e '.["old-s"] > 50 and .["new-s"] > 30 and .["east-s"] > 30 and add == 200' <<<"$first"
deliver_to new
ctl new enable line red
crowd 200 10.9.0.20
[ "$(asked_of 2)" = "$first" ]
deliver_to old
[ "$(asked_of 1)" = "$first" ] && [ "$(asked_of 2)" = "$first" ]

echo "one site is emptied: its new clients go to the others, whoever was there stays, and they come back"
ctl new weights old=40,new=30,east=0
crowd 200 10.9.0.20
emptied=$(asked_of 3)
jq -e --argjson first "$first" '.["east-s"] == null and .["old-s"] > $first["old-s"] and .["new-s"] > $first["new-s"]' \
    <<<"$emptied"
[ "$(asked_of 1)" = "$first" ]
ctl east weights old=40,new=30,east=30
crowd 200 10.9.0.20
[ "$(asked_of 4)" = "$first" ]
[ "$(asked_of 3)" = "$emptied" ]
ctl old weights none

echo "a set is moved range by range, the longest prefix first, and back"
ctl old set 10.9.0.64/26 new
ctl old set 10.9.0.128/26 east
ctl old set 10.9.0.68/32 east
same_everywhere
crowd 100 10.9.0.64 # .64 to .163: 63 and one in the first range, 36 in the second
[ "$(asked_of 5)" = '{"east-s":37,"new-s":63}' ]
ctl old why "tcp 10.9.0.68:40000 > 198.51.100.10:1883 syn" | found "by the set of all services, 10.9.0.68/32: site east"
ctl old set 10.9.0.64/26 none
crowd 100 10.9.0.64
[ "$(asked_of 6)" = '{"east-s":37,"old-s":63}' ]
[ "$(asked_of 5)" = '{"east-s":37,"new-s":63}' ]

echo "a list, for one service"
printf '10.9.0.200\n10.9.0.201 # the chief\n' >"$dir/staff"
ctl old list staff --file "$dir/staff"
ctl old set staff new --service meters
crowd 4 10.9.0.199
[ "$(asked_of 7)" = '{"new-s":2,"old-s":2}' ]
ctl old why "tcp 10.9.0.200:40000 > 198.51.100.10:1883 syn" |
    found "by the set of its service, 10.9.0.200/32 of staff: site new"

echo "a share is raised in steps and lowered: the larger contains the smaller"
ctl old set staff none --service meters
: >"$dir/empty"
ctl old set --file "$dir/empty"
for percent in 10 50 100 50 10; do
    ctl old weights old=$((100 - percent)),new=$percent
    crowd 100 10.9.0.20
    count=$(asked_of $crowds | jq '.["new-s"] // 0')
    case $percent in
    100) [ "$count" = 100 ] ;;
    *) [ "$percent" = 10 ] && tens="${tens:-} $count" || fifties="${fifties:-} $count" ;;
    esac
done
# shellcheck disable=SC2086  # two numbers each
[ "$(printf '%s\n' $tens | sort -u | wc -l)" = 1 ] && [ "$(printf '%s\n' $fifties | sort -u | wc -l)" = 1 ]

echo "mistakes are told at once, and nothing is changed"
before=$(figure old .placement)
refused() { # WHAT CMD...: with that, by the exit code 2
    local code=0
    ctl old "${@:2}" >"$dir/out" 2>&1 || code=$?
    [ "$code" = 2 ] || { echo "exit $code: ${*:2}" >&2; cat "$dir/out" >&2; return 1; }
    found "$1" <"$dir/out"
    [ "$(figure old .placement)" = "$before" ]
}
refused 'from 0 to 100' weights new=110
refused 'weights of 0 alone' weights new=0,old=0
refused 'no site is called "west"' weights west=10,old=90
refused 'no service is called "game"' weights new=10 --service game
refused 'multiple of 0.01' weights new=0.001
refused 'given twice' weights new=10,new=20
printf '10.0.0.0/8 new\n10.0.0.0/8 old\n10.1.2.3/8 new\n192.0.2.0/24 west\n' >"$dir/wrong"
refused 'given twice' set --file "$dir/wrong"
found west <"$dir/out"
found '10.1.2.3/8' <"$dir/out"
[ "$(wc -l <"$dir/out")" -ge 3 ] # a line each
printf '10.0.0.0/8 n\374w\n' >"$dir/wrong"
refused 'is no UTF-8' set --file "$dir/wrong"
code=0
ctl old list nobody --none 2>"$dir/out" || code=$?
[ $code = 1 ] && found 'no list is called "nobody"' <"$dir/out"
code=0
ctl old weights none --service nobody 2>"$dir/out" || code=$?
[ $code = 1 ] && found '"nobody" has no weights' <"$dir/out"
[ "$(figure old .placement)" = "$before" ]
echo '{"command":"placement-prepare","rules":{"schema":"rehome/vipd-placement/2"}}' >"$dir/other"
fails ctl old tell <"$dir/other" 2>"$dir/out"
found schema <"$dir/out"
echo garbage >"$dir/other"
fails ctl old tell <"$dir/other" 2>"$dir/out"

echo "somebody is not reached: he is named, and nothing is changed anywhere"
stop_gateway east KILL
nobody_listens() { { ctl east status 2>&1 || true; } | found 'no vipd listens'; }
wait_until 5 nobody_listens
code=0
ctl old weights new=1,old=99 2>"$dir/out" || code=$?
[ "$code" = 3 ]
found "east-gw: .*no vipd listens" <"$dir/out"
[ "$(figure old .placement)" = "$before" ]
[ "$(figure new .placement.digest)" = "$(figure old .placement.digest)" ]

echo "told here alone: status names who differs, until the order is given again; it outlives a crash"
restart_gateway east
for site in old new east; do wait_until 5 all_alive $site; done
figure_is east .placement.digest "$(figure old .placement.digest)"
ctl old weights new=1,old=99 --here
wait_until 5 figure_is old '[.peers[].same_placement] | unique' '[false]'
ctl old status | found 'new-gw .*OTHER PLACEMENT'
ctl old weights new=1,old=99
same_everywhere
wait_until 5 figure_is old '[.peers[].same_placement] | unique' '[true]'

echo "a site is masked, said once at another: nobody new gets there, wherever he comes in; who is there stays; they come back"
come_in_at() {
    case $1 in east) ip -n isp route replace 198.51.100.0/24 via 100.64.3.2 ;; *) deliver_to "$1" ;; esac
    ctl "$1" enable line red >/dev/null
}
orders_are() { # ORDERS: at every gateway
    for site in old new east; do figure_is $site '.disabled | map([.name, .mode])' "$1" || return; done
}
alike() {
    for site in old new east; do figure_is $site '[.peers[].same_sites] | unique' '[true]' || return; done
}
nobody_new_at_east() { # wherever they come in
    for site in new east old; do
        come_in_at $site
        crowd 60 10.9.0.20
        asked_of $crowds | jq -e '.["east-s"] == null and add == 60 and .["old-s"] > 10 and .["new-s"] > 10'
    done
}
ctl old weights old=40,new=30,east=30
crowd 200 10.9.0.20
there=$crowds
[ "$(asked_of $there)" = "$first" ]
ctl new mask site east | found 'in force at new-gw, old-gw, east-gw'
orders_are '[["east","mask"]]'
wait_until 5 alike
nobody_new_at_east
[ "$(asked_of $there)" = "$first" ]
ctl old enable site east
orders_are '[]'
for site in new east old; do
    come_in_at $site
    crowd 200 10.9.0.20
    [ "$(asked_of $crowds)" = "$first" ]
done

echo "it is emptied: each gateway ends what it has, at its own pace, and all of them are waited for"
ctl new weak site east --rate 1 --wait >"$dir/out" 2>&1 &
waits=$!
wait_until 5 figure_is east '.disabled[0].mode' '"weak"'
ctl old mask site east # another order takes its place
code=0
wait "$waits" || code=$?
[ "$code" = 1 ]
found 'east-gw: another order has taken its place' <"$dir/out"
ctl new weak site east --rate 20 --wait --json >"$dir/weak"
for site in old new east; do figure_is $site '.disabled | map([.name, .course, .left])' '[["east","done",0]]'; done
jq -e '.disabled.course == "done" and (.elsewhere | map([.gateway, .disabled.course])) ==
    [["old-gw", "done"], ["east-gw", "done"]]' "$dir/weak"
asked_of $there | jq -e --argjson first "$first" \
    '. == {"new-s": $first["new-s"], "old-s": $first["old-s"], "reset": $first["east-s"]}'
nobody_new_at_east
ctl east enable site east
orders_are '[]'
wait_until 5 alike

echo "what one gateway refuses, nobody does: an unknown site, the last one, two at once, garbage"
ctl old mask site old
ctl old mask site new
masked='[["new","mask"],["old","mask"]]'
not_told() { # EXIT TEXT CMD...
    local code=0
    ctl old "${@:3}" >"$dir/out" 2>&1 || code=$?
    [ "$code" = "$1" ] || { echo "exit $code: ${*:3}" >&2; cat "$dir/out" >&2; return 1; }
    found "$2" <"$dir/out"
    found 'nothing is changed anywhere' <"$dir/out"
    orders_are "$masked"
}
not_told 2 'new-gw: no site is called "west"' mask site west
not_told 1 'east-gw: nobody else takes new flows of meters' mask site east
not_told 1 'old-gw: nobody else takes new flows of meters' strong site east
tell() { # JSON: what the new gateway says to it
    jq -c . <<<"$1" | ctl new tell 2>&1 || true
}
held=$(tell '{"command": "sites-prepare", "order": {"command": "enable", "level": "site", "name": "old"}}' | jq -r .digest)
not_told 1 'new-gw: uid 0 gives such an order too' enable site new
tell '{"command": "sites-drop", "digest": "'"$held"'"}' | found digest
tell '{"command": "sites-commit", "digest": "'"$held"'"}' | found 'not held ready'
tell '{"command": "sites-prepare", "base": "0000000000000000",
    "order": {"command": "enable", "level": "site", "name": "old"}}' | found 'changed meanwhile'
tell '{"command": "sites-prepare", "order": {"command": "reload", "level": "site"}}' | found 'order/command: is "reload"'
tell '{"command": "sites-prepare", "order": {"command": "weak", "level": "site", "name": "old", "rate": 0}}' |
    found 'order: /rate: is 0'
tell '{"command": "sites-prepare", "order": []}' | found '/order: is '
orders_are "$masked"
ctl old enable site old
ctl new enable site new
orders_are '[]'

echo "somebody is not reached: he is named, and no site is masked anywhere"
stop_gateway east KILL
wait_until 5 nobody_listens
code=0
ctl old mask site east 2>"$dir/out" || code=$?
[ "$code" = 3 ]
found 'east-gw: .*no vipd listens' <"$dir/out"
found 'nothing is changed anywhere' <"$dir/out"
found 'expected --without east-gw to tell the others' <"$dir/out"
for site in old new; do figure_is $site .disabled '[]'; done
crowd 60 10.9.0.20
asked_of $crowds | jq -e '.["east-s"] == null' # it is dead

echo "without it: all others are told, or none of them; it has what it had when it is back, and is named until it is told"
not_without() { # EXIT TEXT CMD...
    local code=0
    ctl old "${@:3}" >"$dir/out" 2>&1 || code=$?
    [ "$code" = "$1" ] || { echo "exit $code: ${*:3}" >&2; cat "$dir/out" >&2; return 1; }
    found "$2" <"$dir/out"
    for site in old new; do figure_is $site .disabled '[]'; done
}
not_without 2 '"west-gw" is no other gateway' mask site new --without west-gw
not_without 2 '"old-gw" is no other gateway' mask site new --without old-gw
not_without 2 '"east-gw" is given twice' weights none --without east-gw --without east-gw
not_without 2 'expected --here or --without' weights none --here --without east-gw
not_without 2 'of a site alone' mask service meters --without east-gw
not_without 3 'east-gw: .*no vipd listens.*expected --without east-gw' mask site new --without new-gw
ctl old mask site new --without east-gw >"$dir/out"
found 'in force at old-gw, new-gw$' <"$dir/out"
found '^NOT AT east-gw: once back' <"$dir/out"
for site in old new; do figure_is $site '.disabled | map([.name, .mode])' '[["new","mask"]]'; done
nobody_new_at_new() { # where they come in
    for site; do
        come_in_at "$site"
        crowd 60 10.9.0.20
        asked_of $crowds | jq -e '.["new-s"] == null and add == 60'
    done
}
nobody_new_at_new new old
ctl new weights old=50,new=20,east=30 --without east-gw --json >"$dir/placed"
jq -e '.told == ["new-gw", "old-gw"] and .left_out == ["east-gw"]' "$dir/placed"
fits vipd-placed <"$dir/placed"
restart_gateway east
for site in old new east; do wait_until 5 all_alive $site; done
wait_until 5 figure_is old '.peers | map([.gateway, .same_sites, .same_placement])' \
    '[["new-gw",true,true],["east-gw",false,false]]'
ctl new status | found 'east-gw .*OTHER PLACEMENT.*OTHER SITES DISABLED'
figure_is east '[.peers[] | .same_sites or .same_placement]' '[false,false]'
mends() { ctl old explain 10.9.0.20 --json | jq -r '.vips[0].causes[].mend' || true; }
mends >"$dir/mends"
[ "$(sort -u "$dir/mends")" = 'vipctl enable site old; vipctl mask site new; vipctl enable site east
vipctl weights east=30,new=20,old=50' ]
while read -r commands; do sh -c "set -e; ${commands//;/ --socket $dir/old.sock;} --socket $dir/old.sock"; done <"$dir/mends"
wait_until 5 alike
same_everywhere
nobody_new_at_new new old east
ctl old weights old=40,new=30,east=30
ctl old enable site new --json >"$dir/enabled"
fits vipd-disabled <"$dir/enabled"
wait_until 5 alike
orders_are '[]'
come_in_at old

echo "told here alone, and it outlives a crash"
ctl old mask site east --here
wait_until 5 figure_is old '.peers | map([.gateway, .same_sites])' '[["new-gw",false],["east-gw",false]]'
wait_until 5 figure_is new '.peers | map([.gateway, .same_sites])' '[["old-gw",false],["east-gw",true]]'
ctl new status >"$dir/out"
found 'old-gw .*OTHER SITES DISABLED' <"$dir/out"
fails found 'east-gw .*OTHER SITES DISABLED' <"$dir/out"
crowd 60 10.9.0.20
asked_of $crowds | jq -e '.["east-s"] == null and add == 60'
come_in_at new
crowd 60 10.9.0.20
asked_of $crowds | jq -e '.["east-s"] > 5 and add == 60'
ctl new explain 10.9.0.20 --json >"$dir/explained" || [ $? = 4 ]
jq -e '.vips[0].causes | map(select(.cause == "other_sites")) == [{"cause": "other_sites", "serves": true,
    "text": "gateway old-gw has other orders about sites; the order gives it those of this one",
    "mend": "vipctl enable site new; vipctl enable site old; vipctl enable site east"}]' "$dir/explained"
ctl old explain 10.9.0.20 --json >"$dir/explained" || [ $? = 4 ]
mend=$(jq -r '[.vips[0].causes[] | select(.cause == "other_sites").mend][0]' "$dir/explained")
[ "$mend" = 'vipctl enable site old; vipctl enable site new; vipctl mask site east' ]
stop_gateway old KILL
restart_gateway old
for site in old new east; do wait_until 5 all_alive $site; done
wait_until 5 figure_is old '[.peers[].same_sites] | unique' '[false]'
sh -c "set -e; ${mend//;/ --socket $dir/old.sock;} --socket $dir/old.sock"
orders_are '[["east","mask"]]'
wait_until 5 alike
nobody_new_at_east
ctl old enable site east --json >"$dir/enabled"
fits vipd-disabled <"$dir/enabled"
orders_are '[]'

echo "a gateway that is lost while it is waited for is named, and the others are followed to their end"
come_in_at old
crowd 60 10.9.0.20
ctl new weak site east --rate 2 --wait >"$dir/out" 2>&1 &
waits=$!
wait_until 5 figure_is east '.disabled[0].mode' '"weak"'
stop_gateway east KILL
code=0
wait "$waits" || code=$?
[ "$code" = 3 ]
found 'east-gw: cannot tell, for 30 s: .*no vipd listens' <"$dir/out"
found 'its flows have ended at new-gw, old-gw' <"$dir/out"
for site in old new; do figure_is $site '.disabled | map([.name, .course])' '[["east","done"]]'; done
restart_gateway east
for site in old new east; do wait_until 5 all_alive $site; done
ctl old enable site east
orders_are '[]'

echo "a reload takes a service away: what names it still is told, until it is there again"
ctl old weights old=50,new=50 --service meters
ctl old limit service:meters 5000
name_service() { # NAME WHAT_IS_NOT_HERE
    jq --arg name "$1" '.services[0].name = $name' "$dir/old.json" >"$dir/more.json"
    mv "$dir/more.json" "$dir/old.json"
    ctl old reload
    figure_is old '[.placement, .access] | map(.not_here)' "$2"
}
name_service others '[["service meters"],["service meters"]]'
[ "$(ctl old status | grep -c 'NOT HERE: service meters')" = 2 ]
ctl old access | found 'NOT HERE: service meters'
ctl old limit clients 100000 # other orders are taken meanwhile, and what is new must be there
ctl old weights old=60,new=40
code=0
ctl old limit service:gone 5 2>"$dir/out" || code=$?
[ "$code" = 2 ] && found 'no service is called "gone"' <"$dir/out"
name_service meters '[[],[]]'
ctl old limit clients none
ctl old limit service:meters none
ctl old weights none --service meters

for site in old new east; do fits vipd-orders <"/var/lib/rehome/$site.orders.json"; done
ctl old weights --json >"$dir/placed"
fits vipd-placed <"$dir/placed"
jq .rules "$dir/placed" | fits vipd-placement
ctl old status --json | fits vipd-status
