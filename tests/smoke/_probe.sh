# shellcheck shell=bash
# What tests of probe have in common.
: "${dir:?}" "${here:?}" "${BUILD:?}"

# wanted FILE CONDITION: a Python condition over the result; icmp, tcp, udp are its kinds.
wanted() {
    python3 - "$@" <<'PY'
import json, sys
result = json.load(open(sys.argv[1]))
kinds = {figures["kind"]: figures for figures in result["kinds"]}
if not eval(f"({sys.argv[2]})", {**kinds, "all": all, "kinds": kinds.values(), "result": result}):
    sys.exit(f"{sys.argv[1]}: not so: {sys.argv[2]}\n{json.dumps(result, indent=1)}")
PY
}

# exits CODE CMD...: the command ends with that code; what it said is left in $dir/said.
exits() {
    local want=$1 code=0
    shift
    "$@" >"$dir/said" 2>&1 || code=$?
    [ "$code" = "$want" ] || { cat "$dir/said"; echo "exit $code, not $want: $*"; return 1; }
}

said() { grep -q -- "$1" "$dir/said" || { cat "$dir/said"; echo "did not say: $1"; return 1; }; }

# A host "left" with two carriers to "right": red goes by a line (tests/lab/wire.cpp) that keeps a
# log of each packet, green directly.  The VIP 198.51.100.10 is right's, and goes by red.
line_world() {
    ns6 left line right
    veth left red line a
    veth line b right r
    veth left green right g
    ip -n left address add 100.80.1.200/24 dev red
    ip -n left address add 100.84.1.200/24 dev green
    ip -n left address add 2001:db8::1/64 dev red
    ip -n right address add 100.80.1.1/24 dev r
    ip -n right address add 100.84.1.1/24 dev g
    ip -n right address add 2001:db8::2/64 dev r
    ip -n right address add 198.51.100.10/32 dev lo
    ip -n left route add 198.51.100.0/24 via 100.80.1.1
    on line "$BUILD/lab/wire" run --up a --down b --record "$dir/packets" --control "$dir/wire.sock" delay=1ms &
    wait_until 5 on left ping -qc1 -W1 198.51.100.10
}

line_set() { on line "$BUILD/lab/wire" set "$dir/wire.sock" "$@" >"$dir/wire.set"; }

# Measures the VIP by red.
run_left() { on left probe run --carrier red --source 100.80.1.200 --target 198.51.100.10:1883 --json "$@"; }

# Has left sent so many packets by an interface since `mark_sent IF`?
mark_sent() { sent_before=$(ip netns exec left cat "/sys/class/net/$1/statistics/tx_packets"); }
has_sent() { [ "$(on left cat "/sys/class/net/$1/statistics/tx_packets")" -gt $((sent_before + $2)) ]; }

# ends CODE PID
ends() {
    local code=0
    wait "$2" || code=$?
    [ "$code" = "$1" ] || { echo "exit $code, not $1"; return 1; }
}
