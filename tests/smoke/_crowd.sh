# shellcheck shell=bash
# A crowd of connections from the client of _vipd.sh's world to its servers (name_servers), checked all at once.
#
#   crowd N               opens so many
#   asked [WORD]          all of them ask (or what else peers.py crowd knows): who answered how many, as JSON
#   all_at NAME [WORD]    all of them are answered by it
#   numbers               where each is, and the next numbers of its ends, for forge.py
#   close_crowd
: "${dir:?}" "${here:?}"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

crowd_size=0
crowd() {
    crowd_size=$1
    mkfifo "$dir/crowd"
    on client python3 tests/smoke/peers.py crowd 198.51.100.10 1883 "$1" <"$dir/crowd" >"$dir/said" &
    exec 6>"$dir/crowd"
    wait_until 20 grep -q ready "$dir/said"
}

said_more() { [ "$(grep -c "$1" "$dir/said")" -gt "$2" ]; }
tell_crowd() { # WORD, how a line that it prints at the end looks
    local before
    before=$(grep -c "$2" "$dir/said" || true)
    echo "$1" >&6
    wait_until 60 said_more "$2" "$before"
}
asked() {
    tell_crowd "${1:-ask}" '^{'
    tail -n 1 "$dir/said" | jq -c .
}
all_at() {
    local said
    said=$(asked "${2:-ask}")
    [ "$said" = "{\"$1\":$crowd_size}" ] || { echo "not all at $1: $said" >&2; return 1; }
}
numbers() {
    tell_crowd numbers '^\.$'
    grep '^[0-9]' "$dir/said" | tail -n "$crowd_size"
}
close_crowd() { echo close >&6; }
