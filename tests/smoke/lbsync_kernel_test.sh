#!/bin/bash
# What the kernel runs decides, not what nft's text says: rules that list alike and do otherwise.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

ns old-gw new-gw old-s1 old-s2 new-s1 new-s2
mkdir -p "$dir"/old-gw "$dir"/new-gw
inventory=$dir/inventory.json
cp tests/lab/inventory.json "$inventory"
for gateway in old-gw new-gw; do
    printf '{"schema":"rehome/vipd/1","inventory":"%s","gateway":"%s","control":"%s","ports":[{"name":"p","device":"null:"}],"lines":[],"services":[%s]}' \
        "$inventory" $gateway "$dir/$gateway/vipd.sock" '{"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[
        {"name":"s1","address":"'"$([ $gateway = old-gw ] && echo 10.1.1.11 || echo 172.20.5.21)"'","port":1883,"weight":1}]}' >"$dir/$gateway/vipd.json"
done

lb() { lbsync "$1" --inventory "$inventory" --no-reload "${@:2}"; }
refuses() { # EXIT WORDS COMMAND...: ends so, and says so
    local code=0 said
    said=$("${@:3}" 2>&1) || code=$?
    [ "$code" = "$1" ] || { echo "exit $code, expected $1: $said"; return 1; }
    [[ $said == *"$2"* ]] || { echo "does not say '$2': $said"; return 1; }
}
both() { for host in old-s1 new-s1; do on $host nft "$1"; done; }
alike() { # both sites' nft prints the same
    [ "$(on old-s1 nft list ruleset)" = "$(on new-s1 nft list ruleset)" ]
}

echo "# what the kernel runs, by expressions"
on old-s1 nft -f tests/data/lbsync/server.nft
on old-s1 lbsync read --json | fits lbsync-kernel
[ "$(on old-s1 lbsync read | jq '.. | .unknown? // empty')" = "" ]
[ "$(on old-s1 lbsync read | jq '.reloaded.not_reloaded | length')" = 0 ]
on old-s1 nft flush ruleset

echo "# equal as long as both run the same"
both 'add table ip6 t; add chain ip6 t c { type filter hook input priority 0; policy drop; }'
both 'add rule ip6 t c meta l4proto tcp tcp dport 22 accept'
lb verify

echo "# the next header is not the protocol behind all headers, though nft prints both alike"
on old-s1 nft 'flush chain ip6 t c; add rule ip6 t c ip6 nexthdr tcp tcp dport 22 accept'
alike
refuses 1 "+   @nh,48,8 6 @th,16,16 22 accept" lb verify
lb apply --state "$dir/state.json"
alike
for host in old-s1 new-s1; do on $host lbsync read | jq -c '[.tables[].chains[].rules[].expressions]' >"$dir/$host"; done
cmp "$dir/old-s1" "$dir/new-s1"
lb verify
lbsync undo --state "$dir/state.json"
refuses 1 "+   @nh,48,8 6 @th,16,16 22 accept" lb verify
both 'delete table ip6 t'

echo "# the type of a frame is not that of what a tag wraps"
both 'add table bridge t; add chain bridge t c { type filter hook input priority 0; }'
on old-s1 nft 'add rule bridge t c ether type ip ip saddr 192.0.2.1 accept' # for which text has no words
on new-s1 nft 'add rule bridge t c ip saddr 192.0.2.1 accept'
alike
refuses 4 "nft's text is another rule than the kernel's" lb verify
both 'delete table bridge t'
lb verify

echo "# order is policy: where it decides and the kernel does not tell it, nothing is proven"
for table in one two; do
    both "add table inet $table; add chain inet $table c { type filter hook input priority 0; }"
    both "add rule inet $table c ip saddr 192.0.2.1 drop"
done
lb verify
both 'add rule inet one c meta mark set 1'
if [ "$(on old-s1 lbsync read | jq 'has("hooks")')" = false ]; then
    refuses 4 "this kernel does not tell which of them runs first" lb verify
    refuses 4 "this kernel does not tell which of them runs first" lb apply
fi
both 'delete table inet one; delete table inet two'

echo "# nor is anything carried beside a table that stays, where order decides: pings would pass at one site alone"
on old-s1 nft 'table inet one { chain c { type filter hook input priority 0; icmp type echo-request meta mark set 1; }; }'
on new-s1 nft 'table inet rehome-x { chain c { type filter hook input priority 0; meta mark 1 drop; }; }'
refuses 4 "chain c of table inet one, which is to be carried, would run at ip hook 1, priority 0, as chain c of table inet rehome-x" lb plan
refuses 4 "nobody can tell which of them would run first" lb apply
fails on new-s1 nft list table inet one
on new-s1 nft 'delete table inet rehome-x'
lb apply
lb verify
both 'delete table inet one'

echo "# a chain at a device is no rival of itself"
for host in old-s1 new-s1; do ip -n "$host" link add e0 type veth peer name e1; done
on old-s1 nft 'table netdev one { chain c { type filter hook ingress device e0 priority 0; icmp type echo-request meta mark set 1; }; }'
lb apply
lb verify
both 'delete table netdev one'

echo "# a far host without lbsync, or with one of another version"
mkdir "$dir/bin" "$dir/far"
cat >"$dir/bin/ssh" <<'SSH'
#!/bin/bash
while [ "$1" != -- ]; do shift; done
exec ip netns exec old-s1 env "PATH=$dir/far:/usr/sbin:/usr/bin:/sbin:/bin" sh -c "${*:2}"
SSH
chmod +x "$dir/bin/ssh"
PATH=$dir/bin:$PATH
sed -i 's/netns:old-s1/ssh:root@old-s1/' "$inventory"
refuses 4 "ssh:root@old-s1: there is no lbsync" lb verify
printf '#!/bin/sh\necho "unknown command" >&2; exit 2\n' >"$dir/far/lbsync"
chmod +x "$dir/far/lbsync"
refuses 4 "ssh:root@old-s1: its lbsync is of another version, or broken: unknown command" lb verify
printf '#!/bin/sh\necho "{\\"schema\\":\\"rehome/lbsync-kernel/2\\"}"\n' >"$dir/far/lbsync"
refuses 4 "it prints \"rehome/lbsync-kernel/2\", expected rehome/lbsync-kernel/1" lb verify
ln -sf "$BUILD/bin/lbsync" "$dir/far/lbsync"
lb verify
