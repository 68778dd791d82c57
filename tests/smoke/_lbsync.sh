# shellcheck shell=bash
# Two sites of a gateway and two servers each, without vipd: for tests of lbsync.
#
#   lbsync_world          the lab's namespaces and inventory, services alike at both sites
#   lb COMMAND...         lbsync, for that inventory
#   undo OPTIONS...       with the state file $dir/state.json
#   refuses EXIT WORDS COMMAND...   ends so, and says so
: "${dir:?}"
inventory=$dir/inventory.json

lbsync_world() {
    local gateway
    ns old-gw new-gw old-s1 old-s2 new-s1 new-s2
    cp tests/lab/inventory.json "$inventory"
    for gateway in old-gw new-gw; do
        mkdir -p "$dir/$gateway"
        printf '{"schema":"rehome/vipd/1","inventory":"%s","gateway":"%s","control":"%s","ports":[{"name":"p","device":"null:"}],"lines":[],"services":[]}' \
            "$inventory" "$gateway" "$dir/$gateway/vipd.sock" >"$dir/$gateway/vipd.json"
    done
}

lb() { lbsync "$1" --inventory "$inventory" --no-reload "${@:2}"; }
undo() { lbsync undo --inventory "$inventory" --state "$dir/state.json" "$@"; }

refuses() {
    local code=0 said
    said=$("${@:3}" 2>&1) || code=$?
    [ "$code" = "$1" ] || { echo "exit $code, expected $1: $said"; return 1; }
    [[ $said == *"$2"* ]] || { echo "does not say '$2': $said"; return 1; }
}
