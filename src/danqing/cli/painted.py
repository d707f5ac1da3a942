"""From orders to files, for the commands that paint from words and pictures: names, sheets, shapes, sources."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from danqing.cli.files import MOST_ON_SHEET, write_sheet
from danqing.cli.words import Talk, json_safe
from danqing.errors import DanqingError

if TYPE_CHECKING:
    from danqing.api import Studio
    from danqing.types import Picture, Recipe

LONGEST_NAME = 40
"""characters of a prompt that go into a file's name"""


class Spot(NamedTuple):
    """Where a picture goes, and whether it is there already."""

    path: Path
    there: bool


class Finish(NamedTuple):
    """What is made of the pictures besides their files."""

    svg: bool = False
    sources: bool = False
    sheet: bool = True
    resume: bool = False
    """leave out what is there already"""


def stem(text: str, act: str = "paint") -> str:
    """The beginning of a prompt, or of a picture's name, as a file name.

    >>> stem("An orange cat, with a hat!"), stem("戴红帽子的橘猫"), stem(" ?! ", "vary")
    ('an-orange-cat-with-a-hat', '戴红帽子的橘猫', 'vary')
    """
    words = re.sub(r"[\W_]+", "-", text.lower()).strip("-")
    return words[:LONGEST_NAME].strip("-") or act


def spots(folder: Path, stems: Sequence[str], recipes: Sequence["Recipe"]) -> list[Spot]:
    """A name for each: STEM-SEED.png, with a number behind it where another picture has the name."""
    taken: set[Path] = set()
    found = []
    for name, recipe in zip(stems, recipes, strict=True):
        number, spot = 1, None
        while spot is None:
            path = folder / (f"{name}-{recipe.seed}" + (f"-{number}" if number > 1 else "") + ".png")
            there = path.exists()
            if path not in taken and (not there or same_recipe(path, recipe)):
                spot = Spot(path, there)
            number += 1
        taken.add(spot.path)
        found.append(spot)
    return found


def same_recipe(path: Path, recipe: "Recipe") -> bool:
    from danqing.images.writing import read_recipe

    try:
        found = read_recipe(path)
    except DanqingError:
        return False
    return found is not None and found.plain() == json.loads(json.dumps(json_safe(recipe.plain())))


def carry_out(
    talk: Talk, studio: Any, wanted: Sequence[Any], stems: Sequence[str], folder: Path, finish: Finish
) -> dict[str, Any]:
    """Paint, write each picture as soon as it is there, and describe all of them for --json."""
    from danqing.api.texttopicture import fulfil

    places = spots(folder, stems, [order.recipe for order in wanted])
    shapes = [spot.path.with_suffix(".svg") if finish.svg else None for spot in places]
    complete = [spot.there and (svg is None or svg.exists()) for spot, svg in zip(places, shapes, strict=True)]
    skipped = [finish.resume and there for there in complete]
    open_places = [place for place, skip in enumerate(skipped) if not skip]
    rows = [
        {"file": spot.path, "recipe": order.recipe.plain(), "skipped": skip} | ({"svg": svg} if svg else {})
        for spot, order, skip, svg in zip(places, wanted, skipped, shapes, strict=True)
    ]
    shown: dict[int, Picture] = {}

    def keep(number: int, picture: "Picture") -> None:
        place = open_places[number]
        write(picture, places[place].path, shapes[place])
        if finish.sources:
            rows[place]["sources"] = kin(studio, picture)
        if finish.sheet and place < MOST_ON_SHEET:
            shown[place] = picture

    if open_places:
        talk.follow(fulfil(studio, [wanted[place] for place in open_places], keep, wanted[0].commission.act))
    return {"pictures": rows, "sheet": sheet_of([shown[place] for place in sorted(shown)], places, stems)}


def write(picture: "Picture", path: Path, svg: Path | None) -> None:
    from danqing.images.tracing import to_svg
    from danqing.images.writing import write_atomic, write_png

    if svg:
        write_atomic(svg, to_svg(picture.pixels).encode())
    write_png(picture, path)


def kin(studio: "Studio", picture: "Picture") -> list[dict[str, Any]]:
    """The training pictures nearest to a painted one."""
    from dataclasses import asdict

    from danqing.api import sources

    return [{"likeness": round(one.likeness, 4), **asdict(one.entry)} for one in sources(picture, model=studio)]


def sheet_of(pictures: Sequence["Picture"], places: Sequence[Spot], stems: Sequence[str]) -> Path | None:
    """All on one sheet, over white; none for a single picture."""
    if len(pictures) < 2:
        return None
    from danqing.images.alpha import flat

    plain = [replace(one, pixels=flat(one.pixels)) if one.pixels.shape[2] == 4 else one for one in pictures]
    first = pictures[0].recipe.seed
    return write_sheet(plain, places[0].path.with_name(f"{stems[0]}-{first}-sheet.png"))


def tell_sources(talk: Talk, rows: Sequence[dict[str, Any]]) -> None:
    """The nearest training pictures of each picture, with what must be named when they are copied."""
    heads = ("picture", "likeness", "nearest training picture", "name", "licence", "author")
    lines = [
        (row["file"].name, f"{one['likeness']:.2f}", one["id"], one["name_en"], one["licence"], one["author"] or "-")
        for row in rows
        for one in row.get("sources", ())
    ]
    if lines:
        talk.table(heads, lines, numbers=heads[1:2])
