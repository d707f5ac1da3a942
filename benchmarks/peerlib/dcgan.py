"""A plain fp32 DCGAN: the usual 28-pixel nets, trained with the settings of PyTorch's DCGAN tutorial."""

import torch
from torch import nn
from torch.nn import functional

LATENT = 100


def up(last: nn.Module) -> nn.Sequential:
    """Maps (N, 256, 7, 7) to pictures (N, 1, 28, 28), ended by `last`."""
    return nn.Sequential(
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, 1, bias=False),
        last,
    )


class Generator(nn.Module):
    """Latent vector (N, 100) to pictures (N, 1, 28, 28) in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Sequential(nn.Linear(LATENT, 256 * 7 * 7, bias=False), nn.BatchNorm1d(256 * 7 * 7))
        self.convs = up(nn.Tanh())
        self.apply(_initialise)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Paint one picture per latent vector."""
        return self.convs(self.dense(latent).unflatten(1, (256, 7, 7)))


class Discriminator(nn.Sequential):
    """Pictures (N, 1, 28, 28) to one logit each."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, 2, 2),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(128 * 7 * 7, 1),
        )
        self.apply(_initialise)


class Dcgan:
    """Both nets, both optimisers and one training step."""

    def __init__(self) -> None:
        self.generator = Generator()
        self.discriminator = Discriminator()
        self._generator_step = _adam(self.generator)
        self._discriminator_step = _adam(self.discriminator)

    def step(self, real: torch.Tensor) -> None:
        """Train both nets on one batch of real pictures in -1..1."""
        fake = self.generator(torch.randn(len(real), LATENT))
        self._discriminator_step.zero_grad()
        _loss(self.discriminator(real), 1.0).backward()
        _loss(self.discriminator(fake.detach()), 0.0).backward()
        self._discriminator_step.step()
        self._generator_step.zero_grad()
        _loss(self.discriminator(fake), 1.0).backward()
        self._generator_step.step()

    def sample(self, count: int, batch: int = 128) -> torch.Tensor:
        """Paint pictures in 0..1, the generator left in training mode as in the tutorial."""
        with torch.no_grad():
            parts = [self.generator(torch.randn(batch, LATENT)) for _ in range(-(-count // batch))]
        return (torch.cat(parts)[:count] + 1) / 2


def _adam(module: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=2e-4, betas=(0.5, 0.999))


def _loss(logits: torch.Tensor, label: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _initialise(module: nn.Module) -> None:
    """The tutorial's start: convolutions N(0, 0.02), batch norm scales N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
