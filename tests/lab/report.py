"""The demo's report as one HTML page that needs no network: what happened, second by second.

Input is what the demo measured (see demo): one run by rehome and one by withdrawing first, each with
    steps   [{"stage", "step", "from", "to", "ok"}]            times in s since the move began
    series  {carrier: [[t, up, waiting], ...]}                 once a second
    gaps    [{"carrier", "t", "gap_ms", "cause"}]
    loss    {carrier: [[t, sent, lost], ...]}                  probe's slices
    share   [[t, flows_here, flows_relayed, new_site_flows], ...]
Every chart is inline SVG, drawn from these numbers alone.
"""
import html
import math

COLOURS = {"red": "#c2410c", "green": "#15803d", "blue": "#1d4ed8"}
WIDTH, LEFT, RIGHT = 980, 64, 16


def colour(carrier):
    return COLOURS.get(carrier, "#6b21a8")


def esc(text):
    return html.escape(str(text))


def nice_step(span, wanted=6):
    """A step of 1, 2 or 5 times a power of ten, so that about `wanted` steps fill the span."""
    raw = max(span, 1e-9) / wanted
    power = 10 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 5, 10) if raw <= power * m)


class Chart:
    """Axes and marks in user units; y grows upwards."""

    def __init__(self, title, t_min, t_max, y_max, height, unit="", log=False, t_marks=()):
        self.t_min, self.t_max, self.height, self.log = t_min, t_max, height, log
        self.y_max = max(y_max, 1)
        self.parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{esc(title)}">']
        for t, label in t_marks:
            self.parts.append(f'<line x1="{self.x(t):.1f}" x2="{self.x(t):.1f}" y1="8" y2="{height - 24}" '
                              f'class="stage"><title>{esc(label)}</title></line>')
        self.axes(unit)

    def x(self, t):
        return LEFT + (t - self.t_min) / max(self.t_max - self.t_min, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        share = math.log10(max(value, 1)) / math.log10(max(self.y_max, 10)) if self.log else value / self.y_max
        return self.height - 24 - share * (self.height - 36)

    def axes(self, unit):
        ticks = [10 ** p for p in range(int(math.log10(self.y_max)) + 1)] if self.log else \
            [i * nice_step(self.y_max, 4) for i in range(int(self.y_max / nice_step(self.y_max, 4)) + 1)]
        for value in ticks:
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(value):.1f}" y2="{self.y(value):.1f}" '
                              f'class="grid"/><text x="{LEFT - 6}" y="{self.y(value) + 4:.1f}" class="y">{value:g}{unit}</text>')
        step = nice_step(self.t_max - self.t_min, 10)
        t = math.ceil(self.t_min / step) * step
        while t <= self.t_max:
            self.parts.append(f'<text x="{self.x(t):.1f}" y="{self.height - 6}" class="x">{t:g} s</text>')
            t += step

    def line(self, points, stroke, width=1.6, dash=""):
        points = [(t, v) for t, v in points if self.t_min <= t <= self.t_max]
        if points:
            path = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in points)
            self.parts.append(f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width}" '
                              f'stroke-dasharray="{dash}"/>')

    def dot(self, t, value, fill, title):
        self.parts.append(f'<circle cx="{self.x(t):.1f}" cy="{self.y(value):.1f}" r="2.2" fill="{fill}" fill-opacity=".55">'
                          f'<title>{esc(title)}</title></circle>')

    def done(self):
        return "".join(self.parts) + "</svg>"


def span_of(run):
    times = [p[0] for points in run["series"].values() for p in points] or [0, 1]
    return min(times), max(times)


def stage_marks(run):
    marks, last = [], None
    for step in run["steps"]:
        if step["stage"] != last:
            marks.append((step["from"], step["stage"]))
            last = step["stage"]
    return marks


def sessions_chart(run):
    t_min, t_max = span_of(run)
    top = max((p[1] for points in run["series"].values() for p in points), default=1)
    chart = Chart("sessions that are up, per carrier", t_min, t_max, top * 1.05, 210, t_marks=stage_marks(run))
    for carrier, points in sorted(run["series"].items()):
        chart.line([(p[0], p[1]) for p in points], colour(carrier))
    return chart.done()


def gaps_chart(run, log_top):
    t_min, t_max = span_of(run)
    chart = Chart("gaps, by when they began", t_min, t_max, log_top, 210, " ms", log=True, t_marks=stage_marks(run))
    for gap in run["gaps"]:
        chart.dot(gap["t"], gap["gap_ms"], colour(gap["carrier"]), f'{gap["carrier"]}: {gap["gap_ms"]:.0f} ms ({gap["cause"]})')
    return chart.done()


def flows_chart(run):
    if not run.get("share"):
        return ""
    t_min, t_max = span_of(run)
    top = max(max(p[1:]) for p in run["share"])
    chart = Chart("flows by where they are served", t_min, t_max, top * 1.05, 210, t_marks=stage_marks(run))
    for index, stroke, dash in ((1, "#334155", ""), (2, "#9333ea", "4 3"), (3, "#0f766e", "")):
        chart.line([(p[0], p[index]) for p in run["share"]], stroke, 1.8, dash)
    return (chart.done() + '<p class="key"><b style="color:#334155">served by the old site</b> · '
            '<b style="color:#9333ea">relayed by the old gateway</b> · <b style="color:#0f766e">served by the new site</b></p>')


def loss_chart(run):
    if not any(run["loss"].values()):
        return ""
    t_min, t_max = span_of(run)
    rows = {c: [(t, 100 * lost / sent) for t, sent, lost in points if sent] for c, points in run["loss"].items()}
    top = max((v for points in rows.values() for _, v in points), default=1)
    chart = Chart("loss seen by probe, per carrier", t_min, t_max, max(top * 1.1, 2), 170, " %", t_marks=stage_marks(run))
    for carrier, points in sorted(rows.items()):
        chart.line(points, colour(carrier))
    return chart.done()


def steps_chart(run):
    t_min, t_max = span_of(run)
    stages = []
    for step in run["steps"]:
        if not stages or stages[-1]["name"] != step["stage"]:
            stages.append({"name": step["stage"], "steps": []})
        stages[-1]["steps"].append(step)
    height = 34 + 20 * len(stages)
    chart = Chart("stages and their steps", t_min, t_max, 1, height)
    chart.parts = chart.parts[:1]
    for row, stage in enumerate(stages):
        y = 10 + 20 * row
        for step in stage["steps"]:
            width = max(chart.x(step["to"]) - chart.x(step["from"]), 1.5)
            chart.parts.append(f'<rect x="{chart.x(step["from"]):.1f}" y="{y}" width="{width:.1f}" height="13" rx="2" '
                               f'class="{"step" if step["ok"] else "failed"}"><title>{esc(step["step"])}: '
                               f'{step["to"] - step["from"]:.1f} s</title></rect>')
        end = chart.x(stage["steps"][-1]["to"])
        anchor, at = ("end", chart.x(stage["steps"][0]["from"]) - 6) if end > WIDTH * .62 else ("start", end + 6)
        chart.parts.append(f'<text x="{at:.1f}" y="{y + 11}" text-anchor="{anchor}" class="label">{esc(stage["name"])}</text>')
    return chart.done()


def loss_phases(run):
    """Per carrier: loss in per cent before, during and after the move, with the probes sent."""
    out = {}
    for carrier, points in run["loss"].items():
        phases = {"before": [0, 0], "during": [0, 0], "after": [0, 0]}
        for t, sent, lost in points:
            phase = "before" if t < 0 else "after" if t > run["moved_s"] else "during"
            phases[phase][0] += sent
            phases[phase][1] += lost
        out[carrier] = {name: {"sent": sent, "lost": lost, "loss_pct": round(100 * lost / sent, 3) if sent else None}
                        for name, (sent, lost) in phases.items()}
    return out


def loss_table(run):
    rows = []
    for carrier, phases in sorted(loss_phases(run).items()):
        cells = "".join(f'<td>{"–" if p["loss_pct"] is None else "%.2f %%" % p["loss_pct"]}'
                        f'<small>{p["lost"]} of {p["sent"]}</small></td>' for p in phases.values())
        rows.append(f'<tr><th style="color:{colour(carrier)}">{esc(carrier)}</th>{cells}</tr>')
    return ('<table><tr><th>carrier</th><th>before</th><th>during</th><th>after</th></tr>' + "".join(rows) + "</table>"
            if rows else "")


def figures_table(report):
    def cell(run, *path):
        value = report[run]
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return "–" if value is None else f"{value:,.0f}" if isinstance(value, (int, float)) else esc(value)
    rows = [("verdict", ("verdict",), ""), ("sessions before", ("sessions", "before"), ""),
            ("lost in the move", ("sessions", "lost_in_move"), ""), ("logged in again on purpose", ("sessions", "relogged"), ""),
            ("sessions after", ("sessions", "after"), ""), ("gap, median", ("gap_ms", "p50"), " ms"),
            ("gap, 99 %", ("gap_ms", "p99"), " ms"), ("longest gap", ("gap_ms", "max"), " ms"),
            ("dropped by carriers as spoofed", ("spoofed_dropped",), ""), ("stock MQTT messages lost", ("stock_messages_lost",), ""),
            ("duration of the move", ("duration_s",), " s")]
    body = "".join(f"<tr><th>{esc(name)}</th><td>{cell('rehome', *path)}{unit}</td><td>{cell('withdraw_first', *path)}{unit}</td></tr>"
                   for name, path, unit in rows)
    return f"<table><tr><th></th><th>rehome</th><th>withdraw first</th></tr>{body}</table>"


STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#0f172a;background:#fff;max-width:1020px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin:0}h2{margin:2em 0 .3em;font-size:1.2em}h3{margin:1.2em 0 .2em;font-size:1em;color:#334155}
svg{width:100%;height:auto;display:block}.grid{stroke:#e2e8f0}.stage{stroke:#94a3b8;stroke-dasharray:2 4}
text{font:11px system-ui,sans-serif;fill:#475569}.y{text-anchor:end}.x{text-anchor:middle}.label{fill:#0f172a}
.step{fill:#0f766e}.failed{fill:#dc2626}table{border-collapse:collapse;margin:.6em 0}
th,td{padding:.25em .9em .25em 0;text-align:right;border-bottom:1px solid #e2e8f0}th:first-child{text-align:left}
small{color:#64748b;margin-left:.5em}.key{margin:.2em 0 0;color:#475569}.verdict{font-size:1.1em;margin:.4em 0 1em}
"""


def run_section(title, run, log_top):
    return f"""<h2>{esc(title)}</h2>
<h3>Stages and steps</h3>{steps_chart(run)}
<h3>Sessions that are up, per carrier</h3>{sessions_chart(run)}
<h3>Gaps: from a break or the first unanswered heartbeat to the next answer</h3>{gaps_chart(run, log_top)}
{"<h3>Where flows are served</h3>" + flows_chart(run) if run.get("share") else ""}
<h3>Loss seen by probe</h3>{loss_chart(run)}{loss_table(run)}"""


def render(report, runs):
    log_top = max([g["gap_ms"] for run in runs.values() for g in run["gaps"]] + [1000]) * 1.2
    sessions = report["rehome"]["sessions"]
    key = " · ".join(f'<b style="color:{colour(c)}">{esc(c)}</b>' for c in sorted(runs["rehome"]["series"]))
    sections = "".join(run_section(title, runs[name], log_top)
                       for name, title in (("rehome", "The move by rehome"),
                                           ("withdraw_first", "The same move without it: withdraw, then announce")) if name in runs)
    return f"""<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>rehome: the move</title><style>{STYLE}</style>
<h1>The move of {esc(", ".join(report["prefixes"]))}</h1>
<p class="verdict">{esc(report["rehome"]["verdict"])}: {sessions["before"]:,} sessions before, {sessions["lost_in_move"]:,} lost in the move,
{sessions["relogged"]:,} logged in again when asked to, {sessions["after"]:,} after. {esc(report["at"])}</p>
{figures_table(report)}
<p class="key">Carriers: {key}. Dotted lines: a new stage begins (hover for its name). Time 0 is the move's first step.
Both runs use the same lab, the same clients and the same lines.</p>
{sections}</html>
"""
