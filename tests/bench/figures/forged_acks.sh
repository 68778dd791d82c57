#!/bin/bash
# What forged segments in mid-flow, of flows that nobody has, take of the link between the sites and from those who log
# in, as JSON: make bench-vipd ARGS=flows.  The clients are delivered to the new site; the old one has live sessions.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. tests/smoke/_sites.sh
seconds=10
sites_world 1
sessions --tcp 100 --udp 0
befall line new enable
befall deliver new
befall wait 3 # which flows are known is told
link_bytes() { ip -n wan -s -j link show dev new | jq -c '.[0].stats64 | [.rx.bytes, .tx.bytes]'; }
asked() { ctl new stats --json | jq "$1"; }
reported >"$dir/before"
before=$(link_bytes) dropped=$(asked .drops.question_budget) questions=$(asked .sent.questions)
forged=$(on isp python3 tests/smoke/forge.py flood $vip 1883 $seconds)
after=$(link_bytes)
befall wait 3 # who came last has been answered, or refused
jq -n --argjson said "$(reported)" \
    --argjson before "$before" --argjson after "$after" --argjson forged "$forged" \
    --argjson s $seconds \
    --argjson asked $(($(asked .sent.questions) - questions)) \
    --argjson dropped $(($(asked .drops.question_budget) - dropped)) \
    --argjson replaced "$(asked .flow_table.half_open_replaced)" '{
    # The busier direction.
    forged_ack_link_share: ([$after[0] - $before[0], $after[1] - $before[1]] | max * 8 / $s / 1e9),
    forged_ack_login_share: (1 - $said.refused / $said.new),
    forged_acks: {sent_per_s: ($forged / $s), questions: $asked, dropped: $dropped, logins: $said.new,
        sessions_lost: $said.lost, half_open_replaced: $replaced, link_mbit_s: 1000}}'
