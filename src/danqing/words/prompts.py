"""The brackets of a prompt: `(red:1.4)`, `((red))`, `[red]`, `\\(`."""

import math
import re

from danqing.words.forms import FULL_WIDTH

STEP = 1.1
"""what one pair of round brackets multiplies by; square ones divide by it"""
LEAST, MOST = 0.1, 10.0
"""bounds of a weight, so that no nesting runs away"""
CLOSES = {")": "(", "]": "["}
GIVEN = re.compile(r":\s*(\d+\.?\d*|\.\d+)\s*$")
LONGEST_NUMBER = 40


def unbracket(prompt: str) -> tuple[str, list[float]]:
    """The prompt without its brackets and, for each character, its weight in LEAST .. MOST.

    A bracket becomes a space; one without its partner weighs nothing, and neither does one after a backslash.

    >>> text, weights = unbracket("(red:1.4) apple")
    >>> text.split(), weights[1], weights[-1]
    (['red', 'apple'], 1.4, 1.0)
    """
    out: list[str] = []
    opened: list[tuple[str, int]] = []
    turns: dict[int, float] = {}
    escaped = False
    for char in prompt.translate(FULL_WIDTH):
        bracket = char in "()[]"
        if bracket and not escaped:
            _turn(char, out, opened, turns)
        escaped = char == "\\" and not escaped
        out.append(" " if bracket or char == "\\" else char)
    return "".join(out), _running(turns, len(out))


def _turn(char: str, out: list[str], opened: list[tuple[str, int]], turns: dict[int, float]) -> None:
    """Note where a weight begins and ends, as logarithms; `turns`: position -> what is added from there on."""
    if char in CLOSES.values():
        opened.append((char, len(out)))
    elif opened and opened[-1][0] == CLOSES[char]:
        start = opened.pop()[1]
        factor = STEP if char == ")" else 1 / STEP
        given = GIVEN.search("".join(out[max(start, len(out) - LONGEST_NUMBER) :])) if char == ")" else None
        if given:
            factor = min(max(float(given[1]), LEAST), MOST)
            out[len(out) - len(given[0]) :] = " " * len(given[0])
        turns[start] = turns.get(start, 0.0) + math.log(factor)
        turns[len(out)] = turns.get(len(out), 0.0) - math.log(factor)


def _running(turns: dict[int, float], count: int) -> list[float]:
    total, weights = 0.0, []
    for position in range(count):
        total += turns.get(position, 0.0)
        weights.append(round(min(max(math.exp(min(total, 50.0)), LEAST), MOST), 4))
    return weights
