"""The report card: copies, sharpness and classes against what is known, and the page through the public door."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from danqing import api
from danqing.cli.door import main
from danqing.data import load_split
from danqing.errors import UsageError
from danqing.evaluate.card.charts import lines
from danqing.evaluate.classes import told
from danqing.evaluate.copies import copies, memorisation
from danqing.evaluate.spectrum import radial_power, sharpness


def test_copies_are_told_from_independent_pictures() -> None:
    torch.manual_seed(0)
    train, fresh = torch.randn(400, 8), torch.randn(300, 8)
    stolen = train[:200] + 0.01 * torch.randn(200, 8)
    thief, honest = copies(train, stolen, fresh), copies(train, torch.randn(200, 8), fresh)
    assert thief.authentic == 0 and torch.equal(thief.neighbour, torch.arange(200))
    assert honest.authentic == pytest.approx(honest.authentic_real, abs=0.1)
    assert copies(train, fresh, fresh[:0]).authentic_real is None
    mixed = copies(train, torch.cat([fresh, stolen[:3]]), None)
    assert set(mixed.most_alike(3).tolist()) == {300, 301, 302}


def test_the_spectrum_of_a_wave_lies_in_its_ring() -> None:
    x = torch.arange(32) / 32
    wave = (127 + 100 * torch.sin(2 * torch.pi * 8 * x)).round().to(torch.uint8).expand(4, 1, 32, 32)
    assert int(radial_power(wave).argmax()) + 1 == 8
    noise = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8)
    soft = torch.nn.functional.avg_pool2d(noise.float(), 3, 1, 1).round().to(torch.uint8)
    real = radial_power(noise)
    assert sharpness(real, real) == pytest.approx(1) and sharpness(radial_power(soft), real) < 0.3
    assert real.std() < 0.3  # white noise: all rings alike


def test_confusion_and_f1() -> None:
    found = told(torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 1, 0]), 3)
    assert found.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert found.accuracy == pytest.approx(0.6) and found.f1.tolist() == pytest.approx([0.5, 0.8, 0.0])


def test_lines_of_one_point_and_of_equal_values() -> None:
    assert "nan" not in lines([("a", [1.0], [2.0]), ("b", [1.0], [2.0])], "x", "y").lower()


class Reader(HTMLParser):
    """Checks that every tag that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.outside += [v for k, v in attributes if k in ("src", "href") and v and not v.startswith("data:")]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """<rect …/>"""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    runs = []
    for preset, name in (("conv-28", "first <&>"), ("dcgan-28", "second")):
        runs.append(api.train(preset, "fashion-mnist-small", steps=6, out=folder / name).result().folder)
    return runs


def test_models_side_by_side_on_one_page(
    models: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, out = tmp_path / "card.html", tmp_path / "card.json"
    names = [str(folder) for folder in reversed(models)]
    words = ["evaluate", *names, "fashion-mnist-small", "-n", "60", "--page", str(page), "--out", str(out)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "second" in shown and "FD-fmnist" in shown and "class accuracy" in shown
    html = page.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    assert not reader.open and not reader.outside and "<script" not in html
    assert "first &lt;&amp;&gt;" in html and "first <&>" not in html
    assert re.search(r"In plain words.*none was picked.*简单地说.*没有挑选", html, re.S)
    assert html.count("data:image/png;base64,") == 4 and html.count("<details>") == 1  # one is asked for classes
    assert "Training curves" in html and "--page" in html and "<td></td>" in html  # no classes there
    card = json.loads(out.read_text(encoding="utf-8"))
    assert [one["name"] for one in card["models"]] == ["second", "first <&>"]
    for one in card["models"]:
        assert 0 <= one["authentic"] <= 1
        figures = {row["label"]: row["value"] for row in one["rows"]}
        assert f"{figures['FD-fmnist']:.3g}" in html
    second, first = card["models"]
    assert first["class_f1"] is None and len(second["class_f1"]) == 10 and sum(map(sum, second["confusion"])) == 60
    assert card["data"]["labels"][0] == "t-shirt"


def test_real_pictures_get_a_good_report(monkeypatch: pytest.MonkeyPatch, models: list[Path]) -> None:
    """One that paints held-out pictures: near, varied, sharp, no copies. One that paints the training set: copies."""
    train, held = load_split("fashion-mnist-small")
    conditional = [models[1]]
    for pictures, copying in ((held, False), (train, True)):
        painted = (pictures.pixels[:200], pictures.labels[:200])
        monkeypatch.setattr("danqing.api.judging.many", lambda *_, painted=painted: iter([painted]))
        made = api.report_card(conditional, "fashion-mnist-small", 200).result()
        one = made.models[0]
        assert one.sharpness == pytest.approx(1, abs=0.15) and one.spread == pytest.approx(1, abs=0.08)
        assert (one.copies.authentic < 0.05) == copying and ("repeats what it learned" in made.html) == copying
        assert "near to the real ones" in made.html
        assert one.told is not None and one.told.accuracy > 0.85


def test_what_cannot_be_judged_together(models: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 to 6"):
        api.report_card([], "fashion-mnist-small").result()
    with pytest.raises(UsageError, match="50 or more"):
        api.report_card(models, "fashion-mnist-small", 20).result()
    other = api.train("conv-64", "fashion-mnist-small", steps=1, out=tmp_path / "large").result().folder
    with pytest.raises(UsageError, match="different kinds"):
        api.report_card([models[0], other], "fashion-mnist-small", 50).result()
    assert main(["evaluate", str(models[0]), str(models[1]), "fashion-mnist-small", "--steps", "3"]) == 2


def test_the_memorisation_curve_of_copies_lies_left_of_new_pictures() -> None:
    train = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    held = torch.randn(80, 8, generator=torch.Generator().manual_seed(1))
    found = copies(train, train[:50] + 0.01, held)
    assert found.distance_real is not None
    made, shares = memorisation(found.distance)
    fresh, _ = memorisation(found.distance_real)
    assert shares[0] == 0 and shares[-1] == 1 and len(made) == len(shares)
    assert made == sorted(made) and made[-1] < fresh[5]
