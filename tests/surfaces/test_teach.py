"""`danqing teach`: something new for the painter that ships, from twenty pictures, through the public doors."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient

from danqing import api
from danqing.api import teaching_words
from danqing.api.studios import load_painter
from danqing.cli import main
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError
from danqing.images.reading import read_rgba
from danqing.images.writing import encode_png
from danqing.jobs import Place
from danqing.jobs.desk import Desk
from danqing.jobs.remote import API
from danqing.jobs.worker import worker_of
from danqing.registry import get
from danqing.server.app import create_app

BULU = Path(__file__).parents[2] / "examples" / "bulu"


@pytest.fixture(scope="module")
def short(request: pytest.FixtureRequest) -> None:
    """A lesson of a few steps: enough to test with, far from what it takes to paint well."""
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    patch.setattr(teaching_words, "STEPS", {"prior": 8, "decoder": 2})
    patch.setattr(teaching_words, "OLD", 32)
    patch.setattr(teaching_words, "COPIES", 2)
    patch.setattr(teaching_words, "LOOK", 4)
    patch.setattr(teaching_words, "SHOWN", 1)
    patch.setattr(teaching_words, "ORDINARY", ())


@pytest.fixture(scope="module")
def lesson(short: None, tmp_path_factory: pytest.TempPathFactory) -> api.Lesson:
    out = tmp_path_factory.mktemp("taught") / "bulu"
    return api.teach(BULU, ["bulu", "布噜"], out=out).result()


def test_the_new_name_is_read_in_every_spelling(lesson: api.Lesson) -> None:
    studio = load_painter(lesson.file)
    for prompt in ("bulu", "BULU!", "布噜", "a red bulu with a hat", "戴红帽子的布噜"):
        reading = studio.read(prompt)
        assert "bulu" in [token for token, _ in reading.tokens], prompt
        assert not reading.of("ignored"), prompt
    assert load_painter().read("bulu").of("ignored"), "the painter that ships stays as it is"


def test_it_is_taken_for_what_was_shown(lesson: api.Lesson) -> None:
    after, before = load_painter(lesson.file), load_painter()
    shown = torch.stack([api.embedding_of(before, path) for path in sorted(BULU.glob("*.png"))]).mean(0)
    near = []
    for studio in (before, after):
        made = api.paint("bulu", 4, 0, studio).result().pictures
        seen = torch.stack([api.embedding_of(before, one) for one in made])
        near.append(float(torch.cosine_similarity(seen, shown[None]).mean()))
    assert near[1] > near[0] + 0.15


def test_old_words_stay(lesson: api.Lesson) -> None:
    assert lesson.report["old_words_likeness"] > 0.98
    one, two = (api.paint("a red apple", 1, 0, studio).result().pictures[0] for studio in (None, lesson.file))
    assert np.abs(one.pixels.astype(float) - two.pixels).mean() < 6
    assert one.recipe.extra["drawn_as"] == two.recipe.extra["drawn_as"] == "fluent-flat"


def test_its_style_is_left_to_the_painter(lesson: api.Lesson) -> None:
    """Its lessons named none; also where the default style has drawn what is painted beside it."""
    assert api.paint("a waving bulu", 1, 0, lesson.file).result().pictures[0].recipe.extra["drawn_as"] == "any"
    scene = api.paint("a bulu and a cat", 1, 0, lesson.file).result().pictures[0].recipe
    assert scene.extra["reading"]["drawn"] == ["any", "fluent-flat"]


def test_several_of_it_are_painted_one_by_one(lesson: api.Lesson) -> None:
    recipe = api.paint("two bulu", 1, 0, lesson.file).result().pictures[0].recipe
    assert "layers" in recipe.extra["reading"]


def test_its_pictures_are_among_the_sources_and_names(lesson: api.Lesson) -> None:
    own = BULU / "bulu-00.png"
    nearest = api.sources(own, 1, lesson.file)[0]
    assert nearest.entry.id == "bulu/bulu-00.png" and nearest.entry.licence == "your own"
    assert nearest.likeness > 0.99
    assert api.describe(own, n=1, model=lesson.file)[0].prompt == "bulu"


def test_the_recipe_replays_with_the_taught_painter_alone(lesson: api.Lesson, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(encode_png(api.paint("bulu", 1, 5, lesson.file).result().pictures[0]))
    assert api.replay(path, lesson.file).result().same
    with pytest.raises(UsageError):
        api.replay(path).result()


def test_what_is_left_behind(lesson: api.Lesson) -> None:
    assert {path.name for path in lesson.file.iterdir()} == {
        "weights.safetensors", "card.json", "vocabulary.txt", "index.safetensors", "index.jsonl",
        "before-after.png", "report.json",
    }  # fmt: skip
    report = json.loads((lesson.file / "report.json").read_text(encoding="utf-8"))
    assert report["pictures"] == 20 and report["held_out"] == 2 and report["steps"] == {"prior": 8, "decoder": 2}
    assert len(report["held_out_loss"]["prior"]) == 2
    card = json.loads((lesson.file / "card.json").read_text(encoding="utf-8"))
    assert (
        card["config"]["taught"] == {"bulu": "bulu", "布噜": "bulu"} and card["data"]["taught"][0]["names"][0] == "bulu"
    )
    assert read_rgba(lesson.sheet).shape[0] > 3 * 128


def test_a_taught_painter_is_taught_again(lesson: api.Lesson, tmp_path: Path) -> None:
    more = api.teach(BULU, "momo", base=lesson.file, out=tmp_path / "both").result()
    tokens = [token for token, _ in load_painter(more.file).read("bulu 布噜 momo").tokens]
    assert tokens == ["bulu", "bulu", "momo"]


def test_the_same_seed_teaches_the_same(lesson: api.Lesson, short: None, tmp_path: Path) -> None:
    again = api.teach(BULU, ["bulu", "布噜"], out=tmp_path / "again").result()
    assert load_painter(again.file).hash == load_painter(lesson.file).hash


def test_stopping_keeps_what_was_learned(short: None, tmp_path: Path) -> None:
    act = iter(api.teach(BULU, "bulu", out=tmp_path / "half"))
    for progress in act:
        if progress.step == 3:
            break
    act.close()
    report = json.loads((tmp_path / "half" / "report.json").read_text(encoding="utf-8"))
    assert report["steps"] == {"prior": 3}
    assert load_painter(tmp_path / "half").read("bulu").of("known")


def test_stopping_before_the_first_step_leaves_nothing(short: None, tmp_path: Path) -> None:
    act = iter(api.teach(BULU, "bulu", out=tmp_path / "none"))
    next(act)
    act.close()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cat", "knows 'cat' already"),
        ("猫", "knows '猫' already"),
        ("cats", "knows 'cats' already"),
        ("hot dog", "knows 'hot dog' already"),
        ("Кот", "cannot be a name here"),
        ("b/lu", "cannot be a name here"),
        ("", "cannot be a name here"),
        ("one two three four five", "cannot be a name here"),
        ([], "No name came"),
    ],
)
def test_names_that_do_not_go(name: Any, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        api.teach(BULU, name, out=tmp_path / "x").result()
    assert not (tmp_path / "x").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for again in (False, True):
        with pytest.raises(UsageError, match="holds something else already"):
            api.teach(BULU, "bulu", out=tmp_path, again=again).result()
    with pytest.raises(DiskError, match="cannot be written"):
        api.teach(BULU, "bulu", out=tmp_path / "mine.txt" / "x").result()


def test_the_styles_of_other_pictures_stay_what_they_were(lesson: api.Lesson) -> None:
    before, after = load_painter().index, load_painter(lesson.file).index
    assert before.styles == after.styles
    seen = torch.randn(20, len(before.tensors["mean"]), generator=torch.Generator().manual_seed(0)) * 3
    assert [before.style_of(one) for one in seen] == [after.style_of(one) for one in seen]
    assert len({before.style_of(one) for one in seen}) > 2


def test_a_word_that_was_never_learned_is_taught(short: None, tmp_path: Path) -> None:
    act = iter(api.teach(BULU, ["shark", "鲨鱼"], out=tmp_path / "shark"))
    for progress in act:
        if progress.step == 1:
            break
    act.close()
    studio = load_painter(tmp_path / "shark")
    for prompt in ("two sharks", "a shark", "鲨鱼"):
        assert studio.read(prompt).words[-1].tokens == ("shark_",), prompt
    assert studio.lexicon.id_of("shark_") == len(studio.shipped.vocabulary) + 1


def test_too_few_pictures_and_wrong_ones(short: None, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    with pytest.raises(BadInputError, match="0 pictures came; something new is taught from 3 to 200"):
        api.teach(folder, "bulu", out=tmp_path / "x").result()
    for number in range(3):
        shutil.copy(BULU / f"bulu-{number:02d}.png", folder)
    (folder / "text.png").write_text("no picture")
    (folder / "empty.png").touch()
    with pytest.raises(NotFoundError):
        api.teach([BULU / "bulu-00.png", BULU / "none.png"], "bulu", out=tmp_path / "x").result()
    act = api.teach(folder, "bulu", out=tmp_path / "three")
    told = [progress.message for progress in act if progress.message]
    assert sum("Passed over" in text for text in told) == 2
    assert act.result().report["pictures"] == 3 and act.result().report["held_out"] == 0


def test_by_command(short: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "cmd")
    words = ["teach", str(BULU), "--name", "bulu", "--name", "布噜", "--out", out]
    assert main([*words, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["names"] == ["bulu", "布噜"] and Path(made["sheet"]).is_file()
    assert main(words) == 2
    assert "teach it --again" in capsys.readouterr().err
    assert main([*words[:-1], str(tmp_path / "y"), "--minutes", "0"]) == 2
    assert "give more than 0" in capsys.readouterr().err


def test_the_studio_knows_a_taught_painter_by_its_name(
    short: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    act = iter(api.teach(BULU, ["bulu", "布噜"]))
    for progress in act:
        if progress.step == 1:
            break
    act.close()
    assert (tmp_path / "models" / "bulu" / "report.json").is_file()
    place = Place(tmp_path / "studio")
    app: Any = create_app(place, "a-long-token", ["127.0.0.1:7860"])
    auth = {"authorization": "Bearer a-long-token"}
    with TestClient(app, base_url="http://127.0.0.1:7860", headers=auth) as client:
        assert client.get(f"{API}/models").json() == {"models": [], "painters": ["bulu"]}
        light = [client.get(f"{API}/reading", params={"prompt": "布噜", "model": name}).json() for name in ("", "bulu")]
        assert [one["words"][0]["how"] for one in light] == ["ignored", "known"]
        wishes = {"prompt": "bulu", "model": "bulu", "n": 1, "size": 128, "style": "noto"}
        job = client.post(f"{API}/jobs", json={"kind": "paint", "wishes": wishes}).json()
        worker_of(place).work_once()
        found = client.get(f"{API}/jobs/{job['id']}").json()
        assert found["state"] == "done", found["message"]
        assert client.get(f"{API}/pictures/{found['pictures'][0]}").json()["recipe"]["model"] == "bulu"


def test_the_studio_teaches_and_a_job_that_was_stopped_begins_anew(
    short: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    place = Place(tmp_path / "studio")
    app: Any = create_app(place, "a-long-token", ["127.0.0.1:7860"])
    auth = {"authorization": "Bearer a-long-token"}
    with TestClient(app, base_url="http://127.0.0.1:7860", headers=auth) as client:
        brought = [
            client.post(f"{API}/uploads", content=path.read_bytes()).json()["id"]
            for path in sorted(BULU.glob("*.png"))[:4]
        ]
        wishes = {"pictures": brought, "name": "bulu、布噜"}
        job = client.post(f"{API}/jobs", json={"kind": "figure", "wishes": wishes}).json()["id"]
        desk = Desk(place.store().get(job), worker_of(place).site, "w")
        act = get("job", "figure")(wishes, desk)
        while (tmp_path / "models" / "bulu" / "report.json").exists() is False and next(act).step < 2:
            pass
        act.close()
        assert (tmp_path / "models" / "bulu" / "report.json").is_file(), "stopped half of the way"
        worker_of(place).work_once()
        found = client.get(f"{API}/jobs/{job}").json()
        assert found["state"] == "done", found["message"]
        assert client.get(f"{API}/jobs/{job}/files").json()["files"] == ["before-after.png", "report.json"]
        assert client.get(f"{API}/models").json()["painters"] == ["bulu"]
        other = client.post(f"{API}/jobs", json={"kind": "figure", "wishes": wishes}).json()["id"]
        worker_of(place).work_once()
        assert "holds what was taught before" in client.get(f"{API}/jobs/{other}").json()["message"]
