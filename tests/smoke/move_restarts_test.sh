#!/bin/bash
# At every hold of the demo's move both gateways crash and are started again: their orders are as they were, the
# sessions log in again by themselves, and the move goes on to its end.
. "$(dirname "$0")/_init.sh"
. tests/smoke/_move.sh
# shellcheck disable=SC2119 # the lab as it is
move_lab

# An operator's terminal, whose keys come from $out/keys.  The sessions that a crash breaks do not turn the move back.
mkfifo "$out/keys"
script -qfec "'$lab' run env 'PATH=$BUILD/bin:$PATH' cutover run '$PWD/playbooks/subnet-move.json' \
    --inventory /run/rehome/inventory.json --journal '$journal' --set observe_s=1 --set settle_s=1 ${short_probes[*]} \
    --set sessions_broken=100000 --set canaries_failed=100000 --set up_share=0 --set gap_ms=600000" \
    /dev/null <"$out/keys" >"$out/move.log" 2>&1 &
move=$!
exec 8>"$out/keys"

ordered() { on_gateway "$1" config --origins --json | jq -cS '[.settings[] | select(.from == "order")]'; }
stands() { on_gateway "$1" status --json | jq -cS '[.share, [.lines[] | [.carrier, .state]], .orders.confirmed]'; }
hears_carriers() { [ "$(in_lab birdc -s "/run/rehome/$1-gw/bird.ctl" show protocols | grep -c Established)" = 3 ]; }
crash() {
    local gateway before after
    before=$(for gateway in old new; do ordered $gateway; stands $gateway; done)
    for gateway in old new; do "$lab" kill $gateway-gw/vipd; done
    for gateway in old new; do "$lab" start $gateway-gw/vipd; done
    for gateway in old new; do wait_until 10 on_gateway $gateway status >"$out/status"; done
    after=$(for gateway in old new; do ordered $gateway; stands $gateway; done)
    [ "$before" = "$after" ] || { printf 'before:\n%s\nafter:\n%s\n' "$before" "$after" >&2; return 1; }
    for gateway in old new; do wait_until 60 hears_carriers $gateway; done
    wait_until 60 logins_are '.up == .wanted' true
}

# Typed before the question stands there it would answer nothing.
asked() { [ "$(grep -ac '\[yes/undo/stop\]>' "$out/move.log")" -ge "$1" ]; }
holds=0
for hold in "carrier red/go on" "carrier green/go on" "carrier blue/go on" "log in again/go on" release/soak; do
    wait_until 120 moved_to "$hold"
    echo "$hold: both crash"
    crash
    wait_until 10 asked $((++holds))
    echo yes >&8
done
wait "$move"
grep -aq "all .* steps are done" "$out/move.log"
echo "what was ordered last is in force at last"
crash
stands old | found '"disabled"'
stands new | found '"enabled"'
