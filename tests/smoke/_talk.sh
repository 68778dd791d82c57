# shellcheck shell=bash
# A hundred clients that speak UDP, in the world of _vipd.sh, with two workers at each gateway.
#
#   talk_world          vipd_world with a UDP service "terminals" at each site, whose server says its name
#   new_clients         a hundred, who do what is written to 6 (peers.py talk)
#   asked               all of them ask: who answered how many, and how many were answered by another than before
#   answers SERVER      all of them ask, and are answered by it, as they were before
#   copied old|new N    so many copies were sent from there, and none is due
: "${dir:?}" "${here:?}"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

talk_world() {
    vipd_link=wan_link
    vipd_change='.services += [{name: "terminals", vip: "198.51.100.10", protocol: "udp", port: 5683, forward: "nat",
        servers: [{name: "s1", address: .services[0].servers[0].address, port: 5683}]}] | .workers = 2'
    vipd_world
    local server
    for server in old-s new-s; do on "$server" python3 tests/smoke/peers.py says 5683 "$server" & done
}

crowds=0
new_clients() {
    ((++crowds))
    mkfifo "$dir/talk$crowds"
    on client python3 tests/smoke/peers.py talk 198.51.100.10 5683 100 <"$dir/talk$crowds" >"$dir/said" &
    exec 6>"$dir/talk$crowds"
    wait_until 10 grep -q ready "$dir/said"
}
answered() { [ "$(grep -c '^{' "$dir/said")" -gt "$1" ]; }
asked() {
    local before
    before=$(grep -c '^{' "$dir/said" || true)
    echo ask >&6
    wait_until 20 answered "$before"
    tail -n 1 "$dir/said" | jq -c .
}
answers() {
    local said
    said=$(asked)
    [ "$said" = "{\"by\":{\"$1\":100},\"moved\":0}" ] || { echo "$said" >&2; return 1; }
}
new_clients_of() { new_clients && answers "$1"; }
both_alive() { figure_is old '.peers[0].alive' true && figure_is new '.peers[0].alive' true; }
copied() { [ "$(ctl "$1" stats --json | jq ".copies | .sent >= $2 and .waiting == 0")" = true ]; }

# The link is away for 0.6 s, while all go on asking.
gap() {
    cut_link
    for _ in 1 2 3 4 5 6; do
        echo send >&6
        sleep .1 # of the gap
    done
    mend_link
    wait_until 5 both_alive
}
