#!/bin/bash
# A hand whose disk is full keeps what it has written, keeps no other host from being put back, and gives nothing up.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
cp "$here/../lab/inventory.json" .
ns old-gw new-gw
hands=/var/lib/rehome/hand
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }
id_of() { head -n 1 "$1" | jq -r .run; }
run() { cutover run "$1.json" --inventory inventory.json --journal "$1.j" "${@:2}" </dev/null; }
full() { # SIZE PLACE: of that size from here on
    mkdir -p "$hands/$2" && mount -t tmpfs -o "size=$1" tmpfs "$hands/$2"
}

echo "a line that did not fit is no part of the next one: with room again, all is put back"
jq -n '{schema: "rehome/playbook/1", name: "small", stages: [{name: "s", steps: [range(9) | "p\(.)" | {name: .,
    do: ["bash", "-c", "touch \(.); head -c 9000 /dev/zero | tr \"\\0\" x"], check: ["test", "-e", .], undo: ["rm", "-f", .]}]}]}' \
    >small.json
full 64k local
run small
[ "$(wc -l <"$hands/local/$(id_of small.j)/record.jsonl")" -lt 18 ] # not all of it
mount -o remount,size=1m "$hands/local"
cutover undo --journal small.j
fails compgen -G 'p*'
umount "$hands/local"

echo "one whose disk is full does not keep the others from being put back"
jq -n 'def act: . + {do: ["touch", .name], check: ["test", "-e", .name], undo: ["rm", "-f", .name]};
    {schema: "rehome/playbook/1", name: "two", stages: [{name: "s", steps: [({name: "there", on: "old-gw"} | act)]},
        {name: "t", after: [], steps: [({name: "far", on: "old-gw"} | act)]}, {name: "u", after: [], steps: [({name: "here"} | act)]}]}' \
    >two.json
jq '.stages[0].after = []' two.json >loose.json && mv loose.json two.json
run two
full 4k netns-old-gw
head -c 4096 /dev/zero >$hands/netns-old-gw/fill
code 3 cutover undo --journal two.j | tee out
grep -q 'notice cannot be reached: old-gw: has gone: .*No space left on device' out
[ ! -e here ] && [ -e there ] && [ -e far ]
umount $hands/netns-old-gw
cutover undo --journal two.j
[ ! -e there ] && [ ! -e far ]

echo "a journal whose disk is full says what to do, and can be backed out of there"
mkdir night
mount -t tmpfs -o size=64k tmpfs night
jq -n '{schema: "rehome/playbook/1", name: "night", stages: [{name: "s", steps: [
    {name: "a", do: ["touch", "a1"], check: ["test", "-e", "a1"], undo: ["rm", "-f", "a1"]},
    {name: "fill", do: ["bash", "-c", "head -c 100000 /dev/zero >night/fill; true"], check: ["test", "-e", "night/fill"],
     undo: ["rm", "-f", "night/fill"]}, {name: "g", timeout_s: 9, gate: {command: ["head", "-c", "9000", "/dev/zero"]}}]}]}' >night.json
code 3 cutover run night.json --inventory inventory.json --journal night/night.j --yes >out 2>&1
grep -q 'samples.jsonl: cannot be written: No space left on device; the run stands still where it is: mend that, or ' out
cutover undo --journal night/night.j
[ ! -e a1 ] && [ ! -e night/fill ]

echo "what prints as much as it may is not taken for a hand that is dead"
jq -n '{schema: "rehome/playbook/1", name: "loud", stages: [{name: "s", steps: [{name: "a",
    do: ["bash", "-c", "head -c 16000000 /dev/zero; head -c 16000000 /dev/zero >&2"]}]}]}' >loud.json
run loud | found 'done s/a'

echo "who may not go on gives up nothing that the run holds"
jq -n '{schema: "rehome/playbook/1", name: "held", stages: [{name: "s", steps: [{name: "q", hold: "?"}]}]}' >held.json
code 3 run held
reign=$hands/netns-new-gw/$(id_of held.j)/reign.json
jq -c '.epoch = 99' "$reign" >later && cp later "$reign"
code 3 cutover undo --journal held.j 2>&1 | found 'another cutover has gone on with this run (epoch 99, ours is 2); nothing was done'
[ "$(cutover hand status --json | jq --arg run "$(id_of held.j)" '[.places[] | select(.run == $run)] | length')" = 2 ]
