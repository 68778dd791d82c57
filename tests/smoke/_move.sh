# shellcheck shell=bash
# A move in the lab, for tests of what goes wrong in it: a lab of this test's own, few sessions, short gates.
#
#   move_lab [OPTION...]     raises the lab, with options of `lab up`; it goes with the test
#   start_move [OPTION...]   cutover run, in the background; its id is in $move, what it says in $out/move.log
#   moved_to STEP            whether the run has begun that step ("STAGE/STEP")
#   logins .path             a figure of the login agents (jq's syntax)
#   on_gateway old|new CMD.. vipctl
# Run by the lab's own programs in the lab's own namespaces; $out is a folder of the test's own.

LAB=move-$$ lab=$PWD/tests/lab/lab
export LAB
out=$(mktemp -d)
journal=$out/journal

# Whoever reads of a failure wants to know where the run stood.
move_over() {
    local code=$?
    [ "$code" = 0 ] || { tail -c 3000 "$out/move.log" && grep -v '"good"' "$journal.d/samples.jsonl" | tail -n 3; } >&2 || true
    "$lab" down
    rm -rf "$out"
}

# shellcheck disable=SC2120 # more arguments where a test wants them
move_lab() {
    trap move_over EXIT
    "$lab" up --mode rehome --build "$BUILD" "$@"
    # A tenth of the demo's sessions: what is tested here does not hang on their number.
    "$lab" run sed -i 's/"sessions_per_carrier": 1000/"sessions_per_carrier": 100/; s/"shared_source_sessions": 200/"shared_source_sessions": 20/' \
        /run/rehome/inventory.json
}

in_lab() { "$lab" run env "PATH=$BUILD/bin:$PATH" "$@"; }

# Probes of 5 s a path instead of a minute: they show no more than 10 points of loss, in bursts of up to 0.1 s, and of the
# delay's 99th percentile no more than the few stalls allow that two busy cores have in 5 s.
short_probes=(--set probes=700 --set loss_points=10 --set burst_s=0.1 --set delay_ms=100)

# shellcheck disable=SC2120
start_move() {
    in_lab cutover run "$PWD/playbooks/subnet-move.json" --inventory /run/rehome/inventory.json --journal "$journal" \
        --yes --set observe_s=1 --set settle_s=1 "${short_probes[@]}" "$@" >"$out/move.log" 2>&1 &
    # shellcheck disable=SC2034  # the tests wait for it
    move=$!
}

moved_to() { grep -q "\"begun\".*\"$1\"\|\"$1\".*\"begun\"" "$journal"; }
logins() { in_lab cutover login status --dir "$journal.d/logins" --json | jq "$1"; }
logins_are() { [ "$(logins "$1")" = "$2" ]; }
on_gateway() { in_lab vipctl --socket "/run/rehome/$1-gw/vipd.sock" "${@:2}"; }
