"""The command line as people and scripts meet it: words in; files, JSON, sentences and exit codes out."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from danqing.cli import main
from danqing.cli.exits import MEANINGS
from danqing.images.reading import read

DATA = "fashion-mnist-small"
TINY = ["--seed=1", "--set=batch=8", "--set=warmup=0", "--set=ema=0"]
SMALL = {  # the cheapest preset of every family, its networks made narrow; the full learning rate from the first step
    "gan": ["dcgan-28", *TINY, "--set=widths=[8,8,8]", "--set=critic_widths=[8,8]"],
    "vae": ["latent-flow-28", *TINY, "--set=prior_width=16", "--set=widths=[8,8,8]", "--set=up_widths=[8,8,8]"],
    "diffusion": ["ddpm-28", *TINY, "--set=widths=[8,8]", "--set=steps=4"],
}
Models = dict[str, Path]
Ask = Callable[..., Any]


def fresh(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "danqing", *words], cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A model of every family after twenty steps: enough for seeds to differ, in every precision."""
    home = tmp_path_factory.mktemp("models")
    for family, words in SMALL.items():
        out = str(home / f"tiny-{family}")
        assert main(["train", words[0], DATA, *words[1:], "--steps", "20", "--out", out, "-q"]) == 0
    return {family: home / f"tiny-{family}" for family in SMALL}


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run with --json; returns the one document on stdout."""

    def run(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


# Without a model.


def test_help_needs_no_torch_and_names_the_exit_codes() -> None:
    code = (
        "import sys; from danqing.cli import main; code = main(['--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    flat = " ".join(done.stdout.split())
    assert all(f"{number} {meaning}" in flat for number, meaning in MEANINGS.items())


def test_the_reference_is_what_the_commands_say() -> None:
    from danqing.cli.reference import markdown

    page = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run scripts/docs"


def test_presets_are_completed_without_torch() -> None:
    environment = {
        **os.environ,
        "_DANQING_COMPLETE": "complete_bash",
        "COMP_WORDS": "danqing train conv",
        "COMP_CWORD": "2",
    }
    code = "import sys; from danqing.cli import main; sys.exit(9 if 'torch' in sys.modules else main([]))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["conv-28", "conv-64"]


def test_presets_can_be_listed_and_shown(ask: Ask) -> None:
    rows = ask("presets", "list", "--family", "vae")["presets"]
    assert {row["family"] for row in rows} == {"vae"}
    assert ask("presets", "show", "flow-28")["model"]["size"] == 28


def test_doctor_knows_the_machine(ask: Ask, danqing_home: Path) -> None:
    found = ask("doctor")
    assert found["cores"] >= 1 and found["precision"] in ("fp32", "bf16") and found["home"] == str(danqing_home)


def test_the_doctor_examines_a_training(ask: Ask, models: Models) -> None:
    found = ask("doctor", models["vae"])
    assert not found["watched"] and found["looks"][-1]["step"] == 20
    assert all(one["seen"] and one["advice"] for one in found["findings"])
    assert main(["doctor", str(models["vae"])]) == 0


def test_data_is_shown(ask: Ask, tmp_path: Path) -> None:
    found = ask("data", "show", DATA, "--sheet", tmp_path / "sheet.png", "--augmented", tmp_path / "ways.png")
    assert found["size"] == 28 and found["labels"]["dress"] > 0 and (tmp_path / "sheet.png").exists()
    assert read(tmp_path / "ways.png").shape[0] > 10 * 28


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("train flow28 fashion-mnist", 3, "did you mean flow-28"),
        ("train conv-28 fashion-mnits --steps 1", 3, "did you mean fashion-mnist"),
        ("train conv-28 fashion-mnist --steps 1 --set bacth=3", 2, "did you mean batch"),
        ("train conv-28 fashion-mnist --steps 1 --minutes 0", 2, "give --minutes, --steps or --pictures"),
        ("train conv-28 {text} --steps 1", 4, "no data set"),
        ("train conv-28 fashion-mnist --resume --out {nowhere}", 3, "without --resume"),
        ("train conv-28 fashion-mnist --device tpu", 2, "no device 'tpu'"),
        ("train conv-28 fashion-mnist --steps 1 --doctor cure", 2, "warn"),
        ("doctor {nowhere}", 3, "There is no model"),
        ("evaluate {nowhere} fashion-mnist --minutes 2", 2, "--folds"),
        ("evaluate {nowhere} fashion-mnist --folds 3 --steps 2", 2, "--folds takes one model"),
        ("sample {nowhere}", 3, "There is no model"),
        ("sample {nowhere} --sede 3", 2, "--seed"),
        ("sampel", 2, "sample"),
        ("presets show flow", 3, "did you mean flow-"),
        ("info {text}", 4, "cannot be read as a picture"),
        ("info {nowhere}", 3, "There is no picture"),
        ("data build mnist", 3, "fashion-mnist"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(
    words: str, code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    asked = [word.format(text=tmp_path / "notes.txt", nowhere=tmp_path / "nowhere") for word in words.split()]
    assert main([*asked, *([] if asked == ["sampel"] else ["-q"])]) == code
    heard = capsys.readouterr()
    assert heard.out == "" and len(heard.err.splitlines()) == 1
    assert heard.err.startswith("danqing: ") and says in heard.err


def test_an_error_can_be_a_document(ask: Ask) -> None:
    error = ask("sample", "nowhere", code=3)["error"]
    assert error["kind"] == "NotFoundError" and error["exit_code"] == 3 and "nowhere" in error["message"]


def test_an_unexpected_error_says_that_it_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("danqing.presets.all_presets", lambda: 1 / 0)
    assert main(["presets", "list"]) == 1
    assert re.fullmatch(r"danqing: This is a bug .*ZeroDivisionError.*--debug.*\n", capsys.readouterr().err)
    assert main(["presets", "list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_only_the_first_process_speaks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "1")
    assert main(["presets", "list"]) == 0 and main(["presets", "show", "nix"]) == 3
    heard = capsys.readouterr()
    assert heard.out + heard.err == ""


# With a model of every family.


@pytest.mark.parametrize("family", SMALL)
def test_every_family_samples_and_replays(family: str, models: Models, ask: Ask, tmp_path: Path) -> None:
    made = ask("sample", models[family], "-n", 3, "--seed", 7, "--label", "连衣裙", "--out", tmp_path)
    assert [row["recipe"]["seed"] for row in made["pictures"]] == [7, 8, 9]
    assert {row["recipe"]["label"] for row in made["pictures"]} == {"dress"}
    files = [Path(row["file"]) for row in made["pictures"]]
    assert len({np.asarray(Image.open(file)).tobytes() for file in files}) == 3
    first = files[0]
    assert first == tmp_path / f"tiny-{family}-7.png" and Path(made["sheet"]).exists()
    assert ask("info", first) == made["pictures"][0]["recipe"]
    again = ask("replay", first, "--model", models[family], "--out", tmp_path)
    assert again["same"] and Path(again["file"]).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("family", SMALL)
def test_every_family_interpolates(family: str, models: Models, ask: Ask, tmp_path: Path) -> None:
    made = ask("interpolate", models[family], 0, 1, 2, "--frames", 2, "--gif", "--out", tmp_path)
    assert made["frames"] == 5 and [Path(file).name for file in made["files"]] == [
        "interpolation.png",
        "interpolation.gif",
    ]
    with Image.open(tmp_path / "interpolation.gif") as film:
        assert film.n_frames >= 2  # type: ignore[attr-defined]


def test_a_vae_reconstructs_and_edits(models: Models, ask: Ask, tmp_path: Path) -> None:
    picture = tmp_path / "bag.png"
    Image.fromarray(np.full((40, 30, 3), 90, np.uint8)).save(picture)
    made = ask("reconstruct", models["vae"], picture, picture, "--out", tmp_path)
    assert len(made["pictures"]) == 2 and Path(made["sheet"]).exists()
    words = ("--add", "dress", "--subtract", "bag", "--strength", 0, "--strength", 1)
    edits = ask("edit", models["vae"], picture, *words, "--out", tmp_path)["pictures"]
    assert [row["recipe"]["extra"]["strength"] for row in edits] == [0, 1]
    assert ask("replay", edits[0]["file"], "--model", models["vae"], code=2)["error"]["kind"] == "UsageError"


def test_what_a_family_cannot_do_is_said(models: Models, ask: Ask, tmp_path: Path) -> None:
    assert "cannot encode" in ask("reconstruct", models["gan"], tmp_path / "x.png", code=2)["error"]["message"]
    assert "has no sampler" in ask("sample", models["vae"], "--sampler", "heun", code=2)["error"]["message"]
    assert "heun" in ask("sample", models["diffusion"], "--sampler", "huen", code=3)["error"]["message"]
    assert "did you mean dress" in ask("sample", models["gan"], "--label", "dres", code=3)["error"]["message"]


def test_evaluate_gives_value_interval_and_floor(models: Models, ask: Ask, tmp_path: Path) -> None:
    report = ask("evaluate", models["vae"], DATA, "-n", 50, "--out", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    rows = {row["label"]: row for row in report["rows"]}
    assert rows["FD-fmnist"]["low"] <= rows["FD-fmnist"]["value"] <= rows["FD-fmnist"]["high"]
    assert rows["FD-fmnist"]["floor"] < rows["FD-fmnist"]["value"]


def test_models_are_listed_and_a_broken_one_is_named(models: Models, ask: Ask, tmp_path: Path) -> None:
    listed = ask("models", "list", models["vae"].parent)["models"]
    assert [Path(card["folder"]).name for card in listed] == sorted(path.name for path in models.values())
    assert ask("models", "show", models["gan"])["steps"] == 20
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "weights.safetensors").write_bytes((models["vae"] / "weights.safetensors").read_bytes()[:5000])
    assert ask("sample", broken, code=4)["error"]["kind"] == "BadWeightsError"
    assert "error" in ask("models", "list", tmp_path)["models"][0]


def test_a_model_in_runs_is_known_by_its_name(
    models: Models, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(models["vae"])
    monkeypatch.chdir(tmp_path)
    assert ask("models", "show", "mine")["family"] == "vae"


# In processes of their own.


def test_the_same_seed_gives_the_same_bytes_in_another_process(models: Models, tmp_path: Path, ask: Ask) -> None:
    ask("sample", models["diffusion"], "-n", 5, "--seed", 3, "--out", tmp_path / "here")
    done = fresh(
        "sample", str(models["diffusion"]), "-n", "1", "--seed", "5", "--out", str(tmp_path / "there"), "--no-sheet"
    )
    assert done.returncode == 0 and "1 picture in" in done.stdout
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["tiny-diffusion-5.png"]
    name = "tiny-diffusion-5.png"
    assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C is a POSIX signal here")
def test_ctrl_c_keeps_everything_and_resume_goes_on(tmp_path: Path, ask: Ask) -> None:
    preset, *small = SMALL["vae"]
    out = tmp_path / "out"
    words = ["train", preset, DATA, *small, "--steps", "1000000", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "danqing", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    log, deadline = out / "log.jsonl", time.monotonic() + 50
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("danqing: Stopped") and "--resume" in said.splitlines()[-1]
    reached = json.loads(log.read_text().splitlines()[-1])["step"]
    assert reached > 0 and not list(out.glob("*.part"))
    done = ask("train", preset, DATA, *small, "--steps", reached + 2, "--out", out, "--resume")
    assert done["steps"] == reached + 2


def test_an_account_is_made_from_what_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.txt"
    monkeypatch.setattr(sys, "stdin", io.StringIO("one two three four\n"))
    assert main(["account", str(file), "mei", "--from-stdin"]) == 0 and str(file) in capsys.readouterr().out
    assert file.read_text().startswith("mei:$argon2id$")
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert main(["account", str(file), "mei", "--from-stdin"]) == 2 and "5 letters" in capsys.readouterr().err
    assert main(["serve", "--accounts", str(tmp_path / "none")]) == 3
    assert "danqing account" in capsys.readouterr().err
