"""`models pull` against a stand-in for the hubs on loopback: whole and right, or not there at all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models
from danqing import api
from danqing.api import pulling
from danqing.api.pulling import chosen, fetched, verify
from danqing.cli import main
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError
from danqing.families.pretrained.hubs import File, Listing
from danqing.home import fetched_names, models_folder
from hub_stand_in import COMMIT, StandIn

Ask = Callable[..., Any]
REPOSITORY = "acme/tiny-sd"


def pull(source: str, name: str | None = None, **more: Any) -> Any:
    """With the licence agreed to."""
    return pulling.pull(source, name, **{"agrees": lambda *_: True, **more})


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("repositories")
    tiny_models.write("sd", folder / "sd")
    (folder / "sd" / "README.md").write_text("# a model")
    pickled = folder / "pickled"
    (pickled / "unet").mkdir(parents=True)
    (pickled / "model_index.json").write_text("{}")
    (pickled / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04.")
    several = folder / "several"
    several.mkdir()
    for seed in range(2):
        tiny_models.lora(several, folder / "sd", "peft", seed)
    single = folder / "single"
    single.mkdir()
    shutil.copy(several / "peft-0.safetensors", single / "ink.safetensors")
    return {REPOSITORY: folder / "sd", "acme/pickled": pickled, "acme/several": several, "acme/ink": single}


@pytest.fixture
def hub(shelf: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The stand-in, and an empty home."""
    stand_in = StandIn(shelf)
    monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", stand_in.address)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    yield stand_in
    stand_in.close()


def same_files(made: Path, source: Path) -> bool:
    wanted = {path.relative_to(source): path.read_bytes() for path in source.rglob("*.safetensors")}
    return all((made / name).read_bytes() == data for name, data in wanted.items())


@pytest.mark.parametrize("source", [f"hf:{REPOSITORY}", f"ms:{REPOSITORY}", f"hf:{REPOSITORY}@{COMMIT}"])
def test_a_model_is_fetched_whole_and_paints(hub: StandIn, shelf: dict[str, Path], source: str) -> None:
    made = pull(source).result()
    assert made.name == "tiny-sd" and made.licence == "openrail++"
    assert same_files(made.folder, shelf[REPOSITORY])
    assert fetched_names() == ["tiny-sd"] and verify("tiny-sd") == []
    assert not (made.folder / "README.md").exists(), "only what painting needs"
    assert [path.name for path in models_folder().iterdir() if path.name.endswith(".unfinished")] == []
    picture = api.paint("a cat", 1, 0, made.folder, steps=1, size=64).result().pictures[0]
    assert picture.recipe.model == "tiny-sd"


def test_progress_is_told(hub: StandIn) -> None:
    seen = [progress.done for progress in pull(f"hf:{REPOSITORY}")]
    assert seen == sorted(seen) and seen[0] == 0 and 0 < seen[-1] < 1


def test_a_broken_line_is_gone_on_with(hub: StandIn, shelf: dict[str, Path]) -> None:
    """Within one call the client asks again."""
    hub.cut_after = 100_000
    pull(f"hf:{REPOSITORY}").result()
    assert same_files(models_folder() / "tiny-sd", shelf[REPOSITORY])
    assert sum("text_encoder/model.safetensors" in line for line in hub.asked) == 2


def test_a_stopped_pull_goes_on_where_it_was(hub: StandIn, shelf: dict[str, Path]) -> None:
    """What a killed process left is not fetched again."""
    whole = (shelf[REPOSITORY] / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    hub.spoil = True
    with pytest.raises(BadInputError):  # so that the folder is there
        pull(f"hf:{REPOSITORY}").result()
    hub.spoil = False
    begun = models_folder() / ".tiny-sd.unfinished" / "unet" / "diffusion_pytorch_model.safetensors.part"
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.write_bytes(whole[:1_234_567])
    pull(f"hf:{REPOSITORY}").result()
    assert same_files(models_folder() / "tiny-sd", shelf[REPOSITORY])
    assert any("unet" in line and "bytes=1234567-" in line for line in hub.asked)


def test_other_bytes_than_listed_are_thrown_away(hub: StandIn, shelf: dict[str, Path]) -> None:
    hub.spoil = True
    with pytest.raises(BadInputError, match=r"brought another .*thrown away"):
        pull(f"hf:{REPOSITORY}").result()
    assert fetched_names() == []
    hub.spoil = False
    pull(f"hf:{REPOSITORY}").result()
    assert same_files(models_folder() / "tiny-sd", shelf[REPOSITORY])


def test_modelscope_s_wrong_bytes_too(hub: StandIn) -> None:
    hub.spoil = True
    with pytest.raises((BadInputError, NotFoundError)):
        pull(f"ms:{REPOSITORY}").result()
    assert fetched_names() == []


def test_space_is_looked_at_first(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(DiskError, match=r"needs .* GB and 0.0 GB are free"):
        pull(f"hf:{REPOSITORY}").result()
    assert not any("/resolve/" in line for line in hub.asked), "nothing was fetched"


def test_a_disk_that_fills_up_on_the_way(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.file_download

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub.file_download, "http_get", full)
    with pytest.raises(DiskError, match="The disk is full"):
        pull(f"hf:{REPOSITORY}").result()
    assert fetched_names() == []


def test_without_a_network(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NotFoundError, match="could not be reached"):
        pull(f"hf:{REPOSITORY}").result()


def test_the_licence_is_asked_for_once(hub: StandIn) -> None:
    asked: list[tuple[str, str]] = []

    def agrees(repository: str, licence: str, page: str) -> bool:
        asked.append((repository, licence))
        assert page.startswith(hub.address)
        return len(asked) > 1

    with pytest.raises(UsageError, match="was not agreed to; nothing was fetched"):
        pulling.pull(f"hf:{REPOSITORY}").result()
    with pytest.raises(UsageError, match="was not agreed to; nothing was fetched"):
        pull(f"hf:{REPOSITORY}", agrees=agrees).result()
    pull(f"hf:{REPOSITORY}", agrees=agrees).result()
    pull(f"hf:{REPOSITORY}", "again", agrees=agrees).result()
    assert asked == [(REPOSITORY, "openrail++")] * 2


@pytest.mark.parametrize(
    ("source", "kind", "sentence"),
    [
        ("acme/tiny-sd", UsageError, "write hf:owner/name"),
        ("xx:acme/tiny-sd", NotFoundError, "There is no hub named 'xx'"),
        ("hf:acme/nothing", NotFoundError, "There is no model acme/nothing"),
        ("hf:acme/pickled", BadInputError, "pickles only"),
        ("hf:acme/several", UsageError, "choose one with --file"),
    ],
)
def test_what_cannot_be_fetched(hub: StandIn, source: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        pull(source).result()
    assert fetched() == []


def test_single_files_become_parts_by_name(hub: StandIn) -> None:
    pull(f"hf:{REPOSITORY}").result()
    pull("hf:acme/ink").result()
    pull("hf:acme/several", "second", file="peft-1.safetensors").result()
    assert sorted(row["name"] for row in fetched()) == ["ink", "second", "tiny-sd"]
    model = models_folder() / "tiny-sd"
    bare, inked = (
        api.paint("a cat", 1, 0, model, steps=1, size=64, loras=loras).result().pictures[0]
        for loras in ([], ["ink:0.7"])
    )
    assert (bare.pixels != inked.pixels).any()


def test_what_another_model_left_unfinished_is_thrown_away(hub: StandIn, shelf: dict[str, Path]) -> None:
    hub.spoil = True
    with pytest.raises(BadInputError):
        pull(f"hf:{REPOSITORY}", "mine").result()
    hub.spoil = False
    left = models_folder() / ".mine.unfinished" / "text_encoder" / "old.safetensors"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"old")
    pull(f"ms:{REPOSITORY}", "mine").result()
    assert not (models_folder() / "mine" / "text_encoder" / "old.safetensors").exists()
    (models_folder() / "mine" / "unet" / "strange.safetensors").write_bytes(b"strange")
    assert verify("mine") == ["unet/strange.safetensors"]


def test_single_files_do_not_replace_each_other(hub: StandIn) -> None:
    pull("hf:acme/ink").result()
    with pytest.raises(UsageError, match=r"ink\.safetensors already, of hf:acme/ink"):
        pull("hf:acme/several", "ink", file="peft-1.safetensors").result()
    pull("hf:acme/several", "licences", file="peft-1.safetensors").result()
    assert verify("ink") == [] and pulling.licences(), "the list of licences is no part"


def test_two_pulls_of_one_name_do_not_meet(hub: StandIn) -> None:
    first = iter(pull(f"hf:{REPOSITORY}"))
    next(first)
    next(first)
    with pytest.raises(UsageError, match="Another pull of tiny-sd is at work"):
        pull(f"ms:{REPOSITORY}").result()
    for _ in first:
        pass
    assert fetched_names() == ["tiny-sd"]


@pytest.mark.parametrize("path", ["/etc/x.json", "../up.json", "a/../../x.json", "C:\\x.json", "a\\b.json", ""])
def test_a_listing_may_not_leave_its_folder(path: str) -> None:
    with pytest.raises(BadInputError, match="outside of its model"):
        chosen(listing("model_index.json", "unet/w.safetensors", path), False, None)


def test_a_name_is_not_taken_twice(hub: StandIn) -> None:
    pull(f"hf:{REPOSITORY}").result()
    with pytest.raises(UsageError, match="is there already as tiny-sd"):
        pull(f"hf:{REPOSITORY}").result()
    with pytest.raises(UsageError, match="cannot name a model"):
        pull(f"hf:{REPOSITORY}", "../up").result()


def test_a_changed_file_is_found(hub: StandIn) -> None:
    made = pull(f"hf:{REPOSITORY}").result()
    weights = made.folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert verify("tiny-sd") == ["unet/diffusion_pytorch_model.safetensors"]
    with pytest.raises(NotFoundError):
        verify("nothing")


def listing(*paths: str) -> Listing:
    return Listing("a/b", "1", "mit", tuple(File(path, 1, None) for path in paths), "")


def test_each_weight_is_fetched_once() -> None:
    both = listing(
        "model_index.json", "unet/config.json", "unet/w.safetensors", "unet/w.fp16.safetensors", "vae/w.safetensors",
        "vae/w.fp16.safetensors", "unet/w.bin", "whole.safetensors", "unet/openvino_model.xml", "onnx/w.safetensors",
    )  # fmt: skip
    assert {file.path for file in chosen(both, False, None)} == {
        "model_index.json", "unet/config.json", "unet/w.safetensors", "vae/w.safetensors",
    }  # fmt: skip
    assert "unet/w.fp16.safetensors" in {file.path for file in chosen(both, True, None)}
    shards = listing("model_index.json", "unet/w.safetensors", "unet/w.fp16-00001-of-00002.safetensors")
    assert {file.path for file in chosen(shards, False, None)} == {"model_index.json", "unet/w.safetensors"}
    with pytest.raises(UsageError, match="no weights in half precision"):
        chosen(listing("model_index.json", "unet/w.safetensors"), True, None)
    only_half = listing("model_index.json", "unet/w.fp16.safetensors")
    assert {file.path for file in chosen(only_half, False, None)} == {"model_index.json", "unet/w.fp16.safetensors"}


# The command line.


def test_the_command(hub: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", f"hf:{REPOSITORY}", "--json"]) == 2
    assert "give --yes" in json.loads(capsys.readouterr().out)["error"]["message"]
    assert main(["models", "pull", f"hf:{REPOSITORY}", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "tiny-sd"
    assert main(["models", "fetched", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["source"] == f"hf:{REPOSITORY}"
    assert main(["models", "check", "tiny-sd"]) == 0
    assert main(["paint", "a cat", "--model", "tiny-sd", "-n", "1", "--steps", "1", "--size", "64", "--json",
                 "--out", os.environ["DANQING_HOME"]]) == 0  # fmt: skip


def test_killed_at_any_moment_nothing_half_is_taken_for_whole(hub: StandIn, shelf: dict[str, Path]) -> None:
    """kill -9 after 0.8 s, 1.0 s, …: either the whole model is there or none; in the end it is."""
    command = [sys.executable, "-m", "danqing", "models", "pull", f"hf:{REPOSITORY}", "--yes", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for wait in (0.6, 1.2, 1.8, 2.2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if fetched_names():
            break
    if not fetched_names():
        assert subprocess.run(command, env=environment, capture_output=True).returncode == 0
    assert same_files(models_folder() / "tiny-sd", shelf[REPOSITORY]) and verify("tiny-sd") == []
