"""How well a painter obeys: every row is there, for a tiny painter with weights by chance and a set of plain discs."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

from danqing import api
from danqing.api.judging_compositions import Task, coloured, composed_row
from danqing.api.judging_painter import evaluate_painter
from danqing.api.painter_exam import Exam, Lineup, unseen_by_judge
from danqing.api.painter_report import SOURCES, SPLITS, PainterReport
from danqing.cli import main
from danqing.data.clipart.reading import FORMAT, Clipart, open_clipart
from danqing.data.clipart.rows import Row
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.evaluate import words
from danqing.evaluate.words import FEATURES, Recall, WordJudge
from danqing.words.colours import COLOURS

NAMES = ("cat", "dog", "red apple", "owl", "hat", "face", "red hat", "blue owl", "two cat", "dog hat")
CHINESE = {"cat": "猫", "dog": "狗", "owl": "猫头鹰", "hat": "帽子"}
STYLES = ("fluent", "noto", "twemoji", "other")
"""the painter knows the first two"""


def row(name: str, style: str, number: int) -> Row:
    split = "name" if name in NAMES[:4] else "pair" if (number + STYLES.index(style)) % 3 else "train"
    return Row(
        f"{style}:{name}-{number}", style, style, "MIT", "", name, name_zh=CHINESE.get(name, ""),
        tags=("Animals & Nature",), kind="drawing", split=split, colours=("red",),
    )  # fmt: skip


def disc(number: int) -> np.ndarray:
    """(128, 128, 4) uint8 premultiplied: a disc in one of the colours."""
    y, x = np.mgrid[:128, :128] - 63.5
    inside = x**2 + (y * (1 + number % 3 / 2)) ** 2 < 50**2
    colour = (*list(COLOURS.values())[number % len(COLOURS)], 255)
    return (inside[..., None] * np.array(colour)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built set: 4 names held out in 4 styles, and pairs."""
    home = tmp_path_factory.mktemp("home")
    made = home / "data" / "clipart"
    made.mkdir(parents=True)
    names = [name for name in NAMES for _ in range(3 if name in NAMES[:4] else 2)]
    rows = [row(name, style, number) for style in STYLES for number, name in enumerate(names)]
    np.save(made / "pictures.npy", np.stack([disc(number) for number in range(len(rows))]))
    (made / "captions.jsonl").write_text("".join(f"{one.line()}\n" for one in rows), encoding="utf-8")
    (made / "card.json").write_text(json.dumps({"format": FORMAT}))
    return made


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[WordJudge]:
    """A judge of the right shape whose weights are chance, with cheap features and a short bootstrap."""
    torch.manual_seed(0)
    made = WordJudge(sorted({word for name in NAMES for word in name.split()})).eval().requires_grad_(False)
    monkeypatch.setattr(WordJudge, "load", staticmethod(lambda: made))
    monkeypatch.setattr(
        words, "describe", lambda pictures: adaptive_avg_pool2d(pictures + 1, 64).flatten(1)[:, :FEATURES]
    )
    monkeypatch.setattr(words, "REPEATS", 40)
    yield made


@pytest.fixture(scope="module")
def clipart(folder: Path) -> Clipart:
    return open_clipart(folder)


@pytest.fixture(scope="module")
def reports() -> dict[str, PainterReport]:
    """The whole report, made once."""
    return {}


@pytest.fixture
def report(reports: dict[str, PainterReport], painter_folder: Path, clipart: Clipart) -> PainterReport:
    if not reports:
        reports["all"] = evaluate_painter(painter_folder, clipart, limit=10).result()
    return reports["all"]


def judge_script() -> Any:
    """The script that trains the judge, as a module."""
    path = Path(__file__).parents[2] / "scripts" / "train_clipart_judge.py"
    found = importlib.util.spec_from_file_location("train_clipart_judge", path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # its dataclasses look for their module
    found.loader.exec_module(module)
    return module


def ordered(found: Any) -> bool:
    return 0 <= found.low <= found.value <= found.high <= 1


def test_every_row_is_there(report: PainterReport, clipart: Clipart) -> None:
    assert [(one.split, one.source) for one in report.rows] == [
        (split, source) for split in SPLITS for source in SOURCES
    ]
    assert {one.style for one in report.rows} == {""} and {one.style for one in report.styles} == {"fluent", "noto"}
    assert report.counts == {"pair": 10, "name": 10} and report.steps == 4 and report.model == "tiny"
    for one in (*report.rows, *report.styles):
        assert ordered(one.r1) and ordered(one.r5) and one.r1.value <= one.r5.value
        assert (one.r1.k, one.r5.k, one.r5.candidates) == (1, 5, len(NAMES))
        assert (one.understood is None) == (not one.source.startswith("words"))
    spoken = {one.split: one for one in report.rows if one.source == "words"}
    assert spoken["name"].understood == spoken["pair"].understood == 1.0, "all words are the painter's"
    parts = [one for one in report.styles if (one.split, one.source) == ("pair", "words")]
    total = sum(one.r5.value * one.r5.count for one in parts)
    assert total == pytest.approx(spoken["pair"].r5.value * 10), "styles meet the same candidates as the whole"


def test_real_pictures_are_those_the_judge_did_not_see(report: PainterReport, clipart: Clipart) -> None:
    counts = {one.split: one.r5.count for one in report.rows if one.source == "real pictures"}
    assert counts["pair"] == 10 and 0 < counts["name"] < 10
    part_of = judge_script().part_of
    assert [unseen_by_judge(one) for one in clipart.rows] == [
        part_of(one) in ("pair", "name") for one in clipart.rows
    ], "the same pictures as in its training"


def test_distances_and_copies(report: PainterReport) -> None:
    assert [(far.source, far.row.metric) for far in report.distances] == [
        (source, metric) for source in ("words", "true embedding") for metric in ("frechet", "kid")
    ]
    for far in report.distances:
        assert far.row.low <= far.row.value <= far.row.high and far.row.count == 20
    assert report.copies and ordered(report.copies.above) and report.copies.above.count == 20
    likenesses = [pair.likeness for pair in report.copies.nearest]
    assert len(likenesses) == 10 and likenesses == sorted(likenesses, reverse=True) and max(likenesses) <= 1.001
    assert {pair.training for pair in report.copies.nearest} <= {"fluent:cat", "noto:cat", "fluent:dog", "noto:dog",
        "fluent:owl", "noto:owl", "fluent:red apple", "noto:red apple"}  # fmt: skip


def test_compositions(report: PainterReport) -> None:
    found = {(one.kind, one.source): one for one in report.composed}
    assert {("plain", "words"), ("plain", "drawn"), ("background", "drawn"), ("pair", "words")} <= set(found)
    for (kind, _), one in found.items():
        assert ordered(one.first) and one.first.count <= 10
        assert (one.second is not None) == (kind in ("pair", "wear"))
        assert (one.colour is not None) == (one.other_colour is not None) == (kind in ("hue", "background"))
    assert found["background", "drawn"].colour.value > 0.8, "a background can be measured"  # type: ignore[union-attr]
    kinds = {kind for kind, _ in found}
    missing = {"plain", "hue", "count", "pair", "wear", "background"} - kinds
    assert all(kind in "".join(report.notes) for kind in missing)


def test_the_report_is_plain(report: PainterReport) -> None:
    plain = report.plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == json.loads(json.dumps(plain))
    assert "sheet" not in plain and len(plain["rows"]) == 8 and plain["copies"]["nearest"]
    assert all(len(shown.pictures) == 4 for shown in report.sheet) and len(report.sheet) == 20
    assert report.sheet[0].pictures[0].shape == (128, 128, 3)  # type: ignore[union-attr]


def test_limit_and_seed(painter_folder: Path, clipart: Clipart) -> None:
    first, again = (evaluate_painter(painter_folder, clipart, limit=2).result() for _ in range(2))
    assert first == again and first.counts == {"pair": 2, "name": 2} and first.distances == ()
    assert "too few for distances" in " ".join(first.notes)
    with pytest.raises(UsageError, match="too few"):
        evaluate_painter(painter_folder, clipart, limit=1).result()
    with pytest.raises(UsageError, match="seed"):
        evaluate_painter(painter_folder, clipart, seed=-1).result()


def test_what_the_painter_learned_from_is_no_question(painter_folder: Path, clipart: Clipart, judge: WordJudge) -> None:
    rows = tuple(replace(one, id="noto:cat") if one.id == "noto:cat-0" else one for one in clipart.rows)
    exam = Exam(api.load_painter(painter_folder), Clipart(clipart.folder, clipart.pictures, rows, {}), judge, None, 0)
    assert exam.leaked == 1 and clipart.places["noto:cat-0"] not in exam.held["name"]
    assert len(exam.held["name"]) == 4 * 3 * 2 - 1


def test_sets_that_do_not_go(painter_folder: Path, clipart: Clipart, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="danqing data build clipart"):
        evaluate_painter(painter_folder, tmp_path).result()
    rows = tuple(replace(one, split="train") for one in clipart.rows)
    with pytest.raises(BadInputError, match="holds out no drawing"):
        evaluate_painter(painter_folder, Clipart(clipart.folder, clipart.pictures, rows, {})).result()


def test_colours_are_measured() -> None:
    found = coloured(["red", "blue", "green"], [["red"], ["white"], ["grey", "green"]])
    assert found.value == pytest.approx(2 / 3) and ordered(found) and found.count == 3


def test_a_judge_that_knows_gives_full_marks(judge: WordJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Lineup.of(judge, list(NAMES))
    tasks = [Task(i, name, (name,), "red", disc(0)) for i, name in enumerate(NAMES)]
    right = torch.stack([names.vectors[names.place[tuple(sorted(name.split()))]] for name in NAMES])
    monkeypatch.setattr(judge, "embed_pictures", lambda pictures: right)
    done = composed_row("hue", "words", tasks, np.stack([disc(0)] * len(tasks)), judge, 0, names)
    assert isinstance(done.first, Recall) and done.first.value == 1.0 and done.second is None
    assert done.colour and done.colour.value == 1.0 and done.other_colour and done.other_colour.value == 1.0


# The command.


def test_the_command(
    painter_folder: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(folder.parents[1]))
    words = [
        "evaluate",
        "clipart",
        "--model",
        str(painter_folder),
        "-n",
        "2",
        "--sheet",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["rows"]) >= 6 and json.loads((tmp_path / "out" / "clipart.json").read_text()) == document
    assert [Path(path).name for path in document["sheets"]] == ["clipart-sheet.png", "clipart-nearest.png"]
    assert all(Path(path).stat().st_size > 1000 for path in document["sheets"])


def test_the_tables(report: PainterReport, capsys: pytest.CaptureFixture[str]) -> None:
    from danqing.cli.judging_painter import show
    from danqing.cli.words import Talk

    show(Talk(), report)
    said = capsys.readouterr().out
    for text in ("R@5", *SOURCES, *SPLITS.values(), "FD-effl0", "KID-effl0", "background", "Copies:", "fluent"):
        assert text in said


def test_the_command_refuses(
    painter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    for arguments, code, says in (
        (["clipart", "--model", str(painter_folder)], 3, "danqing data build clipart"),
        (["clipart", "--steps", "4"], 2, "leave --sampler"),
        (["some-model"], 2, "Name the data"),
        (["some-model", "fashion-mnist", "--sheet"], 2, "evaluate clipart"),
    ):
        assert main(["evaluate", *arguments, "--json"]) == code
        assert says in json.loads(capsys.readouterr().out)["error"]["message"]
    assert api.load_painter(painter_folder).name == "tiny"
