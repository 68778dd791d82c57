#!/bin/bash
# All servers of one service are masked at the new site, which serves the prefix for others: whatever the share, the
# service's new clients are served by the old site, and by the new one again when a server is back.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
# A second service of the same VIP, so that the prefix is served without the first.
export vipd_change='.services += [.services[0] | .name = "others" | .port = 1884 | .servers[0].port = 1884] | .workers = 2'
vipd_world
name_servers 1883
name_servers 1884
mask() { # true|false: the first service's server at the new site
    jq ".services[0].servers[0].masked = $1" "$dir/new.json" >"$dir/changed.json"
    cat "$dir/changed.json" >"$dir/new.json"
    ctl new reload
}
wait_until 5 served_by old-s
ctl old share 100
wait_until 5 served_by new-s
served_by new-s 1884

echo "masked there: 30 of 30 new clients are served here"
mask true
wait_until 2 served_by old-s
for _ in {1..30}; do served_by old-s; done
served_by new-s 1884
[ "$(ctl old stats --json | jq .drops.no_server)" = 0 ]

echo "back again"
mask false
wait_until 2 served_by new-s
