"""Sixty prompts that nobody tuned for, one picture each, unpicked: docs/pictures/sixty.png and what was understood.

    python benchmarks/paint/prompts.py [--model PAINTER_FOLDER]

The prompts are in sixty.json; 20 objects, 20 objects with a colour, 20 combinations, half of them Chinese. Every
picture has the seed 0 and the painter's default manner. sixty.json beside the sheet has the truth light of each.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from danqing import api
from danqing.api.orders import orders
from danqing.api.texttopicture import fulfil, to_paint
from danqing.images.writing import write_array, write_atomic

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs" / "pictures"
SEED = 0
COLUMNS, GAP, CAPTION, HEADLINE, SIZE = 10, 10, 48, 30, 12  # pixels but for COLUMNS
TITLES = {"object": "20 objects", "colour": "20 objects with a colour", "combination": "20 combinations"}
FONTS = (  # where systems keep a font with Chinese letters
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a painter's folder; Danqing's own if left out")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder for sixty.png and sixty.json")
    args = parser.parse_args()
    prompts = json.loads((HERE / "sixty.json").read_text(encoding="utf-8"))
    studio = api.load_painter(args.model)
    pictures, lights = paint(studio, [row["prompt"] for row in prompts])
    args.out.mkdir(parents=True, exist_ok=True)
    write_array(drawn(prompts, pictures), args.out / "sixty.png")
    document = {"model": studio.name, "hash": studio.hash, "seed": SEED}
    document["prompts"] = [row | light for row, light in zip(prompts, lights, strict=True)]
    write_atomic(args.out / "sixty.json", (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
    for row, light in zip(prompts, lights, strict=True):
        if light["not literally"]:
            print(f"{row['prompt']}: {light['not literally']}", file=sys.stderr)


def paint(studio: api.Studio, prompts: Sequence[str]) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """(S, S, 3) uint8 of each prompt, and how its words were understood."""
    wanted = [orders(studio, to_paint(prompt), 1, SEED)[0] for prompt in prompts]
    made: dict[int, np.ndarray] = {}
    fulfil(studio, wanted, lambda place, picture: made.__setitem__(place, picture.pixels)).result()
    readings = [studio.read(prompt) for prompt in prompts]
    lights = [
        {
            "words": [
                {"text": word.text, "how": word.how, "tokens": list(word.tokens)} for word in reading.words
            ],
            "not literally": reading.sentence_en(),
        }
        for reading in readings
    ]  # fmt: skip
    return [made[place] for place in range(len(prompts))], lights


# The sheet.


def drawn(prompts: Sequence[dict[str, str]], pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W, 3) uint8: a block of two rows for each kind, numbers and prompts under the pictures."""
    side, chinese = pictures[0].shape[0], chinese_font(SIZE)
    cell, row_height = side + GAP, side + CAPTION + GAP
    kinds = list(TITLES)
    rows = {kind: -(-sum(row["kind"] == kind for row in prompts) // COLUMNS) for kind in kinds}
    height = sum(HEADLINE + count * row_height for count in rows.values()) + GAP
    canvas = Image.new("RGB", (COLUMNS * cell + GAP, height), "white")
    draw, top = ImageDraw.Draw(canvas), GAP
    for kind in kinds:
        draw.text((GAP, top + 4), TITLES[kind], fill="black", font=ImageFont.load_default(16))
        top += HEADLINE
        places = [place for place, row in enumerate(prompts) if row["kind"] == kind]
        for number, place in enumerate(places):
            left, high = GAP + number % COLUMNS * cell, top + number // COLUMNS * row_height
            canvas.paste(Image.fromarray(pictures[place]), (left, high))
            text, font = caption(place + 1, prompts[place], chinese)
            draw.text((left, high + side + 3), wrapped(text, font, side), fill="black", font=font, spacing=2)
        top += rows[kind] * row_height
    return np.array(canvas)


def caption(number: int, row: dict[str, str], chinese: Font | None) -> tuple[str, Font]:
    """The prompt; a Chinese one by its translation where no font here has Chinese letters."""
    if row["prompt"].isascii():
        return f"{number}. {row['prompt']}", ImageFont.load_default(SIZE)
    if chinese:
        return f"{number}. {row['prompt']}", chinese
    return f"{number}. (zh) {row['en']}", ImageFont.load_default(SIZE)


def chinese_font(size: int) -> Font | None:
    found = next((path for path in FONTS if Path(path).exists()), None)
    return ImageFont.truetype(found, size) if found else None


def wrapped(text: str, font: Font, width: int) -> str:
    """In lines of at most `width` pixels; broken at spaces, Chinese anywhere."""
    lines = [""]
    for piece in text.split(" ") if text.isascii() else text:
        joined = f"{lines[-1]} {piece}" if text.isascii() and lines[-1] else lines[-1] + piece
        if font.getlength(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(piece)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
