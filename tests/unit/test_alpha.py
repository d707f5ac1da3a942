"""Transparency: there and back, paper taken away, sizes changed without dark edges."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from danqing.api.enlarging import enlarge_painted
from danqing.errors import MissingExtraError
from danqing.images import alpha, read
from danqing.images.tracing import to_svg

CHANCE = np.random.default_rng(0)


def drawing(side: int = 40) -> np.ndarray:
    """A red ring on white paper, white inside."""
    y, x = np.mgrid[:side, :side] - side / 2 + 0.5
    far = np.hypot(x, y)
    ring = (far < side * 0.4) & (far > side * 0.2)
    pixels = np.full((side, side, 4), 255, np.uint8)
    pixels[ring, 1:3] = 20
    return pixels


@given(st.tuples(*[st.integers(0, 255)] * 4))
def test_premultiplied_and_back(pixel: tuple[int, ...]) -> None:
    rgba = np.array(pixel, np.uint8).reshape(1, 1, 4)
    there = alpha.premultiplied(rgba)
    assert (there[..., :3] <= there[..., 3:]).all()
    back = alpha.straight(there)
    assert np.array_equal(alpha.premultiplied(back), there), "nothing more is lost"
    assert pixel[3] < 255 or np.array_equal(back, rgba)
    assert np.abs(alpha.over_white(there).astype(int) - alpha.flat(rgba)).max() <= 2


def test_flat_is_what_reading_gives() -> None:
    rgba = CHANCE.integers(0, 256, (9, 7, 4), dtype=np.uint8)
    memory = io.BytesIO()
    Image.fromarray(rgba).save(memory, "PNG")
    assert np.array_equal(alpha.flat(rgba), read(memory.getvalue()))


def test_faint_alpha_is_tidied() -> None:
    rgba = np.array([[[9, 0, 0, 3], [0, 0, 0, 253], [200, 10, 0, 100]]], np.uint8)
    assert alpha.tidied(rgba).tolist() == [[[0, 0, 0, 0], [0, 0, 0, 255], [100, 10, 0, 100]]]


def test_enlarging_keeps_edges_clean() -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[4:12, 4:12] = (255, 0, 0, 255)
    big = alpha.resized(rgba, (64, 48))
    assert big.shape == (48, 64, 4) and (big[..., :3] <= big[..., 3:]).all()
    assert (alpha.straight(big)[big[..., 3] > 20][:, 0] > 240).all(), "half transparent red is red, not dark"
    assert alpha.resized(rgba, (16, 16)) is rgba


def test_softening_is_the_gaussian_and_leaves_plain_grounds() -> None:
    plain = np.full((9, 7, 4), (12, 200, 3, 255), np.uint8)
    assert np.array_equal(alpha.softened(plain, 1.0), plain)
    dot = np.zeros((15, 15, 4), np.uint8)
    dot[7, 7] = 255
    bell = np.exp(-0.5 * np.arange(-7, 8) ** 2)
    expected = 255 * np.outer(bell, bell) / bell.sum() ** 2
    assert np.abs(alpha.softened(dot, 1.0)[..., 3] - expected).max() <= 1


@given(arrays(np.uint8, (6, 5, 4)), st.floats(0.3, 2.0), st.booleans())
def test_softened_colours_stay_below_their_alpha(rgba: np.ndarray, sigma: float, wrap: bool) -> None:
    clean = alpha.premultiplied(rgba)
    made = alpha.softened(clean, sigma, wrap)
    assert (made[..., :3] <= made[..., 3:]).all()
    if wrap:
        turned = alpha.softened(np.roll(clean, (2, 1), (0, 1)), sigma, wrap)
        assert np.abs(np.roll(made, (2, 1), (0, 1)).astype(int) - turned).max() <= 1  # a sum in another order


def test_steeper_edges_stay_within_what_was_there() -> None:
    small = np.zeros((16, 16, 4), np.uint8)
    small[:, 8:] = 200
    small[8:] //= 2
    large = alpha.resized(alpha.softened(small, 1.3), (64, 64))
    made = alpha.steepened(large, small)
    assert (made[..., :3] <= made[..., 3:]).all()
    for rows, whole in ((slice(0, 20), 200), (slice(44, 64), 100)):  # half transparent stays half transparent
        assert np.abs(made[rows, 52:].astype(int) - whole).max() <= 2 and made[rows, :12].max() <= 2
        width = [
            ((one[rows, :, 3] > 0.1 * whole) & (one[rows, :, 3] < 0.9 * whole)).sum(1).mean() for one in (large, made)
        ]
        assert width[1] < 0.65 * width[0]


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("inverse", [False, True])
def test_lines_and_gaps_live_on_in_large_paintings(width: int, inverse: bool) -> None:
    small = np.zeros((128, 128, 4), np.uint8)
    small[20:108, 60 : 60 + width] = 255
    if inverse:
        small = 255 - small
    row = enlarge_painted(small, (512, 512))[256, :, 3].astype(int)
    assert np.ptp(row[200:300]) > 240
    assert width * 2 <= (abs(row[200:300] - row[100]) > 127).sum() <= width * 6


def test_stairs_of_a_painted_edge_are_smooth_when_large() -> None:
    """A half plane whose edge climbs in steps of 4 pixels: enlarged, its edge is nearer to the straight line."""
    y, x = np.mgrid[:128, :128]
    small = np.repeat((np.where(y < 64 + x // 4 - 16, 0, 255))[..., None], 4, 2).astype(np.uint8)
    rough = [np.argmax(made[..., 3] > 127, axis=0)[100:400] for made in
             (np.kron(small, np.ones((4, 4, 1), np.uint8)), enlarge_painted(small, (512, 512)))]  # fmt: skip
    off = [np.polyfit(np.arange(300), edge, 1, full=True)[1][0] / 300 for edge in rough]
    assert off[1] < 0.6 * off[0]


def test_paper_is_lifted_but_the_white_inside_a_drawing_stays() -> None:
    pixels = drawing()
    free = alpha.lifted(pixels)
    assert not free[0].any() and not free[3, 3].any()
    assert (free[20, 20] == 255).all() and (free[20, 6] == (255, 20, 20, 255)).all()
    opened = pixels.copy()
    opened[20, :20] = 255  # a gap in the ring
    assert not alpha.lifted(opened)[20, 20].any()


def test_what_is_no_drawing_on_paper_is_left_alone() -> None:
    photo = np.full((8, 8, 4), 255, np.uint8)
    photo[0, 3] = (90, 90, 90, 255)
    clear = drawing()
    clear[5, 5, 3] = 254
    assert alpha.lifted(photo) is photo and alpha.lifted(clear) is clear


@given(st.integers(0, 2**24 - 1))
def test_paper_is_what_can_be_reached_from_the_rim(bits: int) -> None:
    free = np.array([bits >> i & 1 for i in range(24)], bool).reshape(4, 6)
    wanted, work = np.zeros_like(free), [(y, x) for y in range(4) for x in range(6) if y in (0, 3) or x in (0, 5)]
    while work:
        y, x = work.pop()
        if 0 <= y < 4 and 0 <= x < 6 and free[y, x] and not wanted[y, x]:
            wanted[y, x] = True
            work += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    assert np.array_equal(alpha.from_rim(free), wanted)


@pytest.mark.parametrize("channels", [3, 4])
def test_svg(channels: int) -> None:
    text = to_svg(drawing()[..., :channels])
    assert text.startswith("<?xml") and "<svg" in text and "<path" in text and to_svg(drawing()[..., :channels]) == text
    if channels == 4:
        assert "<path" not in to_svg(np.zeros((20, 20, 4), np.uint8))


def test_svg_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"danqing\[svg\]"):
        to_svg(drawing())
