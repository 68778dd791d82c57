#!/bin/bash
# How many of many kinds of rules lbsync carries, and whether what it carries is the same: prints
# {"texts": N, "carried": N, "wrong": N, "refused": {TEXT: WHY}}.
#
# Each text has a chain of its own at a host of the old site.  What plan finds not provable is left
# out; the rest is applied to the new site, and both kernels' expressions are held against each other
# as `nft --debug=netlink` prints them.
set -eEuo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
# shellcheck source=tests/lab/net.sh
. "$here/../../lab/net.sh"
if [ "${REHOME_PRIVATE:-}" != "$(realpath "$0")" ]; then
    BUILD=$(realpath "${BUILD:-$here/../../../build}")
    export BUILD
    private "$(realpath "$0")" "$@"
fi
private_init
cd "$here/../../.."
PATH=$BUILD/bin:$PATH
dir=/run/rehome

ns old-gw new-gw old-s1 old-s2 new-s1 new-s2
inventory=$dir/inventory.json
cp tests/lab/inventory.json "$inventory"
for gateway in old-gw new-gw; do
    mkdir "$dir/$gateway"
    printf '{"schema":"rehome/vipd/1","inventory":"%s","gateway":"%s","control":"%s","ports":[{"name":"p","device":"null:"}],"lines":[],"services":[{"name":"meters","vip":"198.51.100.10","protocol":"tcp","port":1883,"forward":"nat","servers":[{"name":"s1","address":"%s","port":1883,"weight":1}]}]}' \
        "$inventory" $gateway "$dir/$gateway/vipd.sock" "$([ $gateway = old-gw ] && echo 10.1.1.11 || echo 172.20.5.21)" >"$dir/$gateway/vipd.json"
done
lb() { lbsync "$1" --inventory "$inventory" --no-reload "${@:2}"; }

# Loads the texts whose numbers stand on standard input, each into chain tNUMBER.
load() {
    local number family words
    on old-s1 nft flush ruleset
    while read -r number; do
        family=${texts[number]%% *} words=${texts[number]#* }
        on old-s1 nft "add table $family t; add chain $family t t$number; add rule $family t t$number $words" \
            2>/dev/null || unknown+=("$number")
    done
}

# The expressions of a host, chain by chain.
expressions() {
    on "$1" nft --debug=netlink list ruleset | sed -nE 's/^([a-z0-9]+ t t[0-9]+) .*/\1/p; /^  \[/p' | sed 's/__\(set\|map\)[0-9]*/__\1/'
}

mapfile -t texts < <(grep -v '^#' "$here/rule_texts")
unknown=() # to this nft or kernel
load < <(seq 0 $((${#texts[@]} - 1)))
lb plan --json >"$dir/plan.json" || [ $? -le 4 ]
jq -r '.not_provable[].where | capture("chain t(?<n>[0-9]+)(:|$)").n' "$dir/plan.json" | sort -un >"$dir/doubted"
jq -r '.not_provable[] | select(.where | test("chain t[0-9]+(:|$)") | not) | "\(.where): \(.what)"' "$dir/plan.json" >&2
load < <(comm -23 <(seq 0 $((${#texts[@]} - 1)) | sort) <({ cat "$dir/doubted"; printf '%s\n' "${unknown[@]}"; } | sort -u) | sort -n)
lb apply >"$dir/applied" 2>&1 || { tail -5 "$dir/applied" >&2; exit 3; }
lb verify >/dev/null
expressions old-s1 >"$dir/old"
expressions new-s1 >"$dir/new"
wrong=$(diff "$dir/old" "$dir/new" | grep -c '^[<>]' || true)
carried=$(on new-s1 nft list ruleset | grep -c 'chain t[0-9]' || true)
jq -n --argjson texts $((${#texts[@]} - ${#unknown[@]})) --argjson carried "$carried" --argjson wrong "$wrong" \
    --slurpfile plan "$dir/plan.json" --rawfile names <(printf '%s\n' "${texts[@]}") '
    {texts: $texts, carried: $carried, wrong: $wrong, refused: ([$plan[0].not_provable[] |
        {key: (.where | capture("chain t(?<n>[0-9]+)").n // "" | if . == "" then "" else ($names / "\n")[tonumber] end), value: .what}] | from_entries)}'
