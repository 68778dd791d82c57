#!/bin/bash
# What the guide says of any night, as it stands there: its files and its commands, in its order, at a gateway of two sites
# with sessions.  None of them is refused, what explains says how it is, and at the end everybody is served again.
. "$(dirname "$0")/_init.sh"
# Two servers a site, in the inventory too.
export vipd_change='.services[0].servers += [.services[0].servers[0] | .name = "s2" | .address |= sub("2$"; "3")]'
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
gateway_data=$dir/gateway
mkdir -p "$gateway_data"
cp "$here/../data/gateway/vipd.json" "$gateway_data/"
jq '.services[0].servers += [{name: "s2", old: {address: "10.1.0.3"}, new: {address: "172.20.0.3"}}]' \
    "$here/../data/gateway/inventory.json" >"$gateway_data/inventory.json"
vipd_world
ip -n old-s address add 10.1.0.3/24 dev eth0
ip -n new-s address add 172.20.0.3/24 dev eth0
name_servers 1883
wait_until 5 served_by old-s

sed -n '/^## Any night/,/^## When something/p' docs/guide.md >"$dir/section"
cd "$dir"
# What stands in the blocks, each a paragraph; comments behind commands end them.
awk '/^    /{print substr($0, 5); next} {print ""}' section >blocks
awk 'BEGIN {RS = ""} /^\{/' blocks >rules.json
awk 'BEGIN {RS = ""} /^"health"/' blocks >health
awk 'BEGIN {RS = ""} /^vip/' blocks | sed 's/ *#.*//' >commands
[ "$(wc -l <commands)" -gt 25 ]
echo 10.9.0.200 >staff.txt
printf '%s\n' '100.80.0.0/25 new' 'staff new' '203.0.113.0/24 old' >ranges.txt
jq --argjson more "{$(cat health)}" '.services[0] += $more' old.json >vipd.json
cp vipd.json old.json

mkfifo tell
(cd "$here/../.." && on client python3 tests/smoke/sessions.py --tcp 20 --udp 0 --to 198.51.100.10) <tell >told &
exec 6>tell
wait_until 10 grep -q ready told

while read -r command; do
    echo "\$ $command"
    code=0
    case $command in
        vipctl*--watch*) eval "timeout 3 $command --socket $dir/old.sock" >said 2>&1 || code=$? ;;
        vipctl*) eval "$command --socket $dir/old.sock" >said 2>&1 || code=$? ;;
        *) eval "$command" >said 2>&1 || code=$? ;;
    esac
    case $command in
        *explain*) grep -qE 'served|CAUSE' said && [ $code -le 4 ] ;;
        *--watch*) [ $code = 124 ] && [ "$(grep -c '^gateway' said)" -gt 1 ] ;;
        *) [ $code = 0 ] ;;
    esac || { echo "exit $code" >&2; cat said >&2; exit 1; }
done <commands
[ "$(figure old .disabled)" = '[]' ]
[ "$(figure old '.access.admitted_percent == 100')" = true ]
[ "$(figure old .access.digest)" = "$(figure new .access.digest)" ]
[ "$(figure old .placement.digest)" = "$(figure new .placement.digest)" ]
cd "$here/../.."
wait_until 10 figure_is old '[.health.servers[].state]' '["up","up"]'
reports() { [ "$(grep -c '^{' "$dir/told")" -gt "$1" ]; }
all_served() { # the twenty, and whoever comes
    local before
    before=$(grep -c '^{' "$dir/told" || true)
    echo report >&6
    wait_until 10 reports "$before"
    tail -n 1 "$dir/told" | jq -e '.lost == 0 and .refused == 0 and .new > 0 and .gap_ms < 1000 and (.by | add) == 20' >/dev/null
}
wait_until 10 all_served
echo end >&6
