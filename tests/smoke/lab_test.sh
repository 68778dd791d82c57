# shellcheck shell=bash source-path=SCRIPTDIR
# The lab by itself, the kernel forwarding: every carrier reaches both VIPs, BGP moves them, what
# comes from a line without an announcement is dropped and counted, one carrier straggles, stock
# clients lose nothing when they are sent to the other site's brokers.
. "$(dirname "$0")/_init.sh"

lab() { tests/lab/lab "$@"; }
announce() { # GATEWAY STATE
    lab run sed -i "s/= ./= $2/" "/run/rehome/$1/announce.conf"
    lab run birdc -s "/run/rehome/$1/bird.ctl" configure >/dev/null
}
way() { lab exec "$1" ip route get 198.51.100.10 from "$2" iif clients; }
goes() { [[ $(way "$1" "$2") == *"dev $3"* ]]; }

STRAGGLE_S=12 lab up --mode kernel
lab status

for carrier in red:100.80.0.7 green:100.84.0.7 blue:100.88.0.7; do
    clients=${carrier%:*}-clients source=${carrier#*:}
    lab exec "$clients" ping -I "$source" -c 3 -i 0.2 -w 5 203.0.113.5
    lab exec "$clients" timeout 10 mosquitto_pub -A "$source" -h 198.51.100.10 -t m/a -m a -q 1
    lab exec "$clients" timeout 10 mosquitto_pub -A "$source" -h 203.0.113.5 -p 14000 -t m/a -m a -q 1
done

# The wire: what is lost is counted, and told packet by packet.
told() { [[ $(lab run "$BUILD/lab/wire" log /run/rehome/red-wire/packets) == *"$1"* ]]; }
lab wire red loss=100% >/dev/null
fails lab exec red-clients ping -I 100.80.0.7 -c 2 -i 0.2 -w 1 198.51.100.10
[[ $(lab wire red loss=0) =~ '"loss":0,'.*'"lost":'[1-9] ]]
wait_until 2 told "100.80.0.7:0 > 198.51.100.10:0 proto 1 id"
wait_until 2 told "98 B: lost"
fails lab wire red delay=fast

# While announced, a VIP may stand as source.
lab exec old-gw ping -I 198.51.100.10 -c 1 -w 5 100.80.0.9
[[ $(lab spoofed) == *'"total": 0}' ]]

# The move as it would be done without us, with stock clients on it.
tests/lab/stock start
tests/lab/stock carry new
announce new-gw 2
announce old-gw 0
wait_until 5 goes red 100.80.0.7 new
wait_until 5 goes blue 100.88.0.7 new
goes green 100.84.0.7 old # for a while

dropped() { [[ $(lab exec "$1" nft list set ip carrier spoofed) == *"$2"* ]]; }
fails dropped red "198.51.100.10 . 100.80.0.9 . icmp"
lab exec old-gw ping -I 198.51.100.10 -c 1 -w 1 100.80.0.9 || true
dropped red "198.51.100.10 . 100.80.0.9 . icmp"
fails [ "$(lab spoofed | grep -o '"red": {"old": 0,')" ]

wait_until 20 goes green 100.84.0.7 new
tests/lab/stock stop
tests/lab/stock report

# One that was killed is seen; down leaves nothing.
lab kill red/bird
lab start red/bird
lab status
lab down
fails lab status
fails pgrep -x mosquitto
