"""The diffusion family: phases for the trainer, painting by any solver."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn

from danqing.errors import UsageError
from danqing.families.diffusion.losses import flow_loss, noise_loss, shortcut_loss
from danqing.families.diffusion.model import Denoiser, DiffusionConfig
from danqing.nn import flow
from danqing.nn.chance import noise
from danqing.registry import get, register
from danqing.samplers.schedules import times
from danqing.types import Batch, Family, Now, PaintRequest, Phase

FIRST_TIME = {"clean": 0.0, "noise": 0.001}
"""where sampling starts: at t = 0 exactly, a predicted noise says nothing about the picture"""
LOSSES = {"clean": flow_loss, "noise": noise_loss}
USUAL_JUMPS = 4
"""steps of the few-step sampler if none are given"""


class Diffusion(Family):
    name = "diffusion"
    title: ClassVar = {"en": "Diffusion and flow matching", "zh": "扩散与流匹配"}
    Config = DiffusionConfig

    def build(self, config: DiffusionConfig) -> nn.Module:
        return Denoiser(config)

    def painter(self, model: Any) -> nn.Module:
        return model

    def phases(self, model: Any, config: DiffusionConfig) -> Sequence[Phase]:
        loss = LOSSES[config.predict]
        turn = 1 - config.few_step
        phases = [Phase("denoise", model, partial(loss, model), span=(0.0, turn))]
        if config.few_step:
            phases.append(Phase("few-step", model, partial(shortcut_loss, model), span=(turn, 1.0)))
        return phases

    def error(self, model: Any, config: DiffusionConfig, batch: Batch, now: Now) -> Tensor:
        return LOSSES[config.predict](model, batch, now)

    def start(
        self, painter: Any, config: DiffusionConfig, request: PaintRequest, generators: Sequence[Generator]
    ) -> Tensor:
        """(N, C, H, W) noise."""
        return noise(generators, config.channels, config.size, config.size)

    def finish(
        self,
        painter: Any,
        config: DiffusionConfig,
        request: PaintRequest,
        start: Tensor,
        generators: Sequence[Generator],
    ) -> Tensor:
        how = self.how(config, request)
        if how["sampler"] == "few-step":
            check_jumps(config, how["steps"])
        moments = times(how["steps"], FIRST_TIME[config.predict])
        denoise = Guided(painter, config, request, how["guidance"], len(start), moments, how["sampler"] == "few-step")
        device = next(painter.parameters()).device
        shape = start.shape[1:]
        solve = get("sampler", how["sampler"])
        made = solve(denoise, start.to(device), get("schedule", config.schedule), moments,
                     lambda step: noise(generators, *shape).to(device))  # fmt: skip
        return made.clamp(-1, 1)

    def takes(self, config: DiffusionConfig) -> frozenset[str]:
        labels = {"label", "guidance"} if config.classes else set()
        return frozenset({"sampler", "steps"} | labels)

    def how(self, config: DiffusionConfig, request: PaintRequest) -> dict[str, Any]:
        sampler = request.sampler or config.sampler
        usual = USUAL_JUMPS if sampler == "few-step" else config.steps
        return {
            "sampler": sampler,
            "steps": request.steps or usual,
            "guidance": config.guidance if request.guidance is None else request.guidance,
        }


def check_jumps(config: DiffusionConfig, steps: int) -> None:
    """UsageError where the network has not learned to jump, or not so far."""
    if not config.few_step:
        raise UsageError("This model was trained without a few-step stage; use another --sampler, such as dpm++2m.")
    if steps not in flow.JUMPS:
        known = ", ".join(map(str, flow.JUMPS))
        raise UsageError(f"The few-step sampler cannot take {steps} steps; choose one of {known}.")


class Guided:
    """denoise(z, t) for the solvers: labels and guidance inside.

    Guidance w moves from the picture of any label to that of this label: x_any + w (x_label - x_any)
    (Ho & Salimans, arXiv 2207.12598, eq. 6, where our w is their w + 1).
    """

    def __init__(
        self,
        denoiser: nn.Module,
        config: DiffusionConfig,
        request: PaintRequest,
        guidance: float,
        rows: int,
        moments: Tensor,
        spans: bool,
    ) -> None:
        wanted = [config.classes if label is None else label for label in request.labels] or [config.classes] * rows
        device = next(denoiser.parameters()).device
        self.labels = torch.tensor(wanted, device=device)
        self.anything = torch.full_like(self.labels, config.classes)
        self.denoiser = denoiser
        self.guidance = guidance if bool((self.labels != self.anything).any()) else 1.0
        ends = dict(zip(moments[:-1].tolist(), moments[1:].tolist(), strict=True))
        self.ends = ends if spans else {}

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        span = self.ends[float(t)] - float(t) if self.ends else 0.0
        at = torch.full((len(z),), float(t), device=z.device)
        step = torch.full_like(at, span)
        if self.guidance == 1.0:
            return self.denoiser(z, at, step, self.labels)
        x, free = self.denoiser(
            torch.cat([z, z]), at.repeat(2), step.repeat(2), torch.cat([self.labels, self.anything])
        ).chunk(2)
        return free + self.guidance * (x - free)


register("family", "diffusion")(Diffusion())
