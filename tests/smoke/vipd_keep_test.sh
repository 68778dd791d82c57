#!/bin/bash
# A restart of vipd, in order or by SIGKILL, is noticed by nobody who speaks through a twin: its link stays up, the
# prefix's route stays, BIRD's session with `check link` and clients' connections live on.  A vipd that does not come
# back within its second is withdrawn.
#
# Runs alone: the second is the keeper's, whatever else the machine does.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
name_servers 1883
cd "$dir"
cat >old.bird <<'END'
router id 100.64.1.2;
protocol device { scan time 1; }
protocol kernel { learn; ipv4 { import where krt_source = 201; export none; }; }
protocol bgp red {
    local 100.64.1.2 as 64600; neighbor 100.64.1.1 as 64501; interface "red"; check link yes;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 { import none; export all; };
}
END
cat >isp.bird <<'END'
router id 100.64.1.1;
protocol device {}
protocol bgp old {
    local 100.64.1.1 as 64501; neighbor 100.64.1.2 as 64600; passive;
    ipv4 { import all; export none; };
}
END
on old-gw bird -c old.bird -s old.ctl -P old.pid
on isp bird -c isp.bird -s isp.ctl -P isp.pid
cd "$here/../.."
established() { birdc -s "$dir/isp.ctl" show protocols old | found Established; }
announced() { birdc -s "$dir/isp.ctl" show route 198.51.100.0/24 | found 198.51.100.0/24; }
changes() { birdc -s "$dir/isp.ctl" show protocols all old | awk '/Import (updates|withdraws)/ {n += $3} END {print n}'; }
held() { ip -n old-gw route show proto 201 | found 198.51.100.0/24; } # by the kernel
since() { birdc -s "$dir/isp.ctl" show protocols old | awk '$1 == "old" {print $5, $6}'; }
keepers() { pgrep -fc "vipd keep $dir/old.sock" || true; }
no_keeper() { [ "$(keepers)" = 0 ]; }
wait_until 20 established
wait_until 10 announced
wait_until 5 served_by old-s
mkfifo "$dir/lines"
on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/lines" >"$dir/answers" &
exec 8>"$dir/lines"
answers() { [ "$(grep -cx old-s "$dir/answers")" = "$1" ]; }
echo one >&8
wait_until 5 answers 1

ip -n old-gw monitor link route >"$dir/seen" &
began=$(since) told=$(changes) count=1
for signal in TERM KILL; do
    echo "restarted by $signal"
    stop_gateway old $signal
    restart_gateway old
    echo again >&8
    count=$((count + 1))
    wait_until 10 answers $count
    [ "$(since)" = "$began" ] && [ "$(changes)" = "$told" ] && established && announced
    [ "$(keepers)" = 1 ]
done
fails grep -q 'Deleted.*198.51.100.0/24\|red:.*NO-CARRIER' "$dir/seen"

echo "the keeper itself is killed: it is replaced, and nothing is lost by the next restart"
pkill -KILL -f "vipd keep $dir/old.sock"
one_keeper() { [ "$(keepers)" = 1 ]; }
wait_until 5 one_keeper
grep -q 'the keeper was ended' "$dir/old.log"
stop_gateway old KILL
restart_gateway old
[ "$(since)" = "$began" ] && [ "$(changes)" = "$told" ] && announced

echo "a twin that the operator has set down stays so"
ip -n old-gw link set servers down
ip -n old-s link set eth0 down
servers_are() { figure_is old '.ports[] | select(.port == "servers") | .up' "$1"; }
wait_until 2 servers_are false
ip -n old-s link set eth0 up
wait_until 3 servers_are true
fails found UP, <<<"$(ip -n old-gw link show servers)"
ip -n old-gw link set servers up

echo "all processes are told to end, and vipd does not come back"
wait_until 5 held
pkill -TERM -f "vipd keep $dir/old.sock"
stop_gateway old KILL
wait_until 2 fails held
ended_here() { birdc -s "$dir/old.ctl" show protocols red | fails found Established; }
wait_until 4 ended_here # the carrier, to whom nothing gets any more, learns of it by its hold time or BFD
[ "$(ip netns exec old-gw cat /sys/class/net/red/carrier)" = 0 ]
wait_until 2 no_keeper

echo "interrupted: withdrawn while packets flow"
start_gateway old
wait_until 20 announced
stop_gateway old INT
fails held
wait_until 2 no_keeper
