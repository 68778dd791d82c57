#!/bin/bash
# Every command and option that --help tells stands in the program's manual, and the other way round.
# A positional argument (--carrier of a command) may stand there in capitals.
. "$(dirname "$0")/_init.sh"

manual() { find vipd vipctl lbsync probe cutover -name "$1.[18].scd" -o -name "$1-*.1.scd"; }
commands() { "$1" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z ]*[a-z]\)  .*/\1/p'; }
# The command's own options: what stands between "Options:" and the next empty line.
options() { "$@" --help | sed -n '/^Options:/,/^$/s/^  \(--[a-z0-9-]*\).*/\1/p'; }
told() { grep -qF -- "$1" "${pages[@]}" || { local name=${1#--} && cat "${pages[@]}" | tr -d '_*\134' | grep -wF -- "${name^^}" >/dev/null; }; }

missing=0
tell() { echo "$*" && missing=$((missing + 1)); }
for program in vipd vipctl lbsync probe cutover; do
    mapfile -t pages < <(manual "$program")
    [ ${#pages[@]} -gt 0 ] || { tell "$program has no manual"; continue; }
    : >"$dir/known"
    while read -r command; do
        grep -qF -- "$command" "${pages[@]}" || tell "$program: command $command is not in its manual"
        # shellcheck disable=SC2086  # a command may be two words
        for option in $(options "$program" $command); do
            echo "$option" >>"$dir/known"
            told "$option" || tell "$program $command: $option is not in its manual"
        done
    done < <(commands "$program")
    printf '%s\n' --help --version --json --socket >>"$dir/known"
    for option in $(sed 's/\\//g' "${pages[@]}" | grep -o -- '\*--[a-z0-9-]*' | tr -d '*' | sort -u); do
        grep -qxF -- "$option" "$dir/known" || tell "$program: the manual has $option, --help has not"
    done
done

# Every key of a file's schema stands in its manual, in bold.
while read -r schema page; do
    jq -r '[.. | .properties? // empty | keys[]] | unique[]' "$schema" >"$dir/keys"
    tr -d '\134' <"$page" >"$dir/page"
    while read -r key; do
        grep -qF -- "*$key*" "$dir/page" || tell "$page lacks the key $key of $schema"
    done <"$dir/keys"
    [ -s "$dir/keys" ] || tell "$schema has no keys"
done <<END
common/formats/vipd.schema.json vipd/vipd.json.5.scd
common/formats/inventory.schema.json common/rehome-inventory.5.scd
END

# Every format that a program prints or keeps is held against it by some smoke test; what is read alone is refused
# by its reader.
for schema in common/formats/*.schema.json; do
    format=$(basename "$schema" .schema.json)
    case $format in inventory | playbook | preflight-ask | vipd) continue ;; esac
    grep -qE "(fits( --lines)?|prints) $format\b" tests/smoke/*_test.sh || tell "no smoke test holds anything against $schema"
done

# Every drop reason and every counter stands in the manual that is installed, with its meaning.
sed -E 's/\\f[BIR]|\\&//g; s/\\//g' "$BUILD/man/vipctl.8" >"$dir/vipctl.txt"
while read -r reason meaning; do
    grep -qwF -- "$reason" "$dir/vipctl.txt" || tell "vipctl(8) lacks the drop reason $reason"
    grep -qiF -- "$meaning" "$dir/vipctl.txt" || tell "vipctl(8) does not say what $reason means"
done < <(vipd drops)
while read -r name metric meaning; do
    [ "${name%%/*}" = drops ] || grep -qF -- "$name, $metric" "$dir/vipctl.txt" || tell "vipctl(8) lacks the counter $name"
    grep -qiF -- "$meaning" "$dir/vipctl.txt" || tell "vipctl(8) does not say what $name means"
done < <(vipd counters)
[ "$missing" = 0 ]
