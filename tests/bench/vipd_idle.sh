#!/bin/bash
# What an idle vipd costs, and how long the first packet after a pause takes: make bench.
#
# The world of the vipd smoke tests: two gateways with three AF_XDP ports each, keepalives every 100 ms.  CPU is the old
# gateway's, of the process' own accounting, over 20 s without traffic; the delay is a ping from the client through
# the carrier to the VIP (vipd answers it) after 2 s of silence, 15 times, and the same ping without vipd in the
# path (to the carrier) to subtract.
. "$(dirname "$0")/../smoke/_init.sh"
. tests/smoke/_vipd.sh
vipd_world

pid=$(pgrep -f "vipd run --config $dir/old.json" | head -n 1)
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
once() { on client ping -c 1 -w 2 "$1" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p'; }
figures() { sort -n | awk '{ v[NR] = $1 } END { printf "min %s, median %s, max %s ms (%d pings)\n", v[1], v[int((NR + 1) / 2)], v[NR], NR }'; }

once 198.51.100.10 >/dev/null
before=$(cpu_ticks)
sleep 20
echo "idle vipd: $(awk "BEGIN { printf \"%.2f\", ($(cpu_ticks) - $before) / $(getconf CLK_TCK) / 20 * 100 }") % of a core"
for _ in $(seq 15); do
    sleep 2
    once 198.51.100.10 >>"$dir/vip"
    once 10.9.0.1 >>"$dir/carrier"
done
echo "first packet after 2 s, client to VIP and back: $(figures <"$dir/vip")"
echo "the same to the carrier, without vipd:          $(figures <"$dir/carrier")"
