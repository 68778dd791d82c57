#!/bin/bash
# The scenarios of tests/data/scenarios.txt, on two sites that are built once: IPv4 and IPv6, TCP and UDP, with one
# worker and with two.
#
#   vipd_scenarios_test.sh [WORDS]     those alone whose name has the words
# shellcheck source=tests/smoke/_init.sh
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_sites.sh
. "$here/_sites.sh"
wanted=${1:-}

failed=0
end_scenario() { # WORKERS
    local said
    [ -n "$name" ] || return 0
    said=$(reported)
    if jq -e "$holds" <<<"$said" >/dev/null; then
        echo "ok      $name"
    else
        echo "FAILED  $name: not $holds, but $said"
        failed=1
    fi
}

play() { # WORKERS
    local name='' holds='' words
    while read -r -a words <&8; do
        case ${words[0]:-#} in
        '#'*) ;;
        scenario)
            end_scenario
            name=
            [[ ${words[*]:1} == *"$wanted"* ]] || continue
            name="${words[*]:1} ($1 workers)"
            as_at_first
            sessions --tcp 10 --udp 10
            ;;
        holds) holds=${words[*]:1} ;;
        *) [ -z "$name" ] || befall "${words[@]}" ;;
        esac
    done 8<tests/data/scenarios.txt
    end_scenario
}

sites_world 1
play 1
workers 2
play 2
end_sessions
[ $failed = 0 ]
