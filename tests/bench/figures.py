"""The figures of the section "flows": what forgery, restarts and broken links cost and take.

A figure is a function of the options that gives what goes into the result, each with the number tried, and is a
row of FIGURES with how it is said.
"""
import json

import world


def tag(options, tools):
    """ns of a tag on a packet between gateways, put on or checked: the worst of TCP and UDP, IPv4 and IPv6, each
    by its quickest turns, and by the median ones."""
    turns = max(100, 20 * options.rounds)
    ways = json.loads(world.sh(f"{tools}/tag", str(turns)))
    every = [times for way in ways.values() for times in way.values()]
    return {"tag_ns": max(times["best"] for times in every),
            "tag_ns_median": max(times["median"] for times in every), "tag_turns": turns, "tag": ways}


def script(name):
    """A script of figures/, which prints what goes into the result."""
    return lambda *_: json.loads(world.sh("bash", f"{world.TESTS}/bench/figures/{name}.sh"))


FIGURES = {
    "restarts": (script("restarts"), "forged segments: {blind_reset_lost[lost]} of {blind_reset_lost[tried]} sessions "
                 "lost; real resets seen: {real_close_noticed[share]}; crashes: {restart_reset[old][lost]} and "
                 "{restart_reset[new][lost]} of {restart_reset[old][tried]} lost; a link dead one way is down after "
                 "{one_way_dead_s[from_old]} and {one_way_dead_s[from_new]} s"),
    "direct": (script("direct"), "connections to servers that reply directly, seen to end: "
               "{dsr_closed_share[share]:.1%} of {dsr_closed_share[tried]}"),
    "udp_moved": (script("udp_moved"), "UDP clients that change server: {udp_moved_gap[moved]} of "
                  "{udp_moved_gap[tried]} over a gap, {udp_moved_route[moved]} of {udp_moved_route[tried]} when "
                  "their route moves"),
    "forged_acks": (script("forged_acks"), "{forged_acks[sent_per_s]:,.0f} forged ACKs a second: "
                    "{forged_ack_link_share:.1%} of the link, {forged_ack_login_share:.1%} of the logins, "
                    "{forged_acks[sessions_lost]} sessions lost"),
    "tag": (tag, "a tag put on or checked: {tag_ns} ns at worst (median {tag_ns_median})"),
}
