"""danqing paint, vary, blend, describe, replay and info as people and scripts meet them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from danqing.cli import main
from danqing.cli.options import complete_models, complete_runs
from danqing.cli.painted import spots, stem
from danqing.cli.prompt_files import read_prompts
from danqing.errors import BadInputError, DanqingError, NotFoundError, UsageError

Ask = Callable[..., Any]
ONE = ("-n", 1, "--steps", 1)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], painter_folder: Path, tmp_path: Path) -> Ask:
    """Run with --json, the tiny painter and a folder of this test; returns the one document on stdout."""

    def run(*words: object, code: int = 0, out: Path = tmp_path / "out") -> Any:
        capsys.readouterr()
        where = ["--model", painter_folder] + (["--out", out] if words[0] != "describe" else [])
        assert main([*map(str, [*words, *where]), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.full((60, 80, 3), 255, np.uint8)
    pixels[10:50, 20:60] = (220, 40, 40)
    Image.fromarray(pixels).save(tmp_path / "sketch.png")
    return tmp_path / "sketch.png"


def test_paint_writes_pictures_a_sheet_and_a_document(ask: Ask, tmp_path: Path) -> None:
    made = ask("paint", "red cat, qwertyx", "--steps", 1, "--seed", 7, "--sources", "--svg", "--transparent")
    out = tmp_path / "out"
    assert sorted(made) == ["pictures", "reading", "sheet"]
    names = [f"red-cat-qwertyx-{seed}.png" for seed in (7, 8, 9, 10)]
    assert [Path(row["file"]).name for row in made["pictures"]] == names
    assert all(sorted(row) == ["file", "recipe", "skipped", "sources", "svg"] for row in made["pictures"])
    assert made["sheet"] == str(out / "red-cat-qwertyx-7-sheet.png")
    with Image.open(made["sheet"]) as sheet, Image.open(out / names[0]) as first:
        assert sheet.size == (262, 262) and first.mode == "RGBA" and first.size == (128, 128)
    assert "<svg" in Path(made["pictures"][3]["svg"]).read_text(encoding="utf-8")
    light = {word["text"]: word["how"] for word in made["reading"]["words"]}
    assert light == {"red": "known", "cat": "known", "qwertyx": "ignored"}
    assert {"likeness", "id", "name_en", "licence", "author"} <= made["pictures"][0]["sources"][0].keys()
    recipe = made["pictures"][0]["recipe"]
    assert recipe["prompt"] == "red cat, qwertyx" and recipe["seed"] == 7 and recipe["extra"]["transparent"]


def test_info_and_replay(ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ask("paint", "红 cat (hat:1.2)", *ONE, "--seed", 3, "--negative", "dog", "--size", 256)
    file = Path(made["pictures"][0]["file"])
    again = ask("replay", file)
    assert again["same"] and Path(again["file"]).read_bytes() == file.read_bytes()
    assert main(["info", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == made["pictures"][0]["recipe"]
    assert main(["info", str(file)]) == 0
    told = capsys.readouterr().out
    assert "红 cat (hat:1.2)" in told and "understood" in told and "negative" in told


def test_replay_needs_the_pictures_it_was_made_from(ask: Ask, picture: Path) -> None:
    made = ask("paint", "hat", *ONE, "--image", picture, "--extend", 8)["pictures"][0]["file"]
    with Image.open(made) as image:
        assert image.size == (96, 76)
        assert np.array_equal(np.asarray(image)[8:-8, 8:-8], np.asarray(Image.open(picture)))
    error = ask("replay", made, code=3)["error"]
    assert "--image" in error["message"]
    assert ask("replay", made, "--image", picture)["same"]
    assert "CPU" in ask("replay", made, "--device", "cuda", code=2)["error"]["message"]


def test_vary_blend_and_describe(ask: Ask, picture: Path) -> None:
    made = ask("vary", picture, *ONE, "--strength", 0.2, "--text", "blue", "--style", "noto")
    assert Path(made["pictures"][0]["file"]).name == "sketch-vary-0.png" and made["sheet"] is None
    assert made["reading"]["tokens"] == [["blue", 1.0]]
    other = made["pictures"][0]["file"]
    both = ask("blend", picture, other, "--weights", "2,1", "--steps", 1, "-n", 2)
    assert [Path(row["file"]).name for row in both["pictures"]] == [
        "sketch-sketch-vary-0-blend-0.png", "sketch-sketch-vary-0-blend-1.png",
    ]  # fmt: skip
    assert both["pictures"][0]["recipe"]["extra"]["weights"] == [2.0, 1.0]
    assert ask("replay", both["pictures"][0]["file"], "--image", other, "--image", picture)["same"]
    said = ask("describe", picture, "--lang", "zh")
    assert {one["prompt"] for one in said["prompts"]} <= {"猫", "狗", "红苹果"}
    assert sorted(said["prompts"][0]) == ["id", "likeness", "prompt", "style"]


def test_other_settings_never_overwrite_a_picture(ask: Ask, tmp_path: Path) -> None:
    def file(*words: object) -> str:
        return Path(ask("paint", "cat", *ONE, *words)["pictures"][0]["file"]).name

    assert [file(), file("--style", "noto"), file(), file("--style", "noto"), file("--chaos", 9)] == [
        "cat-0.png", "cat-0-2.png", "cat-0.png", "cat-0-2.png", "cat-0-3.png",
    ]  # fmt: skip
    (tmp_path / "out" / "dog-0.png").write_text("not ours")
    assert Path(ask("paint", "dog", *ONE)["pictures"][0]["file"]).name == "dog-0-2.png"


def test_the_truth_light_is_drawn(painter_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", str(painter_folder), "--out", str(tmp_path), "-n", "1", "--steps", "1"]
    assert main(["paint", "a red qwertyx", *words]) == 0
    heard = capsys.readouterr()
    assert "words  a red qwertyx" in heard.err and "does not know 'qwertyx'" in heard.err
    assert heard.out == f"1 picture in {tmp_path}.\n"
    assert main(["paint", "qwertyx 猫", *words]) == 0
    assert "不认识“qwertyx”" in capsys.readouterr().err
    assert main(["paint", "a red qwertyx", *words, "-q"]) == 0
    assert capsys.readouterr().err == ""


# Files of prompts.

CSV = 'prompt,seed,n,style\n"red cat, blue hat",,,\n狗,5,1,noto\n,,1,\n"red cat, blue hat",0,1,noto\n'


def test_a_file_of_prompts_can_be_gone_on_with(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    words = ("paint", "--from-file", path, "-n", 2, "--steps", 1)
    first = ask(*words)
    names = ["red-cat-blue-hat-0.png", "red-cat-blue-hat-1.png", "狗-5.png", "paint-0.png", "red-cat-blue-hat-0-2.png"]
    assert [Path(row["file"]).name for row in first["pictures"]] == names
    assert not any(row["skipped"] for row in first["pictures"]) and first["rows"] == 4
    files = [Path(row["file"]) for row in first["pictures"]]
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    files[2].unlink()
    second = ask(*words)
    assert [row["skipped"] for row in second["pictures"]] == [True, True, False, True, True]
    assert files[2].read_bytes() == before[files[2]][0]
    assert all(file.stat().st_mtime_ns == before[file][1] for file in files if file != files[2])
    third = ask(*words, "--guidance", 5)
    assert not any(row["skipped"] for row in third["pictures"]) and not {*names} & {
        Path(row["file"]).name for row in third["pictures"]
    }
    with Image.open(files[4]) as image:
        assert json.loads(image.info["danqing"])["extra"]["style"] == "noto"
    alone = ask("paint", "狗", "--seed", 5, *ONE, "--style", "noto", out=tmp_path / "alone")
    assert Path(alone["pictures"][0]["file"]).read_bytes() == files[2].read_bytes()


def test_an_error_in_a_file_names_its_line_before_anything_is_painted(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_text("prompt,style\ncat,noto\ndog,notto\n", encoding="utf-8")
    error = ask("paint", "--from-file", path, code=3)["error"]
    assert f"{path}, line 3: " in error["message"] and "did you mean noto" in error["message"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("prompt,sede\ncat,3\n", UsageError, "did you mean seed"),
        ("style\nnoto\n", UsageError, "no column 'prompt'"),
        ("", UsageError, "no column 'prompt'"),
        ("prompt\n", BadInputError, "no prompts"),
        ("prompt,seed\ncat,x\n", UsageError, "line 2: seed is a whole number, but 'x' came"),
        ("prompt,tile\ncat,maybe\n", UsageError, "line 2: tile is yes or no"),
        ("prompt\nred cat, blue hat\n", BadInputError, "line 2: there are more cells than columns"),
        ('prompt\n"cat\n', BadInputError, "no CSV"),
        (b"\xff\xff\x00", BadInputError, "no text"),
        (None, NotFoundError, "There is no file"),
    ],
)
def test_files_of_prompts_that_make_no_sense(
    text: str | bytes | None, error: type[DanqingError], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(error, match=says) as caught:
        read_prompts(path)
    assert "\n" not in str(caught.value)


def test_cells_are_read_as_their_columns_want(tmp_path: Path) -> None:
    path = tmp_path / "prompts.csv"
    path.write_bytes("Prompt, style-ref ,transparent,chaos,seed\n猫,a/b.png,是,2.5,\n\n".encode("gb18030"))
    ((_, prompt, values),) = read_prompts(path)
    assert prompt == "猫" and values == {"style_ref": tmp_path / "a" / "b.png", "transparent": True, "chaos": 2.5}


# What does not go.


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("paint", 2, "--from-file"),
        ("paint cat --from-file {csv}", 2, "--from-file"),
        ("paint cat --style notto", 3, "did you mean noto"),
        ("paint cat --size 300", 2, "choose 128, 256, 512, 1024"),
        ("paint cat --image {text}", 4, "the content is no picture"),
        ("paint cat --image {nowhere}", 3, "There is no file"),
        ("paint cat --mask {picture}", 2, "--image"),
        ("vary {text}", 4, "the content is no picture"),
        ("vary {picture} --strength 3", 2, "choose 0 to 1"),
        ("blend {picture}", 2, "blend takes 2 to 8"),
        ("blend {picture} {picture} --weights a,b", 2, "--weights are numbers"),
        ("describe {nowhere}", 3, "There is no file"),
        ("describe {picture} --lang fr", 2, "en or zh"),
        ("replay {text}", 4, "cannot be read as a picture"),
        ("replay {picture}", 4, "holds no recipe"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(
    words: str, code: int, says: str, painter_folder: Path, picture: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "notes.txt").write_text("no picture")
    names = {"text": "notes.txt", "nowhere": "nowhere.png", "csv": "prompts.csv", "picture": picture.name}
    asked = [word.format(**{key: tmp_path / name for key, name in names.items()}) for word in words.split()]
    assert main([*asked, "--model", str(painter_folder), "-q"]) == code
    heard = capsys.readouterr()
    assert heard.out == "" and len(heard.err.splitlines()) == 1
    assert heard.err.startswith("danqing: ") and says in heard.err


def test_names_of_files() -> None:
    assert stem("../../etc/passwd") == "etc-passwd" and stem("") == "paint" and stem("🍎", "x") == "x"
    assert stem("很" * 100) == "很" * 40 and stem("CON: a/b\\c") == "con-a-b-c"
    assert spots(Path("nowhere"), [], []) == []


def test_taught_painters_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, painter_folder: Path) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    shutil.copytree(painter_folder, tmp_path / "models" / "dragon")
    assert [*complete_models("dra")] == ["dragon"] and not [*complete_runs("dra")]


def test_styles_are_completed_without_torch(painter_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from danqing.cli import texttopicture as t; "
        f"t.painter_card = lambda: Path({str(painter_folder / 'card.json')!r}); "
        "print(*t.complete_styles('')); sys.exit(bool({'torch', 'numpy'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.split() == ["fluent", "noto", "any"]
