#!/bin/bash
# What befalls the devices of a gateway is seen on their twins, in status, metrics and log, and nothing is sent where
# nothing arrives: a cable that is pulled, a smaller MTU, a twin that is deleted, a device that is gone.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
name_servers 1883
wait_until 5 served_by old-s
port_is() { figure_is old ".ports[] | select(.port == \"$1\") | [.up, .trouble]" "$2"; }
line_is() { figure_is old '.lines[0].state' "\"$1\""; }
carrier() { [ "$(ip netns exec old-gw cat "/sys/class/net/$1/carrier")" = "$2" ]; } # of a twin
route_there() { ip -n old-gw route show proto 201 | found '^blackhole 198.51.100.0/24'; }
counted() { ctl old stats --json | jq -e "$1" >/dev/null; }
metric() { ctl old metrics | found -x "$1"; }
busy() { # the share of a core that a gateway has in a second, in percent
    local pid before
    pid=$(pgrep -f "^vipd run --config $dir/$1.json")
    before=$(awk '{print $14 + $15}' "/proc/$pid/stat")
    sleep 1
    awk -v before="$before" '{print $14 + $15 - before}' "/proc/$pid/stat"
}

echo "the carrier's cable is pulled"
ip -n isp link set old down
wait_until 1 carrier red 0
port_is red '[false,"no link"]'
line_is down
ctl old status | found '^red  *red0  *DOWN'
metric 'rehome_vipd_port_up{port="red"} 0'
grep -q 'port red is DOWN, nothing leaves there: no link at red0' "$dir/old.log"
figure_is new '[.peers[0].alive]' '[true]'
[ "$(busy old)" -lt 20 ]
ip -n isp link set old up
deliver_to old # the carrier's kernel forgot
wait_until 1 port_is red '[false,"up for less than 1 s"]'
carrier red 0
wait_until 3 port_is red '[true,null]'
carrier red 1
line_is enabled
grep -q 'port red is up again' "$dir/old.log"
wait_until 5 served_by old-s

echo "the link comes back while vipd restarts: so does the twin's, which was kept without one"
ip -n isp link set old down
wait_until 1 carrier red 0
stop_gateway old KILL
ip -n isp link set old up
deliver_to old
restart_gateway old
carrier red 1
wait_until 5 served_by old-s

echo "a port has another name after a restart: the twin of the old one loses its link, and gets it again"
cp "$dir/inventory.json" "$dir/before.json"
cp "$dir/old.json" "$dir/before-old.json"
sed -i 's/"port": "red"/"port": "scarlet"/' "$dir/inventory.json"
jq '.ports |= map(if .name == "red" then .name = "scarlet" else . end)' "$dir/before-old.json" >"$dir/old.json"
stop_gateway old TERM
restart_gateway old
carrier scarlet 1
carrier red 0
mv "$dir/before.json" "$dir/inventory.json"
mv "$dir/before-old.json" "$dir/old.json"
stop_gateway old TERM
restart_gateway old
carrier red 1
carrier scarlet 0
ip -n old-gw link delete scarlet
wait_until 5 served_by old-s

echo "the way to the servers is cut: the prefix goes, the other site serves"
route_there
ip -n old-s link set eth0 down
wait_until 1 fails route_there
port_is servers '[false,"no link"]'
figure_is old '.prefixes[0].served' false
wait_until 2 served_by new-s
ctl old why 'tcp 10.9.0.2:4000 > 198.51.100.10:1883 syn' | found new-gw
ip -n old-s link set eth0 up
ip -n old-s route replace default via 10.1.0.1
wait_until 3 route_there
wait_until 5 served_by old-s

echo "the MTU of the line becomes smaller"
ip -n old-gw link set red0 mtu 1400
mtu_of() { [ "$(ip -n old-gw -j link show dev red | jq '.[0].mtu')" = "$1" ]; }
wait_until 1 mtu_of 1400
figure_is old '.ports[] | select(.port == "red") | .mtu' 1400
metric 'rehome_vipd_port_mtu_bytes{port="red"} 1400'
ip -n isp link set old mtu 1400
on old-s python3 tests/smoke/peers.py mirror 1884 &
reload_service() { jq '.services += [.services[0] | .name = "bulk" | .vip = "198.51.100.20" | .servers[0].port = 1884]' "$dir/old.json" >"$dir/more.json" && mv "$dir/more.json" "$dir/old.json" && ctl old reload; }
reload_service
[ "$(on client python3 tests/smoke/peers.py bulk 198.51.100.20 1883 1000000)" = 10.9.0.2 ]
counted '.drops.too_big == 0' # segments were offered as the line takes them
ip -n old-gw link set red0 mtu 1500
ip -n isp link set old mtu 1500
wait_until 1 mtu_of 1500

echo "its MAC address changes"
ip -n old-gw link set red0 down
ip -n old-gw link set red0 address 02:00:00:00:77:01
ip -n old-gw link set red0 up
wait_until 3 port_is red '[true,null]'
[ "$(ip -n old-gw -j link show dev red | jq -r '.[0].address')" = 02:00:00:00:77:01 ]
wait_until 5 served_by old-s

echo "a twin is deleted"
ip -n old-gw link delete red
wait_until 1 port_is red '[false,"no twin"]'
grep -q 'port red is DOWN.*its twin is gone' "$dir/old.log"
[ "$(busy old)" -lt 20 ]

echo "a device is deleted"
ip -n old-gw link delete srv0
wait_until 1 port_is servers '[false,"gone"]'
grep -q 'port servers is DOWN.*srv0 is gone' "$dir/old.log"
wait_until 1 fails route_there
[ "$(busy old)" -lt 20 ]
ctl old status --json | fits vipd-status

echo "a line of 1,400 bytes from the start, and a port that only drops"
stop_gateway new TERM
ip -n new-gw link set red0 mtu 1400
jq '.ports[1].device = "null:"' "$dir/new.json" >"$dir/more.json"
mv "$dir/more.json" "$dir/new.json"
restart_gateway new
figure_is new '[.ports[] | .up, .mtu]' '[true,1400,true,1500,true,1600]'
[ "$(ip -n new-gw -j link show dev red | jq '.[0].mtu')" = 1400 ]
[ "$(busy new)" -lt 20 ]
