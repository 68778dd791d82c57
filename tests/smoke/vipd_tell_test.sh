#!/bin/bash
# Rules of placement told over ssh, in two steps: a far side that cannot be reached, that answers nonsense, whose vipd
# dies between the two steps, or whose teller does.  Nothing is half done, or it is said who has what, and mended.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

# The new gateway is reached by a program called ssh, which does as $dir/mode says and notes what it was asked.
gateway_data=$dir/gateway
mkdir -p "$gateway_data" "$dir/bin"
cp "$here/../data/gateway/vipd.json" "$gateway_data/"
jq '.sites[1].gateways[0].host = "ssh:root@new-gw"' "$here/../data/gateway/inventory.json" >"$gateway_data/inventory.json"
cat >"$dir/bin/ssh" <<END
#!/bin/bash
while [ "\$1" != -- ]; do host=\$1; shift; done
shift
[ "\$host" = root@new-gw ] || exit 255
request=\$(cat)
command=\$(jq -r .command <<<"\$request")
echo "\$command" >>"$dir/asked"
case \$(cat "$dir/mode"):\$command in
unreachable:* | lost:placement-commit) echo "ssh: connect to host new-gw port 22: No route to host" >&2; exit 255 ;;
nonsense:*) echo "Welcome to new-gw"; exit ;;
dies:placement-commit) kill -KILL \$(pgrep -f "^vipd run --config $dir/new.json") ;;
hangs:placement-commit) echo >"$dir/hanging"; exec sleep 60 ;;
esac
exec ip netns exec new-gw env "PATH=$BUILD/bin:\$PATH" sh -c "\$*" <<<"\$request"
END
chmod +x "$dir/bin/ssh"
PATH=$dir/bin:$PATH
mode() { echo "$1" >"$dir/mode" && : >"$dir/asked"; }
mode well
vipd_world

digest() { figure "$1" .placement.digest; }
alike() { [ "$(digest old)" = "$(digest new)" ] && figure_is old '.peers[0].same_placement' true; }
told_apart() { figure_is old '.peers[0].same_placement' false && figure_is new '.peers[0].same_placement' false; }
tells() { # EXIT WEIGHTS
    local code=0
    ctl old weights "$2" >"$dir/out" 2>"$dir/said" || code=$?
    [ $code = "$1" ] || { echo "exit $code, not $1" >&2 && cat "$dir/said" >&2 && return 1; }
}

echo "# both are told, each in two steps"
tells 0 old=60,new=40
found 'in force at old-gw, new-gw' <"$dir/out"
[ "$(tr '\n' ' ' <"$dir/asked")" = 'placement-prepare placement-commit ' ]
wait_until 5 alike
before=$(digest old)

echo "# not reached, or by something else: nothing is changed anywhere, and the next order need not wait"
for how in unreachable nonsense; do
    mode $how
    tells 3 old=50,new=50
    found 'new-gw: ' <"$dir/said"
    found 'nothing is changed anywhere' <"$dir/said"
    [ "$(digest old)" = "$before" ] && [ "$(digest new)" = "$before" ]
done
mode well
tells 0 old=55,new=45
wait_until 5 alike

echo "# its vipd dies between the two steps: it is said who has the new rules, the peer's status tells, once more mends it"
mode dies
tells 3 old=70,new=30
found 'in force at old-gw; give the order again, vipctl status names who differs' <"$dir/said"
found 'new-gw: ' <"$dir/said"
mode well
restart_gateway new
wait_until 10 told_apart
ctl old status | found 'OTHER PLACEMENT'
mend='vipctl weights new=30,old=70'
explained() { # while its peer is heard
    ctl old explain 10.9.0.2 --json >"$dir/explained" || [ $? = 4 ] || return 1
    [ "$(jq -r '.vips[0].causes[] | select(.cause == "other_placement").mend' "$dir/explained")" = "$mend" ]
}
wait_until 5 explained
# shellcheck disable=SC2086  # a command line
$mend --socket "$dir/old.sock"
wait_until 5 alike

echo "# the word is lost on the way: the same, and the far side holds the rules ready no longer than it says"
mode lost
tells 3 old=80,new=20
wait_until 5 told_apart
mode well
once_more() { ctl old weights "$1" >/dev/null 2>"$dir/said"; }
fails once_more old=80,new=20
found 'uid 0 gives such an order too, expected an end within 30 s' <"$dir/said"
wait_until 40 once_more old=80,new=20
wait_until 5 alike

echo "# who tells dies between the two steps: who was told has it, who was not does not, and once more mends it"
mode hangs
vipctl weights old=90,new=10 --socket "$dir/old.sock" >/dev/null 2>&1 &
teller=$!
wait_until 10 test -e "$dir/hanging"
kill -KILL $teller
wait_until 5 told_apart
mode well
wait_until 40 once_more old=90,new=10
wait_until 5 alike
