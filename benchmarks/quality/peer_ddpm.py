"""Train denoising-diffusion-pytorch on Fashion-MNIST for a CPU-time budget and save samples.

U-Net of the README with one level less, so that 28 pixels divide; batch, learning rate, clipping and moving average
are the defaults of the package's Trainer, whose loop cannot stop after a time and is driven here instead. Mirroring,
on by default there, is off: nearly every shoe in this set points the same way. The moving average lags in a short
training, so samples come from whichever weights, averaged or plain, denoise training pictures better.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

from peerlib import ddpm, run
from peerlib.data import batches, load_pictures

BATCH = 16


def main() -> None:
    """Train, sample, save."""
    parser = run.parse(__doc__.split("\n", 1)[0], samples=2000)
    parser.add_argument("--dim", type=int, default=64, help="width of the U-Net (README: 64)")
    parser.add_argument("--ddim-steps", type=int, default=25)
    arguments = parser.parse_args()
    run.start(arguments.seed)
    pictures = load_pictures(arguments.idx) / 255
    trainer = ddpm.Trainer(ddpm.build(28, 1, arguments.dim, (1, 2, 4), arguments.ddim_steps))
    steps = 0
    budget = run.Budget(arguments.minutes)
    for batch in batches(pictures, BATCH):
        loss = trainer.step(batch)
        steps += 1
        if budget.over(f"step {steps} loss {loss:.4f}"):
            break
    peer = f"denoising-diffusion-pytorch (dim {arguments.dim})"
    meta = run.common_meta(peer, "denoising-diffusion-pytorch", arguments) | budget.spent()
    candidates = {"plain": trainer.diffusion.eval(), "moving average": trainer.ema.ema_model.eval()}
    losses = {name: ddpm.mean_loss(model, pictures[:1024]) for name, model in candidates.items()}
    best = min(losses, key=lambda name: losses[name])
    meta |= {
        "pictures_seen": steps * BATCH,
        "batch": BATCH,
        "parameters": run.parameters(trainer.diffusion),
        "sampling": f"DDIM, {arguments.ddim_steps} steps, {best} weights",
        "losses": losses,
    }
    painted = {"pictures": run.to_bytes(ddpm.sample(candidates[best], arguments.samples))}
    run.save(arguments.out, painted, meta)


if __name__ == "__main__":
    main()
