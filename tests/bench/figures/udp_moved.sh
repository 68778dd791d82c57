#!/bin/bash
# How many of a hundred UDP clients change server, as JSON: make bench-vipd ARGS=flows.
#
#   udp_moved_gap     the link is away for 0.6 s while all of them are relayed, and they go on asking
#   udp_moved_route   their carrier delivers to the other site, once their flows are copied
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_talk.sh
. tests/smoke/_talk.sh
talk_world >&2
wait_until 5 new_clients_of old-s 2>/dev/null
moved() { asked | jq '{moved: .moved, tried: ([.by[]] | add)}'; }

ctl old share 100 >&2
wait_until 5 new_clients_of new-s 2>/dev/null # the first datagrams find no neighbour yet
gap
udp_moved_gap=$(moved)
ctl old share 0 >&2
new_clients_of old-s
answers old-s
wait_until 5 copied old 100
deliver_to new
ctl new enable line red >&2
udp_moved_route=$(moved)
jq -n --argjson gap "$udp_moved_gap" --argjson route "$udp_moved_route" '{udp_moved_gap: $gap, udp_moved_route: $route}'
