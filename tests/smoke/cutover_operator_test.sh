#!/bin/bash
# The operator and the run: what is typed at a terminal, and when it counts.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
cp "$here/../lab/inventory.json" .
ns old-gw new-gw # the gateways are held by each run
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }
# On a terminal; what is done there stands on standard input (see terminal.py).
terminal() { "$here/terminal.py" screen "$@"; }
run() { terminal cutover run "$1" --inventory inventory.json --journal "$2" "${@:3}"; }
book() { echo '{"schema": "rehome/playbook/1", "name": "book", "stages": [{"name": "s", "steps": ['"$1"']}]}'; }

# A step that goes on until it may end, a hold, a step behind it.
a='{"name": "a", "do": ["bash", "-c", "touch a.begun; until [ -e go ]; do sleep 0.02; done; touch a"],
    "check": ["test", "-e", "a"], "undo": ["rm", "-f", "a"]}'
hold='{"name": "old site", "hold": "Release the old site?"}'
b='{"name": "b", "do": ["touch", "b"], "check": ["test", "-e", "b"], "undo": ["rm", "-f", "b"]}'
book "$a, $hold, $b" >book.json
# What a run before has left, and that it held the gateways.
anew() {
    rm -f a b go a.begun
    cutover hand status --json | jq -r '.places[].run // empty' | sort -u | while read -r run; do cutover hand release --run "$run" >/dev/null; done
}

# What was typed ahead answers nothing.  Nor do "y", a typo, an empty line and Ctrl-D, which are told what would.
run book.json ahead.j <<'END'
until a.begun
type yes\nyes\nye
touch go
see s/old site: Release the old site?
see yes goes on, undo backs out, stop stops here, to be resumed
see [yes/undo/stop]>
quiet 300
type y\n
see "y" is no answer: yes goes on
type yess\n
see "yess" is no answer
type \n
see an empty line is no answer
type ^D
see an empty line is no answer
type done\n
see "done" is no answer
lack ok       s/b
type yes\n
see ok       s/b
see all 3 steps are done
END
[ -e b ]
anew

# Ctrl-S stops what is shown, not the run; what is typed until the question can be seen answers nothing.
code 1 run book.json xoff.j <<'END'
until a.begun
type ^S
touch go
until a
type yes\n
quiet 500
lack old site
type ^Q
see Release the old site?
see [yes/undo/stop]>
type undo\n
see backed out wholly
END
[ ! -e b ]
anew

# Another terminal says where it stands, what is asked, and how to answer that.
stands() { cutover status --journal "$1" --json; }
asks() { stands "$1" | jq -e '.question.open' >/dev/null; }
question() { stands "$1" | jq -r .question.id; }
touch go
run book.json other.j <<'END' &
see [yes/undo/stop]>
see answered: yes, by root (uid 0)
see all 3 steps are done
END
runner=$!
wait_until 10 asks other.j
stands other.j | fits cutover-status
id=$(question other.j)
script -qec "stty rows 24 cols 80; cutover status --journal other.j" seen >/dev/null </dev/null
found "question $id: Release the old site?" <seen
found "goes on: cutover approve $id --journal" <seen
found 'at s/old site, since .*, waits for an answer' <seen
found 'an undo would now undo, in this order: s/a' <seen
[ "$(stat -c %a other.j.d/control)" = 600 ]
# Who names another question is refused; so is what is no answer, and garbage.
code 1 cutover approve 000000 --journal other.j 2>&1 | found 'question "000000" is not asked now; asked is '"$id"
code 1 cutover answer "$id" y --journal other.j 2>&1 | found '"y" is no answer: yes goes on'
code 1 cutover retry "$id" --journal other.j 2>&1 | found '"retry" is no answer'
"$here/talk_unix.py" other.j.d/control '["x"]' | found 'is no request, expected'
"$here/talk_unix.py" other.j.d/control "$(printf '%0100000d' 0)" | found 'is no request, expected'
# Who has no right to answer is told so.
code 3 setpriv --reuid=65534 --clear-groups cutover approve "$id" --journal other.j 2>&1 | found 'Permission denied, expected who runs it, or'
asks other.j
cutover approve "$id" --journal other.j | found '^yes, by root (uid 0)$'
wait "$runner"
grep -q '"what":"answered".*"text":"yes","by":"root (uid 0)"' other.j
code 3 cutover approve "$id" --journal other.j 2>&1 | found 'no cutover listens there'
anew

# A terminal that vanishes does not stop the run; at the hold it waits for another one.
code 1 run book.json gone.j <<'END' &
until a.begun
vanish
touch go
END
runner=$!
wait_until 10 asks gone.j
cutover answer "$(question gone.j)" undo --journal gone.j
wait "$runner"
cutover status --journal gone.j | found 'book: backed out'
anew

# Without any terminal it waits for as long as it is told.
touch go
cutover run book.json --inventory inventory.json --journal wait.j --wait 5m </dev/null >out &
runner=$!
wait_until 10 asks wait.j
cutover stop --journal wait.j
code 3 wait "$runner"
grep -q 'stopped: a stop was asked for by root (uid 0)' out
code 3 cutover resume --journal wait.j --wait 0.2 </dev/null | found 'nobody answered: Release the old site?'
code 2 cutover resume --journal wait.j --wait soon 2>&1 | found '"soon" is no duration'
code 2 cutover resume --journal wait.j --group nobody-here 2>&1 | found 'is no group here'
anew

# A gate fails while somebody is there: it is tried again, then gone on from, with the reason; that is not "done".
gate='{"name": "no loss", "gate": {"command": ["cat", "lost.json"], "tries": 1, "figures": [{"pointer": "/lost", "max": 0}]}}'
book "$a, $gate, $b" >gated.json
echo '{"lost": 3}' >lost.json
touch go
code 3 run gated.json gate.j <<'END'
see s/no loss: failed: /lost 3, max 0. It was to look once at most: a retry is one
see retry tries it again, go on REASON goes on all the same
see [retry/go on/undo/stop]>
type retry\n
see [retry/go on/undo/stop]>
type go on\n
see "go on" wants a reason behind it
type go on the probe is known to be wrong\n
see 2 of 3 steps are done; failed, and gone on from:
see s/no loss failed: /lost 3, max 0
see gone on: the probe is known to be wrong
END
stands gate.j | jq -e '.phase == "done in part" and .gone_on[0].reason == "the probe is known to be wrong"'
stands gate.j | fits cutover-status
fits --lines journal < <(tail -n +2 gate.j)
cutover undo --journal gate.j
[ ! -e a ] && [ ! -e b ]

# Stopped there, it asks again; where nobody is, it goes back.
code 3 run gated.json stop.j <<'END'
see [retry/go on/undo/stop]>
type stop\n
END
code 1 cutover resume --journal stop.j </dev/null | found 'turned_back: s/no loss failed'
anew

# Where nobody is there, an act is tried again as often as the playbook says.
# shellcheck disable=SC2016 # bash's own
book '{"name": "a", "retry": {"times": 3, "every_s": 0.1}, "check": ["test", "-e", "a"], "undo": ["rm", "-f", "a"],
       "do": ["bash", "-c", "echo >>tries; [ $(wc -l <tries) -gt 2 ] && touch a"]}' >retried.json
cutover run retried.json --inventory inventory.json --journal retried.j </dev/null | found 'retried s/a: 2 of 3'
cutover show retried.json --inventory inventory.json | found 'retry  3 times, 0.1 s apart'
cutover show retried.json --inventory inventory.json --json | fits cutover-plan
[ -e a ]
anew

# A copy of a running journal is known for what it is, and not gone on with; nor when the run has ended there.
cutover run book.json --inventory inventory.json --journal home.j --wait 5m </dev/null >out &
runner=$!
wait_until 10 test -e a.begun
mkdir elsewhere
cp -a home.j home.j.d elsewhere
cutover status --journal elsewhere/home.j | tr -s ' \n' ' ' | found "the journal: a copy of $dir/home.j, with which a cutover is running"
code 3 cutover resume --journal elsewhere/home.j 2>&1 | found "is a copy of $dir/home.j, with which a cutover is running"
touch go
wait_until 10 asks home.j
cutover stop --journal home.j
code 3 wait "$runner"
code 3 cutover undo --journal elsewhere/home.j 2>&1 | found 'which is still there: go on with that one, or take it away first'
fits journal-head <home.j.d/head
fits journal-home <home.j.d/home

# Lines are missing at its end: refused with what is missing, until that is accepted, which is noted.
cp home.j whole
head -n 3 whole >home.j
code 3 cutover resume --journal home.j --yes 2>&1 | found 'knows of 7 lines, the journal has 3: the last 4 are missing.*--accept-loss'
cutover status --journal home.j | tr -s ' \n' ' ' | found 'the journal: .*/home.j.d/head knows of 7 lines, the journal has 3'
cutover status --journal home.j --json | fits cutover-status
cp whole home.j

# Moved, it goes on where it is now; with --accept-loss on what it has.
rm -r elsewhere
mkdir elsewhere
mv home.j home.j.d elsewhere
head -n 3 whole >elsewhere/home.j
cutover resume --journal elsewhere/home.j --yes --accept-loss
grep -q '"what":"resumed".*accepted that lines are missing: ' elsewhere/home.j
cutover status --journal elsewhere/home.j | found 'book: done'
[ ! -e home.j.d ]
anew

# Without its head, what the hands on the hosts have begun is known all the same.
touch go
code 3 cutover run book.json --inventory inventory.json --journal hand.j </dev/null
cp hand.j whole
head -n 1 whole >hand.j
rm hand.j.d/head
code 3 cutover resume --journal hand.j --yes 2>&1 | found 'the hand at .* knows of 2 lines, the journal has 1: the last 1 are missing'
cutover resume --journal hand.j --yes --accept-loss
grep -q '"what":"accepted".*the hand at ' hand.j
fits --lines journal < <(tail -n +2 hand.j)
anew

# A reader that stands still does not stop it either.
touch go
mkfifo stuck
exec 7<>stuck
head -c 65536 /dev/zero >&7
cutover run book.json --inventory inventory.json --journal stuck.j --yes >stuck
exec 7>&-
cutover status --journal stuck.j | found 'book: done'
[ -e b ]
anew
