"""Training speed of our presets, and of a plain fp32 PyTorch loop on the same VAE nets: one JSON line each."""

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from danqing.api import training
from danqing.api.plans import Plan, overrides
from danqing.data.pictures import Origin, picture_set
from danqing.families.vae.losses import divergence
from danqing.presets import Preset, get_preset

THREADS, WINDOWS = 2, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a preset, or plain-conv-28 for the plain loop on the nets of conv-28")
    parser.add_argument("--batch", type=int, default=0, help="0 takes the preset's")
    parser.add_argument("--window-seconds", type=float, default=4.0)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    preset = get_preset(args.name.removeprefix("plain-"))
    run = prepare(preset, args.batch)
    act = plain_vae(run) if args.name.startswith("plain-") else steps(run)
    rates = measure(act, run.settings.batch, args.window_seconds)
    line = {
        "name": f"danqing {args.name}" if not args.name.startswith("plain-") else args.name,
        "pictures_per_second": round(statistics.median(rates), 2),
        "windows": WINDOWS,
        "batch": run.settings.batch,
        "size": preset.model["size"],
        "threads": THREADS,
        "precision": run.plan.precision if not args.name.startswith("plain-") else "fp32",
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(line))


def prepare(preset: Preset, batch: int) -> training.Run:
    """A run on random pictures of the preset's size that would last for hours."""
    model, settings = overrides(preset, {"batch": batch} if batch else {})
    channels = preset.model.get("channels", 1)
    pixels = torch.randint(0, 256, (2000, channels, model["size"], model["size"]), dtype=torch.uint8)
    pictures = picture_set(pixels, None, Origin("random", "made for timing", "CC0-1.0"))
    plan = Plan(preset.name, "", {**model, "channels": channels}, settings, 0, {"minutes": 600})
    from pathlib import Path

    return training.Run(plan, pictures, pictures, Path("unused"), "cpu")


def steps(run: training.Run) -> Callable[[], object]:
    events = run.trainer.run()
    return lambda: next(events)


def plain_vae(run: training.Run) -> Callable[[], object]:
    """The same nets and the same bound in the loop that people write: fp32, Adam, default memory layout."""
    net = run.trainer.model.to(memory_format=torch.contiguous_format).train()
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    pictures = run.train_set.pixels.float() / 127.5 - 1
    batch = run.settings.batch

    def step() -> None:
        x = pictures[torch.randint(len(pictures), (batch,))]
        mean, log_variance = net.encode(x)
        painted = net.decode(mean + (log_variance / 2).exp() * torch.randn_like(mean))
        loss = x[0].numel() / 2 * (x - painted).square().mean().log() + divergence(mean, log_variance).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step


def measure(act: Callable[[], object], batch: int, seconds: float) -> list[float]:
    """Pictures per second in WINDOWS windows after one for warming up."""
    rates = []
    for _ in range(WINDOWS + 1):
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            act()
            count += 1
        rates.append(count * batch / (time.perf_counter() - began))
    return rates[1:]


if __name__ == "__main__":
    main()
