"""A picture before it is drawn: plain numbers that say which rows go where and in which colours, and what that is."""

from __future__ import annotations

from dataclasses import dataclass

from danqing.data.composing.boxes import WHOLE, Box

OWN = -1
"""`Part.row` of a drawing that comes with this package, named by `Part.own`"""

Lch = tuple[float, float, float]
"""OKLab in polar form: lightness 0 .. 1, chroma 0 .. about 0.35, hue in degrees"""


@dataclass(frozen=True)
class Paint:
    """One colour of a picture replaced by another; light and shade stay."""

    source: Lch
    """the colour that is replaced, with all that is near to it in hue (or in lightness, where it is grey)"""
    target: Lch
    word: str
    """the colour word of the result, one of `words.colours.COLOURS`"""


@dataclass(frozen=True)
class Part:
    """One picture in a composition, in the frame's coordinates: 0 .. 1 from the left and the top edge."""

    row: int
    """the picture, or OWN"""
    left: float = 0.0
    top: float = 0.0
    size: float = 1.0
    """side of the picture's own square, margins included; the square may leave the frame, what is painted may not"""
    turn: float = 0.0
    """degrees, clockwise, around the middle of the square"""
    mirrored: bool = False
    paint: Paint | None = None
    cut: Box = WHOLE
    """what is kept of the picture, before it is mirrored and turned"""
    own: str = ""


@dataclass(frozen=True)
class Ground:
    """What lies behind: a full background, or a disc of 0.98 of the frame's side."""

    shape: str
    """full | disc"""
    rgb: tuple[int, int, int]
    word: str


@dataclass(frozen=True)
class Thing:
    """One thing as captions speak of it; Chinese fields are empty where there is no Chinese name."""

    en: str
    zh: str = ""
    short_en: str = ""
    """a plainer name, "cat" for "cat face"; may be empty"""
    short_zh: str = ""
    colour: str = ""
    """said always: the picture was painted so"""
    colours: tuple[str, ...] = ()
    """said sometimes: the picture's own"""
    keywords_en: tuple[str, ...] = ()
    keywords_zh: tuple[str, ...] = ()
    counter: str = "个"
    """Chinese measure word"""
    short_counter: str = "个"
    """the same for the plainer name"""


@dataclass(frozen=True)
class Composition:
    """All that is needed to draw a picture and to speak of it; plain data."""

    kind: str
    rows: tuple[int, ...]
    """the pictures used, each once"""
    parts: tuple[Part, ...]
    """from the back to the front"""
    things: tuple[Thing, ...]
    style: str
    """slug of the pictures' style"""
    relation: str = ""
    """how the first thing stands to the second: left, right, above, below, beside, on, in, hold, "wear hat" (or eyes,
    ears, bow, neck, mouth); or in which part of the frame a single thing is: left, top, top left, ..."""
    count: int = 1
    ground: Ground | None = None
    words_en: str = ""
    """one plain sentence; `captions.caption` says the same in many ways"""
    words_zh: str = ""
    """the same in Chinese, empty where a part has no Chinese name"""
