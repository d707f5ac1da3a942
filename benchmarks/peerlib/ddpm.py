"""denoising-diffusion-pytorch with the defaults of its README and Trainer."""

import torch

from .run import note
from .shim import load_torchvision

load_torchvision()

from denoising_diffusion_pytorch import GaussianDiffusion, Unet  # noqa: E402
from ema_pytorch import EMA  # noqa: E402


class Trainer:
    """The package's Trainer step without its folder reader: Adam, gradient clipping, moving average."""

    def __init__(self, diffusion: GaussianDiffusion) -> None:
        self.diffusion = diffusion
        self.ema = EMA(diffusion, beta=0.995, update_every=10)
        self._optimizer = torch.optim.Adam(diffusion.parameters(), lr=1e-4, betas=(0.9, 0.99))

    def step(self, pictures: torch.Tensor) -> float:
        """Train on one batch of pictures in 0..1."""
        loss = self.diffusion(pictures)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.ema.update()
        return loss.item()


def build(size: int, channels: int, dim: int, multipliers: tuple[int, ...], steps: int) -> GaussianDiffusion:
    """The README's U-Net and diffusion: 1000 training steps, `steps` DDIM steps for sampling."""
    net = Unet(dim=dim, dim_mults=multipliers, channels=channels)
    return GaussianDiffusion(net, image_size=size, timesteps=1000, sampling_timesteps=steps)


@torch.inference_mode()
def mean_loss(diffusion: GaussianDiffusion, pictures: torch.Tensor, batch: int = 64) -> float:
    """Denoising loss over pictures, with the same noise on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        losses = [diffusion(part).item() for part in pictures.split(batch)]
    return sum(losses) / len(losses)


def sample(diffusion: GaussianDiffusion, count: int, batch: int = 100) -> torch.Tensor:
    """DDIM samples in 0..1."""
    diffusion.eval()
    parts: list[torch.Tensor] = []
    while sum(map(len, parts)) < count:
        parts.append(diffusion.sample(batch_size=batch))
        note(f"sampled {len(parts) * batch} of {count}")
    return torch.cat(parts)[:count]
