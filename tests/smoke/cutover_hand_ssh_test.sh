#!/bin/bash
# A run's hand behind ssh whose line is cut half-open: nothing lands after cutover has said what it knows.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

cd "$dir"
ns old-gw new-gw here far
veth here h0 far f0
ip -n here address add 192.0.2.1/30 dev h0
ip -n far address add 192.0.2.2/30 dev f0
export REHOME_HAND_SILENCE_S=2 REHOME_HAND_GRACE_S=0.3
code() { local got=0; "${@:2}" || got=$?; [ "$got" = "$1" ] || { echo "exit $got, expected $1: ${*:2}"; return 1; }; }

# A real sshd with keys of its own; its files are this machine's, its network is not.
# shellcheck source=tests/lab/ssh.sh
. "$here/../lab/ssh.sh"
hide /root 700 "$clone"
mkdir /root/.ssh /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f host_key
cp /root/.ssh/id_ed25519.pub keys
printf '%s\n' 'Port 2222' "HostKey $dir/host_key" "AuthorizedKeysFile $dir/keys" 'UsePAM no' 'StrictModes no' \
    'PermitRootLogin prohibit-password' "PidFile $dir/sshd.pid" "SetEnv PATH=$BUILD/bin:/usr/sbin:/usr/bin:/sbin:/bin" >sshd_config
printf '%s\n' 'Host far' 'HostName 192.0.2.2' 'Port 2222' 'StrictHostKeyChecking accept-new' >/root/.ssh/config
on far /usr/sbin/sshd -f "$dir/sshd_config"
wait_until 5 on here ssh -o BatchMode=yes root@far true
sed 's|"netns:red-clients"|"ssh:root@far"|' "$here/../lab/inventory.json" >inventory.json

# One step "a" at red's vantage, which is far; each time it is begun a line is added to the file of that name.
book() { # NAME MORE COMMAND...
    jq -n --arg name "$1" --argjson more "$2" '{schema: "rehome/playbook/1", name: $name, stages: [
        {name: "s", steps: [{name: "a", on: "red", do: $ARGS.positional} + $more]}]}' --args -- "${@:3}" >"$1.json"
}
start() { ip netns exec here cutover run "$1.json" --inventory inventory.json --journal "$1.j" --yes >out 2>&1 & runner=$!; }
begun() { [ "$(wc -l <"$1")" = "${2:-1}" ]; }
line() { ip -n here link set h0 "$1"; }

echo "the line is cut, both ends stay: cutover cannot tell, and the act never lands"
book cut '{}' bash -c "cd $dir; echo begun >>cut; trap '' TERM; sleep 4; echo landed >>landed"
start cut
wait_until 5 begun cut
line down
code 4 wait "$runner"
grep -q 's/a: cannot tell whether it is done: ' out
grep -q 'failed s/a: cannot tell what became of it: ssh:root@far: ' out
[ ! -e landed ]
fails pgrep -f 'sleep 4'
line up
[ ! -e landed ] && begun cut

echo "the line comes back in time: what became of the act is asked for"
book back '{"check": ["test", "-e", "'"$dir"'/never"]}' bash -c "cd $dir; echo begun >>back; sleep 1000"
start back
wait_until 5 begun back
pkill -KILL -f '^ssh .*hand serve'
code 1 wait "$runner"
grep -q 'failed s/a: its hand ended it, as ' out
begun back
fails pgrep -f 'sleep 1000'
