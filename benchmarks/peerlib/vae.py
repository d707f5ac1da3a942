"""pythae's VAE with the nets and settings of its own MNIST example script."""

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.nn.benchmarks import mnist
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback

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


def build(nets: str) -> VAE:
    """A VAE for 28-pixel pictures with pythae's "conv" or "resnet" MNIST nets."""
    name = {"conv": "Conv", "resnet": "ResNet"}[nets]
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="mse")
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
