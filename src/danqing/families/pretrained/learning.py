"""Something new for a large model from a few pictures: LoRA on the attention of its U-Net (arXiv 2106.09685).

    z_t = a_t z + s_t e        the model's own noise schedule (Ho et al., arXiv 2006.11239, eq. 4)
    loss = ‖net(z_t, t, words) - e‖²        or the velocity a_t e - s_t z, where the model learned that (2202.00512)

Only the small matrices learn; the file that comes out is in the names of peft, and any program reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from danqing.errors import MissingExtraError, UsageError
from danqing.families.pretrained.encoding import reads_pieces, said
from danqing.families.pretrained.memory import bytes_free
from danqing.families.pretrained.opening import Opened, quiet
from danqing.images.writing import atomic_path
from danqing.nn.chance import generator
from danqing.types import Batch, Now

PLACES = ("to_q", "to_k", "to_v", "to_out.0")
"""layers of attention that are changed"""
RANK = 8
ANSWERS = ("epsilon", "v_prediction", "sample")
"""what a model may have learned to answer with"""
UNSAID = 0.1
"""share of the steps without words, which guidance needs"""
ADAPTER = "taught"
ROOM = 16e9
"""bytes of free memory below which activations are computed twice instead of kept"""


@dataclass(frozen=True, eq=False)
class Pupil:
    """A pipeline with small matrices that learn."""

    opened: Opened
    learns: nn.ParameterList
    noise: Any
    """diffusers' DDPM schedule, with the model's own numbers"""

    @property
    def net(self) -> Any:
        return self.opened.pipeline.unet


@dataclass(frozen=True, eq=False)
class Lessons:
    """Pictures as latents, with their words as the encoders read them."""

    latents: Tensor
    """(N, C, h, w)"""
    words: tuple[dict[str, Tensor], ...]
    """of each picture; what no words are comes last"""
    side: int
    """pixels"""
    batch: int
    seed: int

    def __len__(self) -> int:
        return len(self.latents)

    def at(self, step: int) -> Batch:
        chance = generator("lora", self.seed, step)
        rows = torch.randint(len(self), (self.batch,), generator=chance)
        without = torch.rand(self.batch, generator=chance) < UNSAID
        return self.of(torch.where(without, len(self), rows), rows)

    def of(self, spoken: Tensor, rows: Tensor) -> Batch:
        chosen = [self.words[place] for place in spoken.tolist()]
        given = {name: torch.cat([one[name] for one in chosen]) for name in chosen[0]}
        return Batch(self.latents[rows], None, given)


def check(opened: Opened) -> None:
    """UsageError for a model that is not taught here, MissingExtraError."""
    pipeline, unet = opened.pipeline, getattr(opened.pipeline, "unet", None)
    few = unet is not None and getattr(unet.config, "time_cond_proj_dim", None) is not None
    kind = pipeline.scheduler.config.get("prediction_type", "epsilon")
    if unet is None or few or kind not in ANSWERS or not reads_pieces(pipeline):
        raise UsageError(
            f"A {opened.kind} is not taught here; Stable Diffusion 1, 2, XL and their kin are, name one with --base."
        )
    if getattr(pipeline, "_offload_gpu_id", None) is not None:
        raise UsageError(f"{opened.path.name} does not fit into the GPU's memory whole; take a smaller model.")
    if find_spec("peft") is None:
        raise MissingExtraError("Teaching a pretrained model", "sd")


@contextmanager
def taught(opened: Opened, rank: int, seed: int) -> Iterator[Pupil]:
    """The model with small matrices on it, which are taken off again, whatever happens."""
    from diffusers import DDPMScheduler
    from peft import LoraConfig

    net = opened.pipeline.unet
    with quiet():
        schedule = DDPMScheduler.from_config(opened.pipeline.scheduler.config)
    torch.manual_seed(seed)
    try:
        with quiet():
            config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(PLACES))
            net.add_adapter(config, adapter_name=ADAPTER)
        learns = nn.ParameterList([p for p in net.parameters() if p.requires_grad])
        learns.float()
        if bytes_free(net.device) < ROOM:
            net.enable_gradient_checkpointing()
        yield Pupil(opened, learns, schedule)
    finally:
        net.disable_gradient_checkpointing()
        if ADAPTER in getattr(net, "peft_config", {}):
            net.delete_adapters(ADAPTER)
        net.requires_grad_(False)


@torch.no_grad()
def lessons(opened: Opened, pictures: Tensor, captions: Sequence[str], batch: int, seed: int) -> Lessons:
    """Of (N, 3, S, S) in [-1, 1], and what was written about each."""
    vae = opened.pipeline.vae
    latents = []
    for place, one in enumerate(pictures.split(1)):
        found = vae.encode(one.to(vae.device, vae.dtype)).latent_dist
        noise = torch.randn(found.mean.shape, generator=generator("lora", seed, "latent", place))
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        made = (found.mean.float().cpu() + found.std.float().cpu() * noise - shift) * vae.config.scaling_factor
        latents.append(made)
    words = tuple(said(opened.pipeline, text, "", guided=False).wishes for text in (*captions, ""))
    return Lessons(torch.cat(latents), words, pictures.shape[-1], batch, seed)


def lora_loss(pupil: Pupil, side: int, batch: Batch, now: Now) -> Tensor:
    """Mean squared error of what the model predicts, at a time by chance."""
    net, schedule = pupil.net, pupil.noise
    z, rows = batch.pictures, len(batch.pictures)
    t = now.chance.integers(schedule.config.num_train_timesteps, rows).cpu()
    e = now.chance.normal_like(z).cpu()
    noised = schedule.add_noise(z, e, t)
    kind = schedule.config.prediction_type
    wanted = {"epsilon": e, "v_prediction": schedule.get_velocity(z, e, t), "sample": z}[kind]
    there: Callable[[Tensor], Tensor] = lambda value: value.to(net.device, net.dtype)  # noqa: E731
    wishes: dict[str, Any] = {"encoder_hidden_states": there(batch.given["prompt_embeds"])}
    if "pooled_prompt_embeds" in batch.given:  # SDXL is told sizes and crops (arXiv 2307.01952, sec. 2.2)
        sizes = torch.tensor([[side, side, 0, 0, side, side]]).repeat(rows, 1)
        pooled = there(batch.given["pooled_prompt_embeds"])
        wishes["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": there(sizes)}
    made = net(there(noised), t.to(net.device), **wishes).sample
    return (made.float() - wanted.to(made.device)).square().mean()


def write(pupil: Pupil, path: Path) -> None:
    """One safetensors file, in peft's names as diffusers has them."""
    from peft.utils import get_peft_model_state_dict

    state = get_peft_model_state_dict(pupil.net, adapter_name=ADAPTER)
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet(), atomic_path(path) as temporary:
        pupil.opened.pipeline.save_lora_weights(
            temporary.parent, unet_lora_layers=state, weight_name=temporary.name, safe_serialization=True
        )
