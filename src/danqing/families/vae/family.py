"""The VAE family: phases for the trainer, painting from latents, and the way back from pictures to latents."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from danqing.families.vae.losses import bound_loss, prior_loss
from danqing.families.vae.model import Autoencoder, FlowPrior, VaeConfig
from danqing.nn.chance import noise
from danqing.registry import get, register
from danqing.samplers.schedules import times
from danqing.types import Batch, Family, Now, PaintRequest, Phase


class Vae(Family):
    name = "vae"
    title: ClassVar = {"en": "Variational autoencoder", "zh": "变分自编码器"}
    Config = VaeConfig

    def build(self, config: VaeConfig) -> nn.Module:
        return Autoencoder(config)

    def painter(self, model: Any) -> nn.Module:
        return model

    def phases(self, model: Any, config: VaeConfig) -> Sequence[Phase]:
        both = nn.ModuleList([model.encoder, model.decoder])
        phases = [Phase("bound", both, partial(bound_loss, model, config))]
        if config.prior == "flow":
            phases.append(Phase("prior", model.prior, partial(prior_loss, model, config)))
        return phases

    def error(self, model: Any, config: VaeConfig, batch: Batch, now: Now) -> Tensor:
        """Mean squared error of the pictures painted again from their mean latents."""
        return (batch.pictures - model.decode(model.encode(batch.pictures)[0])).square().mean()

    def remedies(self, config: VaeConfig, illness: str) -> Mapping[str, Any]:
        """Soft pictures: the divergence weighs less, and sigma is learned (arXiv 2006.13202)."""
        softer = illness == "smooth" and (config.sigma == "fixed" or config.beta > 0.1)
        return {"sigma": "learned", "beta": min(1.0, config.beta / 4)} if softer else {}

    def start(self, painter: Any, config: VaeConfig, request: PaintRequest, generators: Sequence[Generator]) -> Tensor:
        """(N, latent) latents drawn from the prior."""
        z = noise(generators, config.latent)
        return self._flow(painter.prior, config, request, z) if config.prior == "flow" else z

    def finish(
        self,
        painter: Any,
        config: VaeConfig,
        request: PaintRequest,
        start: Tensor,
        generators: Sequence[Generator],
    ) -> Tensor:
        return painter.decode(start.to(next(painter.parameters()).device)).clamp(-1, 1)

    def encode(self, painter: Any, pictures: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the mean latents (N, latent)."""
        return painter.encode(pictures.to(next(painter.parameters()).device))[0]

    def class_means(self, painter: Any) -> Tensor:
        """(classes, latent): where the latents of each class lie on average."""
        return painter.means.cpu()

    def takes(self, config: VaeConfig) -> frozenset[str]:
        if config.prior == "normal":
            return frozenset()
        return frozenset({"label", "steps"} if config.classes else {"steps"})

    def how(self, config: VaeConfig, request: PaintRequest) -> dict[str, Any]:
        steps = (request.steps or config.prior_steps) if config.prior == "flow" else 1
        return {"sampler": f"VAE {config.prior}", "steps": steps, "guidance": 1.0}

    def _flow(self, prior: FlowPrior, config: VaeConfig, request: PaintRequest, z: Tensor) -> Tensor:
        device = next(prior.parameters()).device
        wanted = [config.classes if n is None else n for n in request.labels] or [config.classes] * len(z)
        labels = torch.tensor(wanted, device=device)

        def denoise(z: Tensor, t: Tensor) -> Tensor:
            return prior(z, torch.full((len(z),), float(t), device=device), labels)

        moments = times(self.how(config, request)["steps"])
        solve = get("sampler", "heun")
        return prior.restore(solve(denoise, z.to(device), get("schedule", "flow"), moments, lambda step: z)).cpu()


register("family", "vae")(Vae())
