"""Small charts as SVG text. Colours come from the page's style: var(--c0), var(--c1) …"""

from collections.abc import Sequence
from html import escape

WIDE, HIGH = 560, 200
LEFT, BOTTOM, ROOM = 58, 26, 8
"""room for the numbers at the axes, and beside them"""


def colour(number: int) -> str:
    return f"var(--c{number % 6})"


def lines(
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]], x_title: str, y_title: str, dashed: str = ""
) -> str:
    """(name, x, y) each, in one frame; the one called `dashed` is drawn in grey dashes."""
    xs, ys = ([value for _, *xy in series for value in xy[i]] for i in (0, 1))
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys), max(ys)

    def spot(x: float, y: float) -> str:
        across = LEFT + (x - low_x) / ((high_x - low_x) or 1) * (WIDE - LEFT - ROOM)
        return f"{across:.1f},{HIGH - BOTTOM - (y - low_y) / ((high_y - low_y) or 1) * (HIGH - BOTTOM - ROOM):.1f}"

    drawn = []
    for number, (name, x, y) in enumerate(series):
        style = 'stroke="var(--soft)" stroke-dasharray="5 4"' if name == dashed else f'stroke="{colour(number)}"'
        points = " ".join(map(spot, x, y))
        drawn.append(
            f'<polyline fill="none" stroke-width="2" {style} points="{points}"><title>{escape(name)}</title></polyline>'
        )
    marks = [
        mark(LEFT, HIGH - 8, f"{low_x:.3g}", "start"), mark(WIDE - ROOM, HIGH - 8, f"{high_x:.3g}", "end"),
        mark((LEFT + WIDE) / 2, HIGH - 8, x_title, "middle"), mark(LEFT - 6, HIGH - BOTTOM, f"{low_y:.3g}", "end"),
        mark(LEFT - 6, ROOM + 8, f"{high_y:.3g}", "end"), mark(LEFT + 6, ROOM + 8, y_title, "start"),
    ]  # fmt: skip
    frame = f'<path d="M{LEFT} {ROOM}V{HIGH - BOTTOM}H{WIDE - ROOM}" fill="none" stroke="var(--line)"/>'
    return svg(WIDE, HIGH, frame + "".join(drawn + marks))


def bar(value: float, low: float, high: float, floor: float, full: float, number: int) -> str:
    """A figure as a bar, its interval as a line, what real pictures get as a tick; all in 0 .. full."""
    width, height = 180, 18

    def at(x: float) -> float:
        return max(0.0, min(1.0, x / full if full else 0.0)) * (width - 4) + 2

    thick = f'<rect x="2" y="4" height="10" rx="2" width="{max(1, at(value) - 2):.1f}" opacity=".75"'
    thin = f'<path d="M{at(low):.1f} 9H{at(high):.1f}" stroke="var(--text)" stroke-width="1.5"/>'
    tick = f'<path d="M{at(floor):.1f} 1V17" stroke="var(--good)" stroke-width="2.5"/>'
    return svg(width, height, f'{thick} fill="{colour(number)}"/>{thin}{tick}')


def mark(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def svg(width: int, height: int, inside: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" style="max-width:{width}px">{inside}</svg>'
