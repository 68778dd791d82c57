#!/bin/bash
# What vipd and vipctl print for other programs fits the schemas in common/formats.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"

vipd_world
ctl old status --json | fits vipd-status
ctl new status --json | fits vipd-status
ctl old stats --json | fits vipd-stats
ctl old share 5
ctl old status --json | fits vipd-status
ctl old status --json | jq 'del(.at) | .typo = 1' >"$dir/wrong"
fails fits vipd-status <"$dir/wrong" 2>"$dir/mistakes"
grep -q '/at: is missing' "$dir/mistakes"
grep -q '/typo: unknown key' "$dir/mistakes"
