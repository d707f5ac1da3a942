"""Where Danqing keeps what it makes for itself: data sets, taught manners, models that were fetched."""

import os
from pathlib import Path

from platformdirs import user_data_path

from danqing.errors import UsageError, unknown

LONGEST = 60
"""letters of a name"""
PARTS, PARTS_SEVERAL = ("controlnet", "adapter", "decoder"), ("loras", "embeddings")
"""what is put on a pretrained model: settings that name one file or folder, and such that name several"""
VOCABULARY = "vocabulary.txt"
"""what the folder of a painter of words has, and no other model's"""
REPORT, SHEET = "report.json", "before-after.png"
"""what every lesson of `danqing teach` leaves in its folder"""
IMPOSSIBLE = '/\\:*?"<>|'
"""in the names of files, on one system or another"""


def danqing_home() -> Path:
    """The environment's DANQING_HOME, else the usual folder of this system."""
    home = os.environ.get("DANQING_HOME")
    return Path(home).expanduser() if home else user_data_path("danqing")


def models_folder() -> Path:
    """For pretrained models and what goes with them; each has a folder or a file of its name."""
    return danqing_home() / "models"


def fetched_names() -> list[str]:
    """Of models that paint by themselves, sorted; what goes with a model (LoRA and the like) is not among them."""
    found = models_folder().glob("*/model_index.json")
    return sorted(path.parent.name for path in found if not path.parent.name.startswith("."))


def painter_names() -> list[str]:
    """Of painters that were taught something here, sorted."""
    found = (path.parent for path in models_folder().glob(f"*/{VOCABULARY}"))
    return sorted(path.name for path in found if (path / "card.json").is_file() and path.name[0] != ".")


def model_named(name: str) -> Path:
    """The folder of a pretrained model or a taught painter by its name. Raises NotFoundError."""
    known = [*fetched_names(), *painter_names()]
    if name not in known:
        raise unknown("model", name, known)
    return models_folder() / name


def part_place(text: str) -> Path:
    """A file or folder that goes with a model (LoRA and the like): a path, or the name of one among the models.

    Raises NotFoundError.
    """
    return Path(text) if Path(text).exists() else fetched_part(text)


def fetched_part(name: str) -> Path:
    """The same by its name among the models alone, for those who may not name a path. Raises NotFoundError."""
    shelf = models_folder()
    there = {path.name: path for path in shelf.glob("*") if not path.name.startswith(".")}
    found = there.get(name) or there.get(f"{name}.safetensors")
    if found is not None and (inside := found / f"{name}.safetensors").is_file():
        found = inside  # a LoRA that was taught here
    if found is None:
        raise unknown("file or model", name, there)
    return found


def taught_folder() -> Path:
    return danqing_home() / "styles"


def taught_names() -> list[str]:
    """Sorted."""
    return sorted(path.stem for path in taught_folder().glob("*.safetensors"))


def taught_file(name: str) -> Path:
    """Where the manner of that name lies, whether it is there or not. Raises UsageError for a name no file can have."""
    wrong = [letter for letter in name if letter in IMPOSSIBLE or letter < " "]
    if not name.strip() or len(name) > LONGEST or name[0] in ".-" or wrong:
        raise UsageError(f"{name[:LONGEST]!r} cannot name a manner; give 1 to {LONGEST} letters without slashes.")
    return taught_folder() / f"{name}.safetensors"
