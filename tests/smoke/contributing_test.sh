#!/bin/bash
# Every path that CONTRIBUTING.md names is there: in the tree, or in the program's folder that its paragraph is about.
. "$(dirname "$0")/_init.sh"

# shellcheck disable=SC2016  # the backquotes are Markdown's
paths() { sed -E 's/`/\n/g' <<<"$1" | sed -nE '/^[a-z_]+\/[a-zA-Z0-9_.\/-]+$/p'; }

program='' named=0 missing=0
while read -r line; do
    [[ $line =~ ^\*\*.*\(.([a-z]+)/.\) ]] && program=${BASH_REMATCH[1]}
    [[ $line == '**What changes'* ]] && program=vipd
    [[ $line == '##'* ]] && program=''
    for path in $(paths "$line"); do
        named=$((named + 1))
        [ -e "$path" ] || [ -e "${program:-nowhere}/$path" ] || { echo "CONTRIBUTING.md: $path is not there"; missing=1; }
    done
done <CONTRIBUTING.md
[ "$named" -gt 40 ]
[ "$missing" = 0 ]
