"""Training speed of a plain DCGAN loop: 28 pixels, fp32."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import torch

from peerlib import dcgan, speed

SIZE = 28


def main() -> None:
    """Time both nets' training step on random pictures."""
    arguments = speed.start(__doc__, batch=128)
    gan = dcgan.Dcgan()
    pictures = torch.rand(arguments.batch, 1, SIZE, SIZE) * 2 - 1
    meter = speed.Meter(arguments)
    gan.step(pictures)
    while not meter.done():
        gan.step(pictures)
    meter.report("plain DCGAN", SIZE)


if __name__ == "__main__":
    main()
