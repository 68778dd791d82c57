# shellcheck shell=bash
# The lab's long-running processes: each belongs to a host (a namespace) and has a name there.
#
#   /run/rehome/HOST/NAME.argv   what runs, words ended by NUL: to start it again as it was
#   /run/rehome/HOST/NAME.pid    its process id, in the lab's pid namespace; gone once stopped
#   /run/rehome/HOST/NAME.log    what it printed
#
# To be sourced where the lab's namespaces are the current ones.

# daemon HOST NAME CMD...: starts it, for the first time.
daemon() {
    local dir=/run/rehome/$1
    mkdir -p "$dir"
    printf '%s\0' "${@:3}" >"$dir/$2.argv"
    daemon_start "$1" "$2"
}

# Starts it as it was; fails when it runs already.
daemon_start() {
    local file=/run/rehome/$1/$2 argv
    [ -e "$file.argv" ] || { echo "lab: $1 has no daemon $2" >&2; return 2; }
    ! daemon_alive "$1" "$2" || { echo "lab: $1/$2 runs already" >&2; return 1; }
    mapfile -d '' -t argv <"$file.argv"
    # shellcheck disable=SC2016  # expanded by the inner shell
    on "$1" setsid sh -c 'echo $$ >"$0.pid"; exec "$@"' "$file" "${argv[@]}" \
        </dev/null >>"$file.log" 2>&1 &
    wait_until 5 test -s "$file.pid"
}

daemon_alive() {
    local pid
    pid=$(cat "/run/rehome/$1/$2.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

# daemon_stop HOST NAME [SIGNAL]: with SIGKILL after 10 s.
daemon_stop() {
    local file=/run/rehome/$1/$2.pid pid
    pid=$(cat "$file" 2>/dev/null) || { echo "lab: $1/$2 does not run" >&2; return 1; }
    kill "-${3:-TERM}" "$pid" 2>/dev/null || true
    wait_until 10 daemon_gone "$pid" 2>/dev/null || kill -KILL "$pid" || true
    rm -f "$file"
}

# daemon_swap HOST NAME PROGRAM: what runs is this program from now on, with the words of before.
daemon_swap() {
    local file=/run/rehome/$1/$2.argv argv
    mapfile -d '' -t argv <"$file"
    daemon_stop "$1" "$2"
    printf '%s\0' "$3" "${argv[@]:1}" >"$file"
    daemon_start "$1" "$2"
}

# A child of the first process may stay a zombie for a moment; that is gone enough.
daemon_gone() {
    ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"
}

# "HOST/NAME up|down" a line; fails when one that was not stopped on purpose is down.
daemon_list() {
    local argv file host name code=0
    for argv in /run/rehome/*/*.argv; do
        file=${argv%.argv} name=${argv##*/} host=${argv%/*}
        name=${name%.argv} host=${host##*/}
        if daemon_alive "$host" "$name"; then
            echo "$host/$name up"
        elif [ -e "$file.pid" ]; then
            echo "$host/$name died"
            code=1
        else
            echo "$host/$name stopped"
        fi
    done
    return $code
}
