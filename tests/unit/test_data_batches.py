"""Batches are a pure function of the step; augmentation changes pictures and nothing else."""

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.data import Augment, Batches, Origin, PictureSet, augment, picture_set
from danqing.errors import UsageError
from danqing.nn.chance import Chance


def numbered(count: int, labelled: bool = True) -> PictureSet:
    """Pictures that carry their own number."""
    pixels = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 2, 2)
    return picture_set(pixels, torch.arange(count) if labelled else None, Origin("numbers", "test"))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_each_epoch_is_a_permutation(count: int, batch: int, seed: int) -> None:
    batches = Batches(numbered(count), batch, seed)
    rows = torch.cat([batches.rows(step) for step in range(3 * count // batch + 2)])
    for epoch in range(3):
        assert sorted(rows[epoch * count : (epoch + 1) * count].tolist()) == list(range(count))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(1, 4), st.integers(0, 40))
def test_the_ranks_together_see_what_one_sees(count: int, share: int, world: int, step: int) -> None:
    pictures, batch = numbered(count), share * world
    whole = Batches(pictures, batch, 3).at(step)
    parts = [Batches(pictures, batch, 3, rank, world).at(step) for rank in range(world)]
    assert torch.equal(torch.cat([part.pictures for part in parts]), whole.pictures)
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)


def test_a_step_does_not_depend_on_the_steps_before() -> None:
    one, other = Batches(numbered(10), 4, 0), Batches(numbered(10), 4, 0)
    for step in range(9):
        one.at(step)
    assert torch.equal(one.at(9).pictures, other.at(9).pictures) and torch.equal(one.at(2).labels, other.at(2).labels)
    assert not torch.equal(Batches(numbered(10), 10, 1).rows(0), other.rows(0))


def test_what_a_batch_is() -> None:
    batch = Batches(numbered(5), 8, 0).at(1)
    assert batch.pictures.dtype == torch.float32 and batch.pictures.shape == (8, 1, 2, 2)
    assert torch.equal(((batch.pictures[:, 0, 0, 0] + 1) * 127.5).round().long(), batch.labels)
    assert batch.pictures.is_contiguous(memory_format=torch.channels_last)
    assert Batches(numbered(5, labelled=False), 2, 0).at(0).labels is None
    with pytest.raises(UsageError, match="multiple of 2"):
        Batches(numbered(5), 3, 0, 0, 2)


def test_batches_are_fast() -> None:
    pixels = torch.zeros(2000, 1, 28, 28, dtype=torch.uint8)
    batches = Batches(picture_set(pixels, torch.zeros(2000).long(), Origin("a", "a")), 128, 0)
    seconds = []
    for step in range(30):
        begin = time.perf_counter()
        batches.at(step)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.003


EVERYTHING = Augment(True, 20, 0.2, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3)


def pictures(count: int = 6, channels: int = 3, size: int = 12) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_nothing_to_change_gives_the_input_itself() -> None:
    x = pictures()
    assert augment(x, Augment(), Chance("a")) is x
    assert augment(x, Augment(flip=True, rotate=10, probability=0), Chance("a")) is x


@pytest.mark.parametrize("channels", [1, 3])
def test_everything_at_once_is_repeatable_and_differentiable(channels: int) -> None:
    x = pictures(channels=channels).requires_grad_()
    y = augment(x, EVERYTHING, Chance("a", 1))
    assert y.shape == x.shape and torch.equal(y, augment(x, EVERYTHING, Chance("a", 1)))
    assert not torch.equal(y, augment(x, EVERYTHING, Chance("a", 2)))
    y.square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all() and (x.grad != 0).any()


def test_flip_only_flips_about_half() -> None:
    x = pictures(400, 1, 4)
    y = augment(x, Augment(flip=True), Chance("a"))
    same, flipped = (y == x).flatten(1).all(1), (y == x.flip(-1)).flatten(1).all(1)
    assert (same | flipped).all() and 140 < flipped.sum() < 260


def test_a_full_turn_of_pictures_has_a_closed_form() -> None:
    x = torch.linspace(-1, 1, 8).view(1, 1, 1, 8).expand(50, 1, 8, 8).contiguous()
    turned = augment(x, Augment(rotate=180), Chance("a"))
    assert turned.abs().max() <= 1.0001 and (turned - x).abs().amax((1, 2, 3)).min() > 0
    moved = augment(x, Augment(translate=0.25), Chance("a"))
    slope = (moved[:, :, :, 4] - moved[:, :, :, 3]).abs()
    assert torch.allclose(slope, torch.full_like(slope, 2 / 7), atol=1e-4)  # a ramp moved is the same ramp


def test_colours_have_closed_forms() -> None:
    x = pictures(200)
    y = augment(x, Augment(brightness=0.3), Chance("a"))
    shift = (y - x).flatten(1)
    assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-5) and 0.2 < shift.abs().max() <= 0.3001
    y = augment(x, Augment(contrast=0.5), Chance("a"))
    assert torch.allclose(y.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-5)
    ratio = y.flatten(1).std(1) / x.flatten(1).std(1)
    assert 0.5 <= ratio.min() < 0.6 and 1.4 < ratio.max() <= 1.501
    grey = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert torch.allclose(augment(grey, Augment(saturation=1), Chance("a")), grey, atol=1e-5)


def test_cutout_paints_a_square() -> None:
    x = torch.ones(100, 1, 16, 16)
    cut = (augment(x, Augment(cutout=0.5), Chance("a")) == 0).sum((1, 2, 3))
    assert cut.min() >= 16 and cut.max() <= 64
    kept = (augment(x, Augment(cutout=0.5, probability=0.5), Chance("a")) == 1).all(3).all(2).all(1)
    assert 30 < kept.sum() < 70


def test_the_ranks_together_augment_as_one() -> None:
    x = pictures(8)
    whole = augment(x, EVERYTHING, Chance("a"))
    parts = [augment(part, EVERYTHING, Chance("a", rank=rank, world=2)) for rank, part in enumerate(x.chunk(2))]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"rotate": 181}, {"scale": -0.1}, {"crop": 1}, {"probability": 1.1}])
def test_settings_out_of_range(wrong: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Augment(**wrong)
