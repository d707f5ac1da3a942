"""Arguments and options that several commands share, and what the shell completes for them. No torch here."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from danqing.api import Model

RUNS, PICTURES = Path("runs"), Path("pictures")


def complete_presets(incomplete: str) -> Iterator[tuple[str, str]]:
    """Presets with what they are about, and the families."""
    from danqing.presets import all_presets, families

    words = {preset.name: preset.about["en"] for preset in all_presets().values()}
    words |= dict.fromkeys(families(), "the family's own choice for the data")
    return ((name, about) for name, about in words.items() if name.startswith(incomplete))


def complete_runs(incomplete: str) -> Iterator[str]:
    """Names of trained models in runs/, then paths."""
    yield from (path.name for path in sorted(RUNS.glob("*/")) if path.name.startswith(incomplete))
    yield from complete_paths(incomplete)


def complete_models(incomplete: str) -> Iterator[str]:
    """Names of what paints words: taught painters and fetched models; then those of trained models, and paths."""
    from danqing.home import fetched_names, painter_names

    yield from (name for name in [*painter_names(), *fetched_names()] if name.startswith(incomplete))
    yield from complete_runs(incomplete)


def complete_paths(incomplete: str) -> Iterator[str]:
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    for path in sorted(folder.glob("*")):
        name = f"{path}/" if path.is_dir() else str(path)
        if name.startswith(incomplete):
            yield name


def model_folder(text: str) -> Path:
    """A model is named by its folder or file, or by its name where it lies in runs/ or was fetched."""
    from danqing.home import models_folder

    shelves = [RUNS / text, models_folder() / text, models_folder() / f"{text}.safetensors"]
    return Path(text) if Path(text).exists() else next((one for one in shelves if one.exists()), Path(text))


def opened(model: str, device: str | None) -> "Model":
    from danqing import api

    return api.load(model_folder(model), checked_device(device))


def checked_device(text: str | None) -> str | None:
    """The device if it is there; UsageError otherwise. None lets Danqing choose."""
    if text is None:
        return None
    import torch

    from danqing.errors import UsageError

    there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    there += ["cuda"] if len(there) > 1 else []
    if text not in there:
        raise UsageError(f"There is no device '{text}' here; choose {' or '.join(there)}.")
    return text


ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model's folder, or its name in runs/.", autocompletion=complete_runs)
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder, a .zip, an .npz or a named source such as fashion-mnist.",
        autocompletion=complete_paths,
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; chosen by itself if left out.")]
Label = Annotated[str | None, typer.Option(help="A class, by name (English or Chinese) or number.")]
Sampler = Annotated[str | None, typer.Option(help="The solver (diffusion), such as heun; the model's own if left out.")]
Steps = Annotated[int | None, typer.Option(help="Steps of the sampler, 1 to 1000; the model's own if left out.")]
Guidance = Annotated[float | None, typer.Option(help="1 follows the label as learned, more exaggerates it.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the pictures; pictures/MODEL if left out.")]
Sheet = Annotated[bool, typer.Option("--sheet/--no-sheet", help="All pictures on one sheet.")]
