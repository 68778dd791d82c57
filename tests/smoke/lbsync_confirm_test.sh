#!/bin/bash
# apply --confirm: what nobody confirms is undone on the targets by themselves, also when the line to them is cut.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_lbsync.sh
: "${inventory:?}"
lbsync_world
rules() { # NS WORDS
    on "$1" nft -f - <<NFT
table inet filter
delete table inet filter
table inet filter { chain input { type filter hook input priority 0; policy drop; $2; }; }
NFT
}
has() { on "$1" nft list ruleset | found -F "$2"; }
rules old-s1 'tcp dport 81 accept'
rules new-s1 'tcp dport 80 accept'
rules old-s2 'tcp dport 82 accept'
for host in new-gw new-s1 new-s2; do on "$host" lbsync armed >"$dir/$host.none"; done
fits lbsync-armed <"$dir/new-s1.none"
[ "$(jq .armed "$dir/new-s1.none")" = null ]

echo "# unconfirmed is not equal for good, and says until when"
rules old-s2 'tcp dport 80 accept'
rules new-s2 'tcp dport 80 accept'
lb apply --confirm 30 --state "$dir/state.json" --json | fits lbsync-plan
has new-s1 'dport 81'
refuses 4 "equal, unconfirmed until 2" lb verify
lb verify --applied
lb verify --json >"$dir/verify.json" || [ $? = 4 ]
fits lbsync-plan <"$dir/verify.json"
[ "$(jq -r '.verdict, (.unconfirmed | length)' "$dir/verify.json" | xargs)" = "unconfirmed 1" ]
on new-s1 lbsync armed | fits lbsync-armed
rules old-s1 'tcp dport 83 accept'
refuses 1 "netns:new-s1: is unconfirmed until 2" lb apply
rules old-s1 'tcp dport 81 accept'

echo "# what waits is told without touching it"
refuses 1 "netns:new-s1: is unconfirmed until 2" lbsync confirm --inventory "$inventory" --dry-run
on new-s1 lbsync armed | jq -e '.armed != null'

echo "# confirmed only while it stands as applied; then it is final"
on new-s1 nft add rule inet filter input tcp dport 99 accept
refuses 1 "table inet filter: has been changed since the apply" lbsync confirm --inventory "$inventory"
on new-s1 nft delete rule inet filter input handle "$(on new-s1 nft -a list chain inet filter input | sed -n 's/.*dport 99.*handle //p')"
lbsync confirm --inventory "$inventory"
lb verify
lbsync confirm --inventory "$inventory" | found 'nothing waits'
on new-s1 lbsync armed | jq -e '.armed == null and .waits == false'
undo
has new-s1 'dport 80'

echo "# what is disarmed while somebody works there takes no lock from him"
lb apply --confirm 60 >"$dir/said"
mkfifo "$dir/hold"
on new-s1 lbsync hold --by somebody --command work <"$dir/hold" >"$dir/held" &
holder=$!
exec 7>"$dir/hold"
wait_until 5 grep -q held "$dir/held"
on new-s1 lbsync disarm --id "$(on new-s1 lbsync armed | jq -r .armed.id)"
timer_gone() { fails ls /run/lbsync/*/*.timer; }
wait_until 5 timer_gone
refuses 3 "is locked by somebody" undo
exec 7>&-
wait "$holder"
undo

echo "# without --confirm what was verified is final, and nothing waits"
lb apply
on new-s1 lbsync armed | jq -e '.armed == null'

echo "# boot files have the old rules until it is confirmed, keep owner, mode and link, and are put back"
boot=$dir/boot.nft # the lab's hosts share their files: the gateway's alone
jq 'del(.services[].servers[] | .old.host, .new.host)' "$inventory" >"$dir/gateways.json"
rules old-gw 'tcp dport 84 accept'
gw() { lbsync "$1" --inventory "$dir/gateways.json" --no-reload --boot-file "$dir/link.nft" "${@:2}"; }
ln -s boot.nft "$dir/link.nft"
printf 'kept by hand\n' >"$boot"
refuses 2 "holds what lbsync has not written" gw apply
printf '\n' >"$boot"
chmod 640 "$boot" && chown 1:1 "$boot"
gw apply --confirm 30 --state "$dir/second.json"
[ "$(cat "$boot")" = "" ]
refuses 4 "unconfirmed" gw verify
lbsync confirm --inventory "$dir/gateways.json"
gw verify
[ "$(stat -c '%a %u:%g' "$boot") $(readlink "$dir/link.nft")" = "640 1:1 boot.nft" ]
on new-gw nft flush ruleset
on new-gw nft -f "$boot" # what a boot does
gw verify

echo "# a boot before it is confirmed brings what was there before, and nothing waits any more"
before=$(on new-gw nft -s list ruleset)
rules old-gw 'tcp dport 87 accept'
gw apply --confirm 60
has new-gw 'dport 87'
ip netns delete new-gw # as a boot does, with all that is only in memory
ns new-gw
on new-gw nft -f "$boot"
[ "$(on new-gw nft -s list ruleset)" = "$before" ]
on new-gw lbsync armed | jq -e '.armed == null'
refuses 1 'dport 87' gw verify
rules old-gw 'tcp dport 84 accept'
gw verify
lbsync undo --state "$dir/second.json"
[ "$(cat "$boot")" = "" ]
[ "$(stat -c '%a %u:%g' "$boot")" = "640 1:1" ]
rules old-gw 'tcp dport 86 accept'
gw apply
gw verify
found 'dport 86' <"$boot"

echo "# the time is over, and nobody is there: whoever armed it was cut off before"
lb apply
rules old-s1 'tcp dport 85 accept'
before=$(on new-s1 nft -s list ruleset)
lb apply --confirm 6 >"$dir/said" &
apply=$!
wait_until 10 has new-s1 'dport 85'
kill -KILL "$apply" $(pgrep -P "$apply") 2>/dev/null || true
mv "$dir/new-gw" "$dir/cut" # nothing of the operator's is needed any more
back() { [ "$(on new-s1 nft -s list ruleset)" = "$before" ]; }
fails back
wait_until 15 back
undone() { on new-s1 lbsync armed | jq -e ".armed == null and (.undone.done | length == 1) and .undone.left_undone == []"; }
wait_until 5 undone
mv "$dir/cut" "$dir/new-gw"
refuses 1 "netns:new-s1: was put back at 2" lbsync confirm --inventory "$inventory"
refuses 1 "dport 85" lb verify

echo "# a transaction that is still under way when the time is over is waited for, and undone"
lb apply
rules old-s1 'tcp dport 89 accept'
before=$(on new-s1 nft -s list ruleset)
lb apply --confirm 8 >"$dir/said"
after=$(on new-s1 nft -s list ruleset)
mkdir "$dir/slow"
# shellcheck disable=SC2016  # the script expands it
printf '#!/bin/bash\n[ "$1" != -f ] || sleep 9\nexec %s "$@"\n' "$(command -v nft)" >"$dir/slow/nft"
chmod +x "$dir/slow/nft"
batch=$(printf 'delete table inet filter\n%s\n' "$after")
id=$(on new-s1 lbsync armed | jq -r .armed.id)
digest=$(printf %s "$batch" | sha256sum | cut -d' ' -f1)
printf %s "$batch" | on new-s1 env "PATH=$dir/slow:$PATH" lbsync load --sha256 "$digest" --armed "$id"
wait_until 15 back
wait_until 5 undone
printf %s "$batch" | refuses 1 "there is no such apply to be confirmed any more" on new-s1 lbsync load --sha256 "$digest" --armed "$id"

echo "# half of what was sent is nothing"
printf %s "${batch%$'\n'*}" | refuses 3 "was cut off" on new-s1 lbsync load --sha256 "$digest"
echo 'half of it' >"$dir/file"
printf 'hal' | refuses 3 "was cut off" on new-s1 lbsync put --path "$dir/file" --sha256 "$digest" \
    --expect-sha256 "$(sha256sum "$dir/file" | cut -d' ' -f1)"
[ "$(cat "$dir/file")" = 'half of it' ]
back
for command in "disarm --id" "disarm --confirmed --id" "wait --place $dir --id" "load --sha256 $(sha256sum </dev/null | cut -d' ' -f1) --armed"; do
    # shellcheck disable=SC2086  # words
    refuses 2 "expected 16 hexadecimal digits" on new-s1 lbsync $command ../../../tmp/x </proc/self/ns/net
done

echo "# what somebody else has changed meanwhile is left alone, and told"
lb apply --confirm 5
on new-s1 nft add rule inet filter input tcp dport 98 accept
over() { on new-s1 lbsync armed | jq -e '.undone.left_undone | length == 1'; }
wait_until 15 over
has new-s1 'dport 98'
