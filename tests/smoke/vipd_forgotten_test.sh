#!/bin/bash
# A gateway crashes while half of the clients are relayed: who forgot a flow asks the other site for it, and takes it up
# itself where that does not know it either.  No session breaks, whichever of the two it was.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_crowd.sh
. "$here/_crowd.sh"
vipd_world
name_servers 1883
wait_until 5 say >/dev/null
ctl old share 50 --by address-port

crowd 200
served=$(asked)
jq -e '.["old-s"] > 50 and .["new-s"] > 50 and length == 2' <<<"$served"
for gateway in old new; do
    echo "the $gateway site's gateway crashes"
    stop_gateway $gateway KILL
    restart_gateway $gateway
    # At once: what comes before it has heard its peer is dropped, and said again.
    [ "$(asked)" = "$served" ]
done
