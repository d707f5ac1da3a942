"""Does `danqing data check` find what is wrong, and only that? Faults are planted into clean folders and counted.

    python benchmarks/care.py [--faults 12]

Drawings of the clip-art set, labelled by four of its styles, and photos of the set of studies, labelled by what they
show; captions tell the same with other words besides. A fault counts as found under its own kind; whatever else is
named is a false alarm. Photos are few and hold half of the faults at a time, in two rounds. Writes results/care.json.
"""

import argparse
import csv
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent))

from danqing import api
from danqing.data.care import KINDS
from danqing.data.clipart import open_clipart
from danqing.data.studies import PHOTOS, studies_folder
from danqing.images.reading import read
from run import save

SAID = ("a drawing of {} in the manner of {}", "{}, {}", "{} by {}", "{}: the {} picture")
SEEN = ("a {}", "a photo of {}s", "one {}, seen by day", "{} in colour")
STYLES = ("fluent", "icon-park", "streamline-freehand", "noto")
Picture = np.ndarray
Named = tuple[Picture, str, str]
"""a picture, its label and its caption"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--drawings", type=int, default=600)
    args = parser.parse_args()
    drawn, photographed = drawings(args.drawings), photos()
    found = {
        "drawings": counted(drawn, [one for one, _, _ in photographed], args.faults, rounds=1),
        "photos": counted(photographed, [one for one, _, _ in drawn], args.faults // 2, rounds=2),
    }
    save("care.json", found)
    print(json.dumps(found, indent=1))


def drawings(count: int) -> list[Named]:
    """Each of another name, so that none is drawn twice."""
    clipart, chance = open_clipart(), np.random.default_rng(0)
    rows: dict[str, int] = {}
    for row in chance.permutation(len(clipart.rows)):
        one = clipart.rows[row]
        if one.style in STYLES:
            rows.setdefault(one.name_en, int(row))
    some = list(rows.values())[:count]
    captions = [
        SAID[i % len(SAID)].format(clipart.rows[row].name_en, clipart.rows[row].style) for i, row in enumerate(some)
    ]
    styles = [clipart.rows[row].style for row in some]
    return list(zip(clipart.white(np.array(some)), styles, captions, strict=True))


def photos() -> list[Named]:
    files = [file for file in sorted((studies_folder() / PHOTOS).glob("*.png")) if "lomiri" not in file.name]
    shown = ["building" if "monuments" in file.name else "animal" for file in files]
    return [
        (read(file), label, SEEN[i % len(SEEN)].format(label))
        for i, (file, label) in enumerate(zip(files, shown, strict=True))
    ]


def counted(clean: Sequence[Named], strange: Sequence[Picture], faults: int, rounds: int) -> dict[str, Any]:
    rows: dict[str, Counter[str]] = {kind: Counter(planted=0, found=0, false=0) for kind in (*KINDS, "all")}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "set"
            planted = plant(clean, strange, faults, folder, number)
            care = api.check_data(folder).result()
        named = {one.file: one.kind for one in care.findings}
        for kind in KINDS:
            mine = [file for file, of in planted.items() if of == kind]
            found = sum(named.get(file) == kind for file in mine)
            false = sum(of == kind and file not in planted for file, of in named.items())
            for key in (kind, "all"):
                rows[key].update(planted=len(mine), found=found, false=false)
        rows["all"]["clean"] += len(care.files) - len(planted)
    return {kind: dict(row) for kind, row in rows.items()}


def plant(clean: Sequence[Named], strange: Sequence[Picture], faults: int, folder: Path, round_: int) -> dict[str, str]:
    """The clean pictures and, beside or instead of some, faults of each kind; file -> kind of what was planted."""
    chance, folder_pictures = np.random.default_rng(1 + round_), folder / "pictures"
    folder_pictures.mkdir(parents=True)
    order = iter(chance.permutation(len(clean)))
    rows: dict[str, list[str]] = {}
    labels = sorted({label for _, label, _ in clean})
    planted: dict[str, str] = {}

    def put(name: str, data: bytes, label: str, caption: str) -> str:
        (folder_pictures / name).write_bytes(data)
        rows[f"pictures/{name}"] = [label, caption]
        return f"pictures/{name}"

    for i, (picture, label, caption) in enumerate(clean):
        put(f"{i:04d}.png", png(picture), label, caption)
    for kind, spoil in SPOILED.items():
        for number in range(faults):
            picture, label, caption = clean[next(order) if kind in BESIDE else int(chance.integers(len(clean)))]
            planted[put(f"{kind}-{number:02d}.png", spoil(picture, chance, number), label, caption)] = kind
    for number, picture in enumerate(strange[round_ * faults :][:faults]):
        label = labels[number % len(labels)]
        caption = next(of for _, one, of in clean if one == label)
        planted[put(f"outlier-{number:02d}.png", png(picture), label, caption)] = "outlier"
    for kind in ("wrong-label", "wrong-caption", "missing-label", "missing-caption"):
        for _ in range(faults):
            file = f"pictures/{next(order):04d}.png"
            planted[file] = kind
            label, caption = rows[file]
            others = [one for one in labels if one != label]
            other = others[int(chance.integers(len(others)))]
            elsewhere = [of for _, one, of in clean if one == other]
            change = {"wrong-label": (other, caption), "missing-label": ("", caption), "missing-caption": (label, ""),
                      "wrong-caption": (label, elsewhere[int(chance.integers(len(elsewhere)))])}  # fmt: skip
            rows[file] = list(change[kind])
    with (folder / "labels.csv").open("w", newline="") as file_:
        csv.writer(file_).writerows([("file", "label", "caption"), *((name, *row) for name, row in rows.items())])
    return planted


def png(picture: Picture) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "PNG")
    return memory.getvalue()


def broken(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    whole = png(picture)
    return (b"", b"this is text, not a picture", whole[: len(whole) // 2], b"\x89PNG\r\n\x1a\n" + bytes(40))[number % 4]


def tiny(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    return png(np.asarray(Image.fromarray(picture).resize((8 + number, 8 + number))))


def blank(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    colour = chance.integers(0, 256, 3)
    noise = chance.integers(0, 3, picture.shape) if number % 2 else 0
    return png(np.clip(colour + noise, 0, 255).astype(np.uint8) * np.ones_like(picture))


def blurred(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    radius = max(picture.shape) * (0.015 + 0.002 * number)
    return png(np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius))))


def same(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "PNG", compress_level=number % 10)
    return memory.getvalue()


def near(picture: Picture, chance: np.random.Generator, number: int) -> bytes:
    image, (height, width) = Image.fromarray(picture), picture.shape[:2]
    if number % 4 == 0:
        memory = io.BytesIO()
        image.save(memory, "JPEG", quality=50)
        return memory.getvalue()
    if number % 4 == 1:
        return png(np.asarray(image.resize((width * 3 // 4, height * 3 // 4), Image.Resampling.LANCZOS)))
    if number % 4 == 2:
        return png(np.asarray(image.crop((width // 40, height // 40, width - width // 40, height - height // 40))))
    return png(np.clip(picture * 0.93, 0, 255).astype(np.uint8))


SPOILED: dict[str, Callable[[Picture, np.random.Generator, int], bytes]] = {
    "broken": broken, "tiny": tiny, "blank": blank, "blurred": blurred, "duplicate": same, "near-duplicate": near,
}  # fmt: skip
BESIDE = ("duplicate", "near-duplicate", "blurred")
"""kinds whose pictures stand beside the one they were made of, each of another"""

if __name__ == "__main__":
    main()
