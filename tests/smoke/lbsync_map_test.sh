#!/bin/bash
# A mapping file tells lbsync what no inventory knows: groups of addresses, interfaces, zones and
# marks, and tables that it leaves alone.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_lbsync.sh
. "$(dirname "$0")/_lbsync.sh"

map() { # KEYS: a mapping file
    printf '{"schema":"rehome/lbsync-map/1",%s}' "$1" >"$dir/map.json"
}
verify() { lbsync verify "$dir/old.nft" "$dir/new.nft" --map "$dir/map.json" "$@"; }

lbsync_world

echo "# two files: every connection, and its image"
cat >"$dir/old.nft" <<'END'
table inet filter {
    set doors { type ipv4_addr . inet_service; flags interval; elements = { 10.1.2.0/25 . 22, 192.0.2.0/24 . 443 } }
    map ports { type ipv4_addr : inet_service; elements = { 10.1.2.7 : 8080 } }
    chain pre { type filter hook prerouting priority -300; iifname "eth0.7" ct zone set 1; ip saddr 10.1.2.9 meta mark set 0x10; }
    chain nat { type nat hook prerouting priority -100; meta l4proto tcp redirect to :ip daddr map @ports; }
    chain in { type filter hook input priority 0; policy drop; ip saddr . tcp dport @doors accept; meta mark & 0xff == 0x10 accept; ip6 saddr 64:ff9b::a01:207 accept; }
}
table ip fail2ban { chain in { type filter hook input priority -1; ip saddr 192.0.2.66 drop; }; }
END
sed 's/10\.1\.2\./10.9.7./g; s/eth0\.7/ens1.7/; s/zone set 1/zone set 2/; s/0x10\b/0x20/g; s/a01:207/a09:707/; /fail2ban/d' \
    "$dir/old.nft" >"$dir/new.nft"
echo 'table ip docker { chain nat { type nat hook prerouting priority -90; tcp dport 81 dnat to 172.17.0.2; }; }' >>"$dir/new.nft"
names='"networks":{"old":["10.1.0.0/16"],"new":["10.9.0.0/16"]},"addresses":[{"old":"10.1.2.0/24","new":"10.9.7.0/24"}],
       "interfaces":[{"old":"eth0","new":"ens1"}],"zones":[{"old":1,"new":2}],"marks":[{"old":16,"new":32,"mask":255}]'
alone='"keep":[{"table":"ip docker","reason":"Docker makes it"}],"ignore":[{"table":"* fail2ban","reason":"bans are its own"}]'
map "$names"
refuses 1 "differs" verify
map "$names,$alone"
fits lbsync-map <"$dir/map.json"
refuses 0 "equal but for 2 tables left alone" verify
refuses 0 "kept: $dir/new.nft: table ip docker (Docker makes it)" verify
verify --json | fits lbsync-sides
sed -i 's/10\.9\.7\.7 : 8080/10.1.2.7 : 8080/' "$dir/new.nft"
refuses 1 "differs" verify

echo "# what is wrong with a file stops all, at once"
map '"zones":[{"old":1,"new":70000}],"addresses":[{"old":"10.1.2.0/24","new":"10.9.0.0/16"}]'
refuses 2 "/zones/0/new" verify
refuses 2 "/addresses/0/new" verify
: >"$dir/map.json"
refuses 2 "map.json" verify

echo "# sites: what the file tells beside the inventory is carried, and what it keeps stays"
on old-gw nft -f - <<'END'
table inet filter {
    set some { type ipv4_addr; flags interval; elements = { 10.1.9.0/28, 10.1.1.11 } }
    chain in { type filter hook input priority 0; ip saddr @some meta mark set 0x10 accept; ct zone 1 drop; ip saddr 10.1.9.3-10.1.9.5 drop; }
}
table ip fail2ban { chain in { type filter hook input priority -1; ip saddr 192.0.2.66 drop; }; }
END
on new-gw nft 'table ip docker { chain nat { type nat hook prerouting priority -90; tcp dport 81 dnat to 172.17.0.2; }; }'
refuses 2 "10.1.9.0/28 holds a part" lb plan
map '"addresses":[{"old":"10.1.9.0/28","new":"172.20.7.16/28"}],"zones":[{"old":1,"new":2}],"marks":[{"old":16,"new":32}],'"$alone"
lb plan --map "$dir/map.json" --json >"$dir/plan.json" || [ $? = 1 ]
fits lbsync-plan <"$dir/plan.json"
sed 's/172.20.7.16/172.20.8.16/' "$dir/map.json" >"$dir/other.json"
refuses 1 "was made with another mapping file" lb apply --plan "$dir/plan.json" --map "$dir/other.json"
lb apply --plan "$dir/plan.json" --map "$dir/map.json"
refuses 0 "equal but for 2 tables left alone" lb verify --map "$dir/map.json"
now=$(on new-gw nft list ruleset)
for words in "table ip docker" "172.20.7.16/28" "172.20.7.19-172.20.7.21" "ct zone 2 drop" "mark set 0x00000020"; do
    [[ $now == *"$words"* ]] || { echo "no $words in $now"; exit 1; }
done
[[ $now != *fail2ban* ]]

echo "# and the same file leads back"
on old-gw nft delete table inet filter
refuses 0 "ignored: netns:old-gw: table ip fail2ban" lbsync apply --inventory "$inventory" --no-reload --from new --to old --map "$dir/map.json"
on old-gw nft list ruleset | found "ip saddr 10.1.9.3-10.1.9.5 drop"
on old-gw nft list ruleset | found fail2ban

echo "# never against the inventory, nor a VIP, nor outside of the site"
before=$(on new-gw nft list ruleset)
for pair in '10.1.1.11 172.20.5.99' '198.51.100.10 172.20.5.99' '10.1.9.9 8.8.8.8'; do
    map '"addresses":[{"old":"'"${pair% *}"'","new":"'"${pair#* }"'"}]'
    refuses 2 "map.json: /addresses/0" lb apply --map "$dir/map.json"
done
[ "$(on new-gw nft list ruleset)" = "$before" ]
