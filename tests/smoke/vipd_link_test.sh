#!/bin/bash
# The link between the sites is dead in one direction: both gateways take the other for down within a second, so that
# nothing is sent where no answer comes from, and for alive again when it is mended.
. "$(dirname "$0")/_init.sh"
# shellcheck source=tests/smoke/_vipd.sh
. "$here/_vipd.sh"
vipd_link=wan_link
vipd_world
name_servers 1883
both() { figure_is old '.peers[0].alive' "$1" && figure_is new '.peers[0].alive' "$1"; }
wait_until 5 served_by old-s
ctl old share 100
wait_until 5 served_by new-s

for dead in new old; do
    echo "nothing comes from the $dead site any more"
    cut_from $dead
    wait_until 1 both false
    heard=$([ $dead = new ] && echo new || echo old) # it hears the other, who does not hear it
    figure_is "$heard" '.peers[0].hears_us' false
    ctl "$heard" status | found "DOES NOT HEAR US"
    wait_until 2 served_by old-s
    mend_link
    wait_until 2 both true
    wait_until 5 served_by new-s
done
