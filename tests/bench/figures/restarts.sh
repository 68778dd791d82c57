#!/bin/bash
# What forgeries, crashes and a link that is dead in one direction take from live sessions, as JSON:
# make bench-vipd ARGS=flows.
#
#   blind_reset_lost    of 200 sessions, after 12 forged segments for each over IPv4 at share 100
#   restart_reset       of 200 sessions at share 50, half over IPv6, when that gateway crashes
#   one_way_dead_s      until both gateways take each other for down
#   real_close_noticed  the share of 100 real resets that is seen to within 1 s
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. tests/smoke/_sites.sh
sites_world 1
lost() { reported | jq -c '{lost: .lost, tried: ([.by[]] | add)}'; }

sessions --tcp 200 --udp 0 --every 500
befall share 100
befall forge blind
befall wait 2
blind=$(lost)

as_at_first
declare -A restart
for site in old new; do
    befall share 50
    sessions --tcp 100 --udp 0 --every 500
    befall crash $site
    befall wait 4
    restart[$site]=$(lost)
done

as_at_first
declare -A dead
both_dead() { figure_is old '.peers[0].alive' false && figure_is new '.peers[0].alive' false; }
for site in old new; do
    began=${EPOCHREALTIME/./}
    befall cut_from $site
    wait_until 5 both_dead
    dead[$site]=$(((${EPOCHREALTIME/./} - began) / 1000))
    befall mend
    wait_until 5 both_alive
done

# Idle meanwhile, so that nothing goes on after the reset.
sessions --tcp 100 --udp 0 --every 60000
closing() { figure old .flows.closing; }
before=$(closing)
befall forge exact
befall wait 1
noticed=$(($(closing) - before))

jq -n --argjson blind "$blind" --argjson old "${restart[old]}" --argjson new "${restart[new]}" \
    --argjson from_old "${dead[old]}" --argjson from_new "${dead[new]}" --argjson noticed "$noticed" '{
    blind_reset_lost: $blind, restart_reset: {old: $old, new: $new},
    one_way_dead_s: {from_old: ($from_old / 1000), from_new: ($from_new / 1000)},
    real_close_noticed: {share: ([$noticed / 100, 1] | min), tried: 100}}'
