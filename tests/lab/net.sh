# shellcheck shell=bash
# Namespaces and wires for the lab, for smoke tests and benchmarks: to be sourced, with `set -e` on.
#
#   private SCRIPT ARGS...         re-executes a script (of bash, or *.py) where it cannot touch the host (see below)
#   ns NAME...                     namespaces, loopback up, IPv6 off
#   ns6 NAME...                    the same with IPv6, whose addresses are there at once
#   veth NS1 IF1 NS2 IF2 [MTU]     a wire between two of them, up, offloads off
#   on NS CMD...                   runs a command in one, with a bpffs of its own (AF_XDP needs it)
#   wait_until SECONDS CMD...      polls until the command succeeds; fails, and shows why, after SECONDS

# Private net, mount, pid and ipc namespaces, with empty tmpfs on /run (netns names, control sockets,
# FRR's folders) and /var/lib/rehome (orders): all of it, network and processes, is gone when the script ends or is killed.
# REHOME_PRIVATE names the process that is first in there, so that a script started inside by
# another private one gets a world of its own again.
private() {
    [ "$(id -u)" = 0 ] || { echo "${1##*/}: needs root, for its network namespaces" >&2; exit 3; }
    local interpreter=bash
    [[ $1 != *.py ]] || interpreter=python3
    exec unshare --net --mount --pid --ipc --fork --kill-child --mount-proc \
        env REHOME_PRIVATE="$1" "$interpreter" "$@"
}

# What the first process of a private world does before anything else.
private_init() {
    unset REHOME_PRIVATE
    trap 'exit 143' TERM # the first process of a pid namespace ignores what it does not handle
    trap 'exit 130' INT
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/netns /run/rehome /run/lock
    [ -d /var/lib/rehome ] || mkdir /var/lib/rehome
    mount -t tmpfs -o mode=755 tmpfs /var/lib/rehome
    ip link set lo up
    more_files
}

# Thousands of sockets a process: as far as 20,000 or the hard limit, whichever is less.
more_files() {
    local hard
    hard=$(ulimit -Hn)
    [ "$hard" != unlimited ] && [ "$hard" -lt 20000 ] || hard=20000
    ulimit -Sn "$hard"
}

ns() {
    local name
    for name in "$@"; do
        ip netns add "$name"
        ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
            net.ipv6.conf.default.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 \
            net.ipv4.conf.default.rp_filter=0
        ip -n "$name" link set lo up
    done
}

ns6() {
    local name
    ns "$@"
    for name in "$@"; do
        ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
            net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv6.conf.default.autoconf=0
    done
}

# Offloads leave partial checksums and oversized frames in the packets, which AF_XDP and AF_PACKET
# ports pass on as they are, and take VLAN tags out of them.
veth() {
    local mtu=${5:-1500}
    ip link add name "$2" mtu "$mtu" netns "$1" type veth peer name "$4" mtu "$mtu" netns "$3"
    ip netns exec "$1" ethtool -K "$2" tx off rx off tso off gso off gro off sg off txvlan off >/dev/null
    ip netns exec "$3" ethtool -K "$4" tx off rx off tso off gso off gro off sg off txvlan off >/dev/null
    ip -n "$1" link set dev "$2" up
    ip -n "$3" link set dev "$4" up
}

on() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    ip netns exec "$1" sh -c 'mount -t bpf bpf /sys/fs/bpf && exec "$@"' sh "${@:2}"
}

wait_until() {
    local seconds=$1 end
    shift
    end=$((${EPOCHREALTIME/./} + seconds * 1000000))
    until "$@" >/dev/null 2>&1; do
        if [ "${EPOCHREALTIME/./}" -ge "$end" ]; then
            echo "not within $seconds s: $*" >&2
            "$@" >&2 # shows why, and fails the caller unless it came true just now
            return
        fi
        sleep 0.05
    done
}
