"""Weights with their card, and the state of an unfinished training. Written whole or not at all; never pickle.

A model is a folder:

    weights.safetensors   tensors; the header holds the card and the sha256 of the tensors
    card.json             the same card, for people and other tools

A training run keeps `training.safetensors` beside them: tensors and state in one file, so that one rename makes it
valid. It stays after the end, so that a larger budget can go on from it.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from danqing.errors import BadWeightsError, NotFoundError
from danqing.images.writing import atomic_path, write_atomic
from danqing.types import FORMAT_VERSION, Card

WEIGHTS, CARD, TRAINING = "weights.safetensors", "card.json", "training.safetensors"


def save_model(folder: Path, tensors: Mapping[str, Tensor], card: Card) -> str:
    """Write a model folder; returns the sha256 of the tensors."""
    text = json.dumps(card.plain(), ensure_ascii=False, indent=1, sort_keys=True)
    sha = save_tensors(folder / WEIGHTS, tensors, {"card": text})
    write_atomic(folder / CARD, text.encode())
    return sha


def load_model(folder: Path) -> tuple[dict[str, Tensor], Card, str]:
    """Tensors, card and sha256; BadWeightsError if the file is broken, foreign or from a newer Danqing."""
    tensors, notes = load_tensors(folder / WEIGHTS)
    return tensors, _card(notes, folder / WEIGHTS), notes["sha256"]


def read_card(folder: Path) -> Card:
    """The card alone, without reading the tensors."""
    return _card(_notes(folder / WEIGHTS), folder / WEIGHTS)


def save_training(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    save_tensors(folder / TRAINING, tensors, {"state": json.dumps(state, sort_keys=True)})


def load_training(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """NotFoundError where there is nothing to resume."""
    if not (folder / TRAINING).exists():
        raise NotFoundError(f"There is no unfinished training in '{folder}'; train without --resume.")
    tensors, notes = load_tensors(folder / TRAINING)
    if "state" not in notes:
        raise BadWeightsError(f"'{folder / TRAINING}' holds no training state; train without --resume.")
    return tensors, json.loads(notes["state"])


def save_tensors(path: Path, tensors: Mapping[str, Tensor], notes: dict[str, str]) -> str:
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    sha = digest(whole)
    with atomic_path(path) as temporary:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            save_file(whole, temporary, sealed({**notes, "sha256": sha, "made_by": "danqing"}))
        except SafetensorError as error:  # how it reports a full disk
            raise OSError(str(error)) from None
    return sha


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    notes = _notes(path)
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    if digest(tensors) != notes.get("sha256"):
        raise damaged(path)
    return tensors, notes


def _notes(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise NotFoundError(f"There is no model in '{path.parent}': {path.name} is missing; give a folder with one.")
    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
    except (SafetensorError, OSError, struct.error) as error:
        raise BadWeightsError(f"'{path}' {_what_else(path)} ({error}); give a model folder made by Danqing.") from None
    if notes.get("made_by") != "danqing":
        raise BadWeightsError(f"'{path}' was not made by Danqing: it has no card; give a model folder made by Danqing.")
    if "seal" in notes and notes != sealed(notes):
        raise damaged(path)
    return notes


def sealed(notes: Mapping[str, str]) -> dict[str, str]:
    """The notes with their own sha256, which tells a flipped bit in the header."""
    rest = {name: text for name, text in notes.items() if name != "seal"}
    return {**rest, "seal": hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()}


def damaged(path: Path) -> BadWeightsError:
    return BadWeightsError(f"'{path}' is damaged: its content is not what was written; copy or train it again.")


def _what_else(path: Path) -> str:
    """A guess, for the message, at what a file is that is no safetensors file."""
    head = path.read_bytes()[:8] if path.stat().st_size < 2**31 else b""
    if head[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or head[:4] == b"PK\x03\x04":
        return "is a pickle, which can run foreign code and is never opened"
    return "is empty" if not head else "is no whole safetensors file"


def _card(notes: dict[str, str], path: Path) -> Card:
    try:
        raw = json.loads(notes.get("card", "null"))
        version = raw.get("format_version", 0)
        if version > FORMAT_VERSION:
            raise BadWeightsError(
                f"'{path}' has format {version}, this Danqing reads up to {FORMAT_VERSION}; update Danqing."
            )
        known = {field.name for field in fields(Card)}
        return Card(**{key: value for key, value in raw.items() if key in known})
    except (ValueError, TypeError, AttributeError):
        raise BadWeightsError(
            f"'{path}' holds no whole card, so it is no model; give a model folder made by Danqing."
        ) from None


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
