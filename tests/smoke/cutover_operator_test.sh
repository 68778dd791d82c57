#!/bin/bash
# The operator and the run: what is typed at a terminal, and when it counts.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
cp "$here/../lab/inventory.json" .
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
anew() { rm -f a b go a.begun; }

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

# A terminal that vanishes in a step does not stop the run; at the hold there is nobody to ask.
code 3 run book.json gone.j <<'END'
until a.begun
vanish
touch go
END
cutover status --journal gone.j | found 'done .*s/a'
grep -q 'nobody answered: Release the old site?' gone.j
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
