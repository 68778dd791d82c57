#!/bin/bash
# What decides what packets meet outside the rule sets: settings, rules by mark, tc and XDP are
# compared between hosts, told with both values, and never applied.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_lbsync.sh
lbsync_world

for host in old-gw new-gw; do
    on "$host" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_loose=0
    ip -n "$host" link add name red type veth peer name "$host-far"
    ip -n "$host" link set dev red up
    ip -n "$host" rule add fwmark 0x1/0xff lookup 100
    ip -n "$host" route add local default dev lo table 100
done
verify() { lbsync verify netns:old-gw netns:new-gw "$@"; }

echo "# alike: equal, and what a host alone has is named; of files nothing was looked at"
refuses 0 "equal" lb verify
refuses 0 "equal" verify
refuses 0 "netns:new-gw: interfaces without a counterpart, whose settings are not compared: new-gw-far" verify
verify --json | fits lbsync-sides
on old-gw lbsync read | fits lbsync-kernel
echo 'table inet t { }' >"$dir/t.nft"
refuses 0 "t.nft: a file tells nothing of forwarding" lbsync verify "$dir/t.nft" "$dir/t.nft"

echo "# settings: both values, the place, and what mends it; plan says it, apply leaves it alone"
on new-gw sysctl -qw net.ipv4.ip_forward=0
refuses 1 "net/ipv4/conf/{all,lo,red}/forwarding: 1 at netns:old-gw, 0 at netns:new-gw" lb verify
refuses 1 "sysctl -w net/ipv4/conf/all/forwarding=1" lb plan
lb plan --json >"$dir/plan" || [ $? = 1 ]
fits lbsync-plan <"$dir/plan"
lb apply
[ "$(on new-gw cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
on new-gw sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_tcp_loose=1
refuses 1 "nf_conntrack_tcp_loose: 0 at netns:old-gw, 1 at netns:new-gw" verify
on new-gw sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 net.ipv4.conf.red.rp_filter=1
refuses 1 "net/ipv4/conf/{red}/rp_filter: 0 at netns:old-gw, 1 at netns:new-gw" verify
on old-gw sysctl -qw net.ipv4.conf.all.rp_filter=1 # the higher one holds
refuses 1 "net/ipv4/conf/{lo}/rp_filter: 1 at netns:old-gw, 0 at netns:new-gw" verify
on old-gw sysctl -qw net.ipv4.conf.all.rp_filter=0
on new-gw sysctl -qw net.ipv4.conf.red.rp_filter=0
refuses 0 "equal" verify

echo "# rules by mark, and the routes that they lead to"
ip -n new-gw route flush table 100
refuses 1 "ip routes of table 100: route " verify
ip -n new-gw route add local default dev lo table 100
ip -n new-gw rule del fwmark 0x1/0xff
ip -n new-gw rule add fwmark 0x1/0xf lookup 100
refuses 1 "ip rules by mark: rule fwmark 0x1 fwmask 0xff src all table 100 at netns:old-gw, rule fwmark 0x1 fwmask 0xf " verify
ip -n new-gw rule del fwmark 0x1/0xf
refuses 1 "fwmask 0xff src all table 100 at netns:old-gw, none at netns:new-gw" verify
ip -n new-gw rule add fwmark 0x1/0xff lookup 100

echo "# and by an address of the site, which is mapped with it"
ip -n old-gw rule add fwmark 7 from 10.1.1.11 lookup 100
ip -n new-gw rule add fwmark 7 from 172.20.5.21 lookup 100
refuses 0 "equal" lb verify
refuses 1 "src 10.1.1.11 table 100" verify
ip -n old-gw rule add fwmark 8 from 10.1.1.77 lookup 100
refuses 4 "object without a counterpart: 10.1.1.77" lb verify
ip -n old-gw rule del fwmark 8
for host in old-gw new-gw; do ip -n "$host" rule del fwmark 7; done

echo "# tc: a filter at one host alone; the same bytes are alike only where addresses are"
drop=(filter add dev red ingress protocol ip u32 match ip protocol 17 0xff action mirred egress mirror dev lo)
on new-gw tc qdisc add dev red clsact
on new-gw tc "${drop[@]}"
refuses 1 "tc at red: none at netns:old-gw, filter ingress " verify
on old-gw tc qdisc add dev red clsact
on old-gw tc "${drop[@]}"
refuses 0 "equal" verify
refuses 4 "tc at red: its bytes may hold an address of the site" lb verify
for host in old-gw new-gw; do on $host tc qdisc del dev red clsact; done
on old-gw tc qdisc add dev red root handle 1: htb default 1
on old-gw tc class add dev red parent 1: classid 1:1 htb rate 1mbit
refuses 1 "tc at red: qdisc " lb verify
on old-gw tc qdisc del dev red root
refuses 0 "equal" lb verify

echo "# XDP: a program at one host alone; what programs do is never known to be alike"
printf '__attribute__((section("xdp"))) int pass(void *c) { return 2; }\nchar l[] __attribute__((section("license"))) = "GPL";\n' >"$dir/pass.c"
clang -O2 -g -target bpf -c "$dir/pass.c" -o "$dir/pass.o"
on new-gw ip link set dev red xdpgeneric obj "$dir/pass.o" sec xdp
refuses 1 "XDP at red: none at netns:old-gw, program " verify
on old-gw ip link set dev red xdpgeneric obj "$dir/pass.o" sec xdp
refuses 4 "XDP at red: what a program with maps does is not known" verify
for host in old-gw new-gw; do ip -n "$host" link set dev red xdpgeneric off; done
refuses 0 "equal" verify

echo "# what cannot be read is not provable"
mkdir "$dir/bin"
printf '#!/bin/sh\n[ "$*" != "-j qdisc show" ] && exec /sbin/tc "$@"\necho "tc: broken" >&2; exit 1\n' >"$dir/bin/tc"
chmod +x "$dir/bin/tc"
PATH=$dir/bin:$PATH refuses 4 "netns:old-gw: tc -j qdisc show: tc: broken" verify
printf '#!/bin/sh\n[ "$*" != "-j qdisc show" ] && exec /sbin/tc "$@"\necho "[[[{"\n' >"$dir/bin/tc"
PATH=$dir/bin:$PATH refuses 4 "tc -j qdisc show: prints what is not understood" lb verify
