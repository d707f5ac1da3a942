"""Teaching the fast engine one painter or school."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from danqing import api
from danqing.cli.door import main
from danqing.errors import BadInputError, BadWeightsError, NotFoundError, UsageError
from danqing.evaluate.shipped import vgg19
from danqing.families.style.drawn import drawn
from danqing.families.style.eyes import Eyes
from danqing.families.style.learning import learn, photos, pupil
from danqing.families.style.network import FastConfig, FastPainter, look_at
from danqing.families.style.shipping import write_styler
from danqing.families.style.taught import read_taught
from danqing.families.style.teaching import tensor
from danqing.home import taught_file, taught_names
from danqing.images.reading import read
from danqing.types import Card

SMALL = FastConfig(widths=(8, 16), blocks=1, squeezed=8, manner=8)


@pytest.fixture(scope="module")
def painter() -> FastPainter:
    torch.manual_seed(0)
    made = FastPainter(SMALL)
    made.reader.fit(look_at(Eyes(vgg19()), [tensor(drawn(name, 64)) for name in ("pen", "ink", "mosaic")]))
    torch.nn.init.normal_(made.steer.weight, std=0.1)
    return made.eval().requires_grad_(False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def model(home: Path, painter: FastPainter) -> Path:
    config = {**vars(SMALL), "widths": [8, 16]}
    numbers: dict[str, Any] = {"seed": 0, "steps": 1, "pictures_seen": 1, "seconds": 1.0, "parameters": 1}
    card = Card("styler", "style", "fast", config, train={}, data={}, software={}, created="", **numbers)
    write_styler(home / "styler", painter, card)
    return home / "styler"


@pytest.fixture
def folder(home: Path) -> Path:
    (home / "school").mkdir()
    for number, name in enumerate(("mosaic", "stained-glass")):
        Image.fromarray(drawn(name, 96)).save(home / "school" / f"{number}.png")
    (home / "school" / "text.png").write_text("no picture")
    return home / "school"


def test_what_is_learned_comes_closer_and_the_engine_stays(
    painter: FastPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danqing.families.style.learning.SIDE", 64)
    before = {name: value.clone() for name, value in painter.state_dict().items()}
    eyes, pictures = Eyes(vgg19()), [drawn("mosaic", 128)]
    mine = pupil(painter, eyes, pictures)
    styles = [figures["style"] for figures in learn(painter, eyes, mine, pictures, 24, 0)]
    assert np.mean(styles[-6:]) < 0.97 * np.mean(styles[:6])
    assert mine.shift.detach().abs().max() > 0 and not torch.equal(mine.manners, mine.read)
    assert all(torch.equal(before[name], value) for name, value in painter.state_dict().items())
    assert len(photos()) == 12


def test_a_school_is_taught_kept_and_painted_in(home: Path, model: Path, folder: Path) -> None:
    events = list(api.teach_style(folder, "齐白石", steps=3, model=model))
    assert any("text.png" in event.message for event in events) and events[-1].done == 1.0
    assert taught_names() == ["齐白石"]
    taught = read_taught(taught_file("齐白石"))
    assert len(taught.pictures) == len(taught.manners) == 2 and taught.steps == 3
    assert all(np.abs(kept.astype(int) - drawn(name, 96)).mean() < 25
               for kept, name in zip(taught.pictures, ("mosaic", "stained-glass"), strict=True))  # fmt: skip
    photo = drawn("ink", 48)
    one, again, other = (
        api.stylize(photo, "齐白石", engine="fast", model=model, seed=seed).result().pixels for seed in (0, 0, 5)
    )
    assert np.array_equal(one, again) and (one != other).any()
    assert taught.drawn(0)[1].shape == (SMALL.manner + len(taught.shift),)
    slow = api.stylize(photo, "齐白石", options={"steps": [2]}).result()
    assert slow.recipe.label == "齐白石"


def test_stopped_teaching_keeps_what_was_learned(home: Path, model: Path, folder: Path) -> None:
    act = api.teach_style(folder, "half", steps=50, model=model)
    steps = iter(act)
    while not next(steps).figures:
        pass
    steps.close()  # type: ignore[attr-defined]
    assert read_taught(taught_file("half")).steps == 1


def test_taught_manners_and_bad_input(home: Path, model: Path, folder: Path, painter: FastPainter) -> None:
    teach: Callable[..., Any] = lambda *a, **k: api.teach_style(*a, steps=1, model=model, **k).result()  # noqa: E731
    for name in ("", "a/b", "..", "x" * 61, "-n", "a\nb"):
        with pytest.raises(UsageError, match="cannot name"):
            teach(folder, name)
    with pytest.raises(UsageError, match="comes with Danqing"):
        teach(folder, "oil")
    with pytest.raises(UsageError, match="at least 1"):
        api.teach_style(folder, "n", steps=0, model=model).result()
    with pytest.raises(BadInputError, match=r"text\.png"):
        teach([folder / "0.png", folder / "text.png"], "n")
    with pytest.raises(NotFoundError):
        teach(home / "nowhere", "n")
    (home / "empty").mkdir()
    with pytest.raises(BadInputError, match="0 pictures"):
        teach(home / "empty", "n")
    with pytest.raises(NotFoundError, match="half"):
        api.stylize(drawn("ink", 32), "half", engine="fast", model=model).result()
    small = home / "small.png"
    Image.fromarray(drawn("pen", 48)[:8]).save(small)
    with pytest.raises(BadInputError, match=r"small\.png"):
        teach(small, "n")
    path = teach(folder / "0.png", "mine")
    with pytest.raises(UsageError, match="--again"):
        teach(folder / "1.png", "mine")
    first = path.read_bytes()
    teach(folder / "1.png", "mine", again=True)
    assert path.read_bytes() != first
    write_styler(home / "other", FastPainter(SMALL), api_card(model))
    with pytest.raises(UsageError, match="another fast engine"):
        api.stylize(drawn("ink", 32), "mine", engine="fast", model=home / "other").result()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadWeightsError):
        api.stylize(drawn("ink", 32), "mine", engine="fast", model=model).result()


def api_card(folder: Path) -> Card:
    from danqing.checkpoint import read_card

    return read_card(folder)


def test_on_the_command_line(home: Path, model: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["teach-style", str(folder), "--name", "水墨课", "--steps", "2", "--model", str(model)]
    assert main(words) == 0 and "水墨课" in capsys.readouterr().out
    assert main(["styles", "list"]) == 0 and "水墨课" in capsys.readouterr().out
    photo = home / "photo.png"
    Image.fromarray(drawn("pen", 40)).save(photo)
    words = ["stylize", str(photo), "水墨课", "--engine", "fast", "--model", str(model), "--out", str(home / "out")]
    assert main(words) == 0 and (home / "out" / "photo-水墨课.png").exists()
    assert main([*words, "--variants", "2", "--seed", "3"]) == 0
    one, other = (read(home / "out" / f"photo-水墨课-{seed}.png") for seed in (3, 4))
    assert one.shape == other.shape and (one != other).any()
    capsys.readouterr()
    assert main(["styles", "show", "水墨课", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2
    assert main(["styles", "show", "oil"]) == 0 and "油画" in capsys.readouterr().out
    assert main(["styles", "show", "oyl"]) != 0 and "oil" in capsys.readouterr().err
    assert main([*words, "--variants", "0"]) == main([*words[:1], str(folder), *words[2:], "--variants", "2"]) == 2
