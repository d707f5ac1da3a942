"""A contact sheet of compositions with their captions, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from danqing.data.clipart.rendering import over_white
from danqing.data.composing.captions import caption, languages
from danqing.data.composing.composing import KINDS, compose
from danqing.data.composing.drawing import draw
from danqing.data.composing.stock import Stock

FONT_SIZE = 12
LINES, EACH = 5, 3
"""of caption under a picture: the two languages together, one alone"""
GAP = 12
LINE = FONT_SIZE + 2

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def sheet(
    stock: Stock, per_kind: int = 10, seed: int = 0, kinds: Sequence[str] = KINDS, font: Path | None = None
) -> np.ndarray:
    """A row of compositions for each kind, (H, W, 3) uint8 over white.

    `font`: a font file that has Chinese characters; without one only the English captions are written.
    """
    letters: Font = ImageFont.truetype(str(font), FONT_SIZE) if font else ImageFont.load_default(FONT_SIZE)
    side = int(stock.pictures.shape[1])
    wide, high = side + GAP, side + LINES * LINE + GAP
    canvas = Image.new("RGB", (per_kind * wide + GAP, len(kinds) * high + GAP), "white")
    pen = ImageDraw.Draw(canvas)
    for row, kind in enumerate(kinds):
        rng = np.random.Generator(np.random.PCG64([seed, row]))
        for column in range(per_kind):
            left, top = GAP + column * wide, GAP + row * high
            composition = compose(rng, stock, {kind: 1.0})
            canvas.paste(Image.fromarray(over_white(draw(composition, stock.pictures)[None])[0]), (left, top))
            pen.rectangle((left - 1, top - 1, left + side, top + side), outline=(225, 225, 225))
            said = languages(composition) if font else ("en",)
            lines = [line for language in said for line in _wrapped(caption(composition, rng, language), letters, wide)]
            pen.multiline_text((left, top + side + 1), "\n".join(lines[:LINES]), "black", letters, spacing=2)
    return np.array(canvas)


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Lines that fit; Chinese is broken anywhere, English between words where it can be."""
    lines, line = [], ""
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in text)
    for word in text if chinese else text.replace(" ", " \0").split("\0"):
        if line and font.getlength(line + word.rstrip()) > width - 4:
            lines.append(line.rstrip())
            line = ""
        line += word
    return [*lines, line.rstrip()][:EACH]
