"""Training speed of pythae's VAE in its own trainer: 28 pixels, fp32, with the nets of conv-28 or pythae's own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import torch

from peerlib import speed, vae

SIZE = 28


def main() -> None:
    """Time pythae's trainer on random pictures."""
    arguments = speed.start(__doc__, batch=128, nets="classic")
    pictures = torch.rand(100 * arguments.batch, 1, SIZE, SIZE)
    model = vae.build(arguments.nets)
    meter = speed.Meter(arguments)
    vae.train(model, pictures, arguments.batch, 0, meter.done)
    meter.report(f"pythae VAE, {arguments.nets} nets", SIZE)


if __name__ == "__main__":
    main()
