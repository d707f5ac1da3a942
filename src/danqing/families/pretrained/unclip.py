"""Pictures through their embedding, where a model has one: prior, picture embedding, decoder (DALL-E 2, 2204.06125).

picture -> embedded -> e        e noised and walked back with words by the prior -> decoder -> another picture
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Generator, Tensor

from danqing.families.pretrained.opening import Opened, quiet

STEPS = 25
"""of the prior, from noise"""
GUIDANCE = 4.0
"""how strongly the prior follows words (Kandinsky 2.2's own)"""


def has_embedding(opened: Opened) -> bool:
    """Whether pictures are painted from an embedding that other pictures have too (Kandinsky 2)."""
    prior = getattr(opened.pipeline, "prior_pipe", None)
    return hasattr(prior, "get_zero_embed") and hasattr(prior, "image_processor")


@torch.no_grad()
def embedded(opened: Opened, pictures: Sequence[Image.Image]) -> Tensor:
    """(N, D) of N pictures."""
    prior = opened.pipeline.prior_pipe
    with quiet():
        pixels = prior.image_processor(list(pictures), return_tensors="pt").pixel_values
    eyes = prior.image_encoder
    found: Tensor = eyes(pixels.to(eyes.device, eyes.dtype)).image_embeds
    return found.float().cpu()


@torch.no_grad()
def revised(opened: Opened, e: Tensor, strength: float, prompt: str, negative: str, chance: Generator) -> Tensor:
    """(1, D) led towards the words; `strength` 0 keeps it, 1 imagines anew (SDEdit, arXiv 2108.01073)."""
    if strength <= 0:
        return e
    pipe: Any = opened.pipeline.prior_pipe
    net, schedule = pipe.prior, type(pipe.scheduler).from_config(pipe.scheduler.config)
    schedule.set_timesteps(STEPS)
    times = schedule.timesteps[-max(1, round(strength * STEPS)) :]
    words, hidden, mask = pipe._encode_prompt([prompt], net.device, 1, True, [negative])
    x = (e.to(net.device, net.dtype) - net.clip_mean) / net.clip_std
    z = schedule.add_noise(x, torch.randn(e.shape, generator=chance).to(x), times[:1])
    for number, t in enumerate(times):
        free, told = net(
            torch.cat([z, z]), timestep=t, proj_embedding=words, encoder_hidden_states=hidden, attention_mask=mask
        ).predicted_image_embedding.chunk(2)  # fmt: skip
        after = times[number + 1] if number + 1 < len(times) else None
        guided = free + GUIDANCE * (told - free)
        z = schedule.step(guided, timestep=t, sample=z, prev_timestep=after, generator=chance).prev_sample
    found: Tensor = net.post_process_latents(z)
    return found.float().cpu()


@torch.no_grad()
def wishes(opened: Opened, e: Tensor) -> dict[str, Tensor]:
    """What the decoder is told: the embedding (1, D), and what to keep away from."""
    prior = opened.pipeline.prior_pipe
    return {"image_embeds": e, "negative_image_embeds": prior.get_zero_embed(1, device=prior.image_encoder.device)}
