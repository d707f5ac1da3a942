"""Train a plain fp32 DCGAN on Fashion-MNIST for a CPU-time budget and save samples."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

from peerlib import dcgan, run
from peerlib.data import batches, load_pictures

BATCH = 128


def main() -> None:
    """Train, sample, save."""
    arguments = run.parse(__doc__).parse_args()
    run.start(arguments.seed)
    pictures = load_pictures(arguments.idx) / 127.5 - 1
    gan = dcgan.Dcgan()
    steps = 0
    budget = run.Budget(arguments.minutes)
    for batch in batches(pictures, BATCH):
        gan.step(batch)
        steps += 1
        if budget.over(f"step {steps}"):
            break
    meta = run.common_meta("plain DCGAN", "torch", arguments) | budget.spent()
    meta |= {
        "pictures_seen": steps * BATCH,
        "batch": BATCH,
        "parameters": run.parameters(gan.generator, gan.discriminator),
        "sampling": "one generator pass, batch statistics of 128 pictures",
    }
    run.save(arguments.out, {"pictures": run.to_bytes(gan.sample(arguments.samples))}, meta)


if __name__ == "__main__":
    main()
