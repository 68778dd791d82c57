#!/bin/bash
# What lbsync does to a target: who may, what is kept, what is put back, and what one lost host hides.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_lbsync.sh
: "${inventory:?}"
lbsync_world
ban() { on "$1" nft add element inet filter bans "{ $2 }"; }
banned() { on "$1" nft list set inet filter bans; }

server() { # NS WORDS: its table, of which the third line is WORDS
    on "$1" nft -f - <<NFT
table inet filter
delete table inet filter
table inet filter {
    set bans { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
    chain input {
        $2
        ip saddr @bans drop
        tcp dport 28 accept
        tcp dport 29 accept
        tcp dport 30 accept
        meta l4proto tcp add @bans { ip saddr }
    }
}
NFT
}
server old-s1 'type filter hook input priority 0; policy drop;'
server new-s1 'type filter hook input priority 0; policy accept;'

echo "# what rules have learned outlives a table that is made anew, and its undo"
ban new-s1 '192.0.2.1 timeout 30m expires 20m'
lb apply --state "$dir/state.json"
banned new-s1 | found '192.0.2.1 timeout 30m expires 19m'
ban new-s1 192.0.2.2
fits lbsync-state <"$dir/state.json"
undo
banned new-s1 | found 192.0.2.2
banned new-s1 | found '192.0.2.1 timeout 30m expires 19m'
on new-s1 nft list chain inet filter input | found 'policy accept'

echo "# a state file forgets no host that a later plan does not name"
lb apply --state "$dir/state.json"
on new-s2 nft add table inet stray
lb apply --state "$dir/state.json"
jq -e '[.tables[].host] | index("netns:new-s1") and index("netns:new-s2")' "$dir/state.json" >"$dir/both"
undo
on new-s1 nft list chain inet filter input | found 'policy accept'
on new-s2 nft list table inet stray
on new-s2 nft delete table inet stray

echo "# a rule that moved is told with its place"
lb apply
on new-s1 nft flush chain inet filter input
on new-s1 nft -f - <<'NFT'
add rule inet filter input tcp dport 28 accept
add rule inet filter input ip saddr @bans drop
add rule inet filter input tcp dport 29 accept
add rule inet filter input tcp dport 30 accept
add rule inet filter input meta l4proto tcp add @bans { ip saddr }
NFT
refuses 1 "@   rule 1, now 1
-   tcp dport 28 accept
    ip saddr @bans drop
+   tcp dport 28 accept
    tcp dport 29 accept" lb verify

echo "# a comment says nothing to the terminal"
on old-s1 nft "add rule inet filter input tcp dport 31 accept comment \"$(printf '\033[2J')\""
refuses 1 '\x1b[2J' lb verify

echo "# sets that nft fixes, or gives a flag by itself, are carried"
on old-s1 nft flush ruleset
on old-s1 nft 'add table inet t; add set inet t seen { type ipv4_addr; }; add chain inet t c'
on old-s1 nft 'add rule inet t c add @seen { ip saddr }' # later than its set: no flag there
on old-s1 nft 'add set inet t fixed { type ipv4_addr; flags constant; elements = { 192.0.2.1, 192.0.2.2 } }; add rule inet t c ip saddr @fixed drop'
lb apply
lb verify
on new-s1 nft -s list set inet t seen | found 'flags dynamic'
on old-s1 nft 'flush chain inet t c; delete set inet t fixed; add set inet t fixed { type ipv4_addr; flags constant; elements = { 192.0.2.1, 192.0.2.3 } };
    add rule inet t c add @seen { ip saddr }; add rule inet t c ip saddr @fixed drop'
on new-s1 nft add element inet t seen '{ 192.0.2.7 }'
lb apply
lb verify
on new-s1 nft list set inet t seen | found 192.0.2.7

echo "# devices in the order that the new names have"
veth old-gw zred old-gw link
veth new-gw ared new-gw link
jq '(.sites[0].lines[] | select(.carrier == "red").port) = "zred" | (.sites[1].lines[] | select(.carrier == "red").port) = "ared"' \
    tests/lab/inventory.json >"$inventory"
on old-gw nft 'add table netdev n; add chain netdev n c { type filter hook ingress devices = { link, zred } priority 0; }'
lb apply
lb verify
on new-gw nft list chain netdev n c | found 'devices = { ared, link }'

echo "# one works on a target at a time, and who is late is told who that is"
on old-s1 nft 'add rule inet t c tcp dport 32 accept'
mkfifo "$dir/hold"
on new-s1 lbsync hold --by "ann@ops1, process 77" --command "lbsync apply --inventory x" <"$dir/hold" >"$dir/held" &
exec 7>"$dir/hold"
wait_until 5 grep -q held "$dir/held"
refuses 1 "netns:new-s1: is locked by ann@ops1, process 77, since 2" lb apply
refuses 1 "lbsync apply --inventory x; wait for its end" lb apply
exec 7>&-
wait_until 5 lb apply

echo "# Ctrl-C backs out"
on old-s1 nft 'add rule inet t c tcp dport 33 accept'
on old-s2 nft 'add table inet second'
before=$(on new-s1 nft -s list ruleset; on new-s2 nft -s list ruleset)
mkdir "$dir/slow"
# shellcheck disable=SC2016  # the script expands it
printf '#!/bin/bash\nif [ "$1" = -f ] && [ "$(stat -Lc %%i /proc/self/ns/net)" = %s ]; then touch %s/loading; sleep 2; fi\nexec %s "$@"\n' \
    "$(on new-s1 stat -Lc %i /proc/self/ns/net)" "$dir" "$(command -v nft)" >"$dir/slow/nft"
chmod +x "$dir/slow/nft"
PATH=$dir/slow:$PATH lbsync apply --inventory "$inventory" --no-reload --at-once 1 >"$dir/said" 2>&1 &
apply=$!
wait_until 10 test -e "$dir/loading"
kill -INT "$apply"
code=0; wait "$apply" || code=$?
[ "$code" = 1 ]
found "backed out" <"$dir/said"
found 'interrupted: what was done is put back' <"$dir/said"
[ "$(on new-s1 nft -s list ruleset; on new-s2 nft -s list ruleset)" = "$before" ]
lb apply

echo "# one host that cannot be read does not hide what the others say"
on new-s1 nft add rule inet t c tcp dport 34 accept
ip netns delete new-s2
refuses 3 'not read: netns:new-s2' lb verify
refuses 3 '-   tcp dport 34 accept' lb verify
refuses 3 'and 1 object of the others differs' lb verify
lb verify --json >"$dir/plan.json" || [ $? = 3 ]
fits lbsync-plan <"$dir/plan.json"
[ "$(jq -r .verdict "$dir/plan.json")" = "not read" ]
refuses 3 'not read: netns:new-s2' lb apply
on new-s1 nft list chain inet t c | found 34
