#!/bin/bash
# cutover bird, on a gateway's BIRD and a carrier's: what the carrier really gets is looked at there.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_bird.sh
. "$here/_bird.sh"

# Not before the session is up; then announced, drained, withdrawn, and each again.
wait_until 10 up
asked withdrawn
code 1 asked announced
tell red announced
wait_until 2 gets 198.51.100.0/24 'BGP.as_path: 64600$'
wait_until 2 gets 203.0.113.0/24 'BGP.as_path: 64600$'
asked announced
tell red announced

tell red drained --json >told
fits bird <told
grep -q '"exported": "graceful_shutdown"' told
cutover bird show "${gateway[@]}" --carrier red --carrier green --json | fits bird
cutover bird check "${gateway[@]}" --carrier red --state drained --json | fits bird
wait_until 2 gets 203.0.113.0/24 'BGP.as_path: 64600 64600'
grep -q 'BGP.community: (65535,0)' carrier/route
asked drained
code 1 asked announced

tell red withdrawn
wait_until 2 gets 198.51.100.0/24 "Network not found"
asked withdrawn

# A session that is down: nothing is changed, and said where. Withdrawing is possible all the same,
# but what the carrier has kept of before is not known.
cp $announce before
code 3 tell green announced 2>&1 | found 'old-gw: the session green is not established but'
cmp before $announce
code 4 tell green withdrawn --timeout-s 0.5 2>&1 | found 'cannot tell whether green still holds 198.51.100.0/24'
cmp before $announce

# The filter does not do what the state asks: all is put back, in the file and in BIRD.
sed -i 's/if state_red = 0 then reject;/reject;/' old-gw/bird.conf
code 3 tell red announced --timeout-s 1 2>&1 |
    grep -q 'not as asked within 1 s: 198.51.100.0/24 to red is absent, expected plain; put back'
cmp before $announce
asked withdrawn

# BIRD refuses the configuration: the include file is put back, and the old one goes on.
echo 'nonsense' >>old-gw/bird.conf
code 3 tell red announced 2>&1 | found 'BIRD refused: 8002'
cmp before $announce
sed -i '/nonsense/d; s/^    reject;/    if state_red = 0 then reject;/' old-gw/bird.conf

# Somebody's unconfirmed change is waited for, as any configure would make it permanent.
birdc -s old-gw/bird.ctl 'configure timeout 2' >/dev/null
code 1 asked withdrawn 2>&1 | found 'waits to be confirmed'
code 3 tell red announced --timeout-s 0.5 2>&1 | found 'another configuration waits to be confirmed'
tell red announced
wait_until 2 gets 198.51.100.0/24 'BGP.as_path: 64600$'

# Wrong input, and no BIRD.
code 2 tell purple announced
code 2 tell red gone
echo 'define state_red = 7;' >$announce
code 2 tell red drained 2>&1 | found "announce.conf: line 1:"
cp before $announce
kill "$(cat old-gw/bird.pid)"
wait_until 5 test ! -e old-gw/bird.pid
code 3 tell red withdrawn 2>&1 | found 'old-gw/bird.ctl: cannot reach BIRD'
code 3 asked withdrawn
