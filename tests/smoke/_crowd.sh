# shellcheck shell=bash
# Crowds of connections from the client of _vipd.sh's world to its servers (name_servers), each checked all at once.
#
#   crowd N [FIRST]          opens so many, from the address FIRST and those behind it where that is given; $crowds is its number
#   asked [WORD]             all of the newest crowd ask (or what else peers.py crowd knows): who answered how many, as JSON
#   asked_of NUMBER [WORD]   the same of that one
#   all_at NAME [WORD]       all of the newest are answered by it
#   numbers                  where each of the newest is, and the next numbers of its ends, for forge.py
#   close_crowd              the newest
: "${dir:?}" "${here:?}"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

crowds=0 crowd_size=0
crowd() {
    crowd_size=$1
    ((++crowds))
    mkfifo "$dir/crowd$crowds"
    on client python3 tests/smoke/peers.py crowd 198.51.100.10 1883 "$@" <"$dir/crowd$crowds" >"$dir/said$crowds" &
    eval "exec $((20 + crowds))>$dir/crowd$crowds"
    wait_until 20 grep -q ready "$dir/said$crowds"
}

said_more() { [ "$(grep -c "$2" "$dir/said$1")" -gt "$3" ]; }
tell_crowd() { # NUMBER WORD, how a line that it prints at the end looks
    local before
    before=$(grep -c "$3" "$dir/said$1" || true)
    eval "echo $2 >&$((20 + $1))"
    wait_until 60 said_more "$1" "$3" "$before"
}
asked_of() {
    tell_crowd "$1" "${2:-ask}" '^{'
    tail -n 1 "$dir/said$1" | jq -c .
}
asked() { asked_of "$crowds" "${1:-ask}"; }
all_at() {
    local said
    said=$(asked "${2:-ask}")
    [ "$said" = "{\"$1\":$crowd_size}" ] || { echo "not all at $1: $said" >&2; return 1; }
}
numbers() {
    tell_crowd "$crowds" numbers '^\.$'
    grep '^[0-9]' "$dir/said$crowds" | tail -n "$crowd_size"
}
close_crowd() { eval "echo close >&$((20 + crowds))"; }
