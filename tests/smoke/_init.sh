# shellcheck shell=bash
# Sourced at the top of each smoke test: runs it in a world of its own, which ends with it.
#
#   . "$(dirname "$0")/_init.sh"
#   ns left right
#   veth left l0 right r0
#   ip -n left address add 192.0.2.1/24 dev l0
#   on left vipd run --config "$dir/vipd.json" &
#   wait_until 5 vipctl --socket "$dir/vipd.sock" status
#
# The test stops at the first command that fails and says at which line.  Programs come from
# $BUILD/bin (default: build), $dir is an empty folder (/run/rehome), the repository's root is the
# working directory.  ns, veth, on and wait_until are told in tests/lab/net.sh; `fails CMD...` holds
# when the command does not succeed; `fits NAME` when standard input is of that format
# (common/formats/NAME.schema.json), `fits --lines NAME` when each of its lines is.
# Run by hand: BUILD=build bash tests/smoke/NAME_test.sh
set -eEuo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
# shellcheck source=tests/lab/net.sh
. "$here/../lab/net.sh"

self=$(realpath "$0")
if [ "${REHOME_PRIVATE:-}" != "$self" ]; then
    BUILD=$(realpath "${BUILD:-$here/../../build}")
    export BUILD
    private "$self" "$@"
fi
private_init

# Unlike "! CMD", which never stops a script.
fails() {
    ! "$@"
}

# grep behind a pipe.  It reads to the end: `grep -q` leaves at the first match, and whoever goes on
# writing dies of that and fails the test.
found() {
    grep -a "$@" | cat >/dev/null
}

fits() {
    "$BUILD/lab/fits" "${@:1:$#-1}" "$here/../../common/formats/${*: -1}.schema.json"
}

failed_at() {
    local code=$? i
    echo "failed (exit $code): $BASH_COMMAND" >&2
    for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
        echo "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}" >&2
    done
    exit "$code"
}
trap failed_at ERR

cd "$here/../.."
PATH=$BUILD/bin:$PATH
export dir=/run/rehome
