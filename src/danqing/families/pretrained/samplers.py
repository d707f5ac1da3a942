"""Samplers by the names that people know, as diffusers has them; and what suits a model when none is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from danqing.errors import UsageError, unknown

NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm++2m": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "dpm++sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "pndm": ("PNDMScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}
"""name -> class of diffusers and its settings"""
SLOW = ("PNDMScheduler", "DDIMScheduler", "DDPMScheduler", "LMSDiscreteScheduler")
"""what models of before are saved with; DPM++ 2M needs half the steps"""
FEW = {"lcm": 4, "lightning": 4, "hyper": 4, "schnell": 4, "turbo": 1}
"""part of a model's name -> its steps"""


@dataclass(frozen=True)
class Usual:
    """What suits a model when nothing is said."""

    sampler: str | None
    """None keeps the model's own"""
    steps: int
    guidance: float


def steps_by_name(name: str) -> int | None:
    """Of a model that learned to take few, by its name; None for others.

    >>> steps_by_name("sd_turbo"), steps_by_name("v1-5-pruned")
    (1, None)
    """
    words = re.split(r"[\W_]+", name.lower())
    return next((steps for part, steps in FEW.items() if part in words), None)


def usual(pipeline: Any, name: str) -> Usual:
    """By its scheduler and its parts, then by its name, then as the pipeline's authors have it."""
    scheduler = type(pipeline.scheduler).__name__
    few = steps_by_name(name)
    transformer = getattr(pipeline, "transformer", None)
    if scheduler == "LCMScheduler":
        embedded = getattr(pipeline.unet.config, "time_cond_proj_dim", None) is not None
        return Usual(None, 4, 8.5 if embedded else 1.0)
    settings = pipeline.scheduler.config
    distilled = settings.get("timestep_spacing") == "trailing" and not settings.get("rescale_betas_zero_snr")
    if few is not None or distilled:
        return Usual(None, few or 1, 0.0)
    if transformer is not None and transformer.config.get("guidance_embeds") is False:
        return Usual(None, 4, 0.0)
    own = defaults(pipeline)
    if scheduler in SLOW and "DPMSolverMultistepScheduler" in compatible(pipeline):
        return Usual("dpm++2m", 20, own["guidance_scale"])
    return Usual(None, min(own["num_inference_steps"], 28), own["guidance_scale"])


def defaults(pipeline: Any) -> dict[str, Any]:
    import inspect

    found = inspect.signature(pipeline.__call__).parameters
    values = {"num_inference_steps": 28, "guidance_scale": 4.0}
    return {name: found[name].default if name in found else value for name, value in values.items()}


def compatible(pipeline: Any) -> set[str]:
    """Classes of schedulers that go with the model."""
    return {one.__name__ for one in pipeline.scheduler.compatibles}


def offered(pipeline: Any) -> list[str]:
    """Names of the samplers that go with the model; none for flow matching, which has its own."""
    there = compatible(pipeline)
    return [name for name, (kind, _) in NAMES.items() if kind in there]


def scheduler(pipeline: Any, name: str | None) -> Any:
    """A fresh scheduler of that name for the model, its own where None. Raises NotFoundError, UsageError."""
    import diffusers

    own = pipeline.scheduler
    if name is None:
        return type(own).from_config(own.config)
    if name not in NAMES:
        raise unknown("sampler", name, NAMES)
    if name not in offered(pipeline):
        raise UsageError(
            f"The sampler {name} does not go with this model; choose {', '.join(offered(pipeline)) or 'none'}."
        )
    kind, settings = NAMES[name]
    return getattr(diffusers, kind).from_config(own.config, **settings)
