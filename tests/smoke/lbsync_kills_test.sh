#!/bin/bash
# What lbsync runs on a target is killed as it enters a call that writes, a fixed sample of all of them (make test-kills):
# the target is in the old state or in the new one, and lbsync tells which.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"

tests/kills/targets.sh --every 10
