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


FIGURES = {
    "tag": (tag, "a tag put on or checked: {tag_ns} ns at worst (median {tag_ns_median})"),
}
