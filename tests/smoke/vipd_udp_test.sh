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
ctl new enable line red
for _ in 1 2 3; do answers old-s; done

echo "their service is emptied: flows are forgotten, so that their next datagrams are placed anew"
fails ctl old weak service nobody --rate 10 2>/dev/null
ctl old weak service meters --rate 0.001 --json | jq -e '.before == null'
wait_until 5 figure_is old '.disabled[0].course' '"done"' # it had nothing to do
ctl old weak service terminals --rate 1 --json | jq -e '.before == null and .disabled.rate == 1'
wait_until 5 figure_is old '.disabled[] | select(.name == "terminals") | .left_udp >= 98 and .end_s >= 98' true
ctl old weak service terminals --rate 2 >"$dir/second"
found "in place of: weak service terminals, running at 1 a second" <"$dir/second"
ctl old mask service terminals --json | fits vipd-disabled # stops it
ctl old mask service terminals --json | jq -e '.before.mode == "mask" and .disabled.course == null'
ctl old weak service terminals --rate 200 --wait --json >"$dir/weak"
fits vipd-disabled <"$dir/weak"
jq -e '.disabled | .reset == 0 and .forgotten >= 95 and .course == "done" and .left == 0' <"$dir/weak"
figure_is old .served.udp 0
fits --lines vipd-resets <"$dir/old.resets"
[ "$(jq -s 'map(select(.protocol == "udp")) | length' <"$dir/old.resets")" -ge 100 ]
[ "$(asked)" = '{"by":{"new-s":100},"moved":100}' ]
