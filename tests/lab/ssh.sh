# shellcheck shell=bash disable=SC2154  # GATEWAYS, CARRIERS and SERVERS are plan's
# The lab's hosts as machines that are reached by ssh and share no file: to be sourced inside.
#
#   hosts_by_ssh      makes them; from then on /run/rehome/inventory.json names ssh:root@HOST
#
# Each has a mount namespace of its own, with a /run, a /tmp, a /root and a /var/lib/rehome of its own, where its
# daemons' files are under /run/rehome/HOST and nothing else; programs and the rest of the file system are this
# machine's.  What /run/rehome/HOST/far.pid names holds it.  A real sshd answers each login, by its standard input
# (sshd -i), so that no port and no network is needed.  One connection to each host is kept for all commands
# (ControlPath in ssh_config(5)), as two cores have no time for a key exchange a command.  Keys and configuration last
# as long as the lab.

# An empty folder over that one, and the clone that all this runs from again where it lies below it.
hide() { # FOLDER MODE CLONE
    local kept
    exec {kept}<"$3"
    mount -t tmpfs -o "mode=$2" tmpfs "$1"
    if [[ $3 == "$1"/* ]]; then
        mkdir -p "$3"
        mount --no-canonicalize --bind "/proc/self/fd/$kept" "$3"
    fi
    exec {kept}<&-
}

clone=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")

hosts_by_ssh() {
    local host machines
    mapfile -t machines < <(grep -o 'netns:[^"]*' /run/rehome/lab.json | cut -d: -f2 | sort -u)
    hide /root 700 "$clone"
    mkdir /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    ssh-keygen -q -t ed25519 -N '' -f /run/rehome/host_key
    sed 's/"netns:/"ssh:root@/g' /run/rehome/lab.json >/run/rehome/inventory.json
    for host in "${machines[@]}"; do
        far_host "$host"
    done
}

far_host() {
    local dir=/run/rehome/$1
    mkdir -p "$dir"
    cp /run/rehome/host_key /root/.ssh/id_ed25519.pub "$dir/"
    printf '%s\n' "HostKey $dir/host_key" "AuthorizedKeysFile $dir/id_ed25519.pub" 'UsePAM no' 'StrictModes no' \
        'PermitRootLogin prohibit-password' 'MaxSessions 100' "SetEnv PATH=$BUILD/bin:/usr/sbin:/usr/bin:/sbin:/bin" >"$dir/sshd_config"
    printf '%s\n' "Host $1" "HostKeyAlias $1" 'StrictHostKeyChecking accept-new' \
        "ProxyCommand $lab/far_login $1" "ControlPath /root/.ssh/$1.master" >>/root/.ssh/config
    # shellcheck disable=SC2016  # expanded by the inner shell
    ip netns exec "$1" unshare --mount --propagation private setsid bash -euc "$(declare -f hide)"'
        mount --bind "$1" /mnt
        for folder in /run /tmp /root /var/lib/rehome; do hide "$folder" 755 "$2"; done
        mkdir -p "$1" /run/sshd
        mount --move /mnt "$1"
        echo $$ >"$1/far.pid"
        exec sleep infinity' far "$dir" "$clone" </dev/null >"$dir/far.log" 2>&1 &
    wait_until 5 test -s "$dir/far.pid"
    ssh -q -MNf "root@$1"
}
