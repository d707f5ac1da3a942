"""Training speed of denoising-diffusion-pytorch's README U-Net: 64 pixels, 3 channels, fp32."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import torch

from peerlib import ddpm, speed

SIZE = 64


def main() -> None:
    """Time the package's training step on random pictures."""
    arguments = speed.start(__doc__, batch=8, window=2.0)
    trainer = ddpm.Trainer(ddpm.build(SIZE, 3, 64, (1, 2, 4, 8), steps=250))
    pictures = torch.rand(arguments.batch, 3, SIZE, SIZE)
    meter = speed.Meter(arguments)
    trainer.step(pictures)
    while not meter.done():
        trainer.step(pictures)
    meter.report("denoising-diffusion-pytorch README U-Net", SIZE)


if __name__ == "__main__":
    main()
