"""Render Noto emoji (Apache-2.0, npm @iconify-json/noto) into a folder of PNGs: a small real data set for 64 px models.

    npm pack @iconify-json/noto@1.2.9 && tar xzf iconify-json-noto-1.2.9.tgz
    pip install resvg-py==0.5.0
    python scripts/make_emoji_folder.py package/icons.json emoji/

Flags, letters, clocks and skin tones are left out; about 1,400 pictures remain.
"""

import json
import re
import sys
from pathlib import Path

import resvg_py

SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
LEFT_OUT = re.compile(
    r"skin-tone|flag|clock|button|-oclock|thirty|^[0-9a-z]$|keycap|medium|light-|dark-|squared|letter"
)


def main(icons: str, folder: str) -> None:
    book = json.loads(Path(icons).read_text(encoding="utf-8"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    kept = 0
    for name, icon in book["icons"].items():
        if LEFT_OUT.search(name) or icon.get("hidden"):
            continue
        width, height = icon.get("width", book["width"]), icon.get("height", book["height"])
        size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        svg = f"<svg {SPACES} {size}>{icon['body']}</svg>"
        png = resvg_py.svg_to_bytes(svg_string=svg, width=128, height=128, background="white")
        (Path(folder) / f"{name}.png").write_bytes(bytes(png))
        kept += 1
    print(f"{kept} pictures in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
