"""All commands, a row each."""

from typing import Annotated

import typer

from danqing.cli.command import command
from danqing.cli.datasets import build_data, check_data, show_data
from danqing.cli.doctor import doctor
from danqing.cli.exits import epilog
from danqing.cli.judging import evaluate
from danqing.cli.latents import edit, reconstruct
from danqing.cli.models import list_models, show_model
from danqing.cli.painting import interpolate, sample
from danqing.cli.presets import list_presets, show_preset
from danqing.cli.pulling import check_model, fetched_models, pull_model
from danqing.cli.replaying import info, replay
from danqing.cli.schooling import train_painter, train_styler
from danqing.cli.searching import search
from danqing.cli.serving import account, rebuild, serve, studio, worker
from danqing.cli.stylizing import list_styles, sheet_of_styles, show_style, stylize, teach_style
from danqing.cli.teaching import teach
from danqing.cli.texttopicture import blend, describe, paint, vary
from danqing.cli.training import train
from danqing.version import __version__

app = typer.Typer(
    name="danqing",
    no_args_is_help=True,
    epilog=epilog(),
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half the time of rich's boxes
)


def group(name: str, about: str) -> typer.Typer:
    inner = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(inner, name=name)
    return inner


data = group("data", "Data sets: build and look at them.")
gallery = group("gallery", "The pictures of the studio.")
models = group("models", "Models that were trained here, and pretrained ones.")
styles = group("styles", "Manners for stylize.")
presets = group("presets", "Presets: named models with the training that suits them.")

command(app, "paint", 'danqing paint "an orange cat with a red hat" --style noto -n 4 --seed 7')(paint)
command(app, "vary", "danqing vary drawing.png --strength 0.5 --text blue")(vary)
command(app, "blend", "danqing blend owl.png teapot.png --weights 2,1")(blend)
command(app, "describe", "danqing describe drawing.png --lang zh")(describe)
command(app, "stylize", "danqing stylize photo.jpg oil --keep-colours recolour")(stylize)
command(app, "train", "danqing train diffusion fashion-mnist --minutes 2")(train)
command(app, "train-painter", "danqing train-painter --recipe cpu --out runs/painter")(train_painter)
command(app, "teach", "danqing teach examples/bulu --name bulu --name 布噜")(teach)
command(app, "teach-style", "danqing teach-style folder --name 齐白石")(teach_style)
command(app, "search", "danqing search flow-28 fashion-mnist --hours 2")(search)
command(app, "train-styler", "danqing train-styler photos paintings --minutes 360")(train_styler)
command(app, "sample", "danqing sample runs/flow-28-fashion-mnist -n 16 --seed 7 --label dress")(sample)
command(app, "interpolate", "danqing interpolate runs/flow-28-fashion-mnist 0 1 2 --gif")(interpolate)
command(app, "reconstruct", "danqing reconstruct runs/conv-28-fashion-mnist bag.png shirt.jpg")(reconstruct)
command(app, "edit", "danqing edit runs/conv-28-fashion-mnist shirt.png --add dress --subtract shirt")(edit)
command(app, "evaluate", "danqing evaluate runs/flow-28-fashion-mnist fashion-mnist -n 2000")(evaluate)
command(app, "info", "danqing info pictures/flow-28-fashion-mnist/flow-28-fashion-mnist-7.png")(info)
command(app, "replay", "danqing replay pictures/painter/cat-7.png")(replay)
command(app, "doctor")(doctor)
command(app, "studio", "danqing studio --open")(studio)
command(app, "serve", "danqing serve --port 7860")(serve)
command(app, "account", "danqing account people.txt mei")(account)
command(app, "worker")(worker)
command(gallery, "rebuild")(rebuild)
command(data, "build", "danqing data build fashion-mnist")(build_data)
command(data, "check", "danqing data check my-photos --fix my-photos-clean")(check_data)
command(data, "show", "danqing data show my-photos --sheet photos.png")(show_data)
command(models, "list")(list_models)
command(models, "show", "danqing models show flow-28-fashion-mnist")(show_model)
command(models, "pull", "danqing models pull hf:stabilityai/sd-turbo")(pull_model)
command(models, "fetched")(fetched_models)
command(models, "check", "danqing models check sd-turbo")(check_model)
command(styles, "list")(list_styles)
command(styles, "show")(show_style)
command(styles, "sheet")(sheet_of_styles)
command(presets, "list", "danqing presets list --family gan")(list_presets)
command(presets, "show", "danqing presets show flow-28")(show_preset)


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"danqing {__version__}")
        raise typer.Exit


@app.callback()
def danqing(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Danqing (丹青): train picture generators, paint with them, judge them, on the machine you have."""
