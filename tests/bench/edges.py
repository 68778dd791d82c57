"""The figures of the section "edges": what floods, flapping routes and broken devices around a gateway cost and take.

A figure is a row of FIGURES as in figures.py: a function of the options and the folder of the tools that gives what
goes into the result, and how that is said.  A figure in Python has a file of its own beside this one, one in bash
stands in figures/.
"""
import figures
import pool
import route_flap

FIGURES = {
    "devices": (figures.script("devices"), "a link that goes down is noticed within {link_down_noticed_ms:.0f} ms; gaps of "
                "{restart_gap_ms} ms in a restart, of {kill_restart_gap_ms} ms after SIGKILL, {restarts[lost]} sessions "
                "lost; {uncounted_drops} of {numbered[received]:,} numbered packets in no counter"),
    "handshake_flood": (pool.handshake_flood, "beside spoofed SYNs, with source NAT, "
                        "{handshake_flood_new_login_share:.1%} of the new logins at least get in: {handshake_flood}"),
    "pool_flows": (pool.flows, "flows of one pool address towards four servers: {pool_flows_per_address:,} of "
                   "{pool_flows[offered]:,} by {pool_flows[ports]:,} ports"),
    "kernel_nat": (figures.script("kernel_nat"), "of the kernel's own NAT: requests {kernel_nat[keepalive][ratio]} with "
                   "connections that are kept and {kernel_nat[close][ratio]} without, a stream {kernel_nat[up][ratio]} up "
                   "and {kernel_nat[down][ratio]} down; a round trip {kernel_nat[round_trip][ratio]} times"),
    "route_flap": (route_flap.measure, "one route of {route_flap[routes]:,} that goes and comes {route_flap[flaps_per_s]} "
                   "times a second: {route_flap_core_share:.1%} of a core above {route_flap[idle_core_share]:.1%}"),
}
