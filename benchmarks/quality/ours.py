"""Train one of our presets for a CPU-time budget and save samples; by default on Fashion-MNIST."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

from danqing.api import training
from danqing.api.painting import many
from danqing.api.plans import Plan, overrides
from danqing.data import load_split
from danqing.images import sheet
from danqing.images.writing import write_array
from danqing.presets import default_preset, get_preset

CORES, THREADS = 2, 1  # as the peers: the CPU time of two cores, spent on one thread


def main() -> None:
    args = parse()
    torch.set_num_threads(THREADS)
    preset = get_preset(args.preset) if args.preset else default_preset(args.family, 28)
    train, held = load_split(args.data, size=preset.model["size"])
    model, settings = overrides(preset, {"precision": args.precision} if args.precision else {})
    model |= {"channels": train.card.channels, "classes": len(train.card.labels)}
    budget = preset.budget | {"minutes": args.minutes * CORES}  # of CPU time; a preset may end before
    plan = Plan(preset.name, train.card.name, model, settings, args.seed, budget, train.card.sha256)
    run = training.Run(plan, train, held, args.out.with_suffix(""), "cpu", clock=time.process_time)
    began = time.perf_counter()
    last = began
    for progress in run.trainer.run():
        if time.perf_counter() - last > 30:
            last = time.perf_counter()
            print(f"{100 * progress.done:.0f} % step {progress.step}", file=sys.stderr, flush=True)
    wall = time.perf_counter() - began
    painted = run.present()
    groups = list(many(painted, args.samples, 1_000_000))
    painted_pixels = torch.cat([group for group, _ in groups])
    pictures = painted_pixels[:, 0].numpy() if train.card.channels == 1 else painted_pixels.permute(0, 2, 3, 1).numpy()
    labels = torch.cat([of_group for _, of_group in groups]).numpy()
    run.save_model(run.trainer.average.module)
    meta = {
        "peer": f"danqing {preset.name}",
        "seed": args.seed,
        "data": train.card.name,
        "minutes": args.minutes,
        "threads": THREADS,
        "cpu_seconds": round(run.trainer.seconds, 1),
        "wall_seconds": round(wall, 1),
        "pictures_seen": run.trainer.pictures,
        "steps": run.trainer.step,
        "batch": run.settings.batch,
        "precision": run.plan.precision,
        "parameters": training.parameters(run.trainer.model),
        "torch": torch.__version__,
    }
    write_array(sheet(list(pictures[:40]), columns=10), args.out.with_suffix(".png"))
    partial = args.out.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, pictures=pictures, labels=labels, meta=np.array(json.dumps(meta)))
    partial.replace(args.out)
    print(json.dumps(meta))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="diffusion")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--preset", default="", help="instead of the family's default")
    parser.add_argument("--minutes", type=float, default=10.0, help=f"training budget, on {CORES} cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--precision", default="", help="instead of the preset's")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    return args


if __name__ == "__main__":
    main()
