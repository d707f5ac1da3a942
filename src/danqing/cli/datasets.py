"""danqing data build, danqing data show"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import Data
from danqing.cli.words import Talk
from danqing.errors import UsageError, unknown

if TYPE_CHECKING:
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
    return {**found, "sheet": sheet}


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
