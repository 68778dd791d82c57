#!/bin/bash
# What cutover bird says when others touch the same BIRD, when it is killed, and when tables look right
# and are not. What the carrier holds is looked at there.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_bird.sh
. "$here/_bird.sh"

home=$announce
ask() { birdc -s "$1/bird.ctl" "${@:2}" >/dev/null; }
holds() { gets "$1" 'BGP.as_path: 64600'; }
lacks() { gets "$1" 'Network not found'; }
states() { [ "$(grep -o '= [012];' $home | tr -dc 012)" = "$1" ]; } # of blue, green and red
restart() {
    kill "$(cat old-gw/bird.pid)"
    wait_until 5 test ! -e old-gw/bird.pid
    start_bird old-gw
}
# The act waits within these seconds for a prefix that the filter keeps back, under BIRD's timer.
announce_in_vain() {
    cutover bird announce "${gateway[@]}" --carrier red --state announced --timeout-s "$1" >told 2>&1 &
    pid=$!
    wait_until 2 holds 198.51.100.0/24
}
wait_until 10 up

# Debian's BIRD runs as bird, with its files 0640, and /etc may be full of links.
mkdir real
mv $home real/announce.conf
ln -s "$dir/real/announce.conf" $home
chown 65534:65534 real/announce.conf
chmod 0640 real/announce.conf
tell red announced >/dev/null
[ -L $home ] && [ "$(stat -c '%u:%g %a' real/announce.conf)" = '65534:65534 640' ]
wait_until 2 holds 198.51.100.0/24
tell red withdrawn >/dev/null

# While it looks, in vain, somebody else configures: BIRD's timer is gone, and undo would undo theirs.
sed -i 's/if state_red = 0 then reject;/if state_red = 0 || net = 203.0.113.0\/24 then reject;/' old-gw/bird.conf
announce_in_vain 2
ask old-gw configure
code 3 wait $pid
found 'red is absent, expected plain; put back' <told
wait_until 2 lacks 198.51.100.0/24
states 000

# And restarts it: it reads our text, and no timer runs at all.
announce_in_vain 3
restart
code 3 wait $pid
found 'put back' <told
wait_until 5 lacks 198.51.100.0/24
states 000
wait_until 10 up
asked withdrawn >/dev/null

# They write nonsense, and configure: what BIRD does not take is shown, and how to withdraw all the same.
announce_in_vain 2
ask old-gw configure
echo 'nonsense of others;' >>old-gw/bird.conf
code 3 wait $pid
found 'NOT seen to be put back' <told
found 'old-gw/bird.conf:[0-9:]* syntax error.*at "nonsense of others;"' <told
found 'birdc -s /run/rehome/old-gw/bird.ctl disable red, which cuts the whole session, IPv4 routes 0 imported, 1 exported' <told
holds 198.51.100.0/24
sed -i '/nonsense/d' old-gw/bird.conf
# The next one puts back what this one could not.
tell red withdrawn 2>&1 | found 'cut short; put back first'
wait_until 2 lacks 198.51.100.0/24

# A signal: it goes back in order. SIGKILL: it cannot, and the next announcement does, so that green's
# does not put red out.
announce_in_vain 5
kill -TERM $pid
code 3 wait $pid
found 'stopped by a signal; put back' <told
wait_until 2 lacks 198.51.100.0/24
states 000
announce_in_vain 5
kill -KILL $pid
code 137 wait $pid
states 002
test -e $home.before
code 4 tell green withdrawn --timeout-s 0.5 2>&1 | found 'cut short; put back first'
wait_until 2 lacks 198.51.100.0/24
states 000
test ! -e $home.before

# As a run's command its hand puts it back at once, has BIRD read it and looks: the timer is not waited for.
ns new-gw # the gateways are held by each run
jq -n '{schema: "rehome/playbook/1", name: "red", stages: [{name: "s", steps: [{name: "announce", do: $ARGS.positional}]}]}' \
    --args -- cutover bird announce "${gateway[@]}" --carrier red --state announced --timeout-s 20 >red.json
cutover run red.json --inventory inventory.json --journal red.j --yes >told 2>&1 &
pid=$!
wait_until 5 holds 198.51.100.0/24
states 002
pkill -KILL -f '^cutover bird announce'
code 1 wait $pid
found 'failed s/announce: exit code 137: ; put back by its hand: .*bird put-back .*: exit 0: an announcement before was cut short; put back first' <told
states 000
lacks 198.51.100.0/24
test ! -e $home.before
[ -L $home ] && [ "$(stat -c '%u:%g %a' real/announce.conf)" = '65534:65534 640' ]
# Its hand killed, too: the next hand does.
cutover run red.json --inventory inventory.json --journal again.j --yes >told 2>&1 &
pid=$!
wait_until 5 holds 198.51.100.0/24
pkill -KILL -f 'cutover hand serve --place local'
code 4 wait $pid # the hand's word alone: the step has neither check nor undo
found 'killed with its hand.*; put back by its hand: .*bird put-back .*: exit 0' <told
states 000
lacks 198.51.100.0/24
sed -i 's/ || net = 203.0.113.0.24 then/ then/' old-gw/bird.conf

# What somebody has written for red and BIRD has not read is not put out with green.
sed -i 's/state_red = 0/state_red = 2/' real/announce.conf
code 3 tell green withdrawn 2>&1 | found 'red is stated as announced, but BIRD runs with withdrawn; reading the file would'
lacks 198.51.100.0/24
code 1 asked announced 2>&1 | found 'BIRD runs with withdrawn'
code 4 tell green withdrawn --way-back --timeout-s 0.5 2>&1 | found 'red is stated as announced, but BIRD'
wait_until 2 holds 198.51.100.0/24
tell red withdrawn >/dev/null
