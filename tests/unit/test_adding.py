"""A thing is laid into a mask: as large as it fits, where it fits, and nowhere else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.api.adding import INSIDE, Spot, bounds, cut_out, laid, room_for


def disc(side: int, radius: float, x: float | None = None, y: float | None = None) -> np.ndarray:
    """(side, side) in 0 .. 1."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    middle = side / 2
    away = np.hypot(rows - (y or middle), columns - (x or middle))
    return (away < radius).astype(np.float32)


def red_disc(side: int = 128) -> torch.Tensor:
    """(4, side, side) premultiplied in [-1, 1], as painters give it; the disc has half of the side."""
    alpha = torch.from_numpy(disc(side, side / 4))
    return torch.stack([alpha, alpha * 0.1, alpha * 0.1, alpha]) * 2 - 1


def paper(height: int, width: int) -> np.ndarray:
    made = np.full((height, width, 4), 255, np.uint8)
    made[..., 0] = np.arange(width) % 200
    return made


def test_a_disc_fills_a_square_and_a_square_lies_inside_a_disc() -> None:
    square = np.zeros((300, 200), np.float32)
    square[100:180, 40:120] = 1
    box = room_for(disc(64, 32) * 255, square)
    assert (box.left, box.top) == (40, 100) and box.width == box.height == 80
    inner = room_for(np.full((50, 50), 255, np.uint8), disc(400, 150))
    exact = 300 / 2**0.5  # the inscribed square's side; a little of the corners may stick out
    assert exact <= inner.width <= exact * 1.2 and abs(inner.left + inner.width / 2 - 200) < 4
    assert INSIDE * inner.width**2 * 0.98 <= inner.cut(disc(400, 150)).sum()


def test_proportions_are_kept_and_the_wider_part_of_a_mask_is_taken() -> None:
    mask = np.zeros((240, 240), np.float32)
    mask[20:40, 10:230] = 1  # a long stroke
    mask[120:220, 130:230] = 1  # and a field
    box = room_for(np.full((60, 40), 255, np.uint8), mask)
    assert box.width / box.height == pytest.approx(40 / 60, abs=0.05)
    assert box.top >= 110 and box.left >= 120 and box.height > 80


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1),
    st.floats(0.005, 1),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_place_lies_in_the_bounds_of_any_mask(
    high: int, wide: int, tall: int, broad: int, seed: int, full: float
) -> None:
    chance = np.random.default_rng(seed)
    mask = (chance.random((high, wide)) < full).astype(np.float32)
    mask[chance.integers(high), chance.integers(wide)] = 1
    around, box = bounds(mask), room_for(chance.integers(1, 256, (tall, broad)).astype(np.uint8), mask)
    assert box.width >= 1 and box.height >= 1
    assert around.left <= box.left and box.left + box.width <= around.left + around.width
    assert around.top <= box.top and box.top + box.height <= around.top + around.height


@pytest.mark.parametrize("transparent", [False, True])
def test_the_thing_is_in_the_mask_and_nothing_else_changes(transparent: bool) -> None:
    base, share = paper(200, 300), np.zeros((200, 300, 1), np.float32)
    base[:, 250:, 3] = 90
    share[50:110, 200:260] = 1
    made = laid(red_disc(), Spot(base, share), transparent)
    before = laid(red_disc() * 0 - 1, Spot(base, share), transparent)
    assert made.shape == (200, 300, 4 if transparent else 3)
    outside = share[..., 0] == 0
    assert np.array_equal(made[outside], before[outside])
    if transparent:
        assert np.array_equal(before, base), "where nothing was painted every byte stays"
    red = (made[..., 0] > 240) & (made[..., 1] < 60)
    assert red[80, 230] and not red[52, 202], "a disc, not its square"
    assert 0.8 * np.pi * 30**2 < red.sum() <= np.pi * 30**2 * 1.01


def test_a_grey_mask_lets_the_ground_shine_through() -> None:
    share = np.full((100, 100, 1), 0.5, np.float32)
    made = laid(red_disc(), Spot(np.full((100, 100, 4), 255, np.uint8), share), False)
    assert made[50, 50] == pytest.approx([255, 140, 140], abs=4)


def test_haze_does_not_make_the_thing_small() -> None:
    square = red_disc()
    square[:, ::7, ::9] = square[:, ::7, ::9].clamp(min=-1 + 2 * 12 / 255)
    thing = cut_out(square)
    assert max(thing.shape[:2]) <= 64 + 2 * 2 + 2 and thing[0].max() <= 12 and thing[..., 3].max() == 255


def test_a_thing_that_the_mask_has_no_room_for_is_laid_somewhere_in_it() -> None:
    corners = np.zeros((60, 60), np.float32)
    corners[0, 0] = corners[-1, -1] = 1
    box = room_for(np.fliplr(np.eye(60)) * 255, corners)
    assert box.left >= 0 and box.left + box.width <= 60
    dots = disc(410, 25, 30, 30) + disc(410, 25, 380, 380)
    pencil = (np.abs(np.subtract.outer(np.arange(128), 127 - np.arange(128))) < 13) * 255.0
    box = room_for(pencil, dots)
    assert box.cut(dots).sum() > 0, "where something of it shows"


@pytest.mark.parametrize("grey", [0.98, 0.96, 0.5])
def test_a_grey_mask_has_room_for_the_same(grey: float) -> None:
    square = np.full((50, 50), 255, np.uint8)
    assert room_for(square, grey * disc(400, 150)) == room_for(square, disc(400, 150))


def test_a_thin_mask_keeps_proportions() -> None:
    mask = np.zeros((4000, 40), np.float32)
    mask[:, 10:13] = 1
    box = room_for(disc(64, 32) * 255, mask)
    assert box.width == box.height == 3
