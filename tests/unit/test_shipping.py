"""A painter as a folder: eight bits and their error, what belongs together, what it was trained on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from danqing.checkpoint import load_model, save_model
from danqing.errors import BadWeightsError, NotFoundError, UsageError
from danqing.families.text2image.index import Entry, read_index, write_index
from danqing.families.text2image.shipping import SCALE, packed, painter_config, read_painter, unpacked


def test_no_entry_of_an_eight_bit_matrix_is_off_by_more_than_half_its_scale() -> None:
    torch.manual_seed(0)
    sizes = torch.tensor([0.0, 1e-9, 1e-5, 0.02, 1.0, 300.0])  # a row of nothing, and rows below fp16's normal numbers
    state = {"a.weight": torch.randn(6, 200) * sizes[:, None], "b.weight": torch.randn(8, 16, 3, 3)}
    stored = packed(state)
    assert stored["a.weight"].dtype == torch.int8 and stored["a.weight" + SCALE].dtype == torch.float16
    for name, value in unpacked(stored).items():
        scale = stored[name + SCALE].float().view(-1, *[1] * (value.ndim - 1))
        assert value.shape == state[name].shape and value.dtype == torch.float32
        assert ((value - state[name]).abs() <= scale / 2 * 1.0001).all()
    assert (stored["b.weight"].abs().flatten(1).amax(1) >= 126).all(), "all of the range is used"


def test_small_and_embedder_tensors_stay_fp16() -> None:
    state = {
        "small.weight": torch.randn(10, 10),
        "bias": torch.randn(2000),
        "place": torch.randn(64, 64),
        "embedder.whole_basis.weight": torch.randn(64, 64),
        "count": torch.arange(3),
    }
    stored = packed(state)
    assert {name: value.dtype for name, value in stored.items()} == dict.fromkeys(
        ("small.weight", "bias", "place", "embedder.whole_basis.weight"), torch.float16
    ) | {"count": torch.int64}
    again = unpacked(stored)
    assert torch.equal(again["count"], state["count"])
    assert all(torch.allclose(again[name].float(), state[name].float(), rtol=1e-3, atol=1e-6) for name in state)


def test_weights_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(BadWeightsError, match=r"a\.weight"):
        packed({"a.weight": torch.full((2, 3), 1e9)})


def test_a_painter_comes_back(painter_folder: Path) -> None:
    shipped = read_painter(painter_folder)
    assert shipped.styles == ("fluent", "noto") and shipped.jumps and shipped.default_style is None
    assert len(shipped.vocabulary) + 2 == shipped.painter.prior.config.words
    stored, card, _ = load_model(painter_folder)
    assert card.family == "text2image" and json.loads((painter_folder / "card.json").read_text())["name"] == "tiny"
    again = packed(shipped.painter.state_dict())
    assert again.keys() == stored.keys()
    eight = [name for name in stored if stored[name].dtype == torch.int8]
    assert len(eight) > 10 and all((again[name] - stored[name]).abs().max() <= 1 for name in eight)
    assert not any(value.requires_grad for value in shipped.painter.parameters())


def test_a_painter_of_before_is_refused(painter_folder: Path, tmp_path: Path) -> None:
    tensors, card, _ = load_model(painter_folder)
    config = {name: value for name, value in card.config.items() if name != "format"}
    save_model(tmp_path, tensors, replace(card, config=config))
    with pytest.raises(BadWeightsError, match="older Danqing"):
        read_painter(tmp_path)


def test_what_does_not_belong_together_is_refused(painter_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(painter_folder, folder)
    (folder / "vocabulary.txt").write_text("cat\ndog\n")
    with pytest.raises(BadWeightsError, match=r"vocabulary\.txt"):
        read_painter(folder)
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(BadWeightsError, match=r"vocabulary\.txt"):
        read_painter(folder)
    painter = read_painter(painter_folder).painter
    with pytest.raises(UsageError, match="12 words, 5 came"):
        painter_config(painter, ("fluent", "noto"), ("a", "b", "c"))
    with pytest.raises(UsageError, match="2 styles, 1 came"):
        painter_config(painter, ("fluent",), ("a",) * 10)
    with pytest.raises(NotFoundError, match="no model"):
        read_painter(tmp_path)


def test_the_index_finds_what_looks_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(300, 400) * torch.linspace(2, 0.05, 400) + 3
    rows = [Entry(f"set:{i}", f"thing {i}", licence="MIT", author="Bo") for i in range(300)]
    write_index(tmp_path, embeddings, rows)
    index = read_index(tmp_path)
    for i in (0, 17, 299):
        (first, likeness), (_, second) = index.nearest(embeddings[i], 2)
        assert first == rows[i] and likeness > 0.999 and second < 0.9
    centred = torch.nn.functional.normalize(embeddings - embeddings.mean(0))
    assert (index.likeness(embeddings[5]) - centred @ centred[5]).abs().max() < 0.15, "128 numbers keep the likeness"
    assert (tmp_path / "index.safetensors").stat().st_size < 300 * 192 + 400 * 200 * 2 + 2000


def test_the_index_knows_things_across_styles_and_styles_across_things(tmp_path: Path) -> None:
    """An embedding is a thing plus, much larger, a style, a pose and noise."""
    torch.manual_seed(0)
    things, styles = torch.randn(40, 100), 3 * torch.randn(4, 100)
    poses = torch.randn(6, 100)

    def drawn(thing: int, style: int) -> torch.Tensor:
        return things[thing] + styles[style] + 2 * torch.randn(6) @ poses + 0.2 * torch.randn(100)

    pairs = [(thing, style) for thing in range(40) for style in range(4) if style != thing % 4]
    rows = [Entry(f"{style}:{thing}", f"thing {thing}", style=f"style {style}") for thing, style in pairs]
    write_index(tmp_path, torch.stack([drawn(*pair) for pair in pairs]), rows)
    index = read_index(tmp_path)
    held = {thing: drawn(thing, thing % 4) for thing in range(40)}
    right = {by: sum(index.nearest(e, 1, by)[0][0].name_en == f"thing {thing}" for thing, e in held.items())
             for by in ("looks", "meaning")}  # fmt: skip
    assert right["meaning"] >= 38 > 20 > right["looks"]
    assert sum(index.style_of(e) == f"style {thing % 4}" for thing, e in held.items()) >= 38


def test_an_index_from_captions_and_a_broken_one(tmp_path: Path) -> None:
    captions = [{"id": "a:1", "name_en": "cat", "licence": "MIT", "weight": 0.3, "tags": ["x"]}] * 4
    write_index(tmp_path, torch.randn(4, 20), captions, looks=6, meaning=4)
    assert read_index(tmp_path).entries[0] == Entry("a:1", "cat", licence="MIT")
    with pytest.raises(UsageError, match="one row per embedding"):
        write_index(tmp_path, torch.randn(3, 20), captions)
    (tmp_path / "index.jsonl").write_text("{}\n")
    with pytest.raises(BadWeightsError, match="do not belong together"):
        read_index(tmp_path)
    (tmp_path / "index.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadWeightsError, match="broken"):
        read_index(tmp_path)
    with pytest.raises(NotFoundError, match="training pictures"):
        read_index(tmp_path / "elsewhere")
