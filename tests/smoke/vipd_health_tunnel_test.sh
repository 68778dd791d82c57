#!/bin/bash
# Servers behind tunnels, which answer clients directly, are checked through the tunnel to the VIP: by a script in IP in
# IP, by a script in GUE, by an echo.  What a tunnel does not carry is down, whatever else the server answers.
. "$(dirname "$0")/_init.sh"
# shellcheck disable=SC2016  # it is jq's
direct_change='.services[0].servers[0].address as $server | ($server | sub("2$"; "3")) as $second |
    def service(name; port; encapsulation; health): {name: name, vip: "198.51.100.10", protocol: "tcp", port: port,
        forward: "tunnel", encapsulation: encapsulation,
        servers: [{name: "s1", address: $server}, {name: "s2", address: $second}],
        health: ({interval_ms: 400, timeout_ms: 300, fall: 2} + health)};
    {kind: "script", script: [{send: ["text:well?", "hex:0a"]}, {expect: ["text:-s"]}]} as $script |
    .services = [service("meters"; 1883; "ipip"; $script), service("gue"; 1884; "gue"; $script),
        service("echo"; 1885; "ipip"; {kind: "icmp"})]'
# shellcheck source=tests/smoke/_direct.sh
. "$here/_direct.sh"
direct_world
ip -n old-s address add 10.1.0.3/24 dev eth0
ip -n new-s address add 172.20.0.3/24 dev eth0
for server in old-s new-s; do
    ip -n "$server" tuntap add mode tun dev gue
    ip -n "$server" link set dev gue up
    ip netns exec "$server" sysctl -qw net.ipv4.conf.gue.rp_filter=0
    on "$server" python3 tests/smoke/decapsulate.py gue gue &
done
name_servers 1884
states() { figure old '[.health.servers[] | .state]'; }
states_are() { [ "$(states)" = "$1" ]; }
well='["up","up","up","up","up","up"]'
wait_until 10 states_are "$well"
wait_until 5 served_by old-s
served_by old-s 1884

echo "# forty sessions; the tunnels to the second server carry nothing any more, and none of them notices"
crowd 40
all_at old-s
on old-s nft 'table ip deaf { chain i { type filter hook prerouting priority -300;
    ip daddr 10.1.0.3 ip protocol 4 drop; ip daddr 10.1.0.3 udp dport 6080 drop; }; }'
on old-gw ping -c 1 -W 1 10.1.0.3 | found ' 1 received'
wait_until 5 states_are '["up","down","up","down","up","down"]'
for _ in {1..20}; do served_by old-s && served_by old-s 1884; done
figure old '.health.servers[1].why' | found 'in time'
ctl old status | found 'meters/s2 .*DOWN'

echo "# back again; then the VIP's port is closed, while the server itself answers"
on old-s nft delete table ip deaf
wait_until 10 states_are "$well"
on old-s nft 'table ip closed { chain i { type filter hook input priority 0; tcp dport 1884 reject with tcp reset; }; }'
wait_until 5 states_are '["up","up","down","down","up","up"]'
figure old '.health.servers[2].why' | found 'refused'
[ "$(ctl old stats --json | jq '.drops.no_way_back + .drops.punt_check')" = 0 ]
on old-s nft delete table ip closed
wait_until 20 states_are "$well"
served_by old-s 1884
close_crowd

echo "# as they leave, checks are known; why tells of what answers"
[ "$(ctl old stats --json | jq '.health.run > 50 and .health.not_run == 0')" = true ]
