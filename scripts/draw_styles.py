"""The sheet of the README: three photos in the eight manners that come with Danqing, by the fast engine.

python scripts/draw_styles.py [--engine fast] [--out docs/pictures/styles.png]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from danqing import api
from danqing.families.style.looks import LOOKS
from danqing.images.reading import read
from danqing.images.resizing import fit_square
from danqing.images.sheets import sheet

HERE = Path(__file__).resolve().parent.parent
PHOTOS = ("photo.jpg", "kingfisher.jpg", "castle.jpg")
SIZE, SIDE = 512, 200
"""longest side that is painted, and side of the squares on the sheet"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="fast")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "docs" / "pictures" / "styles.png")
    args = parser.parse_args()
    cells: list[np.ndarray] = []
    for name in PHOTOS:
        photo = HERE / "examples" / name
        cells.append(fit_square(read(photo), SIDE))
        for look in LOOKS:
            made = api.stylize(photo, look, size=SIZE, engine=args.engine, model=args.model).result()
            cells.append(fit_square(made.pixels, SIDE))
    drawn = sheet(cells, columns=1 + len(LOOKS), scale=1, column_captions=["the photo", *LOOKS])
    Image.fromarray(drawn).quantize(256).save(args.out, optimize=True)  # a third of the bytes
    print(args.out)


if __name__ == "__main__":
    main()
