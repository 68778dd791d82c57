#!/bin/bash
# iptables' tables of either backend and the sets of ipset are carried as nft's are: mapped, loaded,
# read back, proven, and put back.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_lbsync.sh
. tests/smoke/_lbsync.sh
lbsync_world

ipt() { on "$1" iptables-nft "${@:2}"; } # HOST ARGUMENTS
shows() { # HOST PROGRAM WORDS
    local said program
    read -ra program <<<"$2"
    said=$(on "$1" "${program[@]}" 2>&1)
    [[ $said == *"$3"* ]] || { echo "$1 does not show '$3': $said"; return 1; }
}
lacks() { ! shows "$@" >/dev/null; }
state() { # rules, sets without seeds, and what nft shows of its own; the kernel keeps empty tables
    { on new-gw ipset save; on new-gw iptables-nft-save; on new-gw ip6tables-nft-save
      on new-gw iptables-legacy-save; on new-gw nft -s list ruleset; } 2>&1 |
        sed -nE 's/ (initval|timeout [0-9]+$) ?[^ ]*//; /^-A|^:.* DROP|^create|^add|table inet/p'
}

on old-gw ipset restore <<'END'
create servers hash:ip hashsize 64
add servers 10.1.1.11
add servers 10.1.1.12
add servers 198.51.100.9
create bans hash:ip timeout 600
add bans 203.0.113.66 timeout 0
add bans 203.0.113.7
create all list:set
add all servers
END
on old-gw iptables-nft-restore <<'END'
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:admin - [0:0]
-A INPUT -m set --match-set bans src -j DROP
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i servers -s 10.1.0.0/16 -p tcp -m multiport --dports 22,443 -m comment --comment "door for 10.1.0.0" -j admin
-A INPUT -p tcp -m tcp --dport 23 -j SET --add-set bans src --timeout 600
-A FORWARD -p tcp -m set --match-set all dst -m tcp --dport 25 -j DROP
-A FORWARD -m iprange --src-range 10.1.1.11-10.1.1.12 -j ACCEPT
-A admin -m limit --limit 5/min -j LOG --log-prefix "admin: "
-A admin -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 198.51.100.10/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.1.11:80
-A POSTROUTING -s 10.1.0.0/16 ! -d 10.1.0.0/16 -j MASQUERADE
COMMIT
END
on old-gw iptables-legacy -t mangle -A FORWARD -d 10.1.1.12 -p tcp --syn -j TCPMSS --set-mss 1400
on old-gw ip6tables-nft -A FORWARD -p icmpv6 -j ACCEPT
on new-gw nft 'add table inet mine; add chain inet mine c'
ipt new-gw -A INPUT -s 192.0.2.1 -j DROP
ipt new-gw -t raw -A PREROUTING -p udp -j NOTRACK
on new-gw ipset create servers hash:ip
on new-gw ipset add servers 172.20.5.99
ipt new-gw -A INPUT -m set --match-set servers src -j ACCEPT
before=$(state)

echo "# the plan maps addresses wherever they stand in words, and changes nothing"
refuses 1 "add ipset bans" lb plan
refuses 1 "+   -A FORWARD -m iprange --src-range 172.20.5.21-172.20.5.22 -j ACCEPT" lb plan
refuses 1 "+   -A PREROUTING -d 198.51.100.10/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.20.5.21:80" lb plan
refuses 1 "change ipset servers" lb plan
refuses 1 "add table iptables-legacy mangle" lb apply --dry-run
lb plan --json >"$dir/plan" || [ $? = 1 ]
fits lbsync-plan <"$dir/plan"
on old-gw lbsync read | fits lbsync-kernel
diff <(state) - <<<"$before"

echo "# applied, read back, equal; ages and seeds are no policy"
lb apply --state "$dir/state.json" >/dev/null
fits lbsync-state <"$dir/state.json"
refuses 0 "equal" lb verify
shows new-gw iptables-nft-save '-A INPUT -s 172.20.0.0/16 -i servers -p tcp -m multiport --dports 22,443 -m comment --comment "door for 10.1.0.0" -j admin'
shows new-gw iptables-nft-save '-A POSTROUTING -s 172.20.0.0/16 ! -d 172.20.0.0/16 -j MASQUERADE'
shows new-gw iptables-legacy-save '-A FORWARD -d 172.20.5.22/32 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TCPMSS --set-mss 1400'
shows new-gw ip6tables-nft-save '-A FORWARD -p ipv6-icmp -j ACCEPT'
shows new-gw 'ipset save' 'add servers 172.20.5.21'
lacks new-gw 'ipset save' 172.20.5.99
lacks new-gw 'ipset save' 203.0.113.7
shows new-gw 'ipset save' 'add bans 203.0.113.66 timeout 0'
lacks new-gw iptables-nft-save NOTRACK
refuses 0 "equal" lb apply --state "$dir/state.json"

echo "# where a legacy chain and one of nft stand at one place, nobody knows which comes first"
for host in old-gw new-gw; do
    on $host nft 'add table inet rival; add chain inet rival f { type filter hook forward priority mangle; }
        add rule inet rival f tcp dport 25 meta mark set 1'
done
refuses 4 "which of them comes first is not known" lb verify
for host in old-gw new-gw; do
    on $host nft delete table inet rival
done
refuses 0 "equal" lb verify

echo "# other words for the same are proven equal; one element less is not"
ipt new-gw -D INPUT 2
ipt new-gw -I INPUT 2 -m state --state ESTABLISHED,RELATED -j ACCEPT
refuses 0 "proven equal as sets of packets" lb verify
on new-gw ipset del servers 172.20.5.22
refuses 1 "172.20.5.22" lb verify

echo "# mended where it differs; what rules have added to a set stays"
on new-gw ipset add bans 203.0.113.99 timeout 500
on new-gw ipset del bans 203.0.113.66
lb apply --state "$dir/mended.json" >/dev/null
refuses 0 "equal" lb verify
shows new-gw 'ipset save' 'add bans 203.0.113.99'
shows new-gw 'ipset save' 'add bans 203.0.113.66 timeout 0'

echo "# what somebody else has changed since is left alone; the rest goes back to before both"
ipt new-gw -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT
refuses 3 "table iptables-nft nat: has been changed since the apply" undo
shows new-gw iptables-nft-save 192.0.2.1
undo --force >/dev/null
[ "$(state)" = "$before" ] || diff <(state) - <<<"$before"

echo "# what cannot be loaded is taken back whole"
mkdir "$dir/bin"
# shellcheck disable=SC2016 # for the script
printf '#!/bin/sh\n[ "$1" = --test ] && exec /usr/sbin/ip6tables-nft-restore "$@"\necho "no room" >&2; exit 4\n' >"$dir/bin/ip6tables-nft-restore"
chmod +x "$dir/bin/ip6tables-nft-restore"
PATH=$dir/bin:$PATH refuses 1 "no room" lb apply --state "$dir/second.json"
[ "$(state | grep -v '^create\|^add')" = "$(grep -v '^create\|^add' <<<"$before")" ]

echo "# with a timer, and confirmed"
lb apply --confirm 60 --state "$dir/third.json" >/dev/null
refuses 4 "unconfirmed until" lb verify
lbsync confirm --inventory "$inventory"
refuses 0 "equal" lb verify
undo >/dev/null
lb apply --confirm 5 --state "$dir/fourth.json" >/dev/null
back() { [ "$(on new-gw iptables-nft-save | grep -c 192.0.2.1)" = 1 ]; }
wait_until 20 back

echo "# without a counterpart, not understood, or not seen: with the program's line, and nothing is changed"
ipt old-gw -A FORWARD -s 10.1.1.77 -j DROP
refuses 2 "netns:old-gw: iptables-nft-save:" lb apply
refuses 2 "object without a counterpart: 10.1.1.77" lb apply
ipt old-gw -D FORWARD -s 10.1.1.77 -j DROP
ipt old-gw -A FORWARD -m mac --mac-source 02:00:00:00:00:01 -j DROP
refuses 4 "--mac-source may hold what is the site's own" lb apply
ipt old-gw -D FORWARD -m mac --mac-source 02:00:00:00:00:01 -j DROP
ipt old-gw -A FORWARD -s 10.1.0.0/16 -d 10.1.1.0/255.255.0.255 -j DROP
refuses 4 "is no prefix" lb plan
