"""Words for CLIP's text encoders: of any length, each with its weight.

CLIP reads 77 signs, the first and the last of which are its own. Longer prompts are read in pieces of 75 and the pieces
laid behind each other; a weight multiplies what was read of a word, and the whole is brought back to its mean, as
AUTOMATIC1111 does. Other encoders (T5, Qwen) get the words as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from danqing.words.prompts import unbracket

Signs = list[tuple[int, float]]
"""(number of a sign, its weight)"""


@dataclass(frozen=True)
class Said:
    """What a pipeline is told: the words, or what its encoders made of them."""

    wishes: dict[str, Any]
    """arguments of the pipeline"""
    pieces: int
    """of 75 signs that the prompt was read in; 0 where the model reads it in its own way"""


def reads_pieces(pipeline: Any) -> bool:
    """Whether all its text encoders are CLIP's and it takes what they made: Stable Diffusion 1, 2, XL and their kin."""
    encoders = [getattr(pipeline, name, None) for name in ("text_encoder", "text_encoder_2", "text_encoder_3")]
    kinds = [one for one in encoders if one is not None]
    clip = all(type(one).__name__.startswith("CLIPText") for one in kinds) and bool(kinds)
    return clip and hasattr(pipeline, "unet") and not hasattr(pipeline, "prior_prior")


def said(pipeline: Any, prompt: str, negative: str, guided: bool) -> Said:
    """The arguments that tell `pipeline` the words; `guided`: whether the negative ones are asked for at all."""
    if not reads_pieces(pipeline):
        words = {"prompt": plain(prompt)}
        return Said(words | ({"negative_prompt": plain(negative)} if negative and guided else {}), 0)
    rows, pieces = read(pipeline, [prompt, negative] if guided else [prompt])
    if guided and not negative and pipeline.config.get("force_zeros_for_empty_prompt"):  # SDXL learned it so
        rows[1] = tuple(None if part is None else torch.zeros_like(part) for part in rows[1])  # type: ignore[assignment]
    names = ("", "negative_")
    wishes = {}
    for name, (embeds, pooled) in zip(names, rows, strict=False):
        wishes[f"{name}prompt_embeds"] = embeds
        if pooled is not None:
            wishes[f"{name}pooled_prompt_embeds"] = pooled
    return Said(wishes, pieces)


def plain(prompt: str) -> str:
    """Without brackets and weights.

    >>> plain("a (red:1.4) apple")
    'a red apple'
    """
    return " ".join(unbracket(prompt)[0].split())


Read = tuple[Tensor, Tensor | None]
"""(1, 77 n, D) and, where a second encoder gives one, (1, P)"""


@torch.no_grad()
def read(pipeline: Any, prompts: Sequence[str]) -> tuple[list[Read], int]:
    """Each prompt as the encoders read it, all in as many pieces as the longest needs."""
    second = getattr(pipeline, "text_encoder_2", None) is not None
    names = [name for name in ("", "_2") if getattr(pipeline, f"text_encoder{name}", None) is not None]
    found, pieces = [], 1
    for name in names:
        tokenizer, encoder = getattr(pipeline, f"tokenizer{name}"), getattr(pipeline, f"text_encoder{name}")
        signs = [weighted(tokenizer, prompt) for prompt in prompts]
        room = tokenizer.model_max_length - 2
        pieces = max(1, *(-(-len(one) // room) for one in signs))
        found.append([encoded(tokenizer, encoder, one, pieces, penultimate=second) for one in signs])
    rows: list[Read] = []
    for place in range(len(prompts)):
        embeds = torch.cat([of_encoder[place][0] for of_encoder in found], dim=-1)
        rows.append((embeds, found[-1][place][1] if second else None))
    return rows, pieces


def weighted(tokenizer: Any, prompt: str) -> Signs:
    """The signs of a prompt with their weights.

    Words of one weight are read together: a sign may reach over a space.
    """
    text, weights = unbracket(tokenizer_words(tokenizer, prompt))
    signs: Signs = []
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or weights[end] != weights[start]:
            for sign in tokenizer(text[start:end], add_special_tokens=False).input_ids:
                signs.append((sign, weights[start]))
            start = end
    return signs


def tokenizer_words(tokenizer: Any, prompt: str) -> str:
    """Words that were added by a textual inversion of several signs are spelled out."""
    for word in sorted(tokenizer.get_added_vocab(), key=len, reverse=True):
        more = [f"{word}_{number}" for number in range(1, 100) if f"{word}_{number}" in tokenizer.get_added_vocab()]
        if more:
            whole = " ".join([word, *more])
            prompt = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", lambda _, whole=whole: whole, prompt)  # type: ignore[misc]
    return prompt


def encoded(tokenizer: Any, encoder: Any, signs: Signs, pieces: int, penultimate: bool) -> Read:
    """What an encoder makes of signs; of the last layer but one where `penultimate` (SDXL)."""
    room = tokenizer.model_max_length - 2
    rows, weights = [], []
    for number in range(pieces):
        piece = signs[number * room : (number + 1) * room]
        rows.append(closed(tokenizer, [sign for sign, _ in piece]))
        weights.append([1.0, *(weight for _, weight in piece), *[1.0] * (room + 1 - len(piece))])
    out = encoder(torch.tensor(rows, device=encoder.device), output_hidden_states=True)
    hidden = out.hidden_states[-2] if penultimate else out.last_hidden_state
    scale = torch.tensor(weights, device=hidden.device, dtype=torch.float32)[..., None]
    made = brought_back(hidden.float(), scale).to(hidden.dtype)
    pooled = getattr(out, "text_embeds", None)
    return made.reshape(1, -1, made.shape[-1]), None if pooled is None else pooled[:1]


def closed(tokenizer: Any, signs: list[int]) -> list[int]:
    """One piece as CLIP learned to read it: begin, signs, end, and padding."""
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    row = [tokenizer.bos_token_id, *signs, tokenizer.eos_token_id]
    return row + [padding] * (tokenizer.model_max_length - len(row))


def brought_back(hidden: Tensor, scale: Tensor) -> Tensor:
    """(N, 77, D) times weights (N, 77, 1), with the mean that it had; the same where all weights are 1."""
    if bool((scale == 1).all()):
        return hidden
    weighed = hidden * scale
    return weighed * (hidden.mean() / weighed.mean())
