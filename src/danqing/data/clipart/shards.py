"""Rendered pictures of one source, kept in one file, so that a build that was stopped or changed goes on from there."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from danqing.data.clipart.rendering import SIDE, BadDrawingError, cropped, render, resvg
from danqing.data.clipart.rows import Drawing
from danqing.images.writing import atomic_path
from danqing.types import Progress

VERSION = "1"
"""of the way of rendering; another number renders everything anew"""
EVERY = 50
"""drawings between two words about progress"""


@dataclass(frozen=True)
class Shard:
    """Pictures by the digest of what they were rendered from."""

    places: Mapping[str, int]
    svgs: Sequence[str]
    """as finally drawn, cropped; "" for a drawing that cannot be drawn"""
    pictures: np.ndarray
    """(N, 128, 128, 4) uint8, premultiplied alpha"""

    def of(self, drawing: Drawing) -> tuple[str, np.ndarray] | None:
        """The final SVG and the picture; None for one that cannot be drawn."""
        place = self.places[digest(drawing)]
        return (self.svgs[place], self.pictures[place]) if self.svgs[place] else None


EMPTY = Shard({}, (), np.zeros((0, SIDE, SIDE, 4), np.uint8))


def digest(drawing: Drawing) -> str:
    text = f"{VERSION}/{resvg().__version__}/{SIDE}/{drawing.cropped}/{drawing.svg}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def filled(path: Path, drawings: Sequence[Drawing], name: str) -> Iterator[Progress | Shard]:
    """Progress, and at the end the shard that holds all `drawings`; what it holds already is not rendered again."""
    shard = read(path)
    wanted = {digest(drawing): drawing for drawing in drawings}
    missing = [(key, drawing) for key, drawing in wanted.items() if key not in shard.places]
    if missing:
        svgs, pictures = list(shard.svgs), [shard.pictures]
        for number, (_, drawing) in enumerate(missing):
            if number % EVERY == 0:
                yield Progress("data", number / len(missing), message=f"Drawing {name}: {number} of {len(missing)}.")
            svg, picture = _drawn(drawing)
            svgs.append(svg)
            pictures.append(picture[None])
        places = {key: place for place, key in enumerate([*shard.places, *(key for key, _ in missing)])}
        shard = replace(shard, places=places, svgs=svgs, pictures=np.concatenate(pictures))
        _write(path, shard)
    yield shard


def _drawn(drawing: Drawing) -> tuple[str, np.ndarray]:
    try:
        svg = cropped(drawing.svg) if drawing.cropped else drawing.svg
        return svg, render(svg)
    except BadDrawingError:
        return "", np.zeros((SIDE, SIDE, 4), np.uint8)


def read(path: Path) -> Shard:
    """The shard at `path`; an empty one where there is none or it is broken."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            keys, svgs = (str(file[name].tobytes(), "utf-8").split("\0") for name in ("keys", "svgs"))
            return Shard({key: place for place, key in enumerate(keys)}, svgs, file["pictures"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return EMPTY


def _write(path: Path, shard: Shard) -> None:
    """Packed lightly: a tenth of the size within a few seconds."""
    texts = {"keys": list(shard.places), "svgs": list(shard.svgs)}
    arrays = {name: np.frombuffer("\0".join(words).encode(), np.uint8) for name, words in texts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, array in (arrays | {"pictures": shard.pictures}).items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
