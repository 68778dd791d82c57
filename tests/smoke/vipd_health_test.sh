#!/bin/bash
# Four servers behind one gateway, whose health is checked by a line of the service's own: they hang, refuse, answer
# wrongly and flap.  New clients are served by those that are well, sessions that live go on, and what all of them do
# at once is taken for our own fault.
. "$(dirname "$0")/_init.sh"
# shellcheck disable=SC2016  # it is jq's
export vipd_change='.services[0] |= (.servers = [range(4) | {name: "s\(.)", address: "10.1.0.1\(.)", port: 1883}] |
    .health = {kind: "script", interval_ms: 400, timeout_ms: 300, rise: 2, fall: 2, all_down: "refuse",
        script: [{send: ["text:well?", "hex:0a"]}, {expect: ["text:s"]}]})'
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_world
for i in 0 1 2 3; do
    ip -n old-s address add "10.1.0.1$i/24" dev eth0
    on old-s python3 tests/smoke/peers.py sick "10.1.0.1$i" 1883 "s$i" "$dir/mood$i" &
done
mood() { echo "$2" >"$dir/mood$1.new" && mv "$dir/mood$1.new" "$dir/mood$1"; }
states() { figure old '[.health.servers[].state]'; }
states_are() { [ "$(states)" = "$1" ]; }
# How many of 40 new clients each server gets, and whether all were served.
new_clients() {
    local _
    for _ in {1..40}; do say || return 1; done | sort | uniq -c | tr -s ' ' | tr '\n' ' '
}
well='["up","up","up","up"]'
wait_until 10 states_are "$well"
new_clients | found 's0.*s1.*s2.*s3'

echo "# eighty sessions, some at each; one server after the other falls ill, and none of its sessions ends"
mkfifo "$dir/tell"
on client python3 tests/smoke/sessions.py --tcp 80 --udp 0 --to 198.51.100.10 <"$dir/tell" >"$dir/told" &
exec 6>"$dir/tell"
wait_until 10 grep -q ready "$dir/told"
reports() { [ "$(grep -c '^{' "$dir/told")" -gt "$1" ]; }
report() {
    local before
    before=$(grep -c '^{' "$dir/told" || true)
    echo report >&6
    wait_until 10 reports "$before"
    tail -n 1 "$dir/told"
}
report | jq -e '.lost == 0 and (.by | length) == 4' >/dev/null

calm() {
    sleep 1 # a second's new clients
    report | jq -e '.refused == 0 and .new >= 8 and .gap_ms < 1000 and (.by | length) == 4' >/dev/null
}

others_get_them() { # by status, what is new
    ctl old status --json | jq -e --argjson ill "$1" '.services[] | select(.service == "meters").servers |
        .[$ill].health == "down" and .[$ill].new_flows_per_s == 0 and ([.[].new_flows_per_s] | add) > 4' >/dev/null
}

ill() { # SERVER, what it does to new connections, what the check says of it
    local others
    mood "$1" "$2"
    others=$(jq -nc "[range(4) | if . == $1 then \"down\" else \"up\" end]")
    wait_until 4 states_are "$others"
    fails grep -q "s$1" <(new_clients)
    # Whoever comes is served, once those are gone who came before it was known; who was there goes on.
    wait_until 8 calm
    figure old ".health.servers[$1].why" | found "$3"
    ctl old status | found "meters/s$1 .*DOWN"
    wait_until 5 others_get_them "$1"
    mood "$1" well
    wait_until 10 states_are "$well"
}
ill 0 hangs 'no answer in time'
ill 1 refuses 'refused'
ill 2 lies 'expected'
grep -q 'health of 10.1.0.11:1883 (meters/s1): up -> down' "$dir/old.log"
grep -q 'health of 10.1.0.11:1883 (meters/s1): down -> up' "$dir/old.log"

echo "# one that hung refuses now: that is why it is down, since later than it fell"
mood 0 hangs
wait_until 4 states_are '["down","up","up","up"]'
fell=$(figure old '.health.servers[0].since')
figure old '.health.servers[0] | [.why, .why_since == .since]' | found 'no answer in time.*true'
mood 0 refuses
refuses_now() { figure_is old '.health.servers[0].why' '"Connection refused"'; }
wait_until 4 refuses_now
[ "$(figure old '.health.servers[0].since')" = "$fell" ]
figure_is old '.health.servers[0] | .why_since > .since' true
ctl old status | found 'meters/s0 .*DOWN since .*: Connection refused since '
says_so() { ctl old why "tcp 10.9.0.2:4000 > 198.51.100.10:1883 syn" | found 's0 is down: Connection refused'; }
wait_until 3 says_so # reasons are told once a second
mood 0 well
wait_until 10 states_are "$well"
figure_is old '.health.servers[0] | [.why, .why_since]' '[null,null]'

echo "# one that flaps is held down, longer each time"
held() { [ "$(figure old '.health.servers[3].held_until')" != null ]; }
wait_up() { wait_until 20 states_are "$well"; }
wait_down() { wait_until 5 states_are '["up","up","up","down"]'; }
times=()
for _ in 1 2 3; do
    mood 3 refuses
    wait_down
    mood 3 well
    began=${EPOCHREALTIME/./}
    wait_up
    times+=($(((${EPOCHREALTIME/./} - began) / 1000)))
done
echo "down for ${times[*]} ms"
[ "${times[1]}" -gt 1500 ]
[ "${times[2]}" -gt $((times[1] + 1000)) ]

echo "# a client that waits for a server that goes down is served by another one, with its next SYN"
on old-s nft 'table ip deaf { chain i { type filter hook input priority 0; ip daddr 10.1.0.10 tcp flags syn drop; }; }'
on client python3 tests/smoke/peers.py wait 198.51.100.10 1883 20 >"$dir/waited"
jq -e '.served == 20' "$dir/waited" >/dev/null
on old-s nft delete table ip deaf
wait_up

echo "# three of four fall ill at once: more likely it is us, and all are kept"
for i in 0 1 2; do mood $i refuses; done
keeps() { [ "$(figure old '.health | [.keeps, .look_down]')" = '[true,3]' ]; }
wait_until 5 keeps
states_are "$well"
ctl old status | found 'KEPT AS THEY WERE'
for i in 0 1 2; do mood $i well; done
no_more() { [ "$(figure old '.health.keeps')" = false ]; }
wait_until 10 no_more
states_are "$well"

echo "# all down, one after the other: new clients are refused as the service says, at once"
for i in 0 1 2 3; do
    mood $i refuses
    down() { [ "$(figure old ".health.servers[$i].state")" = '"down"' ]; }
    wait_until 10 down
    sleep 1 # apart from each other
done
why() { ctl old why "tcp 10.9.0.2:4000 > 198.51.100.10:1883 syn" >"$dir/why" || true; }
refused() { why && grep -q drop_no_server "$dir/why"; }
wait_until 2 refused
grep -q 's1 is down: Connection refused' "$dir/why"
fails say 2>"$dir/refused"
grep -qE 'No route to host|Host' "$dir/refused"
ctl new status | found 'gateway'
for i in 0 1 2 3; do mood $i well; done
wait_until 30 states_are "$well"
new_clients | found 's0.*s1.*s2.*s3'

echo "# what is wrong is told all at once, and nothing changes"
cp "$dir/old.json" "$dir/before.json"
jq '.services[0].health |= (.kind = "ping" | .rise = 0 | .timeout_ms = 500 | .script += [{send: ["hex:0"]}])' \
    "$dir/before.json" >"$dir/old.json"
fails ctl old reload 2>"$dir/wrong"
for what in /services/0/health/kind /services/0/health/rise /services/0/health/timeout_ms /services/0/health/script/2; do
    grep -q "$what" "$dir/wrong"
done
states_are "$well"
ctl old status --json | fits vipd-status
ctl old stats --json | fits vipd-stats

echo "# no session of the eighty was lost meanwhile"
report >/dev/null
jq -s 'map(select(type == "object") | .lost) | add' <(grep '^{' "$dir/told") | found '^0$'
echo end >&6

echo "# without a descriptor nothing can be checked, which is told while it is so; nobody goes down for it"
pid=$(pgrep -f "^vipd run --config $dir/old.json")
free=0
while [ -e "/proc/$pid/fd/$free" ]; do ((++free)); done
prlimit --pid "$pid" --nofile="$free":4096
tells() { figure_is old '[.health.servers[] | [.checked, .why]] | unique' "$1"; }
sleep 2 # some checks long; status cannot be asked meanwhile
prlimit --pid "$pid" --nofile=4096:4096
wait_until 10 tells '[[true,null]]'
states_are "$well"
