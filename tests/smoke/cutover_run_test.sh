#!/bin/bash
# cutover on plain files: a step makes a file, its check looks for it, its undo removes it.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
cp "$here/../lab/inventory.json" .
ns old-gw new-gw # the gateways are held by each run

# gate_file: what the gate reads; b's command waits until it may end.
cat >playbook.json <<'END'
{
  "schema": "rehome/playbook/1", "name": "files",
  "parameters": {"place": {"about": "where the files go", "default": "."}},
  "stages": [
    {"name": "make", "steps": [
      {"name": "a", "do": ["touch", "${place}/a"], "check": ["test", "-e", "${place}/a"],
       "undo": ["rm", "-f", "${place}/a"]},
      {"name": "b", "do": ["bash", "-c", "touch b.started; until [ -e b.go ]; do sleep 0.02; done; touch \"$1/b\"", "b", "${place}"],
       "check": ["test", "-e", "${place}/b"], "timeout_s": 30,
       "undo": ["bash", "-c", "[ ! -e stuck ] || { echo stuck >&2; exit 1; }; rm -f \"$1/b\"", "b", "${place}"]}]},
    {"name": "prove", "steps": [
      {"name": "gate", "timeout_s": 2,
       "gate": {"command": ["cat", "gate.json"], "good": 2, "every_s": 0.1,
                "figures": [{"pointer": "/lost", "max": 0}]}},
      {"name": "hold", "hold": "Go on?"},
      {"name": "save", "do": ["echo", "saved"], "save": "${run_dir}/saved", "repeatable": true}]}
  ]
}
END
echo '{"lost": 0}' >gate.json
touch b.go

book=(playbook.json --inventory inventory.json)
run() { cutover run "${book[@]}" "$@"; }
give_up() { cutover hand release --run "$(head -n 1 "$1" | jq -r .run)"; }
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }

# Nothing is touched by a look or a dry run, nor by wrong input.
cutover show playbook.json --inventory inventory.json | found '2 stages, 5 steps: 3 acts (2 with an undo), 1 gates, 1 holds, 0 for the way back alone'
cutover show playbook.json --inventory inventory.json | found 'cannot know whether cat prints this'
cutover show playbook.json --inventory inventory.json | found 'lacking: 1 acts no check, 1 acts no undo; 1 gates and guards no freshness'
cutover show playbook.json --inventory inventory.json --json | fits cutover-plan
run --dry-run --json | fits cutover-plan
run --dry-run >/dev/null
code 2 run --journal j --set nope=1
sed 's|"default": "."|"type": "number", "max": 5, "default": "1"|' playbook.json >typed.json
code 2 cutover run typed.json --inventory inventory.json --journal j --set place=abc 2>mistakes
grep -q 'typed.json: /parameters/place: "abc" is no number, expected at most 5' mistakes
[ ! -e a ] && [ ! -e j ]

# All is done; the same journal is not taken again.
run --journal done.j --yes --set place="$dir"
[ -e a ] && [ -e b ] && [ "$(cat done.j.d/saved)" = saved ]
code 2 run --journal done.j --yes
cutover status --journal done.j --json >stands
fits cutover-status <stands
grep -q '"phase": "done"' stands
head -n 1 done.j | jq -c '.playbook.text = "" | .inventory.text = ""' | fits journal # the texts are longer than what we read
tail -n +2 done.j | fits --lines journal
cutover undo --journal done.j
[ ! -e a ] && [ ! -e b ]

# A gate fails: all is put back.
echo '{"lost": 3}' >gate.json
code 1 run --journal gate.j --yes | tee out
grep -q 'failed prove/gate: did not pass within 2 s: /lost 3, max 0' out
[ ! -e a ] && [ ! -e b ]

# An undo that fails holds back what relies on it; what is left says why and what to do.
mkdir there && touch stuck
code 3 run --journal left.j --yes --set place=there | tee out
[ -e there/a ] && [ -e there/b ]
grep -q 'stopped: 1 undos failed, 1 more rely on them' out
grep -A 4 'left undone:' out >left
grep -q 'make/b: its undo failed: exit code 1: stuck' left
grep -q 'put it back by hand and go on with --skip make/b; its undo: bash -c .* b there' left
grep -q 'make/a: waits for make/b' left
cutover status --journal left.j --json | fits cutover-status
code 2 cutover resume --journal left.j --skip make/c 2>&1 | found '"make/c" is no step, expected a STAGE/STEP that has an undo'
code 2 cutover undo --journal left.j --skip prove/save 2>&1 | found '"prove/save" has no undo'

# Passed over, the others go on; it can be done later.
code 3 cutover undo --journal left.j --skip make/b | tee out
grep -q 'make/b: passed over by the operator' out
[ ! -e there/a ] && [ -e there/b ]
rm stuck
cutover undo --journal left.j | found 'backed out wholly'
[ ! -e there/b ]

# What was there before is not made again, and stays.
touch a
code 1 run --journal found.j --yes | found 'found make/a'
[ -e a ] && [ ! -e b ]
rm a

# An undo that does nothing is seen, and what no check can see is not called put back.
# shellcheck disable=SC2016 # the playbook's own variable
sed 's|"undo": \["rm", "-f", "${place}/a"\]|"undo": ["true"]|' playbook.json >nothing.json
code 3 cutover run nothing.json --inventory inventory.json --journal nothing.j --yes | tee out
grep -q 'make/a: its undo failed: its check still says that it is done' out
rm a
# One run at a time holds the gateways; one that is left for good is given up on each host.
code 3 run --journal second.j --yes 2>&1 | found 'new-gw: is held by another run since .* journal .*/nothing.j): go on with it or back out there'
[ ! -e second.j ] && [ ! -e a ]
give_up nothing.j | found 'netns-new-gw: given up'
code 1 give_up nothing.j
sed '/"name": "a"/s/"check": \[[^]]*\],//' playbook.json >blind.json
code 4 cutover run blind.json --inventory inventory.json --journal blind.j --yes | tee out
grep -q 'make/a: undone, unproven: it has no check' out
[ ! -e a ] && [ ! -e b ]
echo '{"lost": 0}' >gate.json

# What was there is put back, not a constant.
cat >share.json <<'END'
{"schema": "rehome/playbook/1", "name": "share", "stages": [{"name": "s", "steps": [
  {"name": "share", "do": ["cp", "50", "share"],
   "check": {"command": ["cat", "share"], "figures": [{"pointer": "/percent", "equals": 50}], "was": {"percent": "/percent"}},
   "undo": ["cp", "${was.percent}", "share"]},
  {"name": "back", "undo": ["touch", "turned"]},
  {"name": "no", "hold": "Go on?"}]}]}
END
for percent in 2.5 50; do echo "{\"percent\": $percent}" >"$percent"; done
cp 2.5 share
code 3 cutover run share.json --inventory inventory.json --journal share.j </dev/null | found 'nobody answered'
grep -q '"was":{"percent":"2.5"}' share.j
cmp 50 share && [ ! -e turned ]
cutover undo --journal share.j | found 'backed out wholly'
cmp 2.5 share && [ -e turned ]

# SIGKILL in the middle of a command, which dies too; a second runner is refused meanwhile.
rm -f b.go b.started
cutover run "${book[@]}" --journal kill.j --yes >out 2>&1 &
runner=$!
wait_until 5 test -e b.started
code 3 cutover resume --journal kill.j 2>&1 | found 'another cutover is running'
cutover status --journal kill.j | found 'under way, running'
kill -KILL "$runner"
code 137 wait "$runner"
[ -e a ] && [ ! -e b ]
cutover status --journal kill.j | found 'begun .*make/b'
touch b.go
mv playbook.json moved.json # the journal is enough
cutover resume --journal kill.j --yes
mv moved.json playbook.json
[ -e b ] && cutover status --journal kill.j | found 'files: done'
rm a b

# A journal of the version before is not gone on with.
head -n 1 kill.j | sed 's|rehome/journal/3|rehome/journal/2|; s|,"sum":.*|}|' | tr -d '\n' >earlier
printf '%s,"sum":"%.16s"}\n' "$(head -c -1 earlier)" "$(sha256sum <earlier)" >earlier.j
code 3 cutover resume --journal earlier.j 2>&1 | found 'only the cutover that wrote it can resume or undo it'

# A torn last line, as a kill leaves it, does not count; a last line that was whole, and one changed byte, are missed.
printf '{"at":"2026-' >>kill.j
cutover resume --journal kill.j --yes
truncate -s -5 kill.j
code 3 cutover resume --journal kill.j --yes 2>&1 | found 'the last 1 are missing'
cutover resume --journal kill.j --yes --accept-loss
sed 's/"begun"/"Begun"/' kill.j >damaged.j
code 3 cutover resume --journal damaged.j 2>&1 | found 'damaged.j: line 2: its sum is wrong'

# SIGTERM ends after the step that is under way; SIGHUP does nothing.
rm -f b.go b.started
cutover run "${book[@]}" --journal term.j --yes >out 2>&1 &
runner=$!
wait_until 5 test -e b.started
kill -HUP "$runner"
kill -TERM "$runner"
touch b.go
code 3 wait "$runner"
grep -q 'stopped: a stop was asked for' out
cutover status --journal term.j | found 'done .*make/a and 1 more'
cutover undo --journal term.j
[ ! -e a ] && [ ! -e b ]

# A second SIGINT leaves at once; what was begun is backed out.
rm -f b.go b.started
cutover run "${book[@]}" --journal int.j --yes >out 2>&1 &
runner=$!
wait_until 5 test -e b.started
kill -INT "$runner"
wait_until 5 grep -q 'stopping as soon as that is safe' out
kill -INT "$runner"
code 130 wait "$runner"
cutover undo --journal int.j
[ ! -e a ] && [ ! -e b ]

# A hold asks the terminal; without one it stops, to be resumed.
touch b.go
code 3 run --journal hold.j </dev/null | found 'nobody answered: Go on?'
"$here/terminal.py" screen cutover resume --journal hold.j <<'END'
see prove/hold: Go on?
see [yes/undo/stop]>
type yes\n
END
cutover status --journal hold.j | found 'files: done'

# Events for programs.
cutover undo --journal hold.j --json >events
fits --lines cutover-events <events
tail -n 1 events | found '"event":"ended","phase":"backed out","exit":0,"gone_on":\[\],"left_undone":\[\]'
cutover run "${book[@]}" --journal events.j --yes --json >events
fits --lines cutover-events <events
grep -q '"event":"reading"' events
[ "$(grep -c '"event":"reading"' events)" = "$(wc -l <events.j.d/samples.jsonl)" ] # each is kept, as it was printed
fits --lines cutover-sample <events.j.d/samples.jsonl
jq -e '.verdict == "good" and (.out | fromjson).lost == 0' events.j.d/samples.jsonl

# What is lost between two gates is counted by the second: since the run began, or since a step.
jq '.stages[1].steps[0].gate.figures[0] += {"max": 2, "since": "make"} | .stages[1].steps[0].gate.tries = 2 |
    .stages[0].steps[0].do = ["bash", "-c", "cp lost.json gate.json; touch a"]' playbook.json >counts.json
for lost in 12 15; do
    rm -f a
    echo '{"lost": 10}' >gate.json
    echo "{\"lost\": $lost}" >lost.json
    code $((lost == 15)) cutover run counts.json --inventory inventory.json --journal "$lost.j" --yes | tee out
    grep -q 'counts_from prove/gate: {"/lost since make/a":10.0}' out
done
grep -q 'failed prove/gate: /lost +5 since make/a, max 2' out
echo '{"lost": 0}' >gate.json

# A guard sees what falls between gates, while an act runs: the act ends, and the run goes back.
jq '.guards = [{"name": "alive", "command": ["bash", "-c", "jq -c \".at = (now | todate | sub(\\\"Z\\\"; \\\".999999Z\\\"))\" gate.json"],
      "fresh": "/at", "every_s": 0.1, "figures": [{"pointer": "/lost", "max": 0}]}] |
    .stages[0].steps[1].do = ["bash", "-c", "echo {\\\"lost\\\": 1} >gate.json; sleep 2.5; echo {\\\"lost\\\": 0} >gate.json; touch b"]' \
    playbook.json >guarded.json
cutover show guarded.json --inventory inventory.json | found 'alive, from make/a on'
cutover show guarded.json --inventory inventory.json --json | fits cutover-plan
rm -f a b
code 1 cutover run guarded.json --inventory inventory.json --journal guarded.j --yes | tee out
grep -q 'done make/b' out && grep -q 'turned_back: guard/alive does not hold: /lost 1, max 0' out
[ ! -e a ] && [ ! -e b ]
fits --lines cutover-sample <guarded.j.d/samples.jsonl

# A figure that the command never prints is refused before the night, with its place.
sed 's|"cat", "gate.json"|"vipctl", "status", "--json"|; s|/lost|/flows/lost|' playbook.json >wrong.json
code 2 cutover show wrong.json --inventory inventory.json 2>mistakes
grep -q 'wrong.json: /stages/1/steps/0/gate/figures/0/pointer: leads nowhere in what it prints (rehome/vipd-status/1): "lost" is not there, expected one of closing, here,' mistakes
code 2 cutover run wrong.json --inventory inventory.json --journal wrong.j
[ ! -e wrong.j ]

# A carrier that has no line at the new site is refused by name, before there is a journal.
jq 'del(.sites[1].lines[] | select(.carrier == "blue"))' inventory.json >without.json
cat >lines.json <<'END'
{"schema": "rehome/playbook/1", "name": "lines",
 "parameters": {"leave": {"about": "carriers that stay", "default": ""}},
 "stages": [
   {"name": "${carrier}", "for_each": "carriers", "steps": [
     {"name": "new", "for_each": "new_lines", "do": ["touch", "${carrier}.new"], "check": ["test", "-e", "${carrier}.new"],
      "undo": ["rm", "${carrier}.new"]},
     {"name": "old", "for_each": "old_lines", "do": ["rm", "${carrier}.old"], "check": ["test", "!", "-e", "${carrier}.old"],
      "undo": ["touch", "${carrier}.old"]}]},
   {"name": "end", "steps": [{"name": "hold", "hold": "left: ${left}"}]}]}
END
touch red.old green.old blue.old
lines=(lines.json --inventory without.json)
for command in show "run --dry-run" "run --journal lines.j"; do
    # shellcheck disable=SC2086  # words
    code 2 cutover $command "${lines[@]}" 2>mistakes
    grep -q '/for_each: carrier "blue" has no line at site "new" (new-gw), expected one, or --set leave=blue' mistakes
done
[ ! -e lines.j ] && [ ! -e red.new ]

# It is left by saying so: in the run, after a stop, and when all is backed out.
cutover show "${lines[@]}" --set leave=blue | found 'left: carrier blue, no step touches its lines (old site: old-gw)'
code 3 cutover run "${lines[@]}" --set leave=blue --journal lines.j | found 'nobody answered: left: blue'
[ -e red.new ] && [ -e green.new ] && [ ! -e blue.new ]
[ ! -e red.old ] && [ ! -e green.old ] && [ -e blue.old ]
rm blue.old # it would come back if it were undone
cutover resume --journal lines.j --yes
cutover undo --journal lines.j
[ -e red.old ] && [ -e green.old ] && [ ! -e blue.old ] && [ ! -e red.new ] && [ ! -e green.new ]
