#!/bin/bash
# At every stage of a move each gateway crashes and is started again: its orders are as they were, and new clients are
# served where the stage says.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
name_servers 1883
served_by() { local by; by=$(say) && { [ "$1" = any ] || [ "$by" = "$1" ]; }; }

ordered() { figure "$1" '[.share, (.lines | map([.carrier, .enabled])), .orders.confirmed, .orders.set_aside]'; }
alive() { figure_is old '.peers[0].alive' true && figure_is new '.peers[0].alive' true; }
announced() { [ "$(ip -n "$1-gw" -j route show 198.51.100.0/24 proto 201 | jq length)" = 1 ]; }

# Both sites' parts, one after the other, and both at once.
crash_everywhere() { # SERVER that new clients get, or any
    local old new gateway
    wait_until 5 served_by "$1"
    old=$(ordered old) new=$(ordered new)
    for gateways in old new "old new"; do
        for gateway in $gateways; do stop_gateway "$gateway" KILL; done
        for gateway in $gateways; do restart_gateway "$gateway"; done
        [ "$(ordered old)" = "$old" ]
        [ "$(ordered new)" = "$new" ]
        for gateway in old new; do announced "$gateway"; done
        wait_until 5 alive
        wait_until 5 served_by "$1"
    done
}

echo "before the move"
crash_everywhere old-s
echo "relay"
ctl old share 1 --by address-port
crash_everywhere any
ctl old share 100
crash_everywhere new-s
echo "the carrier delivers to the new site, whose line may not answer yet"
deliver_to new
crash_everywhere new-s
echo "the new line is enabled"
ctl new enable line red
crash_everywhere new-s
echo "the old line is disabled"
ctl old mask line red
crash_everywhere new-s
echo "the clients have logged in again"
ctl old weak site old --here --rate 1000 --wait
crash_everywhere new-s
figure_is old '[.disabled[] | select(.level == "site").course]' '["done"]'
echo "and all the way back"
ctl old enable site old --here
ctl old enable line red
deliver_to old
ctl new mask line red
ctl old share 0
crash_everywhere old-s
