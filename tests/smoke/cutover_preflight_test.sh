#!/bin/bash
# cutover preflight, with a gateway's BIRD and a carrier's: each thing that would fail at night turns it red at noon.
# A host that is reached by ssh is played by a program of that name.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_bird.sh
. "$here/_bird.sh"

ns new-gw # a run holds every gateway
cp inventory.json far.json
cat >book.json <<'END'
{
  "schema": "rehome/playbook/1", "name": "book",
  "parameters": {"far": {"about": "the other host", "default": "netns:old-gw"},
                 "program": {"about": "what is run there", "default": "true"}},
  "stages": [{"name": "s", "steps": [
    {"name": "withdraw", "on": "old-gw",
     "do": ["cutover", "bird", "announce", "--inventory", "/run/rehome/far.json", "--gateway", "old-gw", "--carrier", "red", "--state", "withdrawn"],
     "check": ["cutover", "bird", "check", "--inventory", "/run/rehome/far.json", "--gateway", "old-gw", "--carrier", "red", "--state", "withdrawn"]},
    {"name": "lost", "gate": {"command": ["cat", "/run/rehome/lost.json"], "figures": [{"pointer": "/lost", "max": 0}]}},
    {"name": "saved", "gate": {"command": ["cat", "${run_dir}/saved"], "figures": [{"pointer": "/lost", "max": 0}]}},
    {"name": "far", "on": "${far}", "do": ["${program}"], "repeatable": true}]}]
}
END
echo '{"lost": 5}' >lost.json
mkdir fake
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
PATH=$dir/fake:$PATH
preflight() { cutover preflight book.json --inventory inventory.json "$@" >"$out/told"; }
# red TEXT [OPTION...]: it says so, and nothing else.
red() {
    code 1 preflight "${@:2}"
    if ! grep -q "$1" "$out/told" || ! grep -q ': 1 will fail, 0 cannot be told$' "$out/told"; then
        cat "$out/told"
        return 1
    fi
}

# All is good, and as it was. A bad figure is the night's affair; what the run itself makes cannot be looked at.
wait_until 10 up
tell red announced
all_files() { find . -type f -exec sha256sum {} + | sort -k2; }
all_files >"$out/before"
code 0 preflight --journal j
all_files >"$out/after"
cmp "$out/before" "$out/after"
cat "$out/told"
grep -q '^netns:old-gw  *ok ' "$out/told"
grep -q 'not tried.*1 gates and checks' "$out/told"
awk 'length > 80' "$out/told" | fails grep .
preflight --json && fits cutover-preflight <"$out/told"
echo '{"schema": "rehome/preflight-ask/1", "programs": [], "hand": "local", "tools": [], "inventories": [], "vipd": [], "bird": [], "routes": [], "folders": ["/"], "samples": [["true"]]}' |
    cutover preflight-host | fits preflight-host

# Programs, files, figures, the journal.
red '^netns:old-gw: nosuch is not there, expected in PATH' --set program=nosuch
jq '.carriers[0].clients += ["100.81.0.0/24"]' inventory.json >far.json
red '^netns:old-gw: /run/rehome/far.json says something else than /run/rehome/inventory.json'
jq -c . inventory.json >far.json # laid out in another way
code 0 preflight
echo '{"gone": 5}' >lost.json
red '^local: s/lost: /lost leads nowhere'
rm lost.json
code 4 preflight
grep -q '^local: s/lost: cat /run/rehome/lost.json: exit code 1: .*No such file' "$out/told"
echo '{"lost": 5}' >lost.json
touch j
code 1 preflight --journal j 2>&1 | found '/run/rehome/j: is there'
red '^local: /run/rehome/nodir cannot be written: No such file or directory' --journal nodir/j
code 2 preflight --set nope=1
code 2 cutover preflight-host </dev/null

# What an earlier run has left: its announcement, or half of one, or a configuration that waits.
tell red withdrawn
red '^netns:old-gw: red is stated as withdrawn, expected announced as a move begins; cutover bird announce --gateway old-gw'
tell red announced
echo 'define state_red = 2;' >$announce.before
red 'an announcement was killed, and is not put back'
rm $announce.before
birdc -s old-gw/bird.ctl 'configure timeout 300' >/dev/null
red 'waits to be confirmed'
birdc -s old-gw/bird.ctl 'configure confirm' >/dev/null

# BIRD does not read the file; its session is down; it is not there at all.
sed -i 's|^include.*|define state_red = 2;|' old-gw/bird.conf
sed -i 's/^define state_red.*/define state_red = 1;/' $announce
birdc -s old-gw/bird.ctl configure >/dev/null
code 1 preflight
grep -q '^netns:old-gw: red is stated as drained' "$out/told"
sed -i 's|^define state_red.*|include "/run/rehome/old-gw/announce.conf";|' old-gw/bird.conf
sed -i 's/^define state_red.*/define state_red = 2;/' $announce
birdc -s old-gw/bird.ctl configure >/dev/null
wait_until 5 code 0 preflight
birdc -s carrier/bird.ctl disable old >/dev/null
wait_until 5 fails up
red '^netns:old-gw: nothing can be announced to red: the session red is not established'
kill "$(cat old-gw/bird.pid)"
wait_until 5 test ! -e old-gw/bird.pid
red '^netns:old-gw: .*bird.ctl: cannot reach BIRD'
start_bird old-gw
birdc -s carrier/bird.ctl enable old >/dev/null
wait_until 10 up
wait_until 5 code 0 preflight

# A host by ssh: as it is, with a clock that is ahead, without us, out of reach, and out of its mind.
far=(--set far=ssh:root@far.example)
ssh_is() { printf '#!/bin/bash\n%s\n' "$1" >fake/ssh && chmod +x fake/ssh; }
ssh_is 'exec cutover preflight-host'
code 0 preflight "${far[@]}"
# shellcheck disable=SC2016  # expanded by what is written
ssh_is 'cutover preflight-host | sed -E "s/\"(began|ended)\":\"[^\"]*\"/\"\1\":\"$(date -u -d "+10 seconds" +%FT%T).000000Z\"/g"'
red '^ssh:root@far.example: its clock is [0-9.]* s (+- [0-9.]* s) ahead, expected 1 s at most' "${far[@]}"
ssh_is 'echo "bash: cutover: command not found" >&2; exit 127'
red '^ssh:root@far.example: cutover cannot be run: bash: cutover: command not found, expected cutover .* in PATH' "${far[@]}"
ssh_is 'echo "ssh: connect to host far.example port 22: Connection refused" >&2; exit 255'
red '^ssh:root@far.example: cannot be reached: .*Connection refused' "${far[@]}"
ssh_is 'echo hello'
code 4 preflight "${far[@]}"
grep -q '^ssh:root@far.example: cannot be understood' "$out/told"

# Servers, whose rule sets lbsync carries, need no cutover, but lbsync of this version.
# shellcheck disable=SC2016
ssh_is 'case "$*" in *lbsync*) echo "lbsync $(cutover --version | cut -d" " -f2)" ;; *nft*) ;; *) exit 127 ;; esac'
jq '.stages[0].steps += [{name: "carry", do: ["lbsync", "undo", "--state", "/nowhere"]}]' book.json >carry.json && mv carry.json book.json
jq '.services[].servers |= (.[:1] | map(.old.host = "ssh:root@s1.example" | .new.host = "ssh:root@s1.example"))' inventory.json >s1.json
mv s1.json inventory.json && cp inventory.json far.json
code 0 preflight
# shellcheck disable=SC2016
ssh_is 'case "$*" in *lbsync*) echo "lbsync 0.0.1" ;; esac'
red '^ssh:root@s1.example: lbsync is of version 0.0.1, expected .*; install rehome .* there'
# shellcheck disable=SC2016
ssh_is 'case "$*" in *lbsync*) echo "bash: lbsync: command not found" >&2; exit 127 ;; esac'
red '^ssh:root@s1.example: lbsync is not there, expected in PATH; install rehome .* there'
ssh_is 'exit 255'
red '^ssh:root@s1.example: cannot be reached'
