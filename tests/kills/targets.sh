#!/bin/bash
# Kills what lbsync runs on a target, at every call that writes: targets.py, in a world of its own.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../smoke/_init.sh"
. tests/smoke/_lbsync.sh
lbsync_world
python3 tests/kills/targets.py "$@"
