#!/bin/bash
# cutover bird, on a gateway's BIRD and a carrier's: what the carrier really gets is looked at there.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
mkdir old-gw carrier
ns old-gw carrier
veth old-gw red carrier l0
ip -n old-gw address add 100.64.1.2/30 dev red
ip -n carrier address add 100.64.1.1/30 dev l0

# The inventory names the sockets and the include file below /run/rehome/old-gw.
cp "$here/../lab/inventory.json" .
cat >old-gw/bird.conf <<'END'
router id 100.64.1.2;
include "/run/rehome/old-gw/announce.conf";
protocol device {}
protocol static { ipv4; route 198.51.100.0/24 blackhole; route 203.0.113.0/24 blackhole; }
filter to_red {
    if state_red = 0 then reject;
    if state_red = 1 then { bgp_community.add((65535, 0)); bgp_path.prepend(64600); }
    accept;
}
protocol bgp red {
    local 100.64.1.2 as 64600; neighbor 100.64.1.1 as 64501;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 { import none; export filter to_red; export table on; };
}
# One that never comes up.
protocol bgp green {
    local 100.64.1.2 as 64600; neighbor 100.64.1.1 port 1 as 64502;
    ipv4 { import none; export none; };
}
END
cat >carrier/bird.conf <<'END'
router id 100.64.1.1;
protocol device {}
protocol bgp old {
    local 100.64.1.1 as 64501; neighbor 100.64.1.2 as 64600;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 { import all; export none; };
}
END
announce=old-gw/announce.conf
printf 'define state_%s = 0;\n' blue green red >$announce
for host in old-gw carrier; do
    on $host bird -c "$dir/$host/bird.conf" -s "$dir/$host/bird.ctl" -P "$dir/$host/bird.pid"
done

gateway=(--inventory inventory.json --gateway old-gw)
tell() { cutover bird announce "${gateway[@]}" --carrier "$1" --state "$2" "${@:3}"; }
asked() { cutover bird check "${gateway[@]}" --carrier red --state "$1"; }
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }
gets() { birdc -s carrier/bird.ctl show route all "$1" >carrier/route || true; grep -q "$2" carrier/route; }

# Not before the session is up; then announced, drained, withdrawn, and each again.
up() { cutover bird show "${gateway[@]}" --carrier red | found Established; }
wait_until 10 up
asked withdrawn
code 1 asked announced
tell red announced
wait_until 2 gets 198.51.100.0/24 'BGP.as_path: 64600$'
wait_until 2 gets 203.0.113.0/24 'BGP.as_path: 64600$'
asked announced
tell red announced

tell red drained --json >told
fits bird <told
grep -q '"exported": "graceful_shutdown"' told
cutover bird show "${gateway[@]}" --carrier red --carrier green --json | fits bird
cutover bird check "${gateway[@]}" --carrier red --state drained --json | fits bird
wait_until 2 gets 203.0.113.0/24 'BGP.as_path: 64600 64600'
grep -q 'BGP.community: (65535,0)' carrier/route
asked drained
code 1 asked announced

tell red withdrawn
wait_until 2 gets 198.51.100.0/24 "Network not found"
asked withdrawn

# A session that is down: nothing is changed, and said where. Withdrawing is possible all the same.
cp $announce before
code 3 tell green announced 2>&1 | found 'old-gw: the session green is not established but'
cmp before $announce
tell green withdrawn

# The filter does not do what the state asks: all is put back, in the file and in BIRD.
sed -i 's/if state_red = 0 then reject;/reject;/' old-gw/bird.conf
code 3 tell red announced --timeout-s 1 2>&1 |
    grep -q 'not as asked within 1 s: 198.51.100.0/24 to red is absent, expected plain; put back'
cmp before $announce
asked withdrawn

# BIRD refuses the configuration: the include file is put back, and the old one goes on.
echo 'nonsense' >>old-gw/bird.conf
code 3 tell red announced 2>&1 | found 'BIRD refused: 8002'
cmp before $announce
sed -i '/nonsense/d; s/^    reject;/    if state_red = 0 then reject;/' old-gw/bird.conf

# Somebody's unconfirmed change is waited for, as any configure would make it permanent.
birdc -s old-gw/bird.ctl 'configure timeout 2' >/dev/null
code 1 asked withdrawn 2>&1 | found 'waits to be confirmed'
code 3 tell red announced --timeout-s 0.5 2>&1 | found 'another configuration waits to be confirmed'
tell red announced
wait_until 2 gets 198.51.100.0/24 'BGP.as_path: 64600$'

# Wrong input, and no BIRD.
code 2 tell purple announced
code 2 tell red gone
echo 'define state_red = 7;' >$announce
code 2 tell red drained 2>&1 | found "announce.conf: line 1:"
cp before $announce
kill "$(cat old-gw/bird.pid)"
wait_until 5 test ! -e old-gw/bird.pid
code 3 tell red withdrawn 2>&1 | found 'old-gw/bird.ctl: cannot reach BIRD'
code 3 asked withdrawn
