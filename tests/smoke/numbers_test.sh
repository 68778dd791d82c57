#!/bin/bash
# Numbers on the command line that cannot be: wrong usage, before anything is asked or done.
. "$(dirname "$0")/_init.sh"

none=$dir/no-vipd.sock
refuses() { # COMMAND...: exit 2, and one line that says what was expected
    local code=0
    timeout 10 "$@" >"$dir/out" 2>"$dir/err" || code=$?
    [ "$code" = 2 ] || { echo "$*: exit $code" >&2; cat "$dir/err" >&2; return 1; }
    grep -Eq 'expected|unrecognised option|should follow' "$dir/err"
}

# What is no number at all, and what no number can be, wherever one is wanted.
for wrong in nan -nan inf -inf 1e999 -1e999 0x10 1x x1 1,5 '1 ' ' 1'; do
    for command in "vipctl share" "vipctl weak site old --rate" "vipctl flows --limit" "vipctl flows --count --limit" \
        "vipctl top --limit" "vipctl top --seconds" "vipctl capture --out $dir/x --count" \
        "vipctl capture --out $dir/x --seconds" "vipctl capture --out $dir/x --snap"; do
        case "$command" in *share) [ "${wrong#-}" = "$wrong" ] || continue ;; esac # no option
        # shellcheck disable=SC2086 # words
        refuses $command "$wrong" --socket "$none"
    done
    for option in count rate wait seed mark; do
        refuses probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 "--$option" "$wrong"
    done
    refuses probe reflect --port "$wrong"
    refuses probe reflect --max-rate "$wrong"
    refuses probe compare --max-loss-increase "$wrong" a b
    refuses probe compare --max-delay-increase "$wrong" a b
    refuses probe compare --burst-s "$wrong" a b
    refuses probe compare --max-age-s "$wrong" a b
    for option in up timeout; do refuses cutover login wait --dir "$dir" "--$option" "$wrong"; done
    for option in ramp canaries-per-s give-up-ms backoff-first-ms backoff-max-ms; do
        refuses cutover login start --inventory tests/data/gateway/inventory.json --login l --dir "$dir" "--$option" "$wrong"
    done
done

# Numbers out of range.
while read -r -a command; do
    refuses "${command[@]}" --socket "$none"
done <<'END'
vipctl share 99999999999999999999999
vipctl weak site old --rate 99999999999999999999999
vipctl flows --limit 99999999999999999999999
vipctl top --limit 99999999999999999999999
vipctl capture --out /run/rehome/x --count 99999999999999999999999
vipctl capture --out /run/rehome/x --snap 99999999999999999999999
vipctl share -1
vipctl share 100.01
vipctl share 0.001
vipctl share --percent=-0.01
vipctl weak site old --rate 0
vipctl weak site old --rate -1
vipctl weak site old --rate 1000001
vipctl flows --limit -1
vipctl flows --limit 0
vipctl flows --limit 1.5
vipctl top --limit 0
vipctl top --limit 4097
vipctl top --seconds 0
vipctl top --seconds 61
vipctl capture --out /run/rehome/x --count 0
vipctl capture --out /run/rehome/x --count -1
vipctl capture --out /run/rehome/x --seconds 0
vipctl capture --out /run/rehome/x --snap 0
vipctl capture --out /run/rehome/x --snap 262145
END
while read -r -a command; do
    refuses "${command[@]}"
done <<'END'
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --count 0
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --rate 0
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --rate 1e-300
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --wait 60001
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --mark 4294967296
probe run --inventory tests/data/gateway/inventory.json --carrier red --target 192.0.2.1 --seed -1
probe reflect --port 0
probe reflect --max-rate 99999999999999999999999
probe reflect --port 65536
probe reflect --max-rate 0
probe reflect --max-rate 1000000001
probe compare --max-loss-increase 0 a b
probe compare --max-delay-increase -1 a b
probe compare --burst-s 0 a b
probe compare --looks 0 a b
cutover login wait --dir /run/rehome --up 101
cutover login wait --dir /run/rehome --timeout 99999999999999999999999
cutover login wait --dir /run/rehome --timeout -1
END
[ ! -e "$dir/x" ] # nothing was begun
