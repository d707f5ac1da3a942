"""The measures of stylized pictures: closed forms, and that they say what they are named for."""

import numpy as np
import pytest
import torch
from torch import Tensor

from danqing.errors import BadInputError
from danqing.evaluate.shipped import efficientnet_lite0, vgg19
from danqing.evaluate.style import diversity, quantiles, shapes, ssim, style_distance, warp_error
from danqing.families.style.drawn import drawn


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).permute(2, 0, 1).float() / 127.5 - 1


@pytest.fixture(scope="module")
def looks() -> dict[str, Tensor]:
    return {name: tensor(drawn(name, 128))[:, :96, :96] for name in ("pen", "mosaic", "watercolour")}


def test_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    """With no contrast at all (2 a b + c1) / (a² + b² + c1) is left."""
    a, b = 0.2, 0.7
    one, other = torch.full((3, 32, 32), 2 * a - 1), torch.full((3, 32, 32), 2 * b - 1)
    assert ssim(one, other) == pytest.approx((2 * a * b + 1e-4) / (a * a + b * b + 1e-4), abs=1e-3)


def test_ssim_and_shapes_know_the_same_picture_and_its_negative(looks: dict[str, Tensor]) -> None:
    picture = looks["mosaic"]
    assert ssim(picture, picture) == pytest.approx(1, abs=1e-4) and ssim(picture, -picture) < 0
    assert shapes(vgg19(), picture, picture) == 0
    bright = (picture * 0.7 + 0.2).clamp(-1, 1)
    assert shapes(vgg19(), picture, bright) < 0.3 < shapes(vgg19(), picture, looks["pen"])


def test_style_distance_is_small_within_a_style_and_large_between(looks: dict[str, Tensor]) -> None:
    net = efficientnet_lite0()
    pieces = {name: (tensor(drawn(name, 192))[:, :96, :96], tensor(drawn(name, 192))[:, 96:, 96:]) for name in looks}
    for name, (one, other) in pieces.items():
        within = style_distance(net, one, other)
        assert style_distance(net, one, one) == 0
        assert all(within < style_distance(net, one, pieces[rival][1]) for rival in pieces if rival != name)


def test_quantiles_of_few_and_many_places_agree() -> None:
    x = torch.randn(5000, 3)
    few, many = quantiles(x[:2500]), quantiles(x)
    assert few.shape == many.shape == (1024, 3) and (few - many)[50:-50].abs().mean() < 0.05


def test_a_manner_that_moves_with_the_picture_has_no_warp_error(looks: dict[str, Tensor]) -> None:
    photo = looks["watercolour"]
    assert warp_error(lambda x: -x, photo) == 0
    fixed = torch.rand(3, 96, 200) - 0.5
    assert warp_error(lambda x: x + fixed[:, :, : x.shape[2]], photo) > 0.05  # a veil that stays on the lens
    with pytest.raises(BadInputError, match="narrow"):
        warp_error(lambda x: x, photo, shift=40)


def test_diversity_and_sizes() -> None:
    black, white = torch.full((3, 16, 16), -1.0), torch.full((3, 16, 16), 1.0)
    assert diversity(torch.stack([black, white])) == 1 and diversity(torch.stack([black, black])) == 0
    with pytest.raises(BadInputError, match="alone"):
        diversity(black[None])
    with pytest.raises(BadInputError, match="one size"):
        ssim(black, white[:, :8])
