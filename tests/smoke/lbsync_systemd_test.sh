#!/bin/bash
# apply --confirm on a host that systemd runs: a real systemd, first process of a world within this one, starts the undo,
# and starts it again when it is killed; it needs nobody when its time has come.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
. tests/smoke/_lbsync.sh
: "${inventory:?}"
lbsync_world

# cgroups that are ours to give, and that go with the test.
groups=()
for root in /sys/fs/cgroup/{systemd,unified} /sys/fs/cgroup; do
    [ ! -e "$root/cgroup.procs" ] || groups+=("$root/rehome-$$-$RANDOM")
done
no_groups() { [ -z "${groups[*]}" ] || find "${groups[@]}" -depth -type d -exec rmdir {} + 2>/dev/null; }
goodbye() {
    kill -KILL "$machine" 2>/dev/null || true # with it, all that it has started
    wait_until 5 no_groups
}
trap goodbye EXIT

# Its units are what stands here, and nothing of this machine's is mounted, set or started by it.
mkdir "$dir/units" "$dir/empty"
for unit in basic sysinit shutdown quiet; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $unit >"$dir/units/$unit.target"
done
mkdir "${groups[@]}"
cat >"$dir/machine" <<'END'
set -euo pipefail
for group in $1; do echo $$ >"$group/cgroup.procs"; done
exec unshare --pid --mount --net --ipc --uts --cgroup --fork --kill-child --mount-proc bash -euc '
    mount --bind "$0/units" /lib/systemd/system
    mount --bind "$0/empty" /etc/systemd/system
    mount --bind "$0/empty" /usr/lib/systemd/system-generators
    for root in $1; do mount --bind "$root" "${root%/*}"; done
    mount -t tmpfs -o mode=755 tmpfs /run
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other SYSTEMD_LOG_TARGET=console \
        /lib/systemd/systemd --system --unit=quiet.target --show-status=no' "$2" "$1"
END
bash "$dir/machine" "${groups[*]}" "$dir" >"$dir/machine.log" 2>&1 &
machine=$!
first() { pgrep -P "$machine"; }
there() { nsenter --target "$(first)" --pid --mount --net --cgroup --wd=/ env "PATH=$BUILD/bin:$PATH" "$@"; }
runs() { there systemctl list-units --no-legend >/dev/null; }
wait_until 10 runs || { cat "$dir/machine.log"; false; }

# Reached by a program called ssh.
mkdir "$dir/bin"
cat >"$dir/bin/ssh" <<END
#!/bin/bash
while [ "\$1" != -- ]; do shift; done
shift
exec nsenter --target $(first) --pid --mount --net --cgroup --wd=/ env "PATH=$BUILD/bin:\$PATH" sh -c "\$*"
END
chmod +x "$dir/bin/ssh"
PATH=$dir/bin:$PATH
sed -i 's/netns:new-s1/ssh:root@new-s1/' "$inventory"

rules() { printf 'table inet filter { chain input { type filter hook input priority 0; policy drop; tcp dport %s accept; }; }\n' "$1"; }
rules 81 | on old-s1 nft -f -
rules 80 | there nft -f -
has() { there nft list ruleset | found "dport $1"; }
unit() { there systemctl show "lbsync-undo-$(there lbsync armed | jq -r .armed.id)" --property="$1" --value; }

echo "# systemd has the undo, and has it again when it is killed"
lb apply --confirm 60 --state "$dir/state.json"
has 81
[ "$(unit ActiveState)" = active ]
waiting=$(unit MainPID)
there kill -KILL "$waiting"
again() { [ "$(unit MainPID)" -gt 0 ] && [ "$(unit MainPID)" != "$waiting" ] && there lbsync armed | jq -e .waits; }
wait_until 5 again

echo "# confirmed, it has gone"
lbsync confirm --inventory "$inventory"
lb verify
gone() { [ -z "$(there systemctl list-units --no-legend 'lbsync-undo-*')" ]; }
wait_until 5 gone
has 81

echo "# not confirmed, and nobody can get there: it puts back what was"
rules 82 | on old-s1 nft -f -
lb apply --confirm 5
has 82
mv "$dir/bin/ssh" "$dir/bin/cut"
back() { has 81 && fails has 82; }
wait_until 15 back
told() { there lbsync armed | jq -e '.armed == null and .undone.left_undone == []'; } # after the rules
wait_until 5 told
wait_until 5 gone
