"""Plots as inline SVG: bars, columns, a line, spans. No script, no library, no colour that carries meaning alone.

Law: places are percentages and sizes pixels, so a plot fits a phone and a wall without shrinking its letters. Each has
a title and a description that says all its values, for those who listen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

ROW = 44
PLOT = 168
TOP = 26
FOOT = 24
ROOM = 6
"""So many labels stand beside each other on a phone."""


@dataclass(frozen=True)
class Point:
    """One value: `words` is how it is printed, `tone` a class of the style sheet ("", good, warn, bad, faint)."""

    label: str
    value: float | None
    words: str
    tone: str = ""


@dataclass(frozen=True)
class Span:
    """From the median to the 90th percentile."""

    label: str
    low: float
    high: float
    words: str


def bars(name: str, title: str, points: Sequence[Point]) -> Markup:
    """Lying bars, label and value above each."""
    most = max((point.value or 0 for point in points), default=0) or 1
    body = Markup()
    for number, point in enumerate(points):
        top = number * ROW
        width = 100 * (point.value or 0) / most
        body += Markup(
            '<text x="0" y="{y}" class="label">{label}</text>'
            '<text x="100%" y="{y}" class="value" text-anchor="end">{words}</text>'
            '<rect x="0" y="{bar}" width="100%" height="8" rx="4" class="track"/>'
        ).format(y=top + 15, bar=top + 22, label=point.label, words=point.words)
        if point.value:
            body += Markup('<rect x="0" y="{bar}" width="{w}%" height="8" rx="4" class="bar {tone}"/>').format(
                bar=top + 22, w=_round(max(width, 1.2)), tone=point.tone
            )
    return _svg(name, title, points, body, len(points) * ROW - 10)


def columns(name: str, title: str, points: Sequence[Point], *, numbers: bool = True) -> Markup:
    """Standing bars; where they stand too close, only the telling ones are labelled."""
    most = max((point.value or 0 for point in points), default=0) or 1
    step = 100 / max(len(points), ROOM)
    gap = step * (0.28 if len(points) <= 14 else 0.16)
    telling = _telling(points)
    body = _baseline()
    for number, point in enumerate(points):
        middle = _round(step * (number + 0.5))
        height = (PLOT - TOP) * (point.value or 0) / most
        if point.value:
            body += Markup('<rect x="{x}%" y="{y}" width="{w}%" height="{h}" rx="3" class="bar {tone}"/>').format(
                x=_round(step * number + gap / 2),
                y=_round(PLOT - max(height, 2)),
                w=_round(step - gap),
                h=_round(max(height, 2)),
                tone=point.tone,
            )
        if numbers and number in telling:
            body += Markup('<text x="{x}%" y="{y}" class="value" text-anchor="middle">{words}</text>').format(
                x=middle, y=_round(PLOT - max(height, 2) - 7), words=point.words
            )
        body += _foot(middle, point.label, number, len(points))
    return _svg(name, title, points, body, PLOT + FOOT)


def line(name: str, title: str, points: Sequence[Point], *, mark: float | None = None, mark_words: str = "") -> Markup:
    """A line through values side by side; `mark` draws a level to compare with, which `mark_words` tells."""
    known = [(number, point) for number, point in enumerate(points) if point.value is not None]
    most = max([point.value or 0 for _, point in known] + [mark or 0]) or 1
    step = 100 / max(len(points), ROOM)

    def place(number: int, value: float) -> tuple[float, float]:
        return _round(step * (number + 0.5)), _round(PLOT - (PLOT - TOP - 8) * value / most)

    telling = _telling(points)
    body = _baseline()
    if mark is not None:
        body += Markup('<line x1="0" x2="100%" y1="{y}" y2="{y}" class="level"/>').format(y=place(0, mark)[1])
    for (first, before), (second, after) in pairwise(known):
        if second - first > 1:
            continue
        (x1, y1), (x2, y2) = place(first, before.value or 0), place(second, after.value or 0)
        body += Markup('<line x1="{x1}%" y1="{y1}" x2="{x2}%" y2="{y2}" class="line"/>').format(
            x1=x1, y1=y1, x2=x2, y2=y2
        )
    for number, point in enumerate(points):
        if point.value is not None:
            x, y = place(number, point.value)
            body += Markup('<circle cx="{x}%" cy="{y}" r="4.5" class="dot {tone}"/>').format(x=x, y=y, tone=point.tone)
            if number in telling:
                body += _number(points, number, x, y)
        body += _foot(_round(step * (number + 0.5)), point.label, number, len(points))
    told = [*points, Point("level", mark, mark_words)] if mark is not None else points
    return _svg(name, title, told, body, PLOT + FOOT)


def spans(name: str, title: str, rows: Sequence[Span]) -> Markup:
    """Each row a dot at the median and a bar to the 90th percentile, all on one scale from nothing."""
    most = max((row.high for row in rows), default=0) or 1
    body = Markup()
    for number, row in enumerate(rows):
        top = number * ROW
        low, high = 97 * row.low / most, 97 * row.high / most
        body += Markup(
            '<text x="0" y="{y}" class="label">{label}</text>'
            '<text x="100%" y="{y}" class="value" text-anchor="end">{words}</text>'
            '<rect x="0" y="{bar}" width="100%" height="8" rx="4" class="track"/>'
            '<rect x="{low}%" y="{bar}" width="{width}%" height="8" rx="4" class="bar soft"/>'
            '<circle cx="{dot}%" cy="{middle}" r="7" class="dot"/>'
        ).format(
            y=top + 15,
            bar=top + 24,
            middle=top + 28,
            low=_round(low),
            width=_round(max(high - low, 0.5)),
            dot=_round(max(low, 1.5)),
            label=row.label,
            words=row.words,
        )
    told = [Point(row.label, row.low, row.words) for row in rows]
    return _svg(name, title, told, body, len(rows) * ROW)


def sparkline(values: Sequence[float | None]) -> str:
    """The values as a line of blocks for a terminal; a dot where there is none."""
    known = [value for value in values if value is not None]
    most = max(known, default=0)
    blocks = "▁▂▃▄▅▆▇█"
    return "".join("·" if value is None else blocks[min(7, int(8 * value / most)) if most else 0] for value in values)


def _svg(name: str, title: str, points: Sequence[Point], body: Markup, height: float) -> Markup:
    told = "; ".join(f"{point.label}: {point.words}" for point in points) or "no values"
    return Markup(
        '<svg class="plot" role="img" width="100%" height="{height}" aria-labelledby="{name}-t {name}-d" '
        'xmlns="http://www.w3.org/2000/svg"><title id="{name}-t">{title}</title><desc id="{name}-d">{told}</desc>'
        "{body}</svg>"
    ).format(height=_round(max(height, 1)), name=name, title=title, told=told, body=body)


def _baseline() -> Markup:
    return Markup('<line x1="0" x2="100%" y1="{y}" y2="{y}" class="axis"/>').format(y=PLOT)


def _telling(points: Sequence[Point]) -> set[int]:
    """Which values are printed: all of a few, else the first, the last, the greatest and the least."""
    known = [number for number, point in enumerate(points) if point.value is not None]
    if len(known) <= ROOM or not known:
        return set(known)
    greatest = max(known, key=lambda number: points[number].value or 0)
    least = min(known, key=lambda number: points[number].value or 0)
    chosen = {known[-1], greatest}
    for number in (known[0], least):
        if all(abs(number - other) > 1 for other in chosen):
            chosen.add(number)
    return chosen


def _number(points: Sequence[Point], number: int, x: float, y: float) -> Markup:
    """A point's value where the line does not cross it: below a dip, right of a fall, else above."""
    shift, anchor, at = 0, "middle", y - 11
    if _is_dip(points, number) and y < PLOT - 24:
        at = y + 20
    elif 0 < number < max(len(points), ROOM) - 1 and (points[number - 1].value or 0) > (points[number].value or 0):
        shift, anchor = 4, "start"
    return Markup('<text x="{x}%" y="{y}" dx="{shift}" class="value" text-anchor="{anchor}">{words}</text>').format(
        x=x, y=_round(at), shift=shift, anchor=anchor, words=points[number].words
    )


def _is_dip(points: Sequence[Point], number: int) -> bool:
    """Whether the line comes down to this point and rises from it, so that a number above would be crossed."""
    beside = [points[each].value for each in (number - 1, number + 1) if 0 <= each < len(points)]
    return all(value is not None and value > (points[number].value or 0) for value in beside)


def _foot(middle: float, label: str, number: int, count: int) -> Markup:
    """A label under the plot, where there is room for it: the last always, then at even steps back from it."""
    every = max(1, -(-count // 4)) if count > ROOM else 1
    back = count - 1 - number
    if back % every or (count > ROOM and number == 0):
        return Markup()
    anchor, x = ("end", 100.0) if count > ROOM and back == 0 else ("middle", middle)
    return Markup('<text x="{x}%" y="{y}" class="label faint" text-anchor="{anchor}">{label}</text>').format(
        x=x, y=PLOT + FOOT - 6, anchor=anchor, label=label
    )


def _round(value: float) -> float:
    return round(value, 2)
