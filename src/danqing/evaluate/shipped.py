"""The feature networks that come with Danqing: read from danqing/models, checked against their card, loaded once.

They are fixed: in evaluation mode, no weight wants a gradient. A gradient with respect to the pictures flows through.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from danqing.errors import BadWeightsError
from danqing.evaluate.judge import FashionJudge
from danqing.nn.efficientnet import EfficientNetLite0
from danqing.nn.vgg import VGG19, expand

M = TypeVar("M", bound=nn.Module)


def shelf() -> Traversable:
    """The folder danqing/models of the installed package."""
    return resources.files("danqing").joinpath("models")


def read_card(name: str) -> dict[str, Any]:
    """What card.json says of a shipped network, 'efficientnet-lite0' or 'fashion-judge'."""
    try:
        return json.loads(shelf().joinpath(name, "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise broken(name, f"its card cannot be read ({error})") from None


def read_weights(name: str) -> dict[str, Tensor]:
    """The tensors of a shipped network as float32; BadWeightsError unless the file is the one its card names."""
    wanted = read_card(name).get("sha256")
    try:
        blob = shelf().joinpath(name, "weights.safetensors").read_bytes()
        if hashlib.sha256(blob).hexdigest() != wanted:
            raise broken(name, "its weights are not those that its card names")
        return {key: value.float() if value.is_floating_point() else value for key, value in load(blob).items()}
    except (OSError, SafetensorError) as error:
        raise broken(name, f"its weights cannot be read ({error})") from None


def broken(name: str, why: str) -> BadWeightsError:
    return BadWeightsError(f"The shipped network '{name}' is broken: {why}; install danqing again.")


def fill(model: M, name: str, unpack: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict) -> M:
    """Give a fresh network its shipped weights and fix it; `unpack` turns what is stored into the net's state."""
    try:
        model.load_state_dict(unpack(read_weights(name)))
    except (RuntimeError, KeyError):
        raise broken(name, "its weights have other names or shapes") from None
    return model.eval().requires_grad_(False)


@cache
@torch.no_grad()
def efficientnet_lite0() -> EfficientNetLite0:
    return fill(EfficientNetLite0(), "efficientnet-lite0")


@cache
@torch.no_grad()
def fashion_judge() -> FashionJudge:
    return fill(FashionJudge(), "fashion-judge")


@cache
@torch.no_grad()
def vgg19() -> VGG19:
    return fill(VGG19(), "vgg19", expand)
