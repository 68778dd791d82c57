#!/bin/bash
# What vipd and vipctl print for other programs fits the schemas in common/formats, and requests
# that do not fit theirs are refused.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

prints() { # FORMAT COMMAND...: in JSON; its answer may be no, or that it cannot tell
    "${@:2}" --json >"$dir/printed" || [[ $? = [14] ]]
    fits "$1" <"$dir/printed"
}
short_metrics() { ctl old metrics "$@" | jq '.text |= .[:8000]'; } # no string of a file may be longer
wrong() { # COMMAND...: exit code 2, and one line that says why
    local code=0
    "$@" >"$dir/out" 2>"$dir/error" || code=$?
    [ "$code" = 2 ] && [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/error")" = 1 ]
}

vipd_world
on old-s python3 tests/smoke/peers.py names 1883 old-s &
wait_until 5 on old-s bash -c 'exec 3<>/dev/tcp/10.1.0.2/1883'
mkfifo "$dir/hold"
on client python3 tests/smoke/peers.py hold 198.51.100.10 1883 <"$dir/hold" >"$dir/held" &
exec 4>"$dir/hold"
echo ask >&4
wait_until 5 grep -q old-s "$dir/held"

# ---- a document that does not fit is told
ctl old status --json | jq 'del(.at) | .typo = 1' >"$dir/wrong"
fails fits vipd-status <"$dir/wrong" 2>"$dir/mistakes"
grep -q '/at: is missing' "$dir/mistakes"
grep -q '/typo: unknown key' "$dir/mistakes"

# ---- what the programs print
prints vipd-status ctl old status
jq -e '.services[0] | .service == "meters" and .served and .counted_one_in == 1 and (.servers | map(del(.new_flows_per_s))) ==
    [{"server": "s1", "address": "10.1.0.2:1883", "takes_new_flows": true, "health": null, "flows": 1}]' "$dir/printed"
prints vipd-status ctl new status
prints vipd-stats ctl old stats
prints vipd-metrics short_metrics
prints vipd ctl old config
prints vipd-reload ctl old reload
prints vipd-share ctl old share 10 --by address-port
prints vipd-share ctl old share 0
prints vipd-status ctl old status
prints vipd-share ctl old share
prints vipd-placed ctl old weights old=90,new=10
prints vipd-placed ctl old set 10.9.0.0/24 old
echo 10.9.0.2 >"$dir/staff"
prints vipd-placed ctl old list staff --file "$dir/staff"
prints vipd-placed ctl old list staff --none
prints vipd-placed ctl old weights none
prints vipd-placed ctl old set 10.9.0.0/24 none
prints vipd-placed ctl old set
prints vipd-accessed ctl old access
prints vipd-accessed ctl old limit clients 100 --burst 200 --ipv4-length 24
ctl old access --json | jq .rules | fits vipd-access
prints vipd-accessed ctl old admission 50 --dry-run
prints vipd-accessed ctl old access --none
prints vipd-confirm ctl old confirm
prints vipd-disabled ctl new enable line red
prints vipd-disabled ctl new mask line red
prints vipd-why ctl old why "tcp 10.9.0.2:40000 > 198.51.100.10:1883 syn"
prints vipd-why vipd why --config "$dir/old.json" "tcp 10.9.0.2:40000 > 198.51.100.10:1883 syn"
[ "$(jq -r .drop.reason "$dir/printed")" = no_route ]
prints vipd-explain ctl old explain 10.9.0.2
prints vipd-flows ctl old flows
[ "$(jq '.flows | length' "$dir/printed")" = 1 ]
prints vipd-flows ctl old flows --count
prints vipd-top ctl old top --seconds 1 --by vip
prints vipctl-capture ctl old capture --out "$dir/x.pcapng" --seconds 1
prints vipd-disabled ctl old weak site old --rate 100 --wait
[ "$(jq -c .told "$dir/printed")" = '["old-gw","new-gw"]' ]
prints vipd-status ctl old status
ctl old tell <<<'{"command":"sites"}' | fits vipd-sites
prints vipd-disabled ctl old strong server meters/s1
prints vipd-disabled ctl old enable server meters/s1
prints vipd-disabled ctl old enable site old
fits --lines vipd-resets <"$dir/old.resets"
prints vipd-drops vipd drops
prints vipd-counters vipd counters

# ---- the socket itself: every line of the answers, and of what may be asked
say() { python3 tests/smoke/peers.py tell "$dir/old.sock"; }
cat >"$dir/requests" <<END_REQUESTS
{"command":"status"}
{"command":"flows","count":true}
{"command":"top"}
{"command":"explain","client":"10.9.0.2"}
{"command":"capture","count":1}
{"command":"capture-read","id":2}
{"command":"capture-stop","id":2}
{"command":"share","percent":5}
{"command":"share","percent":0}
END_REQUESTS
fits --lines vipd-request <"$dir/requests"
say <"$dir/requests" >"$dir/answers"
fits --lines vipd-answer <"$dir/answers"
[ "$(jq -s 'length == 9 and all(.ok)' "$dir/answers")" = true ]
jq -c 'select(.result.schema == "rehome/vipd-capture/1") | .result' "$dir/answers" | fits --lines vipd-capture

# ---- what does not fit is refused by vipd, and not even asked by vipctl
printf '%s\n' '{"command":"share","percent":1e9}' '{"command":"share","percnt":1}' '{"command":"fly"}' '{}' 'x' '[1]' |
    say >"$dir/answers"
fits --lines vipd-answer <"$dir/answers"
[ "$(jq -s 'length == 6 and all(.ok | not)' "$dir/answers")" = true ]
grep -q 'percent: is 1000000000.0, expected a number from 0 to 100' "$dir/answers"
grep -q 'percnt: unknown key, expected one of break-maps, by, command, percent' "$dir/answers"
grep -q '"fly\\" is unknown, expected one of access, ' "$dir/answers"
wrong ctl old share nan
wrong ctl old share 101
wrong ctl old share 10 --by colour
wrong ctl old mask rack red
wrong ctl old weak site old --rate nan
wrong ctl old weak site old --rate 0
wrong ctl old weak site old
wrong ctl old mask server nobody
wrong ctl old flows --limit -1
wrong ctl old flows --limit 0
wrong ctl old flows --state asleep
wrong ctl old top --by nothing
wrong ctl old top --limit -1
wrong ctl old top --seconds 61
wrong ctl old capture --out "$dir/x" --count -1
wrong ctl old capture --out "$dir/x" --seconds -1
wrong ctl old capture --out "$dir/x" --direction up
grep -q 'vipctl capture: /direction: is "up", expected one of "in", "out", "both"' "$dir/error"
[ "$(ctl old share --json | jq .percent)" = 0 ]
