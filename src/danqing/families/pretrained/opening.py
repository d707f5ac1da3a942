"""A model of diffusers, opened: from its folder, safetensors only, no code of its own, no network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from danqing.errors import BadInputError, BadWeightsError, MissingExtraError, NotFoundError, UsageError
from danqing.families.pretrained.memory import bytes_free, gigabytes

PRETRAINED = "pretrained"
"""the name of this family in recipes"""
INDEX = "model_index.json"
TASKS = {
    "text": ("AutoPipelineForText2Image", "paint from words alone"),
    "image": ("AutoPipelineForImage2Image", "start from a picture"),
    "inpaint": ("AutoPipelineForInpainting", "paint into a picture"),
}
"""what can be done -> the class of diffusers that finds who does it, and how it is said"""
LATENT = 4
"""channels that a U-Net has where it does not see a mask beside"""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
HALF = re.compile(r"\.fp16[.-]")
"""in the names of files with half precision"""
ROOM = 1.2
"""memory that is needed, as a multiple of the weights"""


@dataclass(frozen=True, eq=False)
class Opened:
    """A pipeline that is ready to paint."""

    pipeline: Any
    """words to pictures; `for_task` has the others, which share its weights"""
    path: Path
    precision: str
    kept: dict[Any, Any] = field(default_factory=dict)
    """what was made of it and is wanted again"""

    @property
    def kind(self) -> str:
        """Name of the pipeline's class."""
        return type(self.pipeline).__name__

    @cached_property
    def side(self) -> int:
        """Pixels of the pictures it learned from."""
        net = getattr(self.pipeline, "unet", None) or getattr(self.pipeline, "transformer", None)
        sample = (
            getattr(self.pipeline, "default_sample_size", None)
            or getattr(getattr(net, "config", None), "sample_size", None)
            or 128
        )
        return int(sample) * self.fold

    @cached_property
    def fold(self) -> int:
        """Pixels a side of a latent; pictures are multiples of it."""
        fold = getattr(self.pipeline, "vae_scale_factor", None) or getattr(self.pipeline, "movq_scale_factor", None)
        return int(fold or 8)

    def for_task(self, task: str, controlnet: Any = None) -> Any:
        """The pipeline that does `task`, with the same weights. Raises UsageError where the model has none."""
        import diffusers

        more = {} if controlnet is None else {"controlnet": controlnet}
        try:
            with quiet():
                made = getattr(diffusers, TASKS[task][0]).from_pipe(self.pipeline, **more)
        except ValueError:
            made = None
        if made is None or not self.suits(task):
            led = " led by a ControlNet" if more else ""
            raise UsageError(
                f"{self.path.name} ({self.kind}) cannot {TASKS[task][1]}{led}; take another model for that."
            )
        made.set_progress_bar_config(disable=True)
        return made

    def suits(self, task: str) -> bool:
        """Networks with more inputs than a latent has learned to paint into pictures, and do nothing else."""
        unet = getattr(self.pipeline, "unet", None)
        if unet is None:
            return True
        wide = unet.config.in_channels > LATENT
        return wide == (task == "inpaint") or (task == "inpaint" and "Kandinsky" not in self.kind)


def is_pretrained(path: Path) -> bool:
    """Whether it is a model for this family: a folder with a model_index.json, or one file of weights."""
    return (path / INDEX).is_file() or (path.is_file() and path.suffix == ".safetensors")


def open_folder(path: Path, precision: str, device: str) -> Opened:
    """Raises NotFoundError, BadInputError, BadWeightsError, MissingExtraError, UsageError: one sentence each."""
    index = read_index(path)
    diffusers = library()
    kind = check_index(path, index, diffusers)
    check_weights(path, index, precision)
    wanted = {"local_files_only": True, "use_safetensors": True, "torch_dtype": DTYPES[precision]}
    with quiet(), told(path, kind):
        found = getattr(diffusers, kind).from_pretrained(path, **wanted, **absent(kind, index), **variant(path))
    return ready(found, path, precision, device)


def ready(pipeline: Any, path: Path, precision: str, device: str) -> Opened:
    """In the memory's format that is fast for convolutions, silent, on its device."""
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if torch.device(device).type == "cuda":
        weights = sum(p.numel() * p.element_size() for p in parameters(pipeline))
        free, _ = torch.cuda.mem_get_info(torch.device(device))
        pipeline.to(device) if ROOM * weights < free else pipeline.enable_model_cpu_offload()
    return Opened(pipeline, path, precision)


def parameters(pipeline: Any) -> Iterator[torch.nn.Parameter]:
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            yield from part.parameters()


def library() -> Any:
    try:
        with quiet():
            import diffusers
            import transformers  # noqa: F401 - its absence is told here, not in the middle
    except ImportError:
        raise MissingExtraError("A pretrained model", "sd") from None
    return diffusers


def read_index(path: Path) -> Mapping[str, Any]:
    """model_index.json, a dictionary."""
    if not path.is_dir():
        raise NotFoundError(f"There is no model {path.name}; give a folder with a {INDEX}, or a .safetensors file.")
    try:
        found = json.loads((path / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(
            f"{path.name} has no {INDEX}, so it is no model of diffusers; name another folder."
        ) from None
    except (OSError, ValueError) as error:
        raise BadWeightsError(f"The {INDEX} of {path.name} cannot be read ({error}); fetch the model again.") from None
    if not isinstance(found, dict) or not isinstance(found.get("_class_name"), str):
        raise BadInputError(
            f"The {INDEX} of {path.name} names no pipeline of diffusers; only such models are run, no other code."
        )
    return found


def check_index(path: Path, index: Mapping[str, Any], diffusers: Any) -> str:
    """The pipeline's class; BadInputError where it is not known, or a part wants code of its own."""
    kind = str(index["_class_name"])
    with quiet():
        pipeline = getattr(diffusers, kind, None)
    if not (isinstance(pipeline, type) and issubclass(pipeline, diffusers.DiffusionPipeline)):
        raise BadInputError(
            f"{path.name} is a {kind}, which diffusers {diffusers.__version__} does not know; update it."
        )
    own = [name for name, source in parts(index).items() if not known_source(source, diffusers)]
    if own:
        raise BadInputError(f"{path.name} wants code of its own for {', '.join(own)}; such models are not run.")
    return kind


def parts(index: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name -> [library, class] of the parts a pipeline is made of; absent ones left out."""
    found = {name: source for name, source in index.items() if isinstance(source, list) and len(source) == 2}
    return {name: source for name, source in found.items() if source[0] is not None}


def known_source(source: list[Any], diffusers: Any) -> bool:
    """Whether a part comes from diffusers (or one of its pipelines) or transformers, and from nowhere else."""
    return source[0] in ("diffusers", "transformers") or hasattr(diffusers.pipelines, str(source[0]))


def check_weights(path: Path, index: Mapping[str, Any], precision: str) -> None:
    """Every part that has weights has them whole, in safetensors; and they fit into memory."""
    total = 0
    for name in parts(index):
        folder = path / name
        if not folder.is_dir():
            raise NotFoundError(f"{path.name} lacks its part '{name}'; fetch the model again.")
        files = sorted(folder.glob("*.safetensors"))
        if not files and pickles(folder):
            raise BadInputError(f"{path.name}/{name} holds pickles, which can run code; fetch a model in safetensors.")
        files = [file for file in files if "non_ema" not in file.name]
        plain = [file for file in files if not HALF.search(file.name)] or files
        total += sum(bytes_in(file, precision) for file in plain)
    if total * ROOM > bytes_free():
        raise UsageError(
            f"{path.name} needs about {gigabytes(total * ROOM)} of memory and {gigabytes(bytes_free())} are free; "
            "close other programs or take a smaller model."
        )


def pickles(folder: Path) -> list[Path]:
    return [file for ending in ("*.bin", "*.ckpt", "*.pt", "*.pth") for file in folder.glob(ending)]


def bytes_in(file: Path, precision: str) -> int:
    """That its weights take in memory. BadWeightsError where the file is no whole safetensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as weights:
            counts = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise BadWeightsError(f"{file.name} is broken or half fetched ({error}); fetch the model again.") from None
    return sum(int(torch.Size(shape).numel()) for shape in counts) * DTYPES[precision].itemsize


def absent(kind: str, index: Mapping[str, Any]) -> dict[str, None]:
    """Parts that may be left out and are: a safety checker, a third text encoder."""
    import inspect

    import diffusers

    wanted = inspect.signature(getattr(diffusers, kind).__init__).parameters
    there = parts(index)
    optional = set(getattr(getattr(diffusers, kind), "_optional_components", ()))
    may = optional | {name for name in wanted if name.endswith("_3")}
    return {name: None for name in wanted if name in may and name not in there}


def variant(path: Path) -> dict[str, str]:
    """Half precision where there is nothing else."""
    files = list(path.glob("*/*.safetensors"))
    return {"variant": "fp16"} if files and all(HALF.search(file.name) for file in files) else {}


@contextmanager
def told(path: Path, kind: str) -> Iterator[None]:
    """What a library raises for weights that do not fit, as one sentence."""
    try:
        yield
    except MemoryError:
        raise UsageError(
            f"{path.name} does not fit into memory; close other programs or take a smaller model."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise BadWeightsError(f"{path.name} cannot be opened as {kind}: {reason}; fetch the model again.") from None


@contextmanager
def quiet() -> Iterator[None]:
    """No bars, notes and warnings of the libraries: what matters is said by us."""
    import logging
    import warnings

    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers", "huggingface_hub")]
    before = [one.level for one in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in loggers:
            one.setLevel(logging.ERROR)
        silence()
        try:
            yield
        finally:
            for one, level in zip(loggers, before, strict=True):
                one.setLevel(level)


def silence() -> None:
    """The bars of both libraries, where they are loaded."""
    import sys

    for name in ("diffusers", "transformers"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "utils"):
            module.utils.logging.disable_progress_bar()
            module.utils.logging.set_verbosity_error()
