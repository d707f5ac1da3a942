"""diffusers' text-to-image example (train_text_to_image.py) at the size of this data: words straight to latents.

A UNet2DConditionModel guesses the noise (DDPM, 1,000 steps, AdamW at 1e-4, moving average) of latents while it attends
to word vectors. Differences from the example, all in its favour: the latents are those of Danqing's own codec (the
example's Stable Diffusion weights are not to be had offline), the word vectors are learned with it (no CLIP offline), a
tenth of the captions is left out, so that guidance works. It paints by DDIM in STEPS steps under each guidance of
GUIDANCE; the better one counts, which favours it again.
"""

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import numpy as np
import torch
from torch import Tensor, nn

from peerlib.run import note, parameters, start
from peerlib.shim import load_torchvision

load_torchvision()

from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel  # noqa: E402
from diffusers.training_utils import EMAModel  # noqa: E402

WIDTH, LENGTH, BATCH, DROPPED = 256, 25, 16, 0.1
GUIDANCE, STEPS = (3.0, 7.5), 25


class Words(nn.Module):
    """(B, L) word ids, 0 for none -> (B, L, WIDTH)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.words, self.order = nn.Embedding(count, WIDTH), nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.words(tokens) + self.order[: tokens.shape[1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="what equal.py export wrote")
    parser.add_argument("--minutes", type=float, default=60.0, help="CPU minutes of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the .npz with painted latents")
    args = parser.parse_args()
    start(args.seed)
    data = np.load(args.data)
    latents, tokens, style = data["latents"], data["tokens"].astype(np.int64), data["style"].astype(np.int64)
    odds = data["weight"] / data["weight"].sum()
    net = nn.ModuleDict({"unet": unet(latents.shape[1], latents.shape[2]), "words": Words(int(data["words"]))})
    noise = DDPMScheduler()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    average = EMAModel(net.parameters(), decay=0.995)
    rng, steps, began, last = np.random.default_rng(args.seed), 0, time.process_time(), time.perf_counter()
    while time.process_time() - began < 60 * args.minutes:
        rows = rng.choice(len(latents), BATCH, p=odds)
        said = with_style(tokens[rows, rng.integers(tokens.shape[1], size=BATCH)], style[rows])
        said[torch.from_numpy(rng.random(BATCH) < DROPPED)] = 0
        x = torch.from_numpy(latents[rows].astype(np.float32))
        e, t = torch.randn_like(x), torch.randint(noise.config.num_train_timesteps, (BATCH,))
        guess = net["unet"](noise.add_noise(x, e, t), t, net["words"](said)).sample
        loss = nn.functional.mse_loss(guess, e)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        average.step(net.parameters())
        steps += 1
        if time.perf_counter() - last > 30:
            last = time.perf_counter()
            note(f"{(time.process_time() - began) / 60:.1f} CPU minutes, step {steps}, loss {loss:.4f}")
    minutes = (time.process_time() - began) / 60
    average.copy_to(net.parameters())
    net.eval()
    asked = with_style(data["asked"].astype(np.int64), data["asked_style"].astype(np.int64))
    painted = {f"guidance {g:g}": paint(net, asked, latents.shape[1:], g, args.seed) for g in GUIDANCE}
    meta = {
        "peer": "diffusers U-Net text to image", "version": version("diffusers"), "seed": args.seed,
        "cpu_minutes": round(minutes, 1), "steps": steps, "pictures_seen": steps * BATCH,
        "parameters": parameters(net), "sampling": f"DDIM, {STEPS} steps",
    }  # fmt: skip
    with args.out.open("wb") as file:
        np.savez_compressed(file, meta=np.array(json.dumps(meta)), **painted)
    print(json.dumps(meta))


def unet(channels: int, side: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=side, in_channels=channels, out_channels=channels, layers_per_block=2,
        block_out_channels=(64, 128, 192), cross_attention_dim=WIDTH, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip


def with_style(tokens: np.ndarray, style: np.ndarray) -> Tensor:
    """The word ids, and before them that of the style; styles come after the words in the table."""
    return torch.from_numpy(np.concatenate([style[:, None], tokens], 1)[:, :LENGTH].copy())


@torch.no_grad()
def paint(net: nn.ModuleDict, asked: Tensor, shape: tuple[int, ...], guidance: float, seed: int) -> np.ndarray:
    sampler = DDIMScheduler()
    sampler.set_timesteps(STEPS)
    made = []
    for rows in asked.split(32):
        z = torch.randn(len(rows), *shape, generator=torch.Generator().manual_seed(seed))
        words = net["words"](torch.cat([rows, 0 * rows]))
        for t in sampler.timesteps:
            e, free = net["unet"](torch.cat([z, z]), t, words).sample.chunk(2)
            z = sampler.step(free + guidance * (e - free), t, z).prev_sample
        made.append(z)
    return torch.cat(made).numpy().astype(np.float16)


if __name__ == "__main__":
    main()
