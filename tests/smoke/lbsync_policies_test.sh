#!/bin/bash
# lbsync carries the old site's rule sets and services to the new one, proves it, and takes it back.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

# shellcheck source=tests/smoke/_lbsync.sh
. "$here/_lbsync.sh"

lbsync_world
config() { # GATEWAY SERVICES
    jq ".services = [$2]" "$dir/$1/vipd.json" >"$dir/config" && mv "$dir/config" "$dir/$1/vipd.json"
}
config old-gw '{"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[
    {"name":"s1","address":"10.1.1.11","port":1883,"weight":1},{"name":"s2","address":"10.1.1.12","port":1883,"weight":2}]}'
on old-gw nft -f tests/data/lbsync/gateway.nft
on old-s1 nft -f tests/data/lbsync/server.nft
on old-s2 nft -f tests/data/lbsync/server.nft
# At the new site: a table of vipd's own, which nobody else touches, and one that must go.
on new-gw nft 'add table netdev vipd-quiet; add chain netdev vipd-quiet in { type filter hook ingress device "lo" priority 0; policy accept; }'
on new-gw nft 'add table ip old_ideas; add chain ip old_ideas x; add rule ip old_ideas x ip saddr 172.20.9.9 drop'

shows() { # WORDS HOST nft's list arguments
    local said
    said=$(on "$2" nft list "${@:3}")
    [[ $said == *"$1"* ]] || { echo "$2 does not show '$1': $said"; return 1; }
}
state() { for host in new-gw new-s1 new-s2; do on $host nft -s list ruleset; done; cat "$dir/new-gw/vipd.json"; }
before=$(state)

echo "# the plan shows everything and changes nothing"
refuses 1 "+   tcp dport vmap @doors" lb plan
refuses 1 "server s2 172.20.5.22:1883 weight 2" lb plan
refuses 1 "remove table ip old_ideas" lb apply --dry-run
[ "$(state)" = "$before" ]

echo "# applied, read back, equal; what is not ours stays"
lb apply --state "$dir/state.json" --json | fits lbsync-plan
fits lbsync-state <"$dir/state.json"
lb verify --json | fits lbsync-plan
shows 'device "lo"' new-gw table netdev vipd-quiet
shows 'dnat to 172.20.5.21:8080' new-gw chain ip translate prerouting
shows 'ip saddr 172.20.0.0/16 snat to 100.64.2.2' new-gw chain ip translate postrouting
shows 'ip saddr 10.99.0.1 udp dport 6080' new-gw chain inet guard input
shows '100.64.2.1, 100.64.12.1' new-gw set inet guard routers
grep -q '"gateway": "new-gw"' "$dir/new-gw/vipd.json"
refuses 0 "equal" lb apply --state "$dir/state.json" # and loses nothing of the first

echo "# a target that was tampered with is found, rule by rule, and mended in place"
on new-s1 nft 'add rule inet filter input tcp dport 23 accept'
on new-gw nft 'add element inet guard routers { 192.0.2.77 }'
refuses 1 "-   tcp dport 23 accept" lb verify
refuses 1 "-   192.0.2.77" lb verify
lbsync plan --inventory "$inventory" --no-reload --json >"$dir/plan.json" || [ $? = 1 ]
fits lbsync-plan <"$dir/plan.json"
on new-s1 nft 'add rule inet filter input tcp dport 24 accept'
refuses 1 "has changed since this plan" lb apply --plan "$dir/plan.json"
lb apply
lb verify

echo "# in other words there: proven packet by packet, with the site's own addresses"
proven="equal: site new has the policies of site old (proven equal as sets of packets)"
on new-s1 nft 'add chain inet filter door; add rule inet filter door udp dport 862 ip saddr 0.0.0.0/0 accept'
on new-s1 nft 'add rule inet filter input meta l4proto udp jump door'
on new-gw nft 'add rule ip translate postrouting oifname "lo" ip saddr 172.20.0.0/16 counter'
refuses 0 "$proven" lb verify
on new-s1 nft 'flush chain inet filter door; add rule inet filter door udp dport 863 accept'
refuses 1 "new: accept by netns:new-s1: table inet filter: chain door: rule " lb verify
on new-s1 nft 'flush chain inet filter door'
on new-gw nft 'insert rule ip translate prerouting ip daddr 198.51.100.20 tcp dport 80 dnat to 172.20.5.22:8080'
refuses 1 "dnat to 172.20.5.21:8080" lb verify
lb apply

echo "# undo brings back what was there before the first apply, but never over somebody else's change"
on new-s2 nft 'add rule inet filter input tcp dport 25 accept'
refuses 3 "table inet filter: has been changed since the apply" lbsync undo --inventory "$inventory" --state "$dir/state.json"
lbsync undo --inventory "$inventory" --state "$dir/state.json" --force --json | fits lbsync-undo
[ "$(state)" = "$before" ] || { diff <(state) <(echo "$before"); exit 1; }

echo "# an object without a counterpart stops everything"
on old-s2 nft 'add rule inet filter input ip saddr 10.1.9.9 accept'
refuses 2 "object without a counterpart: 10.1.9.9" lb apply
[ "$(state)" = "$before" ]
on old-s2 nft 'flush chain inet filter input'

echo "# what cannot be understood is not carried and never called equal"
on old-s2 nft 'add rule inet filter input jump { ip saddr 192.0.2.1 drop; }'
refuses 4 "nft has no JSON form" lb verify
refuses 4 "not provable" lb apply
[ "$(state)" = "$before" ]
on old-s2 nft 'flush ruleset'

echo "# a failure on the way puts everything back"
on old-s2 nft -f tests/data/lbsync/server.nft
chmod 700 "$dir/new-gw" && mount --bind "$dir/new-gw" "$dir/new-gw" && mount -o remount,bind,ro "$dir/new-gw"
refuses 1 "backed out" lb apply
umount "$dir/new-gw"
[ "$(state)" = "$before" ]

echo "# without a running vipd at the target"
refuses 3 "start vipd there" lbsync verify --inventory "$inventory"
