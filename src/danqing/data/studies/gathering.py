"""The photos and paintings of the packages, each with its licence and author."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from danqing.data import debian
from danqing.data.studies import PAINTINGS, PHOTOS
from danqing.data.studies.resources import resources
from danqing.images.reading import read, read_rgba

GCOMPRIS, LOMIRI = "gcompris-qt-data", "lomiri-wallpapers-16.04"
RCC = "./usr/share/gcompris-qt/rcc/"
PHOTO_BOOKS = ("erase", "explore_monuments", "explore_world_animals", "explore_farm_animals")
FREE = ("Public domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0")
OLD = "Public domain"
"""paintings whose painters died before 1945; the package puts its jigsaws, not the paintings, under the GPL"""
LEAST = 500
"""pixels of the longer side of a photo"""
VAN_GOGH = {
    "Eglise_dAuvers-sur-Oise": "The Church at Auvers",
    "Gogh4": "Café Terrace at Night",
    "PortraitOfPereTanguy": "Portrait of Père Tanguy",
    "Van_Gogh_The_Night_Cafe": "The Night Café",
    "VincentVanGogh0012": "Vestibule of the asylum",
    "VincentVanGogh0013": "The Painter on the Road to Tarascon",
    "VincentVanGogh0019": "The Harvest",
    "VincentVanGoghBridge": "Langlois Bridge",
}
"""file -> title of the paintings in the book of details"""
UNUSED = ("Pieta",)
"""a sculpture"""


@dataclass(frozen=True, eq=False)
class Study:
    """One picture of the set."""

    kind: str
    """PHOTOS or PAINTINGS"""
    name: str
    pixels: np.ndarray
    """(H, W, 3) uint8"""
    licence: str
    author: str
    title: str
    source: str
    """package and file"""


@dataclass(frozen=True)
class Credit:
    licence: str
    author: str


def gcompris(package: Path) -> Iterator[Study]:
    """Photos of animals and monuments, eight paintings of van Gogh, and those of the jigsaws put together."""
    books = (*PHOTO_BOOKS, "details", "paintings")
    wanted = {f"{RCC}{book}.rcc": book for book in books}
    for path, data in debian.files(package, lambda path, _: path in wanted):
        book, found = wanted[path], resources(data)
        if book == "paintings":
            yield from _jigsaws(found)
        elif book == "details":
            yield from _van_gogh(found)
        else:
            yield from _photos(book, found)


def _photos(book: str, found: Mapping[str, bytes]) -> Iterator[Study]:
    credits = read_credits("\n\n".join(_text(d) for p, d in found.items() if p.endswith("README")))
    for path, data in found.items():
        file = PurePosixPath(path)
        credit = credits.get(file.name)
        if file.suffix == ".webp" and credit and credit.licence in FREE:
            pixels = read(data)
            if max(pixels.shape[:2]) >= LEAST:
                yield Study(PHOTOS, f"{book}-{file.stem}", pixels, credit.licence, credit.author, words(file.stem),
                            f"{GCOMPRIS}, {book}/{file.name}")  # fmt: skip


def _van_gogh(found: Mapping[str, bytes]) -> Iterator[Study]:
    for path, data in found.items():
        file = PurePosixPath(path)
        title = VAN_GOGH.get(file.stem.removesuffix("_background"))
        if title and file.stem.endswith("_background"):
            yield Study(PAINTINGS, f"van-gogh-{file.stem.removesuffix('_background')}", read(data), OLD,
                        "Vincent van Gogh", title, f"{GCOMPRIS}, details/{file.name}")  # fmt: skip


_PIECE = re.compile(r'"pixmapfile"\s*:\s*"image/([^"]+\.webp)",\s*"x"\s*:\s*"([\d.]+)",\s*"y"\s*:\s*"([\d.]+)"')
_BOARD = re.compile(r'"width"\s*:\s*(\d+),\s*"height"\s*:\s*(\d+)')
_TITLE = re.compile(r'qsTr\("(.*?)"\)')


def _jigsaws(found: Mapping[str, bytes]) -> Iterator[Study]:
    for path, data in found.items():
        text = _text(data) if path.endswith(".qml") else ""
        title, board = _TITLE.search(text), _BOARD.search(text)
        if not title or not board or any(one in title[1] for one in UNUSED):
            continue
        folder = path.rsplit("/board/", 1)[0]
        pieces = {(float(x), float(y)): found.get(f"{folder}/image/{file}") for file, x, y in _PIECE.findall(text)}
        if pieces and all(pieces.values()):
            pixels = put_together(
                {place: piece for place, piece in pieces.items() if piece}, int(board[1]), int(board[2])
            )
            author = re.split(r",| - ", title[1])[0].strip()
            name = re.sub(r"\W+", "-", title[1]).strip("-").lower()[:60]
            yield Study(PAINTINGS, name, pixels, OLD, author, title[1], f"{GCOMPRIS}, {PurePosixPath(path).name}")


def put_together(pieces: Mapping[tuple[float, float], bytes], width: int, height: int) -> np.ndarray:
    """(H, W, 3) of a jigsaw: where the middle of each piece belongs, in shares of the board -> its file."""
    made = Image.new("RGBA", (2 * width, 2 * height))
    for (x, y), data in pieces.items():
        piece = Image.fromarray(read_rgba(data))
        corner = round(x * width - piece.width / 2) + width // 2, round(y * height - piece.height / 2) + height // 2
        made.alpha_composite(piece, (max(0, corner[0]), max(0, corner[1])))
    there = np.asarray(made)[..., 3] > 128
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    rim = 4  # the outer pieces' edges are soft
    return np.ascontiguousarray(
        np.asarray(made)[rows[0] + rim : rows[-1] + 1 - rim, columns[0] + rim : columns[-1] + 1 - rim, :3]
    )


_BLOCK = re.compile(r"\n\s*\n")
_FILE = re.compile(r"[\w.+-]+\.(?:webp|jpg)")


def read_credits(text: str) -> dict[str, Credit]:
    """file name -> licence and author, from blocks of "Copyright: …, License: …, Files: …"."""
    found = {}
    for block in _BLOCK.split(text):
        author, licence = (re.search(rf"^{key}: *(.+)$", block, re.M) for key in ("Copyright", "License"))
        if author and licence:
            credit = Credit(one_name(licence[1]), re.sub(r"^(©|\(c\))?[\s\d,.-]*", "", author[1]).strip())
            found.update(dict.fromkeys(_FILE.findall(block.split("Files:", 1)[-1]), credit))
    return found


def one_name(licence: str) -> str:
    """Packages write one licence in several ways.

    >>> one_name("Public Domain"), one_name("CC-BY 4.0"), one_name("CC-BY-SA 4.0")
    ('Public domain', 'CC-BY-4.0', 'CC-BY-SA-4.0')
    """
    name = re.sub(r"\s+", "-", licence.strip())
    return OLD if name.lower() == "public-domain" else name


def lomiri(package: Path) -> Iterator[Study]:
    """Photos of the wallpapers; their licences stand in the package's copyright file."""
    pictures = dict(debian.files(package, lambda path, _: path.endswith((".jpg", "/copyright"))))
    text = next((_text(data) for path, data in pictures.items() if path.endswith("/copyright")), "")
    credits = read_credits(text)
    for path, data in pictures.items():
        file = PurePosixPath(path)
        credit = credits.get(file.name)
        if file.suffix == ".jpg" and credit and credit.licence in FREE and "umang" not in file.stem:  # a drawing
            yield Study(PHOTOS, f"lomiri-{file.stem}", read(data), credit.licence, credit.author,
                        words(file.stem.split("_by_")[0]), f"{LOMIRI}, {file.name}")  # fmt: skip


def words(stem: str) -> str:
    """
    >>> words("arlesAmphitheater"), words("red_panda")
    ('arles amphitheater', 'red panda')
    """
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)).strip().lower()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
