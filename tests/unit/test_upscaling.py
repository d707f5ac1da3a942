"""The upscaler: shapes, transparency, plain ground, edges better than bicubic, a training that goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from danqing.api.schooling import How
from danqing.api.upscale_training import evenly, ship, upscaler_run
from danqing.checkpoint import load_training
from danqing.data.clipart.reading import Clipart
from danqing.data.clipart.rows import Row
from danqing.errors import BadInputError, BadWeightsError, UsageError
from danqing.evaluate import shipped
from danqing.families.text2image import upscaling
from danqing.families.text2image.upscaling import Crops, UpscalerRecipe, Wear, degraded, enlarge, sobel
from danqing.images.alpha import resized
from danqing.nn.chance import Chance
from danqing.nn.upscale import Upscaler, UpscalerConfig

TRAIN = {"batch": 2, "ema": 0.5, "rate": "constant", "precision": "fp32"}
TINY = UpscalerRecipe(1.0, crop=8, model={"width": 16, "blocks": 1, "fine": 8}, train=TRAIN)


def face(side: int, over: int = 4) -> np.ndarray:
    """(side, side, 4) uint8 premultiplied: a drawing with curves, corners, a thin line and a clear background."""
    big = side * over
    paper = Image.new("RGBA", (big, big))
    pen = ImageDraw.Draw(paper)

    def box(left: float, top: float, right: float, bottom: float) -> list[float]:
        return [left * big, top * big, right * big, bottom * big]

    pen.polygon([(0.1 * big, 0.35 * big), (0.2 * big, 0.02 * big), (0.42 * big, 0.2 * big)], (230, 120, 30, 255))
    pen.ellipse(box(0.1, 0.12, 0.9, 0.92), (250, 190, 40, 255))
    pen.ellipse(box(0.28, 0.36, 0.4, 0.5), (60, 40, 20, 255))
    pen.ellipse(box(0.6, 0.36, 0.72, 0.5), (60, 40, 20, 255))
    pen.arc(box(0.3, 0.45, 0.7, 0.76), 20, 160, (150, 30, 40, 255), max(1, big // 40))
    pen.rectangle(box(0.02, 0.94, 0.98, 0.97), (20, 90, 200, 255))
    return reduced(np.array(paper), over)


def reduced(rgba: np.ndarray, times: int) -> np.ndarray:
    height, width = (length // times for length in rgba.shape[:2])
    return np.rint(rgba.reshape(height, times, width, times, 4).mean((1, 3))).astype(np.uint8)


def edge_error(made: np.ndarray, truth: np.ndarray) -> float:
    return float(sobel(torch.from_numpy(made.astype(np.float32) - truth)[None].permute(0, 3, 1, 2)).abs().mean())


# Enlarging, with the shipped weights.


@pytest.mark.parametrize(("factor", "side"), [(2, 128), (4, 32), (8, 16)])
def test_factors(factor: int, side: int) -> None:
    made = enlarge(face(side), factor)
    assert made.shape == (side * factor, side * factor, 4) and made.dtype == np.uint8
    assert (made[..., :3] <= made[..., 3:]).all()


@pytest.mark.parametrize("size", [(90, 64), (37, 91), (16, 300), (20, 20), (9, 7), (1, 1)])
def test_any_size_from_odd_sides(size: tuple[int, int]) -> None:
    small = np.ascontiguousarray(face(32)[:21, :17])
    made = enlarge(small, size)
    assert made.shape == (size[1], size[0], 4) and (made[..., :3] <= made[..., 3:]).all()


def test_the_same_size_is_the_same_picture() -> None:
    assert np.array_equal(enlarge(face(32), 1), face(32))


def test_better_than_bicubic_on_a_drawing() -> None:
    truth = face(512)
    small = reduced(truth, 4)
    made, bicubic = enlarge(small, 4), cubic(small)
    assert np.abs(made.astype(int) - truth).mean() < 0.75 * np.abs(bicubic.astype(int) - truth).mean()
    assert edge_error(made, truth) < 0.75 * edge_error(bicubic, truth)


def cubic(rgba: np.ndarray) -> np.ndarray:
    size = (rgba.shape[1] * 4, rgba.shape[0] * 4)
    planes = [
        Image.fromarray(np.ascontiguousarray(rgba[..., i])).resize(size, Image.Resampling.BICUBIC) for i in range(4)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def test_what_is_transparent_stays_so_to_the_last_bit() -> None:
    assert not enlarge(np.zeros((40, 24, 4), np.uint8), 4).any()
    small = np.zeros((32, 32, 4), np.uint8)
    small[12:20, 12:20] = (200, 30, 60, 255)
    made = enlarge(small, 4)
    outside = np.ones((128, 128), bool)
    outside[44:84, 44:84] = False
    assert not made[outside].any() and (made[56:72, 56:72, 3] == 255).all()


@pytest.mark.parametrize(
    "colour", [(255, 255, 255), (0, 0, 0), (255, 0, 0), (13, 200, 90), (128, 128, 128), (250, 210, 40)]
)
def test_one_colour_stays_one_colour(colour: tuple[int, int, int]) -> None:
    made = enlarge(np.full((24, 24, 4), (*colour, 255), np.uint8), 4)
    assert (made[..., 3] == 255).all()
    assert np.abs(made[..., :3].astype(int) - colour).max() == 0


@pytest.mark.parametrize("colour", [(255, 255, 255), (240, 90, 20)])
def test_a_drawing_has_no_dark_rim(colour: tuple[int, int, int]) -> None:
    """On a ground of its own colour a disc of one colour cannot be seen."""
    y, x = np.mgrid[:32, :32]
    share = np.clip(12.5 - np.hypot(x - 15.3, y - 16.1), 0, 1)[..., None]
    disc = np.rint(np.concatenate([share * colour, share * 255], axis=2)).astype(np.uint8)
    made = enlarge(disc, 4).astype(int)
    shown = made[..., :3] + (255 - made[..., 3:]) * np.array(colour) / 255
    assert np.abs(shown - colour).max() <= 16
    assert 0.8 < (made[..., 3] > 127).mean() / (share > 0.5).mean() < 1.2


def test_it_gives_the_same_twice() -> None:
    assert np.array_equal(enlarge(face(24), 4), enlarge(face(24), 4))


def test_beyond_its_largest_size_lanczos_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscaling, "LARGEST", 16)
    assert np.array_equal(enlarge(face(20), 4), resized(face(20), (80, 80)))


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 4), np.float32), np.zeros((0, 8, 4), np.uint8), "cat.png"]
)
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(BadInputError, match="uint8"):
        enlarge(bad, 4)


@pytest.mark.parametrize("to", [0, -4, (0, 12), (12,)])
def test_impossible_sizes_are_refused(to: object) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        enlarge(face(8), to)  # type: ignore[arg-type]


def test_missing_weights_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaling.shipped_upscaler.cache_clear()
    monkeypatch.setattr(shipped, "shelf", lambda: tmp_path)
    with pytest.raises(BadWeightsError, match="install danqing again"):
        enlarge(face(8), 4)
    monkeypatch.undo()
    assert enlarge(face(8), 4).shape == (32, 32, 4)


def test_the_card_tells_size_data_and_licences() -> None:
    card = shipped.read_card("upscaler")
    weights = shipped.shelf().joinpath("upscaler", "weights.safetensors").read_bytes()
    assert len(weights) < 3_000_000 and card["parameters"] < 1_500_000
    allowed = {"Apache-2.0", "MIT", "CC0-1.0", "CC-PDDC", "CC-BY-3.0", "CC-BY-4.0"}
    assert {row["licence"] for row in card["data"]["sources"]} <= allowed
    assert sum(row["pictures"] for row in card["data"]["sources"]) == card["data"]["pictures"]
    for given in card["figures"]["figures"].values():
        assert given["danqing"]["psnr"] > given["lanczos"]["psnr"]
        assert given["danqing"]["edge_error"] < given["lanczos"]["edge_error"]


# Learning.


def test_it_starts_as_bicubic() -> None:
    net, x = Upscaler(UpscalerConfig(width=16, blocks=1)), torch.rand(1, 4, 7, 10) * 2 - 1
    assert torch.equal(net(x), F.interpolate(x, scale_factor=4, mode="bicubic"))


def test_wear_is_allowed_and_repeats() -> None:
    x = torch.from_numpy(face(64)).permute(2, 0, 1)[None].float().expand(8, -1, -1, -1) / 255
    worn = degraded(x, Chance(1), Wear(clean=0.0))
    assert torch.equal(worn, degraded(x, Chance(1), Wear(clean=0.0)))
    assert torch.equal(worn * 255, (worn * 255).round()) and (worn[:, :3] <= worn[:, 3:]).all()
    assert 0.003 < float((worn - x).abs().mean()) < 0.05
    assert torch.equal(degraded(x, Chance(1), Wear(clean=1.0)), x.mul(255).round() / 255)


def renders(count: int = 3) -> np.ndarray:
    return np.stack([np.roll(face(64), 5 * i, axis=1) for i in range(count)])


def test_crops_follow_seed_and_step_and_are_shared() -> None:
    whole, again, other = (Crops(renders(), 6, 32, seed).at(4).pictures for seed in (0, 0, 1))
    assert whole.shape == (6, 4, 32, 32) and torch.equal(whole, again) and not torch.equal(whole, other)
    parts = [Crops(renders(), 6, 32, 0, rank, 2).at(4).pictures for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)
    assert (whole[:, :3] <= whole[:, 3:] + 1e-6).all()


def test_a_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    for name, ends in (("whole", [2]), ("parts", [1, 2])):
        for steps in ends:
            run = upscaler_run(tmp_path / name, TINY, renders(), How(budget={"steps": steps}))
            list(run.from_where_it_stopped())
    (one, _), (other, _) = (load_training(tmp_path / name) for name in ("whole", "parts"))
    assert one["average/outward.weight"].count_nonzero()
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_shipping_writes_half_precision_and_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(upscaler_run(tmp_path / "training", TINY, renders(), How(budget={"steps": 1})).go())
    rows = tuple(Row(f"set:{i}", "set", f"style{i % 2}", "MIT", "", "cat") for i in range(4))
    clipart = Clipart(tmp_path, np.zeros((4, 1, 1, 4), np.uint8), rows, {})
    assert sorted(clipart.rows[i].style for i in evenly(clipart, ("train",), 2, 0)) == ["style0", "style1"]
    (tmp_path / "pictures.json").write_text(json.dumps({"rows": [row.id for row in rows[:3]]}))
    ship(tmp_path, tmp_path / "shelf" / "upscaler", clipart)
    monkeypatch.setattr(shipped, "shelf", lambda: tmp_path / "shelf")
    card = shipped.read_card("upscaler")
    assert card["data"]["sources"] == [{"source": "set", "licence": "MIT", "pictures": 3}]
    net = Upscaler(UpscalerConfig(**card["config"]))
    assert shipped.fill(net, "upscaler") is net and card["parameters"] == sum(p.numel() for p in net.parameters())
