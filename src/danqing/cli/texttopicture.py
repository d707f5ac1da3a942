"""danqing paint, vary, blend, describe: words and pictures become pictures, and pictures words"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import made
from danqing.cli.options import PICTURES, complete_models, complete_paths, model_folder
from danqing.cli.painted import Finish, carry_out, stem, tell_sources
from danqing.cli.prompt_files import read_prompts
from danqing.cli.words import Talk
from danqing.errors import DanqingError, UsageError

if TYPE_CHECKING:
    from danqing.api import Studio
    from danqing.api.orders import Order


def painter_card() -> Path:
    """Of the painter that comes with Danqing."""
    return Path(__file__).parents[1] / "models" / "painter" / "card.json"


def complete_styles(incomplete: str) -> Iterator[str]:
    """The styles of the painter that comes with Danqing, from its card, without loading it."""
    import json

    card = painter_card()
    styles = json.loads(card.read_text(encoding="utf-8"))["config"]["styles"] if card.is_file() else []
    yield from (name for name in [*styles, "any"] if name.startswith(incomplete))


Prompt = Annotated[str | None, typer.Argument(metavar="PROMPT", help="Words in English or Chinese, emoji.")]
Count = Annotated[int, typer.Option("-n", help="How many pictures.")]
Seed = Annotated[int, typer.Option(help="Seed of the first picture; the next has the next.")]
Style = Annotated[
    str | None, typer.Option(help="A drawing style, or any.", autocompletion=complete_styles, metavar="STYLE")
]
Steps = Annotated[int | None, typer.Option(help="1, 2, 3, 4, 6, 8 (fast) or 9 to 200; the painter's own if left out.")]
Guidance = Annotated[
    float | None, typer.Option(help="How closely words are followed, 0 to 15; the painter's own (3) if left out.")
]
Negative = Annotated[str | None, typer.Option(metavar="WORDS", help="What to keep away from.")]
Size = Annotated[
    str | None,
    typer.Option(metavar="PIXELS", help="128, 256, 512 or 1024; for pretrained models any side, or 768x512."),
]
Sampler = Annotated[
    str | None, typer.Option(help="Of a pretrained model, such as euler or dpm++2m; its own if left out.")
]
Transparent = Annotated[bool, typer.Option("--transparent", help="Without a background.")]
Svg = Annotated[bool, typer.Option("--svg", help="Also as SVG (needs the extra 'svg').")]
Chaos = Annotated[float | None, typer.Option(help="How much the pictures differ, 0 to 100.")]
Sources = Annotated[bool, typer.Option("--sources", help="The nearest training pictures, with licence and author.")]
Sheet = Annotated[bool, typer.Option("--sheet/--no-sheet", help="All pictures on one sheet.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the pictures; pictures/PAINTER if left out.")]
ModelOption = Annotated[
    str | None,
    typer.Option(help="A painter's folder, its name in runs/, or a pretrained model; Danqing's own if left out.",
                 autocompletion=complete_models),
]  # fmt: skip
Text = Annotated[str | None, typer.Option(metavar="PROMPT", help="Words that lead the way.")]
PictureFile = Annotated[
    Path, typer.Argument(metavar="PICTURE", help="Any picture file.", autocompletion=complete_paths)
]


def picture_option(about: str) -> Any:
    return typer.Option(metavar="PICTURE", help=about, autocompletion=complete_paths)


def paint(
    talk: Talk,
    prompt: Prompt = None,
    from_file: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Prompts from a file: columns prompt, n, seed, style, …")
    ] = None,
    n: Count = 4,
    seed: Seed = 0,
    style: Style = None,
    steps: Steps = None,
    guidance: Guidance = None,
    sampler: Sampler = None,
    negative: Negative = None,
    size: Size = None,
    transparent: Transparent = False,
    svg: Svg = False,
    tile: Annotated[bool, typer.Option("--tile", help="Edges that meet.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="All words in one go: no things one by one, no colours laid on.")
    ] = False,
    tries: Annotated[
        int | None, typer.Option(help="Paint each picture so often and keep what fits the words best; 3 if left out.")
    ] = None,
    chaos: Chaos = None,
    image: Annotated[Path | None, picture_option("A sketch or picture to start from.")] = None,
    strength: Annotated[float | None, typer.Option(help="0 keeps --image, 1 forgets it; 0.6, with --mask 1.")] = None,
    mask: Annotated[Path | None, picture_option("White where --image is to be painted anew.")] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Paint the prompt alone and lay it where --mask is white.")
    ] = False,
    extend: Annotated[int | None, typer.Option(help="So many pixels more on each side of --image.")] = None,
    style_ref: Annotated[Path | None, picture_option("Take the style of this picture.")] = None,
    image_prompt: Annotated[Path | None, picture_option("Take the content of this picture.")] = None,
    lora: Annotated[
        list[str] | None, typer.Option(metavar="FILE[:WEIGHT]", help="For a pretrained model; may be given again.")
    ] = None,
    embedding: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A textual inversion; its name stands in the prompt.")
    ] = None,
    controlnet: Annotated[str | None, typer.Option(metavar="FOLDER", help="Is led by the picture --control.")] = None,
    control: Annotated[Path | None, picture_option("What leads the ControlNet.")] = None,
    control_kind: Annotated[
        str | None, typer.Option(help="What is made of --control first: ready (nothing), edges, scribble.")
    ] = None,
    control_strength: Annotated[float | None, typer.Option(help="0 to 2; 1 if left out.")] = None,
    adapter: Annotated[
        str | None, typer.Option(metavar="FILE", help="An IP-Adapter; sees --style-ref or --image-prompt.")
    ] = None,
    decoder: Annotated[str | None, typer.Option(metavar="FOLDER", help="A tiny decoder, for speed.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="openvino compiles a pretrained model, once for every size; faster afterwards.")
    ] = None,
    then: Annotated[
        str | None, typer.Option(metavar="stylize:MANNER", help="Paint the result in a manner of `styles list`.")
    ] = None,
    sources: Sources = False,
    sheet: Sheet = True,
    out: Out = None,
    model: ModelOption = None,
) -> dict[str, Any]:
    """Paint pictures of a prompt. It says which words it knows; the same prompt and seed give the same bytes."""
    if (prompt is None) == (from_file is None):
        raise UsageError('Give either a prompt, such as "an orange cat with a red hat", or a file with --from-file.')
    check_svg(svg)
    wishes = given(style=style, steps=steps, guidance=guidance, sampler=sampler, negative=negative, size=size,
                   chaos=chaos, tries=tries, tile=tile, transparent=transparent, image=image, strength=strength,
                   mask=mask, add=add, extend=extend, style_ref=style_ref,
                   image_prompt=image_prompt, then=then, loras=lora, embeddings=embedding, controlnet=controlnet,
                   control=control, control_kind=control_kind, control_strength=control_strength,
                   adapter=adapter, decoder=decoder, engine=engine)  # fmt: skip
    wishes |= {"layers": False} if whole else {}
    if from_file is not None:
        return paint_file(talk, from_file, n, seed, wishes, Finish(svg, sources, False, resume=True), out, model)
    from danqing.api.texttopicture import to_paint

    return paint_one(talk, to_paint(prompt or "", **wishes), stem(prompt or ""), n, seed,
                     Finish(svg, sources, sheet), out, model)  # fmt: skip


def vary(
    talk: Talk,
    picture: PictureFile,
    strength: Annotated[float, typer.Option(help="0 keeps what the picture shows, 1 forgets it.")] = 0.4,
    n: Count = 4,
    text: Text = None,
    seed: Seed = 0,
    style: Style = None,
    steps: Steps = None,
    guidance: Guidance = None,
    sampler: Sampler = None,
    negative: Negative = None,
    size: Size = None,
    transparent: Transparent = False,
    svg: Svg = False,
    chaos: Chaos = None,
    sources: Sources = False,
    sheet: Sheet = True,
    out: Out = None,
    model: ModelOption = None,
) -> dict[str, Any]:
    """Paint a picture anew, in other ways. Any picture goes; what it shows is kept, not its pixels."""
    check_svg(svg)
    look = given(style=style, steps=steps, guidance=guidance, sampler=sampler, negative=negative, size=size,
                 chaos=chaos, transparent=transparent)  # fmt: skip
    from danqing.api.texttopicture import to_vary

    commission = to_vary(picture, strength, text or "", **look)
    return paint_one(talk, commission, f"{stem(picture.stem, 'picture')}-vary", n, seed, Finish(svg, sources, sheet),
                     out, model)  # fmt: skip


def blend(
    talk: Talk,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURES…", help="2 to 8 picture files.")],
    weights: Annotated[str | None, typer.Option(metavar="W,W,…", help="One for each picture, such as 2,1.")] = None,
    strength: Annotated[float, typer.Option(help="0 keeps exactly what lies between them, 1 forgets it.")] = 0.5,
    n: Count = 4,
    text: Text = None,
    seed: Seed = 0,
    style: Style = None,
    steps: Steps = None,
    guidance: Guidance = None,
    sampler: Sampler = None,
    negative: Negative = None,
    size: Size = None,
    transparent: Transparent = False,
    svg: Svg = False,
    chaos: Chaos = None,
    sources: Sources = False,
    sheet: Sheet = True,
    out: Out = None,
    model: ModelOption = None,
) -> dict[str, Any]:
    """Paint what lies between pictures."""
    check_svg(svg)
    look = given(style=style, steps=steps, guidance=guidance, sampler=sampler, negative=negative, size=size,
                 chaos=chaos, transparent=transparent)  # fmt: skip
    from danqing.api.texttopicture import to_blend

    commission = to_blend(pictures, numbers(weights), text or "", strength, **look)
    name = stem("-".join(picture.stem for picture in pictures), "pictures")
    return paint_one(talk, commission, f"{name}-blend", n, seed, Finish(svg, sources, sheet), out, model)


def describe(
    talk: Talk,
    picture: PictureFile,
    lang: Annotated[str, typer.Option(help="en or zh.")] = "en",
    n: Annotated[int, typer.Option("-n", help="How many prompts.")] = 4,
    model: ModelOption = None,
) -> dict[str, Any]:
    """Say what a picture shows, as prompts. They are names of training pictures that are like it."""
    from danqing import api

    guesses = api.describe(picture, lang, n, studio_of(model))
    heads = ("prompt", "likeness", "style")
    talk.table(heads, [(one.prompt, f"{one.score:.2f}", one.entry.style) for one in guesses], numbers=heads[1:2])
    prompts = [{"prompt": one.prompt, "likeness": round(one.score, 4), "style": one.entry.style, "id": one.entry.id}
               for one in guesses]  # fmt: skip
    return {"picture": picture, "prompts": prompts}


# What the four have in common.


def given(**values: Any) -> dict[str, Any]:
    """Only what was asked for: the defaults stand in one place, in the api."""
    return {name: value for name, value in values.items() if value is not None and value is not False}


def numbers(text: str | None) -> list[float] | None:
    """'2,1' -> [2.0, 1.0]"""
    try:
        return [float(one) for one in text.split(",")] if text else None
    except ValueError:
        raise UsageError(f"--weights are numbers such as 2,1 or 0.7,0.3, but '{text}' came.") from None


def check_svg(wanted: bool) -> None:
    if wanted:
        from danqing.images.tracing import check_tracer

        check_tracer()


def studio_of(model: str | None) -> "Studio":
    from danqing import api

    return api.load_painter(None if model is None else model_folder(model))


def painter_of(model: str | None) -> Any:
    """A Studio or a Pretrained."""
    from danqing.api.studios import any_painter

    return any_painter(None if model is None else model_folder(model))


def paint_one(
    talk: Talk, commission: Any, name: str, n: int, seed: int, finish: Finish, out: Path | None, model: str | None
) -> dict[str, Any]:
    """One commission: the truth light, then the pictures."""
    from danqing.api.orders import orders
    from danqing.cli import truth

    studio = painter_of(model)
    wanted = orders(studio, commission, n, seed)
    reading = studio.read(commission.prompt)
    truth.show(talk, studio, reading)
    if wanted[0].scene:
        talk.note(f"Painted one by one: {' + '.join(wanted[0].scene.plain())}; --whole paints them in one go.")
    elif tinted := wanted[0].recipe.extra.get("reading", {}).get("tinted"):
        talk.note(f"Coloured afterwards: {tinted[0]}; --whole leaves it to words.")
    folder = folder_of(studio, out)
    document = carry_out(talk, studio, wanted, [name] * n, folder, finish)
    tell(talk, document, folder)
    return document | {"reading": reading.plain()}


def paint_file(
    talk: Talk,
    path: Path,
    n: int,
    seed: int,
    wishes: Mapping[str, Any],
    finish: Finish,
    out: Path | None,
    model: str | None,
) -> dict[str, Any]:
    """Every row a commission; what is painted already is left out, so that a stopped run can be gone on with."""
    from danqing.api.orders import orders
    from danqing.api.texttopicture import to_paint
    from danqing.cli import truth

    rows, studio = read_prompts(path), painter_of(model)
    wanted: list[Order] = []
    for row in rows:
        values = {"n": n, "seed": seed, **wishes, **row.values}
        try:
            count, first = values.pop("n"), values.pop("seed")
            wanted += orders(studio, to_paint(row.prompt, **values), count, first)
            if unlike := truth.sentence(studio, studio.read(row.prompt)):
                talk.note(f"{row.where}: {unlike}")
        except DanqingError as error:
            error.args = (f"{row.where}: {error}",)
            raise
    folder = folder_of(studio, out)
    names = [stem(order.commission.prompt) for order in wanted]
    try:
        document = carry_out(talk, studio, wanted, names, folder, finish)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Stopped; what is painted lies in {folder}, the same command goes on.") from None
    tell(talk, document, folder)
    return document | {"file": path, "rows": len(rows)}


def folder_of(studio: Any, out: Path | None) -> Path:
    return made(PICTURES / studio.name if out is None else out)


def tell(talk: Talk, document: Mapping[str, Any], folder: Path) -> None:
    """What was made, in a sentence, and whose pictures it is like."""
    rows = document["pictures"]
    there = sum(row["skipped"] for row in rows)
    count = f"{len(rows) - there:,} picture{'s' if len(rows) - there != 1 else ''} in {folder}"
    talk.say(count + (f", all on {document['sheet']}" if document["sheet"] else "")
             + (f"; {there:,} were there already" if there else "") + ".")  # fmt: skip
    tell_sources(talk, rows)
