#!/bin/bash
# Live checked sessions at two sites, for as long as is wanted, while shares, lines, routes, crashes, a cut link and
# forgeries befall them at random: make soak S=3600.
#
#   soak.sh SECONDS [SEED]
#
# Prints each event as it comes, and every minute what the sessions report.  Fails when a TCP session is lost; when a UDP
# session changes server where no gateway crashed since its flow was placed; when a gateway's memory grows by more than a
# tenth after the first quarter.  The seed is printed first, and gives the same events again.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../smoke/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. tests/smoke/_sites.sh
seconds=${1:-60} seed=${2:-$(date +%s)}
echo "seed $seed"
RANDOM=$((seed % 32768))

# At once, or with what ends it.
one_event() {
    local site=old
    [ $((RANDOM % 2)) = 0 ] || site=new # here: a subshell draws from a seed of its own
    case $((RANDOM % 9)) in
    0 | 1) event share $((RANDOM % 101)) ;;
    2) event deliver new ;;
    3) event deliver old ;;
    4) event crash "$site" && crashed=1 ;;
    5) event stop "$site" && crashed=1 ;;
    6) event cut && event wait "0.$((RANDOM % 8 + 1))" && event mend ;;
    7) event cut_from "$site" && event wait "0.$((RANDOM % 8 + 1))" && event mend ;;
    8) event forge blind ;;
    esac
}
event() {
    echo "$(($(date +%s) - began)) s: $*"
    befall "$@"
}
resident_kb() { awk '/^VmRSS/ {print $2}' "/proc/$(pgrep -f "^vipd run --config $dir/$1.json")/status"; }

lost=0 moved=0 crashed=
count_said() {
    local said
    said=$(reported)
    echo "$said"
    ((lost += $(jq .lost <<<"$said"))) || true
    [ -n "$crashed" ] || ((moved += $(jq .moved <<<"$said"))) || true
    crashed=
}

sites_world 2
befall line new enable # both sites can deliver every packet, all the time
sessions --tcp 25 --udp 25
began=$(date +%s)
next_report=60
declare -A first
while now=$(($(date +%s) - began)) && [ "$now" -lt "$seconds" ]; do
    one_event
    sleep $((RANDOM % 3 + 1))
    wait_until 10 both_alive
    if [ "$now" -ge "$next_report" ]; then
        next_report=$((next_report + 60))
        count_said
    fi
    # One that was started anew is smaller, and is held against the first all the same.
    for site in old new; do
        kb=$(resident_kb $site)
        if [ "$((now * 4))" -ge "$seconds" ] && [ "${first[$site]:-0}" -gt 0 ] && [ $((kb * 10)) -gt $((first[$site] * 11)) ]; then
            echo "the $site gateway's memory grew from ${first[$site]} to $kb KB"
            exit 1
        fi
        [ "$((now * 4))" -ge "$seconds" ] || first[$site]=$kb
    done
done
count_said
end_sessions
echo "$seconds s, seed $seed: $lost sessions lost, $moved moved without a crash"
[ "$lost" = 0 ] && [ "$moved" = 0 ]
