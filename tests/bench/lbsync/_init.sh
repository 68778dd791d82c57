# shellcheck shell=bash
# What benchmarks of lbsync begin with: namespaces of their own, the repository as the place, $dir for files, $BUILD.
# Sourced by a script with its own arguments: . _init.sh "$@"
set -eEuo pipefail
here=$(realpath "$(dirname "$0")")
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
export dir=/run/rehome
