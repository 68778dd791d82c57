#!/bin/bash
# lbsync compares two sides that no inventory names: files that tools print, and hosts with iptables
# of either backend, by what packets meet.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

ns old-gw new-gw nft-gw
answers() { # EXIT WORDS COMMAND...: ends so, and says so
    local code=0 said
    said=$("${@:3}" 2>&1) || code=$?
    [ "$code" = "$1" ] || { echo "exit $code, expected $1: $said"; return 1; }
    [[ $said == *"$2"* ]] || { echo "does not say '$2': $said"; return 1; }
}
verify() { lbsync verify "$@"; }
dump() { on "$1" ipset save && on "$1" "iptables-$2-save" && on "$1" "ip6tables-$2-save"; } # HOST BACKEND

# The same policy, written in two ways, in the two backends.
cat >"$dir/sets" <<END
create door hash:ip,port
add door 198.51.100.10,tcp:80
add door 198.51.100.10,udp:53
END
cat >"$dir/old.in" <<END
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 10.1.0.0/16 -p tcp -m multiport --dports 22,443 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m set --match-set door dst,dst -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 203.0.113.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 198.51.100.10
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
END
cat >"$dir/new.in" <<END
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:admin - [0:0]
-A INPUT -m state --state ESTABLISHED -j ACCEPT
-A INPUT -m state --state RELATED -j ACCEPT
-A INPUT -p tcp -s 10.1.0.0/16 -g admin
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p udp -d 198.51.100.10 --dport 53 -j ACCEPT
-A FORWARD -p tcp -d 198.51.100.10 --dport 80 -j ACCEPT
-A admin -p tcp --dport 22 -j ACCEPT
-A admin -p tcp --dport 443 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -d 203.0.113.9 --dport 80 -j DNAT --to-destination 198.51.100.10
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
END
on old-gw ipset restore <"$dir/sets"
on old-gw iptables-legacy-restore <"$dir/old.in"
on new-gw iptables-nft-restore <"$dir/new.in"

echo "# hosts: equal by what packets meet, whatever the words and the backend"
answers 0 "equal: netns:old-gw and netns:new-gw" verify netns:old-gw netns:new-gw
verify netns:old-gw netns:new-gw --json | fits lbsync-sides

echo "# files, as the tools print them; a host against a file"
dump old-gw legacy >"$dir/old.rules"
dump new-gw nft >"$dir/new.rules"
answers 0 "equal" verify "$dir/old.rules" "$dir/new.rules"
answers 0 "equal" verify "$dir/old.rules" netns:new-gw
cat "$dir/sets" "$dir/old.in" >"$dir/by-hand.rules" # without a line that tells the program
answers 2 "say --format" verify "$dir/by-hand.rules" "$dir/old.rules"
answers 0 "equal" verify --format iptables-save "$dir/by-hand.rules" "$dir/old.rules"

echo "# one port: an example packet, and where each side decides"
on new-gw iptables-nft -t filter -D admin -p tcp --dport 443 -j ACCEPT
answers 1 ":443 syn" verify netns:old-gw netns:new-gw
answers 1 "netns:new-gw: iptables filter INPUT: policy: drop" verify netns:old-gw netns:new-gw
verify netns:old-gw netns:new-gw --json >"$dir/report" || [ $? = 1 ]
fits lbsync-sides <"$dir/report"
on new-gw iptables-nft -t filter -A admin -p tcp --dport 443 -j ACCEPT

echo "# and nft's own words for it are equal too"
on nft-gw nft -f - <<END
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        meta nfproto ipv6 accept
        ct state established,related accept
        ip saddr 10.1.0.0/16 tcp dport { 22, 443 } accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        meta nfproto ipv6 accept
        ct state { established, related } accept
        ip daddr . meta l4proto . th dport { 198.51.100.10 . tcp . 80, 198.51.100.10 . udp . 53 } accept
    }
}
table ip nat {
    chain prerouting {
        type nat hook prerouting priority -100; policy accept;
        ip daddr 203.0.113.9 tcp dport 80 dnat to 198.51.100.10
    }
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        oifname "eth0" masquerade
    }
}
END
answers 0 "equal: netns:old-gw and netns:nft-gw" verify netns:old-gw netns:nft-gw
on nft-gw nft list ruleset >"$dir/gw.nft"
answers 0 "equal" verify "$dir/gw.nft" netns:nft-gw
answers 0 "equal" verify "$dir/gw.nft" "$dir/new.rules"
on nft-gw nft insert rule inet filter forward ip saddr 10.1.2.3 accept
answers 1 "10.1.2.3" verify netns:new-gw netns:nft-gw

echo "# of a file nobody knows which of two chains at one place comes first"
for name in a b; do
    [ $name = a ] && rule="tcp dport 22 meta mark set 1 accept" || rule="meta mark 1 drop"
    echo "table inet $name { chain c { type filter hook input priority 0; policy accept; $rule; }; }"
done >"$dir/two.nft"
answers 4 "and which of them comes first is not known" verify "$dir/two.nft" "$dir/two.nft"

echo "# the other family counts"
on new-gw ip6tables-nft -A INPUT -s 2001:db8::/32 -j DROP
answers 1 "2001:db8:" verify netns:old-gw netns:new-gw
on new-gw ip6tables-nft -F INPUT

echo "# rules that ipset decides are not provable without the set"
on old-gw iptables-legacy-save >"$dir/no-sets.rules"
answers 4 "set door is not there: add what ipset save prints" verify "$dir/no-sets.rules" "$dir/new.rules"

echo "# what nft itself made counts beside it"
on new-gw nft 'add table inet guard; add chain inet guard in { type filter hook input priority 5; policy drop; }'
answers 1 "table inet guard: chain in: policy: drop" verify netns:old-gw netns:new-gw
on new-gw nft delete table inet guard

echo "# wrong input: with file and line, and nothing passed over"
head -n -3 "$dir/old.rules" | grep -v COMMIT >"$dir/cut.rules"
answers 2 "cut.rules:" verify "$dir/cut.rules" "$dir/new.rules"
printf '%s\n' '# Generated by iptables-save' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT --sport 5 -j DROP' 'COMMIT' >"$dir/bad.rules"
answers 2 'bad.rules:4: option "--sport" is not known here' verify "$dir/bad.rules" "$dir/new.rules"
sed -i 's/--sport 5/-m geoip --src-cc XX/' "$dir/bad.rules"
answers 4 "match geoip is not known" verify "$dir/bad.rules" "$dir/bad.rules"
printf 'table inet t {\n    chain in {\n        type filter hook ingress devices = { "eth0" } priority 0;\n        iif eth1 dorp\n    }\n}\n' >"$dir/bad.nft"
answers 2 "bad.nft:4:" verify "$dir/bad.nft" "$dir/new.rules"
sed -i 's/dorp/drop/' "$dir/bad.nft"
answers 0 "equal" verify "$dir/bad.nft" "$dir/bad.nft"
answers 2 "its format is not recognised" verify /etc/hostname "$dir/new.rules"
answers 2 "is none of" verify --format rules "$dir/old.rules" "$dir/new.rules"
answers 2 "expected --inventory FILE, or two sides" verify "$dir/old.rules"
answers 3 "nowhere" verify netns:nowhere "$dir/new.rules"

echo "# services: what IPVS runs against what keepalived wants"
cat >"$dir/ha.conf" <<END
global_defs {
    router_id lb1
}
include ha.d/*.conf
END
mkdir "$dir/ha.d"
cat >"$dir/ha.d/web.conf" <<END
virtual_server 198.51.100.10 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 10.1.1.11 8080 {
        TCP_CHECK {
        }
    }
    real_server 10.1.1.12 8080 {
        weight 2
    }
}
END
cat >"$dir/ipvs" <<END
-A -t 198.51.100.10:80 -s wlc
-a -t 198.51.100.10:80 -r 10.1.1.12:8080 -m -w 2
END
answers 0 "10.1.1.11:8080 is absent, as one that failed its check: state" verify "$dir/ha.conf" "$dir/ipvs"
verify "$dir/ha.conf" "$dir/ipvs" --json | fits lbsync-sides
sed -i 's/weight 2/weight 3/' "$dir/ha.d/web.conf"
answers 1 "- server 10.1.1.12:8080 weight 3" verify "$dir/ha.conf" "$dir/ipvs"

echo "# and as vipd's services, but for what vipd cannot do"
answers 0 "server 10.1.1.11:8080 weight 1 by masquerade, TCP_CHECK { }" lbsync services "$dir/ha.conf"
answers 2 "not by wlc (--without scheduler leaves it out)" lbsync services "$dir/ha.conf" --vipd
lbsync services "$dir/ha.conf" --vipd --without scheduler --without checks |
    jq -e '.services[0].servers[1] == {"name":"10.1.1.12-8080","address":"10.1.1.12","port":8080,"weight":3}' >/dev/null
answers 2 "is none of checks" lbsync services "$dir/ha.conf" --vipd --without everything
echo 'include web.conf' >>"$dir/ha.d/web.conf"
answers 2 "includes itself" verify "$dir/ha.conf" "$dir/ipvs"
answers 2 "nothing to compare" verify "$dir/ipvs" "$dir/new.rules"
