"""Chinese text cut into words, traditional characters read as simplified ones, numbers with their counters."""

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

from danqing.words.forms import listed

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff"
"""the Chinese characters, as the inside of a set of a regular expression"""
IS_HAN = re.compile(f"[{HAN}]")
LONGEST = 12
"""characters of the longest Chinese word that is looked for"""

NUMBERS = {
    "一": "one", "两": "two", "二": "two", "三": "three", "四": "four", "五": "five", "六": "six", "七": "seven",
    "八": "eight", "九": "nine", "十": "ten", "十一": "eleven", "十二": "twelve",
}  # fmt: skip
COUNTERS = (
    "个只条朵棵匹位名颗片辆架艘座栋幢间件顶双根支枝块张幅把本台部场滴粒串株尾头具道扇面口副轮盏枚缕束团堆排套份封首"
)
"""one of them stands between a number and its noun (三只猫)"""
VESSELS = {
    "杯": "cup", "碗": "bowl", "瓶": "bottle", "盘": "plate", "篮": "basket", "盒": "box", "箱": "box", "壶": "teapot",
    "锅": "pot", "桶": "bucket", "筐": "basket", "袋": "bag",
}  # fmt: skip
"""counters that are things themselves (三杯茶)"""

PLACES = {
    "上": "on", "上面": "on", "上方": "above", "之上": "above", "下": "under", "下面": "under", "底下": "under",
    "下方": "below", "之下": "below", "里": "in", "里面": "in", "中": "in", "内": "in", "之中": "in", "当中": "in",
    "外": "outside", "外面": "outside", "左边": "left of", "左侧": "left of", "左面": "left of", "左": "left of",
    "右边": "right of", "右侧": "right of", "右面": "right of", "右": "right of", "旁边": "beside", "旁": "beside",
    "边上": "beside", "身边": "beside", "身旁": "beside", "一旁": "beside", "附近": "beside", "边": "beside",
    "后面": "behind", "背后": "behind", "身后": "behind", "后边": "behind", "后方": "behind", "后": "behind",
    "前面": "in front of", "前方": "in front of", "前边": "in front of", "面前": "in front of", "身前": "in front of",
    "前": "in front of", "之间": "between", "中间": "between",
}  # fmt: skip
"""what stands behind its noun in Chinese (在月亮上) and before it in English (on the moon)"""
OF = "的"
QUALITIES = listed(
    """big large small tiny tall long short fat thin round square triangle new old young beautiful cute funny cool
    strong rich scary magical fresh sweet spicy fluffy soft open closed broken burning melting golden wooden metal
    striped dirty clean flat 3d cartoon simple realistic hot cold happy sad angry colourful light dark bright silver
    black-and-white lovely elegant mysterious evil ancient modern smiling crying flying sleeping running many"""
)
"""with the colours: words after which 的 joins nothing (红色的花 is a red flower)"""
AT = "在"
REACH = 6
"""words after 在 among which its place is looked for"""


class Piece(NamedTuple):
    """A stretch of a text, cut out."""

    start: int
    stop: int
    known: bool
    """whether it is a word of the lexicon"""


def numbers() -> Iterator[tuple[str, str]]:
    """Every number with every counter, as Chinese and English: ('三只', 'three'), ('一杯', 'one cup')."""
    for number, english in NUMBERS.items():
        yield from ((number + counter, english) for counter in COUNTERS)
        yield from ((number + vessel, f"{english} {thing}") for vessel, thing in VESSELS.items())


def segment(text: str, words: Container[str], longest: int = LONGEST) -> list[Piece]:
    """Cut `text` so that the fewest characters stay unknown, then into the fewest words, then the longest first.

    Unknown characters beside each other form one piece.

    >>> [("戴红帽子")[a:b] for a, b, _ in segment("戴红帽子", {"戴", "红", "红帽", "帽子"})]
    ['戴', '红', '帽子']
    """
    best: list[tuple[int, int, int]] = [(0, 0, 0)] * (len(text) + 1)
    """from each position on: unknown characters, words, length of the next word (0: unknown)"""
    for start in range(len(text) - 1, -1, -1):
        found = (best[start + 1][0] + 1, best[start + 1][1], 0)
        for stop in range(start + 1, min(start + longest, len(text)) + 1):
            unknown, count, _ = best[stop]
            if (unknown, count + 1) <= found[:2] and text[start:stop] in words:
                found = (unknown, count + 1, stop - start)
        best[start] = found
    return list(_pieces(best))


def _pieces(best: list[tuple[int, int, int]]) -> Iterator[Piece]:
    start, end = 0, len(best) - 1
    while start < end:
        stop = start + best[start][2]
        known = stop > start
        while not known and stop < end and not best[stop][2]:
            stop += 1
        yield Piece(start, stop, known)
        start = stop


def is_han(char: str) -> bool:
    return IS_HAN.match(char) is not None
