"""The figures of the section "edges": what floods, flapping routes and broken devices around a gateway cost and take.

A figure is a row of FIGURES as in figures.py: a function of the options and the folder of the tools that gives what
goes into the result, and how that is said.  A figure in Python has a file of its own beside this one, one in bash
stands in figures/.
"""
import route_flap

FIGURES = {
    "route_flap": (route_flap.measure, "one route of {route_flap[routes]:,} that goes and comes {route_flap[flaps_per_s]} "
                   "times a second: {route_flap_core_share:.1%} of a core above {route_flap[idle_core_share]:.1%}"),
}
