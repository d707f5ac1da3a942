"""danqing data build, danqing data show"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import Data
from danqing.cli.words import Talk
from danqing.errors import UsageError, unknown

if TYPE_CHECKING:
    from danqing.api import Care
    from danqing.data import PictureSet

BUILDABLE = ("clipart", "fashion-mnist", "studies")
PERMISSIVE = "permissive"
ON_SHEET = 100


def build_data(
    talk: Talk,
    name: Annotated[str, typer.Argument(help=" or ".join(BUILDABLE), autocompletion=lambda: BUILDABLE)],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="fashion-mnist: folder with the four IDX files; Debian's package if left out. "
            "clipart: folder of a set without its pictures, which are drawn again. "
            "studies: folder with the packages' .deb files.",
        ),
    ] = None,
    licences: Annotated[
        str, typer.Option(help="clipart: permissive, or all, which adds sets under CC-BY-SA.")
    ] = PERMISSIVE,
) -> dict[str, Any]:
    """Make a full data set. Until then the part of it that comes with Danqing is used, if there is one."""
    if name not in BUILDABLE:
        raise unknown("data set to build", name, BUILDABLE)
    if name != "clipart" and licences != PERMISSIVE:
        raise UsageError(f"The licences of {name} cannot be chosen; leave --licences out.")
    if name == "clipart":
        path = build_clipart(talk, licences, source)
    else:
        path = build_studies(talk, source) if name == "studies" else build_fashion_mnist(talk, source)
    talk.say(f"{name} is in {path}.")
    return {"name": name, "file": path}


def build_fashion_mnist(talk: Talk, source: Path | None) -> Path:
    from danqing.data import build

    with talk.drawing() as draw:
        return build(source, draw)


def build_studies(talk: Talk, source: Path | None) -> Path:
    from danqing.data.studies import studies_folder
    from danqing.data.studies.building import build
    from danqing.home import danqing_home

    with talk.drawing() as draw:
        for progress in build(danqing_home() / "cache" / "studies", source):
            draw(progress)
    return studies_folder()


def build_clipart(talk: Talk, licences: str, source: Path | None) -> Path:
    import os

    from danqing.data.clipart import clipart_folder
    from danqing.data.clipart.building import build
    from danqing.data.clipart.redrawing import redraw
    from danqing.home import danqing_home

    with talk.drawing() as draw:
        steps = redraw(source, danqing_home(), os.cpu_count() or 1) if source else build(danqing_home(), licences)
        for progress in steps:
            draw(progress)
    return clipart_folder()


def show_data(
    talk: Talk,
    data: Data,
    size: Annotated[int | None, typer.Option(help="Side in pixels; chosen by itself if left out.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Draw the first hundred on a sheet, to this PNG file.")] = None,
    augmented: Annotated[
        Path | None, typer.Option(help="Draw what each way to augment does to the first eight, to this PNG file.")
    ] = None,
) -> dict[str, Any]:
    """Show what a data set holds. Cleaned: counts, labels, what was left out."""
    from danqing.data import load_split

    with talk.drawing() as draw:
        train, held = load_split(data, size=size, report=draw)
    card = train.card
    found = {
        "name": card.name, "source": card.source, "licence": card.licence, "size": card.size, "channels": card.channels,
        "train": len(train), "held_out": len(held), "labels": counts(train), "left_out": dict(card.left_out),
        "sha256": card.sha256,
    }  # fmt: skip
    talk.facts(found)
    if sheet:
        draw_sheet(train, sheet)
        talk.note(f"The first {min(ON_SHEET, len(train))} are on {sheet}.")
    if augmented:
        draw_augmented(train, augmented)
        talk.note(f"What augmenting does is on {augmented}.")
    return {**found, "sheet": sheet, "augmented": augmented}


def check_data(
    talk: Talk,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of pictures.")],
    fix: Annotated[Path | None, typer.Option(help="Write a clean copy to this new folder.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Show what was found on a sheet, to this PNG file.")] = None,
    smallest: Annotated[int, typer.Option(help="Pixels that the shorter side must have.")] = 32,
) -> dict[str, Any]:
    """Look for broken, tiny, blank, blurred, double, strange, wrongly or not labelled pictures. Nothing is changed."""
    from danqing import api
    from danqing.api.data_care import check_out

    if fix:
        check_out(folder, fix)
    care = talk.follow(api.check_data(folder, smallest), whole_steps=True)
    found = care.plain()
    talk.table(("found", "how many", "for example"), rows_of(care))
    if care.good:
        talk.table(("of the good ones", "5 %", "middle", "95 %"), spreads_of(found["statistics"]))
    if found["labels"]:
        talk.table(("label", "pictures", "share"), shares_of(found["labels"]))
    talk.say(f"{len(care.good)} of {len(care.files)} pictures are good.")
    if sheet:
        draw_findings(care, sheet)
        talk.note(f"What was found is on {sheet}.")
    if fix:
        talk.say(f"The clean copy is {api.fix_data(care, fix)}.")
    return {**found, "sheet": sheet, "fixed": fix}


def rows_of(care: "Care") -> list[tuple[str, str, str]]:
    first = {one.kind: f"{one.file}: {one.detail}" for one in reversed(care.findings)}
    return [(kind, str(count), first.get(kind, "")) for kind, count in care.counts().items()]


def spreads_of(statistics: dict[str, list[float]]) -> list[tuple[str, ...]]:
    return [(name, *(f"{value:g}" for value in values)) for name, values in statistics.items()]


MOST_LABELS = 20
"""labels that are printed; all stand in --json"""


def shares_of(labels: dict[str, int]) -> list[tuple[str, str, str]]:
    """The most frequent labels first, then how many others there are."""
    total = sum(labels.values())
    ranked = sorted(labels.items(), key=lambda one: (-one[1], one[0]))
    rows = [(name, str(count), f"{count / total:.0%}") for name, count in ranked[:MOST_LABELS]]
    rest = ranked[MOST_LABELS:]
    left = sum(count for _, count in rest)
    return [*rows, (f"{len(rest)} others", str(left), f"{left / total:.0%}")] if rest else rows


ON_ROW = 8
"""findings of a kind that the sheet shows"""


def draw_findings(care: "Care", path: Path) -> None:
    """A row for each kind that was found; of near duplicates also what they are like."""
    import numpy as np

    from danqing.data.care.looking import THUMB
    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array

    thumbs = {one.name: one.thumb for one in care.files if one.thumb is not None}
    empty = np.full((THUMB, THUMB, 3), 255, np.uint8)
    cells, captions = [], []
    for kind, count in care.counts().items():
        found = [one for one in care.findings if one.kind == kind and one.file in thumbs]
        pairs = kind in ("duplicate", "near-duplicate")
        names = [name for one in found for name in ((one.file, one.other) if pairs else (one.file,))]
        if names:
            captions.append(f"{kind} ({count})")
            row = [thumbs[name] for name in names[:ON_ROW]]
            cells += [*row, *[empty] * (ON_ROW - len(row))]
    if not cells:
        captions, cells = ["nothing was found"], [empty]
    write_array(sheet(cells, columns=min(ON_ROW, len(cells)), row_captions=captions), path)


def counts(pictures: "PictureSet") -> dict[str, int]:
    """label -> number of pictures"""
    if pictures.labels is None:
        return {}
    found = pictures.labels.bincount(minlength=len(pictures.card.labels)).tolist()
    return dict(zip(pictures.card.labels, found, strict=True))


def draw_sheet(pictures: "PictureSet", path: Path) -> None:
    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array

    write_array(sheet(pictures.pixels[:ON_SHEET]), path)


AUGMENTED: dict[str, dict[str, Any]] = {
    "as it is": {}, "flip": {"flip": True}, "rotate 20": {"rotate": 20.0}, "scale 0.3": {"scale": 0.3},
    "translate 0.2": {"translate": 0.2}, "crop 0.4": {"crop": 0.4}, "brightness 0.4": {"brightness": 0.4},
    "contrast 0.6": {"contrast": 0.6}, "saturation 0.9": {"saturation": 0.9}, "cutout 0.4": {"cutout": 0.4},
}  # fmt: skip
"""caption -> settings of `danqing.data.augmenting.Augment`, strong enough to be seen"""


def draw_augmented(pictures: "PictureSet", path: Path, count: int = 8) -> None:
    """A row for each way."""
    import torch

    from danqing.data.augmenting import Augment, augment
    from danqing.images.arrays import to_float, to_uint8
    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array
    from danqing.nn.chance import Chance

    shown = to_float(pictures.pixels[:count])
    rows = [augment(shown, Augment(**how), Chance("augmented", name)) for name, how in AUGMENTED.items()]
    write_array(sheet(to_uint8(torch.cat(rows)), columns=len(shown), row_captions=list(AUGMENTED)), path)
