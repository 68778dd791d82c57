#!/bin/bash
# Of 200 connections to a server that replies directly, the share that is seen to end within 5 s, as JSON:
# make bench-vipd ARGS=flows.
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/../../smoke/_init.sh"
# shellcheck source=tests/smoke/_direct.sh
. tests/smoke/_direct.sh
direct_world >&2
wait_until 5 served_by old-s
all_relayed_crowd 200 >&2
began=$(state established) closing=$(state closing)
close_crowd
closed() { [ "$(state established)" = 0 ]; }
wait_until 5 closed || true
jq -n --argjson began "$began" --argjson closed $(($(state closing) - closing)) \
    '{dsr_closed_share: {share: ([$closed / $began, 1] | min), tried: $began}}'
