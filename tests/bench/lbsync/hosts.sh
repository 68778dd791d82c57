#!/bin/bash
# What lbsync takes for many hosts, each call of which waits 0.2 s for its line: prints JSON, with seconds and calls.
#
#   hosts.sh PAIRS [ROUNDS]
#
# PAIRS hosts a site, of which one is the gateway: network namespaces of this machine, reached by a program called ssh that
# waits and runs the command there.  All have rules, which differ at each pair; plan, apply, verify, verify again with a
# host that cannot be reached, undo: what the hosts themselves do, which make a namespace each time they are read, is on
# our processors and our kernel's locks too.  `verify_told` is verify of answers that were kept, each told after its wait:
# what the operator's host does when the others are machines of their own.
# shellcheck source=tests/bench/lbsync/_init.sh
. "$(dirname "$0")/_init.sh" "$@"
pairs=$1 rounds=${2:-3}
delay_s=0.2

mkdir "$dir/bin" "$dir/said"
cat >"$dir/bin/ssh" <<END
#!/bin/sh
# ssh -T -o ... root@HOST -- WORDS, as lbsync calls it
while [ "\$1" != -- ]; do host=\${1#root@}; shift; done
shift
sleep $delay_s
[ ! -e "$dir/gone-\$host" ] || { echo "ssh: connect to host \$host port 22: No route to host" >&2; exit 255; }
echo "\$host" >>"$dir/calls"
[ -e "$dir/tell" ] || exec ip netns exec "\$host" sh -c "\$*"
said=$dir/said/\$(printf '%s ' "\$host" "\$@" | tr -c 'a-z0-9-' _)
[ -e "\$said" ] || ip netns exec "\$host" sh -c "\$*" >"\$said"
exec cat "\$said"
END
chmod +x "$dir/bin/ssh"
PATH=$dir/bin:$BUILD/bin:$PATH

inventory=$dir/inventory.json
jq --argjson n "$((pairs - 1))" '
    .sites[].gateways[].host |= sub("netns:"; "ssh:root@") | del(.logins)
    | .services = [.services[0] | .servers = [range($n) | {name: "s\(.)", weight: 1,
        old: {address: "10.1.1.\(. + 1)", host: "ssh:root@old-s\(.)"},
        new: {address: "172.20.5.\(. + 1)", host: "ssh:root@new-s\(.)"}}]]' tests/lab/inventory.json >"$inventory"
mapfile -t hosts < <(jq -r '.. | .host? // empty | select(startswith("ssh:")) | sub("ssh:root@"; "")' "$inventory" | sort -u)
for gateway in old-gw new-gw; do
    mkdir "$dir/$gateway"
    printf '{"schema":"rehome/vipd/1","inventory":"%s","gateway":"%s","control":"%s","ports":[{"name":"p","device":"null:"}],"lines":[],"services":[]}' \
        "$inventory" $gateway "$dir/$gateway/vipd.sock" >"$dir/$gateway/vipd.json"
done

# Thirty rules, of which the old site's hosts have one more.
rules() {
    echo 'table inet filter { set admins { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.7 }; }'
    echo 'chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iif lo accept'
    printf 'ip saddr @admins tcp dport %s accept\n' {8001..8026}
    [[ $1 != old-* ]] || echo 'tcp dport 1883 accept'
    echo '}; }'
}
for host in "${hosts[@]}"; do
    ip netns add "$host"
    rules "$host" | ip netns exec "$host" nft -f -
done

lb() { lbsync "$1" --inventory "$inventory" --no-reload "${@:2}"; }
# timed NAME EXIT COMMAND...: a line "NAME SECONDS PROCESSOR_SECONDS CALLS"; what is left behind is in no seconds
timed() {
    local code=0 TIMEFORMAT='%R %U %S'
    : >"$dir/calls"
    { time "${@:3}" >"$dir/printed" 2>&1 || code=$?; } 2>"$dir/took"
    [ "$code" = "$2" ] || { echo "${*:3}: exit $code, expected $2:" >&2; tail -5 "$dir/printed" >&2; exit 3; }
    echo "$1 $(awk '{ print $1, $2 + $3 }' "$dir/took") $(wc -l <"$dir/calls")"
}
for ((i = 0; i < rounds; i++)); do
    timed plan 1 lb plan
    timed apply 0 lb apply --state "$dir/state-$i.json"
    timed verify 0 lb verify
    touch "$dir/tell"
    lb verify >/dev/null # whose answers are kept
    timed verify_told 0 lb verify
    rm "$dir/tell" "$dir"/said/*
    touch "$dir/gone-new-s0"
    timed verify_one_gone 3 lb verify
    rm "$dir/gone-new-s0"
    timed undo 0 lbsync undo --state "$dir/state-$i.json"
done >"$dir/timed"
jq -Rn --argjson hosts "${#hosts[@]}" '[inputs / " "] | group_by(.[0])
    | map({key: .[0][0], value: {s: map(.[1] | tonumber), cpu_s: map(.[2] | tonumber), calls: (.[0][3] | tonumber)}}) | from_entries
    | {hosts: $hosts, timed: .}' "$dir/timed"
