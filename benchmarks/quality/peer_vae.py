"""Train pythae's VAE on Fashion-MNIST for a CPU-time budget and save samples.

Nets, latent size, loss, batch and learning rate follow the MNIST configuration in pythae's example scripts. pythae's
own BaseTrainer runs the training; a callback ends it when the budget is used up. `pictures` come from the
GaussianMixtureSampler that pythae's README shows, `pictures_normal` from the plain normal prior.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import torch
from pythae.models import VAE
from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig, NormalSampler

from peerlib import run, vae
from peerlib.data import load_pictures

BATCH = 100


def sample_mixture(model: VAE, pictures: torch.Tensor, count: int) -> torch.Tensor:
    """Fit 10 Gaussians to the training latents and decode draws from them, in random order."""
    sampler = GaussianMixtureSampler(model=model, sampler_config=GaussianMixtureSamplerConfig(n_components=10))
    sampler.fit(pictures)
    painted = sampler.sample(num_samples=count, batch_size=500)
    return painted[torch.randperm(count)]


def main() -> None:
    """Train, sample, save."""
    parser = run.parse(__doc__.split("\n", 1)[0])
    parser.add_argument("--nets", choices=("conv", "resnet"), default="resnet")
    arguments = parser.parse_args()
    run.start(arguments.seed)
    pictures = load_pictures(arguments.idx) / 255
    model = vae.build(arguments.nets)
    budget = run.Budget(arguments.minutes)
    steps = vae.train(model, pictures, BATCH, arguments.seed, budget.over)
    meta = run.common_meta(f"pythae VAE ({arguments.nets} nets)", "pythae", arguments) | budget.spent()
    meta |= {
        "pictures_seen": steps * BATCH,
        "batch": BATCH,
        "parameters": run.parameters(model),
        "sampling": {"pictures": "GaussianMixtureSampler, 10 components", "pictures_normal": "NormalSampler"},
    }
    with torch.no_grad():
        arrays = {
            "pictures": run.to_bytes(sample_mixture(model, pictures, arguments.samples)),
            "pictures_normal": run.to_bytes(NormalSampler(model=model).sample(arguments.samples, 500)),
        }
    run.save(arguments.out, arrays, meta)


if __name__ == "__main__":
    main()
