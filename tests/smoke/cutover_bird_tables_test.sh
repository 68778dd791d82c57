#!/bin/bash
# What looks announced or withdrawn and is not: halves of a prefix, communities that hold it back, the
# other family, and routes that a carrier keeps over a graceful restart.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_bird.sh
. "$here/_bird.sh"

ask() { birdc -s "$1/bird.ctl" "${@:2}" >/dev/null; }
filter() { sed -i "s/^filter to_red {.*/filter to_red { $1/" old-gw/bird.conf && ask old-gw configure; }
wait_until 10 up

# Two halves go out while the prefix itself does not.
sed -i 's/^protocol static {/& route 198.51.100.0\/25 blackhole; route 198.51.100.128\/25 blackhole;/; s/static { route\(.*\) ipv4;/static { ipv4; route\1/' old-gw/bird.conf
filter 'if net ~ [ 198.51.100.0\/24{25,25} ] then accept;'
code 1 asked withdrawn 2>&1 | found '198.51.100.0/25 to red, inside of 198.51.100.0/24, is plain, expected absent'
code 3 tell red withdrawn --timeout-s 0.5 2>&1 | found 'inside of 198.51.100.0/24, is plain'
cutover bird show "${gateway[@]}" --carrier red --json | fits bird
sed -i 's/ route 198.51.100.[0-9]*\/25 blackhole;//g' old-gw/bird.conf

# Held back from others, and thrown away.
for community in '65281 no_export' '65282 no_export' '65283 no_export' '666 blackhole'; do
    filter "if state_red = 2 then bgp_community.add((65535, ${community% *}));"
    code 3 tell red announced --timeout-s 0.5 2>&1 | found "to red is ${community#* }, expected plain; put back"
    asked withdrawn >/dev/null
done
filter ''

# A prefix of the other family, without a session for it, and then with one of its own.
sed -i 's|"198.51.100.0/24", |&"2001:db8:5::/48", |' inventory.json
asked withdrawn >/dev/null
code 3 tell red announced 2>&1 | found 'no session of red has IPv6, which 2001:db8:5::/48 needs; nothing was changed'
ip -n old-gw address add 2001:db8:ff::2/64 dev red nodad
ip -n carrier address add 2001:db8:ff::1/64 dev l0 nodad
cat >>old-gw/bird.conf <<'MORE'
protocol static { ipv6; route 2001:db8:5::/48 blackhole; }
protocol bgp red6 {
    local 2001:db8:ff::2 as 64600; neighbor 2001:db8:ff::1 as 64501;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv6 { import none; export filter to_red; export table on; };
}
MORE
cat >>carrier/bird.conf <<'MORE'
protocol bgp old6 {
    local 2001:db8:ff::1 as 64501; neighbor 2001:db8:ff::2 as 64600;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv6 { import all; export none; };
}
MORE
ask carrier configure
ask old-gw configure
sed -i '/"carrier": "red", "gateway": "old-gw"/s/}/, "bird": {"sessions": ["red", "red6"]}}/' inventory.json
both_up() { [ "$(cutover bird show "${gateway[@]}" --carrier red | grep -o Established | wc -l)" = 2 ]; }
wait_until 10 both_up
tell red announced >/dev/null
wait_until 2 gets 198.51.100.0/24 'BGP.as_path: 64600$'
wait_until 2 gets 2001:db8:5::/48 'BGP.as_path: 64600$'
tell red drained >/dev/null
wait_until 2 gets 2001:db8:5::/48 'BGP.community: (65535,0)'
ask old-gw disable red6
code 1 asked drained 2>&1 | found 'the session red6 is not established but Down'
ask old-gw enable red6
wait_until 10 both_up

# BIRD dies, and the carrier keeps the routes: a withdrawal cannot be told, unless the far side is looked at.
for host in old-gw carrier; do
    sed -i 's/connect delay time 1;/graceful restart on; &/' $host/bird.conf
    ask $host configure
done
wait_until 15 both_up
tell red announced >/dev/null
kept() { gets 198.51.100.0/24 'BGP.as_path: 64600'; }
wait_until 2 kept
sed -i 's/graceful restart on;/disabled; &/' old-gw/bird.conf
kill -KILL "$(cat old-gw/bird.pid)"
rm old-gw/bird.pid old-gw/bird.ctl
sed -i 's/state_red = 2/state_red = 0/' $announce
start_bird old-gw
kept
code 4 asked withdrawn 2>&1 | found 'cannot tell whether red still holds 198.51.100.0/24: the session red is not'
sed -i '/"carrier": "red", "gateway": "old-gw"/s|"red6"\]|&, "far": {"host": "netns:carrier", "socket": "/run/rehome/carrier/bird.ctl", "sessions": ["old", "old6"]}|' inventory.json
code 1 asked withdrawn 2>&1 | found 'red still holds 198.51.100.0/24'
cutover bird show "${gateway[@]}" --carrier red --json >shown
fits bird <shown
found '"held"' <shown
ask carrier disable old
ask carrier disable old6
asked withdrawn | found 'far side holds none of them'

# The far side is looked at on the way forward too: what the carrier does not take is not announced.
ask carrier enable old
ask carrier enable old6
sed -i 's/disabled; //' old-gw/bird.conf
ask old-gw configure
wait_until 20 both_up
sed -i 's/import all/import where net != 203.0.113.0\/24/' carrier/bird.conf
ask carrier configure
code 3 tell red announced --timeout-s 2 2>&1 | found 'red does not hold 203.0.113.0/24; put back'
sed -i 's/import where net != 203.0.113.0.24/import all/' carrier/bird.conf
ask carrier configure
tell red announced | found 'far side holds'

# A far side that does not answer is none that holds nothing.
kill "$(cat carrier/bird.pid)"
wait_until 5 test ! -e carrier/bird.pid
code 4 tell red withdrawn --timeout-s 0.5 2>&1 | found 'done, but cannot tell what red holds: netns:carrier: birdc'
