#!/bin/bash
# How many of many kinds of rules lbsync carries, and whether what it carries is the same: prints
# {"texts": N, "carried": N, "proven": N, "wrong": N, "refused": {TEXT: WHY}}.
#
# Each text has a chain of its own at a host of the old site.  What plan finds not provable is left
# out; the rest is applied to the new site, and both kernels' expressions are held against each other
# as `nft --debug=netlink` prints them.  Proven are those carried in which the proof finds nothing that it
# has no model for.
# shellcheck source=tests/bench/lbsync/_init.sh
. "$(dirname "$0")/_init.sh" "$@"

# shellcheck source=tests/smoke/_lbsync.sh
. tests/smoke/_lbsync.sh
lbsync_world

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
lbsync verify netns:old-s1 netns:new-s1 --json >"$dir/sides.json" || [ $? = 4 ]
unproven=$(jq '[.not_provable[].where | capture("chain t(?<n>[0-9]+)(:|$)").n] | unique | length' "$dir/sides.json")
carried=$(on new-s1 nft list ruleset | grep -c 'chain t[0-9]' || true)
jq -n --argjson texts $((${#texts[@]} - ${#unknown[@]})) --argjson carried "$carried" --argjson wrong "$wrong" --argjson unproven "$unproven" \
    --slurpfile plan "$dir/plan.json" --rawfile names <(printf '%s\n' "${texts[@]}") '
    {texts: $texts, carried: $carried, proven: ($carried - $unproven), wrong: $wrong, refused: ([$plan[0].not_provable[] |
        {key: (.where | capture("chain t(?<n>[0-9]+)").n // "" | if . == "" then "" else ($names / "\n")[tonumber] end), value: .what}] | from_entries)}'
