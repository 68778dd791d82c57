#!/bin/bash
# All servers of one service are masked at the new site, which serves the prefix for others: whatever the share, the
# service's new clients are served by the old site, and by the new one again when a server is back.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
# A second service of the same VIP, so that the prefix is served without the first.
export vipd_change='.services += [.services[0] | .name = "others" | .port = 1884 | .servers[0].port = 1884]'
vipd_world
for port in 1883 1884; do
    for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py names $port "$server" & done
done
served_by() { [ "$(on client python3 tests/smoke/peers.py ask 198.51.100.10 "$1")" = "$2" ]; }
mask() { # true|false: the first service's server at the new site
    jq ".services[0].servers[0].masked = $1" "$dir/new.json" >"$dir/changed.json"
    cat "$dir/changed.json" >"$dir/new.json"
    ctl new reload
}
wait_until 5 served_by 1883 old-s
ctl old share 100
wait_until 5 served_by 1883 new-s
served_by 1884 new-s

echo "masked there: 30 of 30 new clients are served here"
mask true
wait_until 2 served_by 1883 old-s
for _ in {1..30}; do served_by 1883 old-s; done
served_by 1884 new-s
[ "$(ctl old stats --json | jq .drops.no_server)" = 0 ]

echo "back again"
mask false
wait_until 2 served_by 1883 new-s
