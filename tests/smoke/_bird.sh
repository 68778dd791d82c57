# shellcheck shell=bash disable=SC2154,SC2164
# (dir and here are of _init.sh, which stops at the first command that fails)
# Sourced after _init.sh: a gateway's BIRD (old-gw), and red's, which hears it as the session old.
# green's session never comes up.  The inventory names the sockets and the include file, $announce,
# below $dir/old-gw.
cd "$dir"
mkdir old-gw carrier
ns6 old-gw carrier
veth old-gw red carrier l0
ip -n old-gw address add 100.64.1.2/30 dev red
ip -n carrier address add 100.64.1.1/30 dev l0

cp "$here/../lab/inventory.json" .
cat >old-gw/bird.conf <<'END'
router id 100.64.1.2;
include "/run/rehome/old-gw/announce.conf";
protocol device {}
protocol static { ipv4; route 198.51.100.0/24 blackhole; route 203.0.113.0/24 blackhole; }
filter to_red {
    if state_red = 0 then reject;
    if state_red = 1 then { bgp_community.add((65535, 0)); bgp_path.prepend(64600); }
    accept;
}
protocol bgp red {
    local 100.64.1.2 as 64600; neighbor 100.64.1.1 as 64501;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 { import none; export filter to_red; export table on; };
}
# One that never comes up.
protocol bgp green {
    local 100.64.1.2 as 64600; neighbor 100.64.1.1 port 1 as 64502;
    ipv4 { import none; export none; };
}
END
cat >carrier/bird.conf <<'END'
router id 100.64.1.1;
protocol device {}
protocol bgp old {
    local 100.64.1.1 as 64501; neighbor 100.64.1.2 as 64600;
    connect delay time 1; connect retry time 1; error wait time 1, 2;
    ipv4 { import all; export none; };
}
END
announce=old-gw/announce.conf
printf 'define state_%s = 0;\n' blue green red >$announce
# start_bird HOST [OPTION...]; it is there when its socket answers.
start_bird() {
    on "$1" bird -c "$dir/$1/bird.conf" -s "$dir/$1/bird.ctl" -P "$dir/$1/bird.pid" "${@:2}"
}
for host in old-gw carrier; do
    start_bird $host
done

gateway=(--inventory inventory.json --gateway old-gw)
tell() { cutover bird announce "${gateway[@]}" --carrier "$1" --state "$2" "${@:3}"; }
asked() { cutover bird check "${gateway[@]}" --carrier red --state "$1"; }
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }
gets() { birdc -s carrier/bird.ctl show route all "$1" >carrier/route || true; grep -q "$2" carrier/route; }
up() { cutover bird show "${gateway[@]}" --carrier red | found Established; }
