"""Style transfer: statistics against closed forms, tiles against the whole, colours, the optimiser."""

import numpy as np
import pytest
import torch

from danqing.errors import NotFoundError, UsageError
from danqing.evaluate.shipped import vgg19
from danqing.families.style.colours import palette, pooled, recoloured, with_colours_of, with_histogram_of
from danqing.families.style.drawn import DRAWINGS, drawn
from danqing.families.style.eyes import Eyes, reach
from danqing.families.style.looks import LOOKS, exemplar
from danqing.families.style.measures import (
    DISTANCES,
    Moments,
    content_distance,
    energy,
    mixed,
    moments,
    normalised,
    root,
    total_variation,
)
from danqing.families.style.network import FastConfig, FastPainter, Still
from danqing.families.style.objective import Exemplar, Objective, Region, spans, tiles
from danqing.families.style.optimise import Job, optimise, scales, tinted
from danqing.families.style.settings import GatysConfig
from danqing.nn.chance import picture_generators


def noisy(size: tuple[int, int], seed: int = 0, grain: int = 8) -> torch.Tensor:
    """(3, H, W) soft colour noise in [-1, 1]."""
    chance = torch.Generator().manual_seed(seed)
    small = torch.rand(1, 3, size[0] // grain + 1, size[1] // grain + 1, generator=chance) * 2 - 1
    return torch.nn.functional.interpolate(small, size, mode="bicubic")[0].clamp(-1, 1)


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes(vgg19())


# Statistics.


def test_moments_are_means_over_places_and_masks_weigh_them() -> None:
    f = torch.randn(3, 4, 5)
    flat = f.flatten(1)
    whole = moments(f)
    torch.testing.assert_close(whole.mean, flat.mean(1))
    torch.testing.assert_close(whole.covariance, torch.cov(flat, correction=0), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole.deviation, flat.std(1, correction=0))
    share = torch.zeros(4, 5)
    share[1, 2:4] = 0.5
    torch.testing.assert_close(moments(f, share).mean, f[:, 1, 2:4].mean(1))


@pytest.mark.parametrize("masked", [False, True])
def test_moments_have_the_gradient_of_their_formula(masked: bool) -> None:
    f = torch.randn(3, 4, 5).requires_grad_()
    share = torch.rand(4, 5) if masked else torch.full((4, 5), 1 / 20)
    a, b = torch.randn(3), torch.randn(3, 3)
    found = moments(f, share / share.sum() if masked else None)
    p, flat = (share / share.sum()).flatten(), f.flatten(1)
    for one, other in (
        ((found.mean @ a), flat @ p @ a),
        ((found.second * b).sum(), ((flat * p) @ flat.T * b).sum()),
        ((found.covariance * b).sum() + found.deviation @ a, (torch.cov(flat, aweights=p, correction=0) * b).sum()
         + (flat.square() @ p - (flat @ p).square()).sqrt() @ a),
    ):  # fmt: skip
        torch.testing.assert_close(one, other)
        slopes = [torch.autograd.grad(value, f, retain_graph=True)[0] for value in (one, other)]
        torch.testing.assert_close(*slopes, atol=1e-5, rtol=1e-4)


def test_moments_of_bf16_are_summed_in_fp32() -> None:
    f = torch.randn(8, 40, 50)
    exact = moments(f.bfloat16().float())
    with torch.autocast("cpu", torch.bfloat16):
        found = moments(f.bfloat16())
    torch.testing.assert_close(found.second, exact.second)
    torch.testing.assert_close(found.mean, exact.mean)


def test_moments_mix_linearly() -> None:
    a, b = torch.randn(2, 3, 3), torch.randn(2, 3, 6)
    both = moments(torch.cat([a, b], 2))
    half = mixed([moments(a), moments(b)], [1, 2])
    torch.testing.assert_close(half.mean, both.mean)
    torch.testing.assert_close(half.second, both.second)


@pytest.mark.parametrize("name", list(DISTANCES))
def test_distances_are_zero_for_equal_and_grow(name: str) -> None:
    f = torch.randn(4, 20, 20, generator=torch.Generator().manual_seed(0)).relu()
    same = float(DISTANCES[name](moments(f), moments(f)))
    near, far = (float(DISTANCES[name](moments(f * s + o), moments(f))) for s, o in ((1.1, 0.0), (2.0, 0.5)))
    assert abs(same) < 1e-3 < near < far


def test_wasserstein_of_gaussians_that_commute() -> None:
    """Diagonal covariances: |μ-μ*|² + Σ (σ - σ*)², in units of Σ (σ*² + μ*²)."""
    m, n, s, u = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 3.0]), torch.tensor([2.0, 1.0])
    made, wanted = (Moments(mean, torch.diag(dev**2) + mean[:, None] * mean) for mean, dev in ((m, s), (n, u)))
    expected = ((m - n) ** 2).sum() + ((s - u) ** 2).sum()
    found = DISTANCES["wasserstein"](made, wanted) * wanted.second.diagonal().sum()
    assert float(found) == pytest.approx(float(expected), rel=0.01)


def test_the_root_is_a_root() -> None:
    a = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    matrix = a @ a.T + 0.1 * torch.eye(6)
    torch.testing.assert_close(root(matrix) @ root(matrix), matrix, atol=1e-3, rtol=1e-3)


def test_content_ignores_nothing_but_normalised_content_ignores_contrast() -> None:
    f = torch.randn(3, 6, 6)
    assert float(content_distance(f, f, energy(f))) == 0
    assert float(content_distance(2 * f, f, energy(f))) == pytest.approx(1)
    torch.testing.assert_close(normalised(2 * f + 1), normalised(f), atol=1e-3, rtol=1e-3)
    assert float(total_variation(torch.ones(3, 5, 5))) == 0


# Tiles.


@pytest.mark.parametrize("size", [(40, 500), (333, 257), (64, 64)])
def test_tiles_cover_every_pixel_once(size: tuple[int, int]) -> None:
    count = torch.zeros(size)
    for tile in tiles(size, 160, 40):
        top, bottom, left, right = tile.inner
        count[top:bottom, left:right] += 1
        assert tile.outer[0] <= top and tile.outer[1] >= bottom and tile.outer[2] <= left and tile.outer[3] >= right
    assert (count == 1).all()


def test_pieces_are_never_too_small_for_a_layer() -> None:
    assert spans(40, 16) == [(0, 16), (16, 40)]
    assert spans(16, 16) == [(0, 16)]


def test_tiles_give_the_loss_and_gradient_of_the_whole(eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly, but for rounding: no seams can come of them."""
    monkeypatch.setenv("DANQING_PRECISION", "fp32")
    config = GatysConfig(content_layers={"conv2_2": 1.0}, style_layers={"conv1_1": 1.0, "conv2_1": 1.0, "conv3_1": 0.5})
    content, style = noisy((96, 160), 1), noisy((80, 80), 2, 4)
    picture = (content + 0.3 * torch.randn(content.shape, generator=torch.Generator().manual_seed(3))).clamp(-1, 1)
    regions = [Region([Exemplar(style)])]
    assert reach(config.style_layers) < 32
    whole = Objective(eyes, config, content, regions, tile=1000)
    parts = Objective(eyes, config, content, regions, tile=128)
    assert len(whole.tiles) == 1 and len(parts.tiles) > 1
    (a, slope), (b, other) = whole(picture), parts(picture)
    assert a == pytest.approx(b, rel=1e-4)
    assert (slope - other).norm() < 1e-3 * slope.norm()


def test_the_gradient_points_downhill(eyes: Eyes) -> None:
    config = GatysConfig(content_layers={"conv2_2": 1.0}, style_layers={"conv1_1": 1.0, "conv2_1": 1.0})
    content = noisy((48, 48), 1)
    objective = Objective(eyes, config, content, [Region([Exemplar(noisy((48, 48), 2, 4))])], tile=1000)
    loss, slope = objective(content)
    step = 1e-2 * slope / slope.norm()
    lower, _ = objective(content - step)
    assert loss - lower == pytest.approx(float(1e-2 * slope.norm()), rel=0.2)


# The optimiser.


def test_scales_double_up_to_the_full_size() -> None:
    assert scales((400, 600), 3) == [(100, 150), (200, 300), (400, 600)]
    assert scales((100, 90), 3) == [(100, 90)]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_style_comes_closer(eyes: Eyes, optimizer: str) -> None:
    config = GatysConfig(
        steps=(12,), optimizer=optimizer, content_layers={"conv2_2": 1.0}, average=0.8,
        style_layers={"conv1_1": 1.0, "conv2_1": 1.0},
    )  # fmt: skip
    content, style = noisy((64, 64), 1), noisy((64, 64), 5, 3)
    job = Job(content, [Region([Exemplar(style)])])
    seen = list(optimise(eyes, config, job, picture_generators(0, 1)[0]))
    assert len(seen) == 12 and seen[-1].done == pytest.approx(1)
    assert seen[-1].loss < 0.5 * seen[0].loss
    assert seen[-1].picture.shape == content.shape and seen[-1].picture.abs().max() <= 1


def test_regions_keep_to_their_masks(eyes: Eyes) -> None:
    """A red style on the left, a blue one on the right."""
    config = GatysConfig(
        steps=(15,), content=0.0, smooth=0.0, content_layers={"conv1_1": 1.0}, style_layers={"conv1_1": 1.0}
    )
    red, blue = (
        noisy((64, 64), 3, 4) * 0.2 + torch.tensor(c)[:, None, None] for c in ((0.7, -0.7, -0.7), (-0.7, -0.7, 0.7))
    )
    left = torch.zeros(64, 64)
    left[:, :32] = 1
    regions = [Region([Exemplar(red)], left), Region([Exemplar(blue)], 1 - left)]
    *_, last = optimise(eyes, config, Job(torch.zeros(3, 64, 64), regions), picture_generators(0, 1)[0])
    means = [last.picture[:, :, part].mean((1, 2)) for part in (slice(4, 28), slice(36, 60))]
    assert means[0][0] > means[0][2] and means[1][2] > means[1][0]


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"distance": "grams"}, {"style_layers": {"conv9_1": 1.0}}):
        with pytest.raises(NotFoundError):
            GatysConfig(**wrong)  # type: ignore[arg-type]
    for wrong in ({"steps": ()}, {"content": -1.0}, {"style_layers": {"conv1_1": 0.0}}):
        with pytest.raises(UsageError):
            GatysConfig(**wrong)  # type: ignore[arg-type]


# Colours.


def test_a_mixed_palette_is_that_of_all_the_colours_together() -> None:
    one, other = torch.rand(3, 8, 8), torch.rand(3, 8, 16) * 0.3 - 0.5
    together = torch.cat([one.flatten(1), other.flatten(1)], 1)[:, None]
    mean, covariance = pooled([palette(one), palette(other)], [64, 128])
    torch.testing.assert_close(mean, palette(together)[0])
    torch.testing.assert_close(covariance, palette(together)[1])


def test_painting_begins_in_the_colours_of_each_region() -> None:
    photo, warm, cold = torch.rand(3, 32, 32) * 2 - 1, torch.rand(3, 16, 16) * 0.2 + 0.5, torch.rand(3, 16, 16) * 0.2
    left = torch.zeros(32, 32)
    left[:, :16] = 1
    made = tinted(Job(photo, [Region([Exemplar(warm)], left), Region([Exemplar(cold)], 1 - left)]))
    assert made[:, :, :16].mean() > 0.4 and made[:, :, 16:].mean() < 0.25
    whole = tinted(Job(photo, [Region([Exemplar(warm, 3.0), Exemplar(cold, 1.0)])]))
    wanted = 0.75 * warm.flatten(1).mean(1) + 0.25 * cold.flatten(1).mean(1)
    torch.testing.assert_close(whole.flatten(1).mean(1), wanted, atol=0.02, rtol=0)


def test_recoloured_has_the_palette_of_the_model() -> None:
    picture, model = noisy((40, 40), 1) * 0.4, noisy((30, 50), 2) * 0.4
    for made, wanted in zip(palette(recoloured(picture, model)), palette(model), strict=True):
        torch.testing.assert_close(made, wanted, atol=5e-3, rtol=0)


def test_recolouring_by_itself_changes_nothing() -> None:
    picture = noisy((20, 20), 4)
    torch.testing.assert_close(recoloured(picture, picture), picture, atol=1e-3, rtol=0)
    torch.testing.assert_close(with_histogram_of(picture, picture), picture, atol=1e-3, rtol=0)
    torch.testing.assert_close(with_colours_of(picture, picture), picture, atol=1e-4, rtol=0)


def test_luminance_comes_from_the_painting_and_hue_from_the_photo() -> None:
    grey, photo = noisy((16, 16), 1)[:1].expand(3, -1, -1) * 0.3, noisy((16, 16), 2) * 0.3
    made = with_colours_of(grey, photo)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(torch.einsum("c,chw->hw", luma, made), grey[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(made[2] - made[0], photo[2] - photo[0], atol=1e-4, rtol=0)


# Manners that come with Danqing.


@pytest.mark.parametrize("name", list(DRAWINGS))
def test_drawn_exemplars_are_the_same_every_time_and_not_flat(name: str) -> None:
    one, other = drawn(name, 96), drawn(name, 96)
    assert one.shape == (96, 96, 3) and one.dtype == np.uint8
    assert (one == other).all() and one.std() > 10


def test_every_look_has_an_exemplar_and_both_names() -> None:
    assert set(DRAWINGS) <= set(LOOKS) and len(LOOKS) == 8
    for name, look in LOOKS.items():
        assert exemplar(name, 64).shape[2] == 3 and look.title["en"] and look.title["zh"]
        GatysConfig(**look.settings)


# The fast network.


def test_the_fast_network_keeps_the_size_and_every_weight_is_taught() -> None:
    torch.manual_seed(0)
    painter = FastPainter(FastConfig(widths=(8, 16), blocks=2, squeezed=4, manner=6))
    with torch.no_grad():
        for value in painter.parameters():
            if not value.count_nonzero():
                value.normal_(std=0.1)
    x, z = torch.rand(2, 3, 37, 50) * 2 - 1, torch.randn(2, 6)
    noise = torch.randn(2, 2, 48, 64)
    made = painter(x, z, noise)
    assert made.shape == x.shape and made.abs().max() <= 1
    made.square().sum().backward()
    unseen = {name for name, p in painter.named_parameters() if p.grad is None or not p.grad.count_nonzero()}
    assert unseen <= {name for name, _ in painter.named_parameters() if name.startswith("reader.")}


def test_another_manner_paints_another_picture_and_a_map_of_one_manner_the_same() -> None:
    torch.manual_seed(0)
    painter = FastPainter(FastConfig(widths=(8, 16), blocks=1, squeezed=4, manner=6)).eval()
    torch.nn.init.normal_(painter.steer.weight, std=0.2)
    x, z = torch.rand(1, 3, 32, 32) * 2 - 1, torch.randn(1, 6)
    plain = painter(x, z)
    assert (painter(x, z + 1) - plain).abs().max() > 1e-3
    torch.testing.assert_close(painter(x, z[:, :, None, None].expand(1, 6, 4, 4)), plain, atol=1e-5, rtol=1e-5)


def test_kept_statistics_paint_the_same_picture_again() -> None:
    painter = FastPainter(FastConfig(widths=(8, 16), blocks=1, squeezed=4, manner=6)).eval()
    x, z, still = torch.rand(1, 3, 32, 32) * 2 - 1, torch.randn(1, 6), Still()
    first = painter(x, z, still=still)
    torch.testing.assert_close(first, painter(x, z), atol=1e-4, rtol=1e-4)
    other = torch.rand(1, 3, 32, 32)
    assert (painter(other, z, still=still) - painter(other, z)).abs().max() > 1e-4


@pytest.mark.parametrize("with_still", [False, True])
def test_one_row_is_painted_as_among_others_and_in_bf16_nearly_so(with_still: bool) -> None:
    torch.manual_seed(1)
    painter = FastPainter(FastConfig(widths=(8, 16), blocks=2, squeezed=4, manner=6)).eval().requires_grad_(False)
    painter.steer.weight.normal_(std=0.05)
    rows = torch.rand(2, 3, 40, 56) * 0.02 + 0.9  # hardly a deviation beside the mean
    z = torch.randn(2, 6)
    alone = painter(rows[:1], z[:1], still=Still() if with_still else None)
    torch.testing.assert_close(alone, painter(rows, z)[:1], atol=2e-3, rtol=0)
    photo = torch.rand(1, 3, 40, 56) * 2 - 1
    short = painter(photo.bfloat16(), z[:1], still=Still() if with_still else None)
    assert short.dtype == torch.bfloat16
    assert (short.float() - painter(photo, z[:1])).abs().mean() < 0.02


def test_a_channel_that_sees_nothing_has_a_gradient() -> None:
    features = torch.rand(3, 4, 4)
    features[1] = 0
    features.requires_grad_()
    made = normalised(features)
    (made * torch.rand(3, 4, 4)).sum().backward()
    assert not made[1].count_nonzero() and features.grad is not None and features.grad.isfinite().all()
