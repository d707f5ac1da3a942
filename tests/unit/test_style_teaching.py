"""The fast engine's lessons: pieces, the loss, the training that goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from danqing import api
from danqing.api.schooling import How
from danqing.api.style_schooling import parted, styler_run
from danqing.checkpoint import load_training
from danqing.errors import BadInputError, BadWeightsError, NotFoundError, UsageError
from danqing.evaluate.shipped import vgg19
from danqing.families.style.drawn import DRAWINGS, drawn
from danqing.families.style.eyes import Eyes
from danqing.families.style.network import FastConfig, FastPainter, look_at
from danqing.families.style.objective import tiles
from danqing.families.style.painting import MARGIN, painted
from danqing.families.style.teaching import Sight, Studies, TeachingRecipe, piece, teaching_loss, tensor
from danqing.nn.chance import Chance
from danqing.types import Now

SMALL = FastConfig(widths=(8, 16), blocks=2, squeezed=8, manner=8)


@pytest.fixture(scope="module")
def studies() -> Studies:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (60, 80, 3)).astype(np.uint8) for _ in range(3)]
    return Studies(photos, [drawn(name, 96) for name in list(DRAWINGS)[:3]], TeachingRecipe(1.0, 32, 40), 4, 0)


def test_lessons_are_a_function_of_seed_and_step(studies: Studies) -> None:
    one, again, other = studies.at(3), studies.at(3), studies.at(4)
    assert one.pictures.shape == (4, 3, 32, 32) and one.given["style"].shape == (2, 3, 32, 32)
    assert torch.equal(one.pictures, again.pictures) and torch.equal(one.given["style"], again.given["style"])
    assert not torch.equal(one.pictures, other.pictures)
    assert torch.equal(one.pictures[0], studies.photo(int(one.given["number"][0])))
    assert torch.equal(one.given["style"][1], studies.painting(int(one.given["style_number"][1])))


@pytest.mark.parametrize("shape", [(20, 300, 3), (33, 32, 3), (8, 8, 3)])
def test_pieces_of_narrow_and_tiny_pictures(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    made = [piece(np.full(shape, 7, np.uint8), 32, rng) for _ in range(6)]
    assert all(one.shape == (32, 32, 3) and (one == 7).all() for one in made)


def test_every_weight_of_the_fast_engine_is_taught(studies: Studies) -> None:
    torch.manual_seed(0)
    painter, eyes = FastPainter(SMALL), Eyes(vgg19())
    painter.reader.fit(look_at(eyes, [tensor(one) for one in studies.paintings]))
    torch.nn.init.normal_(painter.steer.weight, std=0.1)
    now = Now(0, 0.5, Chance(0))
    sight = Sight(eyes)
    loss = teaching_loss(painter, sight, studies.at(0), now)
    loss.backward()
    idle = [name for name, p in painter.named_parameters() if p.grad is None or not p.grad.count_nonzero()]
    assert not idle and {"style", "content"} <= now.notes.keys()
    assert all(p.grad is None for p in eyes.parameters())
    assert sight.things and sight.manners
    sight.eyes.many = None  # type: ignore[assignment]  # what was seen once is not looked at again
    assert len(sight.content(studies.at(0).pictures, studies.at(0).given["number"].tolist())) == 4


TINY = TeachingRecipe(
    1.0, 32, 40, 1, {"widths": [8, 16], "blocks": 1, "squeezed": 4, "manner": 8},
    {"batch": 2, "optimizer": "adam", "lr": 3e-3, "warmup": 1, "precision": "fp32", "rate": "constant"},
)  # fmt: skip


def test_the_style_comes_closer_and_a_stopped_training_ends_with_the_same_bytes(
    tmp_path: Path, studies: Studies
) -> None:
    def run(folder: Path, steps: int) -> list[float]:
        made = styler_run(folder, TINY, studies.photos, studies.paintings[:1], How(budget={"steps": 60}))
        events = made.from_where_it_stopped()
        found = [event.figures for _, event in zip(range(steps), events, strict=False)]
        events.close()
        return [figures["style"] for figures in found if "style" in figures]

    losses = run(tmp_path / "whole", 99)
    assert np.median(losses[-15:]) < 0.8 * np.median(losses[:15])
    run(tmp_path / "parts", 5)
    run(tmp_path / "parts", 99)
    (one, _), (other, _) = (load_training(tmp_path / name) for name in ("whole", "parts"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_through_the_public_door(tmp_path: Path, studies: Studies, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, pictures in (("photos", studies.photos), ("paintings", studies.paintings)):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / name / f"{i}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    monkeypatch.setattr("danqing.api.style_schooling.recipes", lambda: {"cpu": TINY})
    folders = tmp_path / "photos", tmp_path / "paintings"
    events = list(api.train_styler(*folders, minutes=0.005, out=tmp_path / "out"))
    assert events[0].message == "3 photos; 3 paintings and 8 own manners."
    folder = tmp_path / "out" / "styler"
    wishes = {"engine": "fast", "model": folder, "size": 48}
    one, other = (api.stylize(studies.photos[0], name, **wishes).result() for name in ("oil", "pen"))
    assert one.pixels.shape == (36, 48, 3) and (one.pixels != other.pixels).any()
    assert one.recipe.sampler == "fast" and len(one.recipe.model_hash) == 12
    again = api.stylize(studies.photos[0], "oil", **wishes).result()
    assert np.array_equal(one.pixels, again.pixels)
    left = np.zeros((60, 80, 3), np.uint8)
    left[:, :40] = 255
    parted_ = api.stylize(studies.photos[0], ["oil", "pen"], masks=[left, 255 - left], **wishes).result().pixels
    assert np.abs(parted_[:, :12].astype(int) - one.pixels[:, :12]).max() <= 1
    assert np.abs(parted_[:, -12:].astype(int) - other.pixels[:, -12:]).max() <= 1
    with pytest.raises(UsageError, match="no settings"):
        api.stylize(studies.photos[0], "oil", engine="fast", options={"steps": [1]}).result()
    with pytest.raises(UsageError, match="no --model"):
        api.stylize(studies.photos[0], "oil", engine="gatys", model=folder).result()
    with pytest.raises(NotFoundError, match="engine"):
        api.stylize(studies.photos[0], "oil", engine="quick").result()
    (folder / "weights.safetensors").write_bytes((folder / "weights.safetensors").read_bytes()[:-9])
    with pytest.raises(BadWeightsError):
        api.stylize(studies.photos[0], "oil", **wishes).result()
    with pytest.raises(NotFoundError, match="recipe"):
        api.train_styler(*folders, "huge", out=tmp_path / "out").result()
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInputError, match="has none"):
        api.train_styler(tmp_path / "none", folders[1], out=tmp_path / "out2").result()
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    with pytest.raises(NotFoundError, match="data build studies"):
        api.train_styler(out=tmp_path / "out3").result()


def test_tiles_leave_no_seam() -> None:
    """Where two tiles meet, the step from pixel to pixel is that of the picture painted in one piece."""
    torch.manual_seed(0)
    painter = FastPainter(FastConfig(widths=(8, 16), blocks=2, squeezed=4, manner=6)).eval()
    with torch.no_grad():
        torch.nn.init.normal_(painter.steer.weight, std=0.2)
        y, x = torch.meshgrid(torch.linspace(-1, 1, 320), torch.linspace(-1, 1, 400), indexing="ij")
        photo = torch.stack([x, y, torch.sin(9 * x * y)])
        noise, z = torch.zeros(1, 2, 200, 240), torch.randn(6)
        whole, parts = painted(painter, photo, z, noise), painted(painter, photo, z, noise, tile=304)
    edges = [one.inner[2] for one in tiles((320, 400), 304, MARGIN) if one.inner[2]]
    assert edges
    for edge in set(edges):
        step, usual = (parts[:, :, edge] - parts[:, :, edge - 1]).abs().mean(), parts.diff(dim=2).abs().mean()
        assert step < 2 * usual
    assert (whole - parts).abs().mean() < 0.1


def test_a_tenth_of_the_paintings_is_held_out_by_name() -> None:
    files = [Path(f"{i}.png") for i in range(40)]
    learned, held = parted(files, 0)
    assert len(held) == 4 and not {*learned} & {*held} and {*learned, *held} == {*files}
    assert parted(files, 0)[1] == held != parted(files, 1)[1]
