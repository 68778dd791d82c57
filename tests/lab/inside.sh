# shellcheck shell=bash
# shellcheck disable=SC2154  # lab is set by who sources this; mode, BUILD by /run/rehome/lab
# All parts of the lab, for a shell that is inside it; to be sourced, with $lab its folder.
# shellcheck source=tests/lab/net.sh
. "$lab/net.sh"
# shellcheck source=tests/lab/daemon.sh
. "$lab/daemon.sh"
# shellcheck source=tests/lab/sites.sh
. "$lab/sites.sh"
# shellcheck source=tests/lab/carriers.sh
. "$lab/carriers.sh"
# shellcheck source=tests/lab/services.sh
. "$lab/services.sh"
# shellcheck source=tests/lab/ssh.sh
. "$lab/ssh.sh"
plan=$("$lab/plan" /run/rehome/lab.json)
eval "$plan"

# lab_status: what runs, whose sessions are up, what the carriers dropped; fails when a daemon died.
lab_status() {
    local code=0
    echo "mode $mode, programs from $BUILD"
    daemon_list || code=1
    sessions || code=1
    spoofed
    return $code
}

# "GATEWAY CARRIER STATE" a BGP session.
sessions() {
    local site gateway tunnel asn announce control row
    for row in "${GATEWAYS[@]}"; do
        read -r site gateway tunnel asn announce control <<<"$row"
        birdc -s "$control" show protocols |
            awk -v host="$gateway" '$2 == "BGP" { print host, $1, ($6 ? $6 : $4) }'
    done
}

# What `up` waits for: all daemons live, all sessions stand, and the prefixes have reached a carrier.
settled() {
    daemon_list && [ "$(sessions | grep -c ' Established$')" = "${#UPLINKS[@]}" ] && carried
}

# Every carrier has a way to every prefix, by the line to the old site.
carried() {
    local prefix row
    for row in "${CARRIERS[@]}"; do
        for prefix in "${PREFIXES[@]}"; do
            [[ $(ip -n "${row%% *}" route show "$prefix") == *"dev old"* ]] || return 1
        done
    done
}

# links HOST up|down
links() {
    local link
    for link in $(ip -n "$1" -o link show type veth | sed 's/^[0-9]*: \([^@:]*\).*/\1/'); do
        ip -n "$1" link set dev "$link" "$2"
    done
}
