"""Words that are known from the names of emoji, and names that were written without spaces taken apart by them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

LONGEST = 24
"""letters of a word"""
NAME, KEYWORD = 3, 1
"""what an occurrence counts"""


def count_words(names: Iterable[str], keywords: Iterable[str]) -> Mapping[str, int]:
    """Word -> how often it stands in names and keywords; letters alone, two or more of them."""
    counts: Counter[str] = Counter()
    for texts, worth in ((names, NAME), (keywords, KEYWORD)):
        for text in texts:
            for word in re.findall("[a-z]{2,}", text.lower()):
                counts[word] += worth
    return counts


def taken_apart(text: str, counts: Mapping[str, int]) -> list[str]:
    """The likeliest words that `text` is made of, likely being few and frequent; none if it cannot be done.

    >>> taken_apart("potoffood", {"pot": 3, "of": 40, "food": 9, "foo": 1, "potof": 0}), taken_apart("xyz", {"x": 1})
    (['pot', 'of', 'food'], [])
    """
    total = sum(counts.values()) or 1
    best: list[tuple[float, list[str]]] = [(0.0, [])]
    for end in range(1, len(text) + 1):
        best.append((math.inf, []))
        for begin in range(max(0, end - LONGEST), end):
            count = counts.get(text[begin:end], 0)
            cost = best[begin][0] - math.log(count / total) if count else math.inf
            if cost < best[end][0]:
                best[end] = (cost, [*best[begin][1], text[begin:end]])
    return best[-1][1]
