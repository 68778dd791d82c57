#!/bin/bash
# The README's quick start, exactly its lines: on a host with two devices, from nothing to a served VIP.
#
#     client 203.0.113.9 -- isp -- 192.0.2.1/30 -- eth1 host eth2 -- 10.0.0.11, a web server
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
ns client isp host server
veth client c0 isp c0
veth isp host host eth1
veth host eth2 server eth0
ip -n client address add 203.0.113.9/24 dev c0
ip -n client route add default via 203.0.113.1
ip netns exec isp sysctl -qw net.ipv4.ip_forward=1
ip -n isp address add 203.0.113.1/24 dev c0
ip -n isp address add 192.0.2.1/30 dev host
ip -n isp route add 198.51.100.0/24 via 192.0.2.2
ip -n server address add 10.0.0.11/24 dev eth0
ip -n server route add default via 10.0.0.1
on server python3 -c 'import http.server, socketserver, sys
class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served\n")
socketserver.TCPServer(("10.0.0.11", 80), Says).serve_forever()' 2>/dev/null &
mount -t tmpfs tmpfs /var/lib # orders, where they are unless it is said

echo "# at most ten lines"
awk '/^```/ {inside = $0 == "```sh"; next} inside' README.md >"$dir/quick_start"
[ "$(wc -l <"$dir/quick_start")" -le 10 ]
(cd "$dir" && on host bash -e quick_start) >"$dir/said" 2>&1 || { cat "$dir/said" >&2 && false; }
cat "$dir/said"
found 'gateway  gw at site home' <"$dir/said"
found 'prefix   198.51.100.0/24 *served$' <"$dir/said"
served() { on client curl -sS --max-time 2 http://198.51.100.10/; }
wait_until 5 served
[ "$(served)" = served ]

echo "# there is nobody else: none is spoken to, waited for or missed"
vipctl status --json | jq -e '.peers == [] and .orders.confirmed'
fails found -E 'peer|share' <"$dir/said"
vipctl stats --json | jq -e '.drops.no_neighbour == 0'
for refused in "share 1" "share 100 --by address"; do
    code=0
    # shellcheck disable=SC2086  # several words
    vipctl $refused 2>"$dir/refused" || code=$?
    [ $code = 1 ]
    found 'there is no gateway of another site' <"$dir/refused"
done
vipctl share 0 >/dev/null
[ "$(served)" = served ]

echo "# what was ordered holds after however long: no move can have ended meanwhile"
orders=/var/lib/vipd/vipd.orders.json
wait_until 5 test -s $orders
pid=$(pgrep -f '^vipd run --config vipd.json')
kill "$pid"
wait_until 10 fails kill -0 "$pid"
jq '.alive_at = "2001-01-01T00:00:00.000000Z" | .confirmed = false' $orders >"$dir/orders"
cp "$dir/orders" $orders
cd "$dir"
on host vipd run --config vipd.json >"$dir/log" 2>&1 &
wait_until 20 grep ready "$dir/log"
vipctl status --json | jq -e '.orders.confirmed and .prefixes[0].announced and .orders.set_aside == null'
[ "$(served)" = served ]
