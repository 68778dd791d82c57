#!/bin/bash
# 1,000 idle and 1,000 busy connections are paced out: each sees its reset, at the client and at the server.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_vipd.sh
vipd_world
on old-s python3 tests/smoke/peers.py echo 1883 &
wait_until 5 on client python3 tests/smoke/peers.py ask 198.51.100.10 1883
on client python3 tests/smoke/peers.py many 198.51.100.10 1883 1000 >"$dir/fates" &
wait_until 60 grep -q ready "$dir/fates"
ctl old weak site old --here --rate 500 --wait
wait_until 30 grep -q idle "$dir/fates"
grep -Fx '{"idle": {"reset": 1000}, "busy": {"reset": 1000}}' "$dir/fates"
# The first connection, that only asked a line, is not among them.
[ "$(grep -c client "$dir/old.resets")" -ge 2000 ]
server_sockets() { ip netns exec old-s ss -Htn state established | wc -l; }
server_is_empty() { [ "$(server_sockets)" = 0 ]; }
wait_until 10 server_is_empty
