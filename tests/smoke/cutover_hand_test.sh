#!/bin/bash
# What a run began on a host is gone before anything follows, whoever dies: the command, its hand, or cutover.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
cp "$here/../lab/inventory.json" .
ns old-gw new-gw # the gateways are held by each run
export REHOME_HAND_SILENCE_S=2 REHOME_HAND_GRACE_S=0.3
hand=/var/lib/rehome/hand/local
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }
id_of() { head -n 1 "$1" | jq -r .run; }
record_of() { cat "$hand/$(id_of "$1")/record.jsonl"; }
give_up() { cutover hand release --run "$(id_of "$1")" >/dev/null; }

# One step "a" that does this; each time its work is begun a line is added to the file of that name.
book() { # NAME MORE COMMAND...
    jq -n --arg name "$1" --argjson more "$2" '{schema: "rehome/playbook/1", name: $name, stages: [
        {name: "s", steps: [{name: "a", do: $ARGS.positional, undo: ["touch", ($name + ".undone")]} + $more]}]}' \
        --args -- "${@:3}" >"$1.json"
}
run() { cutover run "$1.json" --inventory inventory.json --journal "$1.j" --yes "${@:2}"; }
start() { cutover run "$1.json" --inventory inventory.json --journal "$1.j" --yes >out 2>&1 & runner=$!; }
begun() { [ "$(wc -l <"$1")" = "${2:-1}" ]; }

# Ignores SIGTERM, as does its grandchild in a session of its own.
cat >stubborn <<'END'
#!/bin/bash
echo begun >>"$1"
trap '' TERM
setsid bash -c 'trap "" TERM; exec -a stubborn-child sleep 1000' &
until pgrep -f '^stubborn-child' >/dev/null; do sleep 0.01; done
touch "$1.started"
exec -a stubborn-self sleep 1000
END
chmod +x stubborn
nobody_is_left() { fails pgrep -f '^stubborn-'; }

echo "its time is over: nothing of it is left when that is told"
book late '{"timeout_s": 1}' ./stubborn late
code 4 run late | tee out
nobody_is_left
grep -q 'failed s/a: did not end within 1 s' out
[ -e late.undone ]
record_of late.j | fits --lines hand-record
record_of late.j | found '"what":"ended".*"cause":"time"'

echo "its hand is killed: so is all of it, and cutover says what it knows"
book killed '{}' ./stubborn killed
start killed
wait_until 5 test -e killed.started
kill -KILL "$(jq .pid "$hand/$(id_of killed.j)/reign.json")"
code 4 wait "$runner"
nobody_is_left
grep -q 'failed s/a: it was killed with its hand' out
[ -e killed.undone ] && begun killed

echo "cutover is killed: its hand ends all of it, and nothing is done twice"
book dead '{}' ./stubborn dead
start dead
wait_until 5 test -e dead.started
kill -KILL "$runner"
code 137 wait "$runner"
wait_until 5 nobody_is_left
code 4 cutover resume --journal dead.j | found 'cannot tell whether it is done: its hand ended it, as nothing was heard of cutover any more'
begun dead
code 4 cutover undo --journal dead.j
[ -e dead.undone ]

echo "a host that has lost its record is not said never to have begun"
book lost '{}' ./stubborn lost
start lost
wait_until 5 test -e lost.started
kill -KILL "$runner"
code 137 wait "$runner"
wait_until 5 nobody_is_left
rm -r "${hand:?}/$(id_of lost.j)"
for _ in 1 2; do # the second finds what the first has made
    code 4 cutover resume --journal lost.j | found 'cannot tell whether it is done: its host has no record of it, nor of the run.s begin'
done
code 4 cutover undo --journal lost.j
[ -e lost.undone ] && begun lost

echo "what survives is waited for, and its end is taken as it was"
book paced '{"survives": true, "timeout_s": 30}' bash -c 'echo begun >>paced; until [ -e paced.go ]; do sleep 0.02; done; echo well'
start paced
wait_until 5 begun paced
kill -KILL "$runner"
code 137 wait "$runner"
cutover resume --journal paced.j >out 2>&1 &
runner=$!
wait_until 5 grep -q 'notice local: waits until what was begun here before is gone: s/a, which may take until ' out
touch paced.go
wait "$runner"
grep -q 'done s/a: ended meanwhile' out
begun paced

echo "what is left behind is ended, and told; what the step lists stays"
book left '{}' bash -c 'echo begun >>left; setsid sleep 1000 & setsid sleep 1000 &'
run left | found 'notice local: s/a left 2 processes, which were ended'
fails pgrep -f '^sleep 1000'
cat >leave.py <<'END'
import json, os, socket, sys
hand = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
hand.connect(os.environ["REHOME_HAND"])
ask = {"ask": "leave", "command": os.environ["REHOME_HAND_COMMAND"], "name": sys.argv[1], "argv": ["sleep", "1001"]}
socket.send_fds(hand, [json.dumps(ask).encode()], [0, 1, 2])
answer = json.loads(hand.recv(65536))
print(answer)
sys.exit("error" in answer)
END
book refused '{"leaves": ["another"]}' python3 leave.py agent
code 4 run refused | found 'exit code 1'
fails pgrep -f '^sleep 1001'
record_of refused.j | found 'may not leave \\"agent\\" behind'
book agent '{"leaves": ["agent"]}' python3 leave.py agent
run agent
pgrep -f '^sleep 1001' >agent.pid
record_of agent.j | jq -se --argjson pid "$(cat agent.pid)" 'map(select(.what == "left"))[0] | .name == "agent" and .process.pid == $pid'
record_of agent.j | fits --lines hand-record
[ "$(ps -o ppid= -p "$(cat agent.pid)" | tr -d ' ')" = 1 ]
kill "$(cat agent.pid)"

echo "a runner that wakes late does nothing any more"
book asleep '{}' bash -c 'echo begun >>asleep; until [ -e asleep.go ]; do sleep 0.02; done; echo ended >>asleep'
start asleep
wait_until 5 begun asleep
kill -STOP "$runner"
mkdir moved && cp -r asleep.j asleep.j.* moved/ && rm -r asleep.j asleep.j.* # the stopped one holds the journal
cutover resume --journal moved/asleep.j --settle "done" >/dev/null
code 4 cutover undo --journal moved/asleep.j >/dev/null
touch asleep.go
kill -CONT "$runner"
code 3 wait "$runner"
cat out
grep -q 'another cutover has gone on with this run (epoch 3, ours is 1)' out
begun asleep # neither ended, nor begun once more

echo "what it tells, said by hand: a lower epoch is refused, and so is a second one of the same"
hello() { # EPOCH SESSION LOCK
    jq -nc --arg run "$(printf %032d 7)" --argjson epoch "$1" --arg session "$2" --argjson lock "${3:-false}" \
        '{say: "hello", schema: "rehome/hand-order/1", session: $session, silence_ms: 2000, grace_ms: 300, lock: $lock,
          holder: {run: $run, epoch: $epoch, who: "me@here", pid: 1, journal: "/j", since: "2026-05-06T01:02:03.456789Z"}}'
}
say() { { "$@"; sleep 0.3; } | cutover hand serve >told; fits --lines hand-tale <told; }
first() { hello 2 ours true; }
say first
jq -se '.[0].tell == "welcome" and .[0].keeping == "pid_namespace"' told
say hello 1 ours && grep -q 'another cutover has gone on with this run (epoch 2, ours is 1)' told
say hello 2 theirs && grep -q 'its journal was copied' told
talk() {
    hello 3 ours
    sleep 0.2
    # shellcheck disable=SC2028  # printf(1) is to expand it
    echo '{"say": "job", "id": 1, "argv": ["printf", "\\351"], "limit_ms": 1000}'
    echo '{"say": "job", "id": 2, "argv": ["nosuch"], "limit_ms": 1000, "entry": {"line": 5, "sum": "x", "step": "s/a", "survives": false, "leaves": []}}'
    echo '{"say": "recall", "id": 3, "line": 4}'
}
say talk
jq -se 'map(select(.id == 1))[0].ending.out == "\u00e9"' told
jq -se 'map(select(.id == 2))[0].ending.err == "cannot start: No such file or directory"' told
jq -se 'map(select(.id == 3)) == [{tell: "recalled", id: 3}]' told
say echo '{"say": "job"}' && grep -q refused told

echo "who holds a host is told, and can be given up"
cutover hand status | found 'local: held by run 0*7 since 2026-05-06T01:02:03.456789Z (me@here, process 1, epoch 2, journal /j)'
cutover hand status --json | fits hand-status
cutover hand release --run "$(printf %032d 7)"
cutover hand status --json | jq -e '[.places[] | has("run")] | any | not'
