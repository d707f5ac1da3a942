"""pythae's VAE with the nets and settings of its own MNIST example script, or with the classic nets of conv-28."""

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.models.nn.benchmarks import mnist
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn

from .dcgan import up

LATENT = 16
LEARNING_RATE = 1e-3


class Finished(Exception):
    """Raised inside pythae's trainer to end the training."""


class StopWhen(TrainingCallback):
    """Counts training steps and ends the training once a condition holds."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.steps = 0
        self._over = over

    def on_train_step_end(self, training_config: BaseTrainerConfig, **_: Any) -> None:
        """pythae calls this after each batch."""
        self.steps += 1
        if self._over():
            raise Finished


class ClassicEncoder(BaseEncoder):
    """The encoder of conv-28 as pythae's users write their own: three strided convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 5, 2, 2, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 256, 5, 2, 2, bias=False),
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.mean, self.log_variance = nn.Linear(256 * 16, LATENT), nn.Linear(256 * 16, LATENT)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        h = self.layers(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class ClassicDecoder(BaseDecoder):
    """The decoder of conv-28: a dense layer and three transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT, 256 * 49, bias=False),
            nn.Unflatten(1, (256, 7, 7)),
            nn.BatchNorm2d(256),
            up(nn.Sigmoid()),
        )

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


def build(nets: str) -> VAE:
    """A VAE for 28-pixel pictures with pythae's "conv" or "resnet" MNIST nets, or the "classic" ones of conv-28."""
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="mse")
    if nets == "classic":
        return VAE(config, encoder=ClassicEncoder(), decoder=ClassicDecoder())
    name = {"conv": "Conv", "resnet": "ResNet"}[nets]
    encoder = getattr(mnist, f"Encoder_{name}_VAE_MNIST")(config)
    decoder = getattr(mnist, f"Decoder_{name}_AE_MNIST")(config)
    return VAE(config, encoder=encoder, decoder=decoder)


def train(model: VAE, pictures: torch.Tensor, batch: int, seed: int, over: Callable[[], bool]) -> int:
    """Train with pythae's own trainer until `over` says stop; return the number of steps."""
    stop = StopWhen(over)
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            learning_rate=LEARNING_RATE,
            per_device_train_batch_size=batch,
            num_epochs=1_000_000,
            seed=seed,
            no_cuda=True,
        )
        dataset = BaseDataset(pictures, torch.ones(len(pictures)))
        trainer = BaseTrainer(model, dataset, training_config=config, callbacks=[stop])
        try:
            trainer.train()
        except Finished:
            model.eval()
    return stop.steps
