"""Render the hats, glasses and scarves of `danqing.data.composing` from their SVGs into worn.npz, which is shipped.

    pip install resvg-py==0.5.0
    python scripts/render_worn.py

Each is rendered twice, without and with dark outlines, 256 x 256, premultiplied alpha.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import resvg_py
from numpy.lib import format as npy
from PIL import Image

from danqing.images.writing import atomic_path

HOME = Path(__file__).parents[1] / "src" / "danqing" / "data" / "composing"
SIDE = 256
OUTLINE = '<g stroke="#45413c" stroke-width="4" '


def main() -> None:
    with atomic_path(HOME / "worn.npz") as path, zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for file in sorted((HOME / "worn").glob("*.svg")):
            svg = file.read_text(encoding="utf-8")
            for name, text in ((file.stem, svg), (f"{file.stem} outlined", svg.replace("<g ", OUTLINE, 1))):
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_LZMA
                archive.writestr(entry, packed(rendered(text)))
    print(f"{(HOME / 'worn.npz').stat().st_size:,} bytes in {HOME / 'worn.npz'}")


def rendered(svg: str) -> np.ndarray:
    """(SIDE, SIDE, 4) uint8, premultiplied alpha."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE, dpi=96.0, skip_system_fonts=True)
    with Image.open(io.BytesIO(bytes(png))) as picture:
        rgba = np.asarray(picture.convert("RGBA")).astype(np.uint16)
    alpha = rgba[..., 3:]
    return np.concatenate([(rgba[..., :3] * alpha + 127) // 255, alpha], -1).astype(np.uint8)


def packed(array: np.ndarray) -> bytes:
    memory = io.BytesIO()
    npy.write_array(memory, np.ascontiguousarray(array), allow_pickle=False)
    return memory.getvalue()


if __name__ == "__main__":
    main()
