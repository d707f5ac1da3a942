"""danqing models pull, fetched, check: large models of others"""

import sys
from typing import Annotated, Any

import typer

from danqing.cli.words import Talk
from danqing.errors import BadInputError, UsageError


def pull_model(
    talk: Talk,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="hf:owner/name or ms:owner/name, with @revision.")],
    name: Annotated[str | None, typer.Option(help="What it is called here; its own name if left out.")] = None,
    half: Annotated[bool, typer.Option("--half", help="Weights in half precision: half the bytes.")] = False,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of a repository of several LoRA or the like, this one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to its licence without being asked.")] = False,
) -> dict[str, Any]:
    """Fetch a model from the Hugging Face hub or ModelScope. Stopped, it is gone on with by the same command.

    HF_ENDPOINT and MODELSCOPE_ENDPOINT name mirrors.
    """
    from danqing.api.pulling import licence_to_ask, pull

    listing = licence_to_ask(source)
    if listing:
        talk.note(f"The licence of {listing.repository} is '{listing.licence}'; read it at {listing.page}.")
    if listing and not yes:
        if talk.as_json or not sys.stdin.isatty():
            raise UsageError(f"The licence '{listing.licence}' must be agreed to; read it at {listing.page}, then "
                             "give --yes.")  # fmt: skip
        if not typer.confirm("Do you agree to it?", err=True):
            raise UsageError("Without that nothing is fetched.")
    try:
        made = talk.follow(pull(source, name, lambda *_: True, half, file))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped; what is there is kept, the same command goes on.") from None
    use = "it goes with a model, as --lora or the like" if made.folder.is_file() else f"paint with --model {made.name}"
    talk.say(f"{made.name} is here ({made.licence}); {use}.")
    return {"name": made.name, "folder": made.folder, "source": made.source, "revision": made.revision,
            "licence": made.licence, "bytes": made.bytes}  # fmt: skip


def fetched_models(talk: Talk) -> dict[str, Any]:
    """List models that were fetched, or laid into Danqing's folder of models by hand."""
    from danqing.api.pulling import fetched
    from danqing.home import models_folder

    rows = fetched()
    heads = ("name", "source", "licence", "GB")
    lines = [(row["name"], row["source"], row["licence"], f"{row['bytes'] / 1e9:.2f}") for row in rows]
    if rows:
        talk.table(heads, lines, numbers=heads[3:])
    else:
        talk.note(f"There is none in {models_folder()} yet; fetch one: danqing models pull hf:stabilityai/sd-turbo")
    return {"folder": models_folder(), "models": rows}


def check_model(talk: Talk, name: Annotated[str, typer.Argument(metavar="NAME")]) -> dict[str, Any]:
    """Compare the files of a fetched model with the hashes that its hub listed."""
    from danqing.api.pulling import verify

    wrong = verify(name)
    if wrong:
        raise BadInputError(
            f"{len(wrong)} files of {name} are not what was fetched ({', '.join(wrong[:4])}); remove its folder and "
            "pull it again."
        )
    talk.say(f"All files of {name} are what was fetched.")
    return {"name": name, "wrong": wrong}
