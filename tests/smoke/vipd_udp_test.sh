#!/bin/bash
# Clients that speak UDP keep their server: over a gap of the link that is shorter than a peer is waited for, and, once
# their flows are copied, over a route that moves to the other site.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_talk.sh
. "$here/_talk.sh"
talk_world

echo "the link is away for 0.6 s while all clients are relayed"
wait_until 5 new_clients_of old-s
ctl old share 100
wait_until 5 new_clients_of new-s # the first datagrams find no neighbour yet
gap
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
