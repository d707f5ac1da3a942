"""Weights files: whole or not at all, and one clear sentence for every broken one."""

import json
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from danqing import checkpoint, errors
from danqing.api import load
from danqing.checkpoint import (
    CARD,
    TRAINING,
    WEIGHTS,
    digest,
    load_model,
    load_training,
    read_card,
    save_model,
    save_training,
)
from danqing.errors import BadWeightsError, DanqingError, DiskError, NotFoundError
from danqing.families.vae import Vae, VaeConfig
from danqing.settings import plain
from danqing.types import FORMAT_VERSION, Card

CONFIG = VaeConfig(widths=(8,), up_widths=(8,), latent=2)


def card(**changes: Any) -> Card:
    values = {
        "name": "m",
        "family": "vae",
        "preset": "conv-28",
        "config": plain(CONFIG),
        "train": {},
        "data": {},
        "seed": 0,
    }
    return Card(**{**values, **changes})


def small() -> dict[str, Tensor]:
    return {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([True]), "c": torch.tensor(7), "d": torch.zeros(0)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A whole, tiny VAE in a folder."""
    torch.manual_seed(0)
    save_model(tmp_path, Vae().build(CONFIG).state_dict(), card())
    return tmp_path


def refused(folder: Path, code: int = 4) -> str:
    """The one sentence with which the folder is refused, through the public door."""
    with pytest.raises(DanqingError) as caught:
        load(folder)
    text = str(caught.value)
    assert caught.value.exit_code == code and "\n" not in text and len(text) < 400
    assert caught.value.__cause__ is None and (caught.value.__context__ is None or caught.value.__suppress_context__)
    return text


# Whole files.


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    sha = save_model(tmp_path / "new" / "m", small(), card(steps=9))
    tensors, found, again = load_model(tmp_path / "new" / "m")
    assert sha == again == digest(small()) == digest(tensors)
    assert found.steps == 9 and read_card(tmp_path / "new" / "m") == found
    assert json.loads((tmp_path / "new" / "m" / CARD).read_text())["config"] == json.loads(json.dumps(plain(CONFIG)))
    assert sorted(path.name for path in (tmp_path / "new" / "m").iterdir()) == [CARD, WEIGHTS]


def test_the_digest_sees_everything() -> None:
    base = digest(small())
    changes: list[dict[str, Tensor]] = [
        {"a": torch.arange(6.0).view(3, 2)}, {"a": torch.arange(6.0).view(2, 3).double()},
        {"a": torch.arange(6.0).view(2, 3) + 1e-6}, {"e": torch.zeros(0)}, {"b": torch.tensor([False])},
    ]  # fmt: skip
    assert len({base, *(digest({**small(), **change}) for change in changes)}) == 6
    assert digest(dict(reversed(small().items()))) == base
    assert digest({"a": torch.arange(6.0).view(3, 2).T}) == digest({"a": torch.arange(6.0).view(3, 2).T.contiguous()})


def test_a_training_state_round_trips(tmp_path: Path) -> None:
    save_training(tmp_path, small(), {"step": 3, "plan": {"x": [1, 2.5, None]}})
    tensors, state = load_training(tmp_path)
    assert digest(tensors) == digest(small()) and state == {"step": 3, "plan": {"x": [1, 2.5, None]}}


# Broken files.


@pytest.mark.parametrize("left", [0, 1, 7, 8, 100, -1000, -1])
def test_a_truncated_file(model: Path, left: int) -> None:
    path = model / WEIGHTS
    path.write_bytes(path.read_bytes()[:left])
    assert ("is empty" if left == 0 else "is no whole safetensors file") in refused(model)


def flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def test_a_flipped_bit_among_the_tensors(model: Path) -> None:
    whole = (model / WEIGHTS).read_bytes()
    begin = 8 + struct.unpack("<Q", whole[:8])[0]
    for place in (begin, begin + 1001, len(whole) - 1):
        (model / WEIGHTS).write_bytes(whole)
        flip(model / WEIGHTS, place, 3)
        assert "is damaged" in refused(model)


def test_a_flipped_bit_anywhere_in_the_header_is_refused(tmp_path: Path) -> None:
    """All over the header: no model with another card or other names is ever loaded."""
    save_model(tmp_path, {"a": torch.ones(2)}, card())
    path = tmp_path / WEIGHTS
    whole, known = path.read_bytes(), read_card(tmp_path)
    for place in range(0, 8 + struct.unpack("<Q", whole[:8])[0], 3):
        path.write_bytes(whole)
        flip(path, place, place % 7)
        try:
            load_model(tmp_path)
        except BadWeightsError as error:
            assert "\n" not in str(error)
        else:  # only the seal itself can be lost without harm
            assert read_card(tmp_path) == known and b'"seal"' not in path.read_bytes()


def text(path: Path) -> None:
    path.write_text("these are not the weights you are looking for")


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": [1, 2, 3]}))


def pickled_by_torch(path: Path) -> None:
    torch.save({"a": torch.ones(3)}, path)


def foreign(path: Path) -> None:
    save_file({"a": torch.ones(3)}, path)


@pytest.mark.parametrize(("spoil", "message"), [
    (text, "is no whole safetensors file"), (pickled, "is a pickle, which can run foreign code"),
    (pickled_by_torch, "is a pickle, which can run foreign code"), (foreign, "was not made by Danqing"),
])  # fmt: skip
def test_a_foreign_file(model: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(model / WEIGHTS)
    assert message in refused(model)


def test_a_pickle_is_never_opened(model: Path) -> None:
    """One that would write a file when it is loaded."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (model / "was-run",))

    (model / WEIGHTS).write_bytes(pickle.dumps(Evil()))
    refused(model)
    assert not (model / "was-run").exists()


def test_a_newer_format(model: Path) -> None:
    save_model(model, Vae().build(CONFIG).state_dict(), card(format_version=FORMAT_VERSION + 1))
    assert f"has format {FORMAT_VERSION + 1}" in refused(model) and "update Danqing" in refused(model)


@pytest.mark.parametrize("raw", [
    "null", "[]", "{", '{"format_version": 1}', '{"format_version": "x"}', '{"format_version": null}',
])  # fmt: skip
def test_a_card_that_is_none(model: Path, raw: str) -> None:
    tensors = {"a": torch.ones(2)}
    save_file(tensors, model / WEIGHTS, {"card": raw, "sha256": digest(tensors), "made_by": "danqing"})
    assert "card" in refused(model)


def test_a_file_without_its_sha256(model: Path) -> None:
    save_file({"a": torch.ones(2)}, model / WEIGHTS, {"card": json.dumps(card().plain()), "made_by": "danqing"})
    assert "is damaged" in refused(model)


def test_weights_that_do_not_fit_their_config(model: Path) -> None:
    save_model(model, Vae().build(CONFIG).state_dict(), card(config=plain(VaeConfig(latent=3))))
    assert "do not fit their card" in refused(model)
    save_model(model, small(), card())
    assert "do not fit their card" in refused(model)


def test_a_card_of_an_unknown_family_or_with_unknown_settings(model: Path) -> None:
    save_model(model, small(), card(family="difusion"))
    assert "no family named 'difusion'; did you mean diffusion" in refused(model, NotFoundError.exit_code)
    save_model(model, small(), card(config={"sise": 28}))
    assert "did you mean size" in refused(model)


def test_nothing_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert "There is no model in" in refused(folder, NotFoundError.exit_code)
    with pytest.raises(NotFoundError, match="no unfinished training"):
        load_training(tmp_path)


def test_a_broken_training_state(tmp_path: Path) -> None:
    save_training(tmp_path, small(), {"step": 3})
    whole = (tmp_path / TRAINING).read_bytes()
    for broken in (whole[:-2], whole[:50], whole.replace(b'\\"step\\": 3', b'\\"step\\": 4')):
        assert broken != whole
        (tmp_path / TRAINING).write_bytes(broken)
        with pytest.raises(BadWeightsError):
            load_training(tmp_path)


# Full disks.


def test_a_full_disk_leaves_the_old_file(model: Path) -> None:
    """Files of this process may grow to 1,000 bytes only, as if the disk were full there."""
    whole = (model / WEIGHTS).read_bytes()
    script = f"""
import resource, signal, torch
from pathlib import Path
from danqing import checkpoint, errors
tensors, card, _ = checkpoint.load_model(Path({str(model)!r}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for save in (lambda: checkpoint.save_model(Path({str(model)!r}), tensors, card),
             lambda: checkpoint.save_training(Path({str(model)!r}), tensors, {{}})):
    try:
        save()
    except errors.DiskError as error:
        assert "could not be written" in str(error) and chr(10) not in str(error) and error.exit_code == 5, error
    else:
        raise SystemExit("it was written")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (model / WEIGHTS).read_bytes() == whole and sorted(p.name for p in model.iterdir()) == [CARD, WEIGHTS]
    load(model)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not be written"):
        save_model(tmp_path / "file" / "model", small(), card())


def test_a_failure_while_saving_leaves_no_trace(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (model / WEIGHTS).read_bytes()

    def half(tensors: Any, path: Path, notes: Any) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        save_model(model, small(), card())
    assert (model / WEIGHTS).read_bytes() == whole and sorted(p.name for p in model.iterdir()) == [CARD, WEIGHTS]


def test_exit_codes_are_as_documented() -> None:
    tree = {
        "DanqingError": 1,
        "UsageError": 2,
        "NotFoundError": 3,
        "BadInputError": 4,
        "BadWeightsError": 4,
        "DiskError": 5,
    }
    assert {name: getattr(errors, name).exit_code for name in tree} == tree
