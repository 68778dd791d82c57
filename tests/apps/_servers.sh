# shellcheck shell=bash
# The applications at the server of _world.sh, and what asks them: each word prints what it carried and its errors.
#
#   apps_servers            nginx, dnsmasq, iperf3 and sshd, ready
#   APP KIND FAMILY         says "CARRIED; N errors"; fails where there was an error, or it says nothing
#
# $seconds is how long each runs, $mib how large a file is.
: "${dir:?}" "${seconds:?}" "${mib:?}"

nginx_config() {
    cat <<END
user root;
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $dir/nginx.body;
    proxy_temp_path $dir/nginx.proxy;
    fastcgi_temp_path $dir/nginx.fastcgi;
    uwsgi_temp_path $dir/nginx.uwsgi;
    scgi_temp_path $dir/nginx.scgi;
    server {
        listen 80;
        listen [::]:80;
        listen 443 ssl;
        listen [::]:443 ssl;
        ssl_certificate $dir/certificate;
        ssl_certificate_key $dir/key;
        root $dir/www;
    }
}
END
}
sshd_config() {
    cat <<END
HostKey $dir/host_key
AuthorizedKeysFile $dir/client_key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
END
}

apps_servers() {
    mkdir -p "$dir/www" /run/sshd
    echo served >"$dir/www/small"
    head -c "${mib}M" /dev/urandom >"$dir/www/large"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=vip -keyout "$dir/key" -out "$dir/certificate" 2>/dev/null
    ssh-keygen -q -t ed25519 -N "" -f "$dir/host_key"
    ssh-keygen -q -t ed25519 -N "" -f "$dir/client_key"
    nginx_config >"$dir/nginx.conf"
    sshd_config >"$dir/sshd.conf"
    echo "www.example.test A" >"$dir/names"
    on server nginx -c "$dir/nginx.conf" 2>"$dir/nginx.said" &
    on server /usr/sbin/sshd -D -e -f "$dir/sshd.conf" 2>"$dir/sshd.log" &
    on server dnsmasq --keep-in-foreground --user=root --pid-file= --conf-file=/dev/null --no-resolv --no-hosts \
        --address=/example.test/192.0.2.1 2>"$dir/dnsmasq.log" &
    # A server of UDP answers from the address that it is bound to.
    local own
    for own in 10.1.0.2 10.1.5.70 2001:db8:a::2 2001:db8:a:0:5::70 "$(vip tunnel 4)" "$(vip tunnel 6)"; do
        on server iperf3 --server --bind "$own" >>"$dir/iperf3.log" 2>&1 &
    done
    wait_until 20 listening 22 80 443 53 5201
}
listening() {
    local port
    for port in "$@"; do on server ss -Hlntu "sport = :$port" | grep -q . || return; done
}

# An address as it stands in a URL or before a path.
bracketed() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }
of_words() { tr -s ' ' | sed 's/^ //'; }

wrk_http() {
    on client wrk -t 1 -c 16 -d "${seconds}s" --timeout 5s "http://$(bracketed "$(vip "$1" "$2")")/small" >"$dir/wrk"
    # "123 requests in 2.0s, ..."; the other two lines stand there only if there was something.
    awk '/requests in/ {n = $1} /Socket errors/ {gsub(",", ""); bad += $4 + $6 + $8 + $10}
        /Non-2xx/ {bad += $NF} END {printf "%d requests; %d errors\n", n, bad; exit !(n > 0 && bad == 0)}' "$dir/wrk"
}

dnsperf_dns() {
    on client dnsperf -f "inet${2/4/}" -s "$(vip "$1" "$2")" -d "$dir/names" -l "$seconds" -q 20 -Q 2000 -t 2 >"$dir/dnsperf"
    awk '/Queries completed/ {n = $3} /Queries lost/ {bad = $3} /Response codes/ {ok = /NOERROR/}
        END {printf "%d queries; %d errors\n", n, bad + !ok; exit !(n > 0 && bad == 0 && ok)}' "$dir/dnsperf"
}

# Bytes that came, and what iperf3 itself calls an error.
iperf() { # KIND FAMILY OPTIONS...
    local code=0
    on client iperf3 --client "$(vip "$1" "$2")" --json --time "$seconds" --connect-timeout 5000 "${@:3}" >"$dir/iperf3" || code=$?
    jq -r --argjson code $code '(.end.sum_received.bytes // .end.sum.bytes // 0) as $bytes |
        (.end.sum.lost_packets // 0) as $lost | ($lost + (if .error or $code != 0 then 1 else 0 end)) as $bad |
        "\($bytes / 1000000 | round) MB; \($bad) errors\(if .error then ": " + .error else "" end)",
        (if $bytes > 0 and $bad == 0 then empty else halt_error(1) end)' "$dir/iperf3"
}
iperf3_up() { iperf "$1" "$2"; }
iperf3_down() { iperf "$1" "$2" --reverse; }
iperf3_udp() { iperf "$1" "$2" --udp --bitrate 10M --length 1200; }

# There and back, with the same checksum.
scp_file() {
    local options=(-q -i "$dir/client_key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes
        -o ConnectTimeout=5 -o LogLevel=ERROR) far
    far=root@$(bracketed "$(vip "$1" "$2")")
    rm -f "$dir/there" "$dir/back"
    on client scp "${options[@]}" "$dir/www/large" "$far:$dir/there" && on client scp "${options[@]}" "$far:$dir/there" "$dir/back"
    same_file "$((2 * mib)) MiB" "$dir/back"
}
same_file() { # CARRIED FILE
    if cmp -s "$dir/www/large" "$2" && [ "$(sha256sum <"$dir/www/large")" = "$(sha256sum <"$2")" ]; then
        echo "$1; 0 errors"
    else
        echo "$1; 1 errors: what came is not what was sent"
        return 1
    fi
}

# From behind the narrow path: full packets do not fit, and the server has to be told.
https_narrow() {
    rm -f "$dir/back"
    on far curl -sS --insecure --max-time 30 -o "$dir/back" "https://$(bracketed "$(vip "$1" "$2")")/large"
    same_file "$mib MiB" "$dir/back"
}
