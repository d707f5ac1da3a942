"""The shipped feature networks: what they give, what they refuse, and that they know what they were trained for."""

import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from danqing.errors import BadInputError, BadWeightsError, NotFoundError
from danqing.evaluate import classify, efficientnet_lite0, fashion_judge, shipped
from danqing.evaluate.features import grey28
from danqing.images.arrays import to_float
from danqing.nn.chance import generator
from danqing.nn.efficientnet import TAPS, WIDTHS, SameConv, lite_range, prepare
from danqing.registry import get, names

SHIPPED = ("efficientnet-lite0", "fashion-judge")


def pictures(count: int, channels: int = 3, side: int = 40, seed: int = 0) -> Tensor:
    """(count, channels, side, side) uint8, soft noise."""
    coarse = torch.rand(count, channels, 5, 5, generator=generator("test features", seed)) * 255
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear").to(torch.uint8)


@pytest.fixture(scope="module")
def garments() -> tuple[Tensor, Tensor]:
    """1000 of the shipped test pictures (N, 1, 28, 28) uint8, and their classes (N,)."""
    with np.load(str(resources.files("danqing").joinpath("data", "fashion-mnist-subset.npz"))) as found:
        return torch.from_numpy(found["test_pictures"][:1000])[:, None], torch.from_numpy(found["test_labels"][:1000])


def test_the_two_nets_are_registered() -> None:
    assert {"effl0", "fmnist"} <= set(names("features"))
    with pytest.raises(NotFoundError, match="effl0"):
        get("features", "effl")


@pytest.mark.parametrize("name", names("features"))
@pytest.mark.parametrize("channels", [1, 3])
def test_features_have_their_shape_and_do_not_depend_on_the_batch(name: str, channels: int) -> None:
    net, some = get("features", name), pictures(5, channels)
    features = net(some)
    assert features.shape == (5, net.dims)
    assert (features.dtype, features.requires_grad) == (torch.float32, False)
    torch.testing.assert_close(net(to_float(some), batch=2), features, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", names("features"))
def test_features_tell_pictures_apart(name: str) -> None:
    net, some = get("features", name), pictures(4)
    nearly = to_float(some) + 0.01
    distances = torch.cdist(net(some), net(nearly))
    assert (distances.argmin(1) == torch.arange(4)).all()


@pytest.mark.parametrize("bad", [torch.zeros(0, 3, 8, 8), torch.zeros(2, 4, 8, 8), torch.zeros(3, 8, 8)])
def test_what_is_no_batch_of_pictures_is_refused(bad: Tensor) -> None:
    with pytest.raises(BadInputError, match="Pictures of shape"):
        get("features", "fmnist")(bad)


def test_nan_is_refused() -> None:
    with pytest.raises(BadInputError, match="NaN"):
        get("features", "fmnist")(torch.full((2, 1, 28, 28), float("nan")))


def test_the_judge_knows_the_garments(garments: tuple[Tensor, Tensor]) -> None:
    card = shipped.read_card("fashion-judge")
    assert card["test_accuracy"] >= 0.925
    logits = classify(garments[0])
    assert logits.shape == (1000, 10)
    assert (logits.argmax(1) == garments[1]).double().mean() > 0.9


def test_grey28_of_colour_is_its_luma() -> None:
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None].expand(1, 3, 56, 56)
    torch.testing.assert_close(grey28(red), torch.full((1, 1, 28, 28), 2 * 0.299 - 1))


def test_maps_halve_the_side_from_tap_to_tap() -> None:
    maps = efficientnet_lite0()(torch.zeros(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(2, w, 32 >> i, 48 >> i) for i, w in enumerate(WIDTHS)]
    assert len(TAPS) == 5


def test_gradients_reach_the_pictures_but_not_the_weights() -> None:
    x = to_float(pictures(2, side=64)).requires_grad_()
    efficientnet_lite0().pooled(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(p.grad is None for p in efficientnet_lite0().parameters())
    assert not fashion_judge().training


def test_lite_range_is_the_one_of_the_package() -> None:
    values = torch.arange(256.0)
    torch.testing.assert_close(lite_range(values / 127.5 - 1), (values - 127) / 128)


@pytest.mark.parametrize(("kernel", "start"), [(3, 0), (5, -1)])
def test_same_padding_with_stride_two_begins_where_tensorflow_does(kernel: int, start: int) -> None:
    """The first window covers the columns start .. start + kernel - 1."""
    conv, x = SameConv(1, 1, kernel, 2), torch.zeros(1, 1, 8, 8)
    torch.nn.init.ones_(conv.weight)
    x[..., 1, :] = torch.arange(8.0)
    assert conv(x).shape == (1, 1, 4, 4)
    first = sum(column for column in range(start, start + kernel) if column >= 0)
    assert conv(x)[0, 0, 0, 0].item() == pytest.approx(first + conv.bias.item())  # type: ignore[union-attr]


def test_prepare_makes_three_channels_of_the_wanted_side() -> None:
    assert prepare(torch.zeros(2, 1, 28, 28)).shape == (2, 3, 128, 128)
    assert prepare(torch.zeros(2, 3, 200, 100), 64).shape == (2, 3, 64, 64)


@pytest.mark.parametrize("name", SHIPPED)
def test_cards_say_what_must_be_known(name: str) -> None:
    card = shipped.read_card(name)
    assert (card["name"], card["family"], card["licence"]) == (name, "features", "Apache-2.0")
    blob = resources.files("danqing").joinpath("models", name, "weights.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(blob).hexdigest()


def broken_shelf(folder: Path, blob: bytes, sha256: str) -> Path:
    home = folder / "fashion-judge"
    home.mkdir()
    (home / "weights.safetensors").write_bytes(blob)
    (home / "card.json").write_text(json.dumps({"sha256": sha256}))
    return folder


@pytest.mark.parametrize(
    ("blob", "sha256", "why"),
    [
        (b"other", "0" * 64, "not those that its card names"),
        (b"no tensors", hashlib.sha256(b"no tensors").hexdigest(), "cannot be read"),
    ],
)
def test_a_broken_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blob: bytes, sha256: str, why: str
) -> None:
    shelf = broken_shelf(tmp_path, blob, sha256)
    monkeypatch.setattr(shipped, "shelf", lambda: shelf)
    with pytest.raises(BadWeightsError, match=why):
        shipped.read_weights("fashion-judge")


def test_a_missing_card_and_weights_of_another_net_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadWeightsError, match="other names or shapes"):
        shipped.fill(torch.nn.Linear(2, 2), "efficientnet-lite0")
    monkeypatch.setattr(shipped, "shelf", lambda: tmp_path)
    with pytest.raises(BadWeightsError, match="card cannot be read"):
        shipped.read_card("fashion-judge")
