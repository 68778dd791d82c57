"""What one route that flaps among many costs: the share of a core that vipd spends on it."""
import statistics
import time

import world

ROUTES = 50_000
FLAPS_PER_S = 200  # each goes and comes back
SECONDS = 3


def prefix(number):
    return f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}/32"


def load(vipd):
    """The routes, a quarter of them to each of four next hops on the carrier's net."""
    world.sh("ip", "-n", vipd.ns, "-batch", "-", input="".join(
        f"route add {prefix(i * 16)} via 100.64.1.1 dev red metric {1 + i % 4}\n" for i in range(ROUTES)))


def core_share(vipd, seconds, act):
    """Of all its threads, while act(i) is called FLAPS_PER_S times a second."""
    before, began = world.Cpu(vipd.pid).threads(), time.monotonic()
    for i in range(int(seconds * FLAPS_PER_S)):
        act(i)
        time.sleep(max(0, began + (i + 1) / FLAPS_PER_S - time.monotonic()))
    took, now = time.monotonic() - began, world.Cpu(vipd.pid).threads()
    return sum(spent - before.get(tid, 0) for tid, spent in now.items()) / took / 1e9, took


def measure(options, _):
    with world.Vipd(options.programs, world.config(["null:"] * 3, packets=0), busy=False) as vipd:
        load(vipd)
        time.sleep(1)  # it follows
        flapping = prefix(ROUTES // 2 * 16)
        with world.lines_to("ip", "-n", vipd.ns, "-force", "-batch", "-") as tell:
            def flap(_):
                tell(f"route del {flapping}")
                tell(f"route add {flapping} via 100.64.1.1 dev red metric 1")
            turns = []
            for _ in range(max(3, options.rounds)):
                idle, _ = core_share(vipd, SECONDS, lambda _: None)
                busy, took = core_share(vipd, SECONDS, flap)
                turns.append((busy - idle, idle, SECONDS * FLAPS_PER_S / took))
    costs, idles, rates = zip(*turns)
    return {"route_flap_core_share": round(statistics.median(costs), 4),
            "route_flap": {"routes": ROUTES, "flaps_per_s": round(min(rates)), "rounds": len(turns),
                           "best": round(min(costs), 4), "idle_core_share": round(statistics.median(idles), 4)}}
