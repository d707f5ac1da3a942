"""A Stable Diffusion model that comes as one .safetensors file, opened without a network."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from danqing.errors import BadInputError, UsageError
from danqing.families.pretrained.layouts import BANG_PADDED, EOS_PADDED, LAYOUTS, MARKS, NETWORK
from danqing.families.pretrained.memory import bytes_free, gigabytes
from danqing.families.pretrained.opening import (
    DTYPES,
    INDEX,
    ROOM,
    Opened,
    bytes_in,
    library,
    open_folder,
    quiet,
    ready,
    told,
)
from danqing.families.pretrained.samplers import steps_by_name


def open_model(path: Path, precision: str, device: str) -> Opened:
    """A folder of diffusers, or one file. Raises what `open_folder` raises."""
    return open_file(path, precision, device) if path.is_file() else open_folder(path, precision, device)


def open_file(path: Path, precision: str, device: str) -> Opened:
    """BadInputError where the file is no whole Stable Diffusion 1, 2 or XL."""
    diffusers = library()
    needed = bytes_in(path, precision) * ROOM
    kind = kind_of(path)
    if needed > bytes_free():
        raise UsageError(
            f"{path.name} needs about {gigabytes(needed)} of memory and {gigabytes(bytes_free())} are free; close "
            "other programs or take a smaller model."
        )
    pipeline = kind.split()[0]
    with tempfile.TemporaryDirectory(prefix="danqing-") as folder, quiet(), told(path, kind):
        write_layout(Path(folder), pipeline, LAYOUTS[kind], few=steps_by_name(path.stem) is not None)
        found = getattr(diffusers, pipeline).from_single_file(
            str(path), config=folder, local_files_only=True, torch_dtype=DTYPES[precision]
        )
    return ready(found, path, precision, device)


def kind_of(path: Path) -> str:
    """Which layout a file has, by the names of its weights."""
    from safetensors import safe_open

    with safe_open(path, "pt") as weights:
        names = set(weights.keys())
    kind = next((kind for mark, kind in MARKS.items() if mark in names), None)
    if kind is None or not any(name.startswith(NETWORK) for name in names):
        raise BadInputError(
            f"{path.name} is no whole Stable Diffusion 1, 2 or XL (LoRA go with --lora); name such a file, or a "
            f"folder with a {INDEX}."
        )
    return kind


def write_layout(
    folder: Path, pipeline: str, layout: Mapping[str, tuple[str, Mapping[str, Any]]], few: bool = False
) -> None:
    """The configs that a folder of diffusers would have, tokenizers included; `few`: it learned to take few steps."""
    index: dict[str, Any] = {"_class_name": pipeline, "safety_checker": [None, None], "feature_extractor": [None, None]}
    for part, (source, config) in layout.items():
        if part == "scheduler" and few:
            config = {**config, "timestep_spacing": "trailing"}
        kind = config.get("_class_name") or config["architectures"][0]
        index[part] = [source, kind]
        (folder / part).mkdir()
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part / name).write_text(json.dumps(dict(config)))
        if part.startswith("text_encoder"):
            words = part.replace("text_encoder", "tokenizer")
            index[words] = ["transformers", "CLIPTokenizer"]
            padding = BANG_PADDED if config.get("pad_token_id") == 0 else EOS_PADDED
            tokenizer(padding).save_pretrained(folder / words)
    (folder / INDEX).write_text(json.dumps(index))


def tokenizer(padding: str = EOS_PADDED) -> Any:
    """CLIP's, from the merges that come with Danqing (arXiv 2103.00020, section 2.4): bytes, pieces, two marks.

    >>> tokenizer()("a photo of a cat").input_ids
    [49406, 320, 1125, 539, 320, 2368, 49407]
    """
    from transformers import CLIPTokenizer

    packed = files("danqing").joinpath("models", "clip-words", "merges.txt.gz").read_bytes()
    merges: Any = [tuple(line.split(" ")) for line in gzip.decompress(packed).decode().split("\n")]
    pieces = [*letters(), *(f"{letter}</w>" for letter in letters()), *("".join(pair) for pair in merges)]
    vocabulary = {piece: place for place, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77, pad_token=padding)


def letters() -> list[str]:
    """The 256 bytes as signs that can be printed, in the order of GPT-2's table."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) for byte in seen] + [chr(256 + place) for place in range(len(rest))]
