#!/bin/bash
# Clients that speak UDP keep their server: over a gap of the link that is shorter than a peer is waited for, and, once
# their flows are copied, over a route that moves to the other site.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_link=wan_link
# shellcheck disable=SC2034 # read by _vipd.sh
vipd_change='.services += [{name: "terminals", vip: "198.51.100.10", protocol: "udp", port: 5683, forward: "nat",
    servers: [{name: "s1", address: .services[0].servers[0].address, port: 5683}]}] | .workers = 2'
vipd_world
for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py says 5683 "$server" & done

crowds=0
new_clients() { # a hundred, who do what is written to 6
    ((++crowds))
    mkfifo "$dir/talk$crowds"
    on client python3 tests/smoke/peers.py talk 198.51.100.10 5683 100 <"$dir/talk$crowds" >"$dir/said" &
    exec 6>"$dir/talk$crowds"
    wait_until 10 grep -q ready "$dir/said"
}
answered() { [ "$(grep -c '^{' "$dir/said")" -gt "$1" ]; }
asked() {
    local before
    before=$(grep -c '^{' "$dir/said" || true)
    echo ask >&6
    wait_until 20 answered "$before"
    tail -n 1 "$dir/said" | jq -c .
}
answers() { # SERVER: all of them are its, and were before
    local said
    said=$(asked)
    [ "$said" = "{\"by\":{\"$1\":100},\"moved\":0}" ] || { echo "$said" >&2; return 1; }
}
new_clients_of() { new_clients && answers "$1"; }
both_alive() { figure_is old '.peers[0].alive' true && figure_is new '.peers[0].alive' true; }
copied() { # old|new N: so many copies were sent, and none is due
    [ "$(ctl "$1" stats --json | jq ".copies | .sent >= $2 and .waiting == 0")" = true ]
}

echo "the link is away for 0.6 s while all clients are relayed"
wait_until 5 new_clients_of old-s
ctl old share 100
wait_until 5 new_clients_of new-s # the first datagrams find no neighbour yet
cut_link
for _ in 1 2 3 4 5 6; do
    echo send >&6
    sleep .1 # of the gap
done
mend_link
wait_until 5 both_alive
answers new-s

echo "the carrier delivers to the new site"
ctl old share 0
new_clients_of old-s
answers old-s
wait_until 5 copied old 100
deliver_to new
ctl new line red enable
for _ in 1 2 3; do answers old-s; done

echo "a re-login of their service forgets the flows, so that their next datagrams are placed where they come in"
fails ctl old relogin --rate 10 --service nobody 2>/dev/null
ctl old relogin --rate 0.001 --service meters --json | jq -e '.replaced == null and .remaining == 0'
figure_is old .relogin.running false # it had nothing to do
ctl old relogin --rate 1 --service terminals --json | jq -e '.replaced == null and .remaining_udp >= 100'
ctl old relogin --rate 2 >"$dir/second"
found "in place of the one of terminals at 1 a second" <"$dir/second"
ctl old relogin --stop --json | fits vipd-relogin
ctl old relogin --stop --json | jq -e '.replaced == null and .running == false'
ctl old relogin --rate 200 --service terminals --wait --json >"$dir/relogin"
fits vipd-relogin <"$dir/relogin"
jq -e '.running == false and .reset == 0 and .forgotten >= 100 and .order.course == "done"' <"$dir/relogin"
figure_is old .served.udp 0
fits --lines vipd-resets <"$dir/old.resets"
[ "$(jq -s 'map(select(.protocol == "udp")) | length' <"$dir/old.resets")" -ge 100 ]
[ "$(asked)" = '{"by":{"new-s":100},"moved":100}' ]
