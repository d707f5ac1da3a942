"""Draw a contact sheet of compositions from the clip-art set: docs/pictures/compositions.png.

danqing data build clipart
python scripts/draw_compositions.py [sheet.png] [font with Chinese characters]
"""

import sys
from pathlib import Path

from PIL import Image

from danqing.data.clipart.reading import open_clipart
from danqing.data.composing import Stock
from danqing.data.composing.sheets import sheet
from danqing.images.writing import atomic_path

DRAWN = ("wear", "hue", "hold", "on", "inside", "pair", "count", "background", "place", "plain")
PER_KIND = 9
SEED = 12
COLOURS = 256
"""of the palette; the sheet stays small enough for a repository"""


def main(to: str = "docs/pictures/compositions.png", font: str = "") -> None:
    found = open_clipart()
    pixels = sheet(Stock(found.rows, found.pictures), PER_KIND, SEED, DRAWN, Path(font) if font else None)
    with atomic_path(Path(to)) as path:
        Image.fromarray(pixels).quantize(COLOURS, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)
    print(f"{Path(to).stat().st_size:,} bytes in {to}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
