"""A painter as a folder: eight-bit weights, card, the vocabulary that its word ids belong to.

weights.safetensors   matrices as int8 with a fp16 scale per output channel, everything else fp16
card.json             family "text2image"; config: format, prior, decoder, codec, styles, vocabulary_sha, jumps,
                      default_style
vocabulary.txt        one word a line; word i has the id i + len(RESERVED)
index.*               what it was trained on, see index.py; not every painter has it
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danqing import settings
from danqing.checkpoint import load_model, save_model
from danqing.errors import BadWeightsError, UsageError
from danqing.families.text2image.codec import CodecConfig
from danqing.families.text2image.decoder import DecoderConfig
from danqing.families.text2image.painter import Painter
from danqing.families.text2image.prior import PriorConfig
from danqing.home import VOCABULARY
from danqing.images.writing import write_atomic
from danqing.types import Card
from danqing.words.lexicon import RESERVED

FAMILY = "text2image"
FORMAT = 2
"""counted up when the same weights would paint other pictures; 2: the decoder's steering is levelled"""
SCALE = ":scale"
"""what the name of a matrix is followed by in the name of its scales"""
LEAST_ENTRIES = 1024
"""smaller matrices stay fp16"""
SAVED = 127
"""the largest number of eight bits that is used; symmetric"""


@dataclass(frozen=True)
class Shipped:
    """What a painter folder holds."""

    painter: Painter
    """in painting mode, without gradients"""
    styles: tuple[str, ...]
    """style i has the id i; len(styles) is any"""
    vocabulary: tuple[str, ...]
    jumps: bool
    """whether the decoder learned to paint in few steps"""
    default_style: str | None
    taught: Mapping[str, str]
    """names that were taught afterwards -> their words in the vocabulary"""
    card: Card
    sha: str
    """sha256 of the tensors as stored"""


def painter_config(
    painter: Painter,
    styles: Sequence[str],
    vocabulary: Sequence[str],
    jumps: bool = False,
    default_style: str | None = None,
    taught: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The config of the card, JSON-safe. UsageError where the words or styles are not as many as the weights know."""
    prior, decoder = painter.prior.config, painter.decoder.config
    counts = {"words": (prior.words, len(vocabulary) + len(RESERVED)), "styles": (prior.styles, len(styles))}
    for what, (known, came) in counts.items():
        if known != came:
            raise UsageError(f"The painter was built for {known} {what}, {came} came; give those that it learned with.")
    return {
        "format": FORMAT,
        "prior": settings.plain(prior),
        "decoder": settings.plain(decoder),
        "codec": settings.plain(painter.codec.config),
        "styles": list(styles),
        "vocabulary_sha": text_sha(vocabulary_text(vocabulary)),
        "jumps": jumps,
        "default_style": default_style,
        **({"taught": dict(taught)} if taught else {}),
    }


def write_painter(folder: Path, painter: Painter, vocabulary: Sequence[str], card: Card) -> str:
    """Write the folder; `card.config` is from `painter_config`. Returns the sha256 of the stored tensors."""
    sha = save_model(folder, packed(painter.state_dict()), replace(card, family=FAMILY))
    write_atomic(folder / VOCABULARY, vocabulary_text(vocabulary).encode())
    return sha


def read_painter(folder: Path) -> Shipped:
    """The painter of a folder. Raises NotFoundError, or BadWeightsError where its parts do not belong together."""
    tensors, card, sha = load_model(folder)
    if card.family != FAMILY:
        raise BadWeightsError(f"The model in '{folder}' ({card.family}) paints no words; give a folder of a painter.")
    if card.config.get("format") != FORMAT:
        raise BadWeightsError(
            f"The painter in '{folder}' is of an older Danqing, whose networks were others; make or teach it again."
        )
    vocabulary = read_vocabulary(folder, str(card.config.get("vocabulary_sha")))
    try:
        where = f"the card of '{folder}'"
        painter = Painter(
            settings.read(PriorConfig, card.config["prior"], where),
            settings.read(DecoderConfig, card.config["decoder"], where),
            settings.read(CodecConfig, card.config["codec"], where),
        )
        painter.load_state_dict(unpacked(tensors))
        styles = tuple(map(str, card.config["styles"]))
    except (UsageError, RuntimeError, KeyError, TypeError):
        raise BadWeightsError(f"The weights in '{folder}' do not fit their card; copy the folder again.") from None
    painter = ready(painter)
    jumps, default = bool(card.config.get("jumps")), card.config.get("default_style")
    taught = {str(name): str(word) for name, word in card.config.get("taught", {}).items()}
    return Shipped(painter, styles, vocabulary, jumps, default if default in styles else None, taught, card, sha)


def ready(painter: Any) -> Any:
    """In painting mode, without gradients, in the fast memory layout."""
    return painter.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def read_vocabulary(folder: Path, sha: str) -> tuple[str, ...]:
    try:
        text = (folder / VOCABULARY).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if text_sha(text) != sha:
        raise BadWeightsError(f"'{folder / VOCABULARY}' is not the one its weights were trained with; copy it again.")
    return tuple(text.split())


def vocabulary_text(vocabulary: Sequence[str]) -> str:
    return "".join(f"{word}\n" for word in vocabulary)


def text_sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Eight bits.


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored; an entry of an int8 matrix is off by at most half its row's scale.

    The embedder stays fp16: its errors would be in every embedding alike.
    """
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if in_eight_bits(name, value):
            stored[name], stored[name + SCALE] = rounded(value)
        else:
            stored[name] = value.half() if value.is_floating_point() else value
    wild = [name for name, value in stored.items() if value.is_floating_point() and not value.isfinite().all()]
    if wild:
        raise BadWeightsError(f"The weights {wild[0]} are no numbers that fp16 can hold; the training went wrong.")
    return stored


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """float32 of what `packed` gave. KeyError where a matrix has no scales."""
    state: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.dtype == torch.int8:
            scale = tensors[name + SCALE].float()
            state[name] = value.float() * scale.view(-1, *[1] * (value.ndim - 1))
        elif not name.endswith(SCALE):
            state[name] = value.float() if value.is_floating_point() else value
    return state


def in_eight_bits(name: str, value: Tensor) -> bool:
    large = value.ndim >= 2 and value.numel() >= LEAST_ENTRIES
    return large and value.is_floating_point() and name.endswith(".weight") and not name.startswith("embedder.")


def rounded(value: Tensor) -> tuple[Tensor, Tensor]:
    """(C, ...) float -> int8 (C, ...) and fp16 (C,); the scale is rounded upwards, so that nothing is cut off."""
    rows = value.detach().float().flatten(1)
    exact = rows.abs().amax(1) / SAVED
    scale = exact.half()
    scale = torch.where(scale.float() < exact, torch.nextafter(scale, scale.new_tensor(torch.inf)), scale)
    eight = (rows / scale.float().clamp(min=1e-12)[:, None]).round().to(torch.int8)
    return eight.view(value.shape), scale
