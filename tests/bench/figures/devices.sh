#!/bin/bash
# What broken devices and restarts of vipd take, as JSON: make bench-vipd ARGS=edges.
#
#   link_down_noticed_ms    from `ip link set down` at the other end of the port to the servers until the twin's link is
#                           down, status says so and the prefix's route is gone: best, median and worst of ten
#   restart_gap_ms, kill_restart_gap_ms
#                           the longest time without an answer to 200 datagrams a second while vipd is ended, by SIGTERM
#                           or SIGKILL, and started again at once; with TCP sessions that live through it: the same
#   uncounted_drops         of numbered datagrams, 2,000 a second, that vipd has received, those that neither reached their
#                           server nor are in a counter of vipd's: a smaller MTU, a link that is cut, twin and device deleted
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. tests/smoke/_sites.sh
# Numbered datagrams have a service of their own.
# shellcheck disable=SC2034 # read by _sites.sh
sites_more='| .services += [.services[2] | .name = "numbered" | .port = 9000 | .servers[0].port = 9000]'
sites_world 1
stop_gateway new TERM # where there is another site, it is served there
now_us() { echo "${EPOCHREALTIME/./}"; }

held() { ip -n old-gw route show proto 201 | found 198.51.100.0/24; }
noticed() {
    [ "$(ip netns exec old-gw cat /sys/class/net/servers/carrier)" = 0 ] && fails held &&
        figure_is old '.ports[] | select(.port == "servers") | .up' false
}
wait_until 10 held
noticed_us=()
for _ in {1..10}; do
    began=$(now_us)
    ip -n old-s link set eth0 down
    until noticed; do :; done
    noticed_us+=($(($(now_us) - began)))
    ip -n old-s link set eth0 up
    wait_until 5 held
done
ip -n old-s route replace default via 10.1.0.1
ip -n old-s -6 route replace default via 2001:db8:a::1 2>/dev/null || address6 old-s 2001:db8:a::2/64 eth0
ip -n old-s -6 route replace default via 2001:db8:a::1

counts() { on old-s ss -Hlun 'sport = :9000' | found 9000; }
sending() { # RATE BYTES [echo]
    rm -f "$dir/send" "$dir/count"
    mkfifo "$dir/send" "$dir/count"
    on old-s python3 tests/bench/numbered.py count 9000 "${@:3}" <"$dir/count" >"$dir/counted" &
    counter=$!
    exec 5>"$dir/count"
    wait_until 5 counts
    on client python3 tests/bench/numbered.py send $vip 9000 "$1" "$2" <"$dir/send" >"$dir/sent" &
    sender=$!
    exec 6>"$dir/send"
    sleep 1
}
ended() {
    echo end >&6
    exec 6>&-
    wait $sender
    echo end >&5
    exec 5>&-
    wait $counter
}

declare -A gap lost
for signal in TERM KILL; do
    gaps=() lost[$signal]=0
    for _ in {1..5}; do
        sessions --tcp 100 --udp 0 --every 200
        sending 200 100 echo
        stop_gateway old $signal
        restart_gateway old
        sleep 3
        ended
        gaps+=("$(jq .longest_gap_ms "$dir/sent")")
        lost[$signal]=$((${lost[$signal]} + $(reported | jq .lost)))
    done
    end_sessions
    gap[$signal]=$(printf '%s\n' "${gaps[@]}" | jq -s '{best: min, median: (sort | .[length / 2 | floor]), worst: max}')
done

counted() { # what vipd has received for the VIP, and what of it is in a counter of what was lost
    ctl old stats --json | jq '[([.lines[].rx_vip_packets] | add),
        (([.drops[]] | add) + ([.ports[] | .lost_out] | add))]'
}
before=$(counted)
sending 2000 1300
ip -n old-gw link set srv0 mtu 1280
sleep 1
ip -n old-gw link set srv0 mtu 1500
ip -n old-s link set eth0 down
sleep 1
ip -n old-s link set eth0 up
sleep 3
ip -n old-gw link delete dev link
sleep 1
ip -n old-gw link delete dev srv0
sleep 1
ended
after=$(counted)

jq -n --argjson before "$before" --argjson after "$after" --argjson reached "$(cat "$dir/counted")" \
    --argjson term "${gap[TERM]}" --argjson kill "${gap[KILL]}" --argjson lost "$((lost[TERM] + lost[KILL]))" \
    --argjson noticed "$(printf '%s\n' "${noticed_us[@]}" | jq -s 'map(. / 1000) | sort')" '
    (($after[0] - $before[0]) - $reached - ($after[1] - $before[1])) as $uncounted | {
    link_down_noticed_ms: ($noticed | max), link_down: {best: $noticed[0], median: $noticed[5], worst: $noticed[9]},
    restart_gap_ms: $term.median, kill_restart_gap_ms: $kill.median, restarts: {term: $term, kill: $kill, lost: $lost},
    uncounted_drops: $uncounted,
    numbered: {received: ($after[0] - $before[0]), reached: $reached, counted: ($after[1] - $before[1])}}'
