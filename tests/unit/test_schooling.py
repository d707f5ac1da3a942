"""A painter made from nothing through the public door: pool, captions, prior, decoder, and the folder that paints."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from danqing import api
from danqing.data.clipart.rows import Row
from danqing.errors import NotFoundError, UsageError

NAMES = (("red apple", "红苹果"), ("owl", "猫头鹰"), ("car", "车"), ("house", "房子"), ("hat", "帽子"), ("fish", "鱼"))
RECIPE = """
[tiny]
pool = { count = 16, captions = 2 }
[tiny.prior]
minutes = 1
model = { width = 64, depth = 1, reader = 64, whole = 8, cell = 4, layout = 4 }
train = { batch = 4, precision = "fp32" }
[tiny.codec]
minutes = 1
model = { fold = 8, widths = [16, 16], blocks = 1, channels = 4 }
train = { batch = 4, precision = "fp32" }
[tiny.decoder]
minutes = 1
few_step = 0.5
model = { waist = 64, depth = 1, fold = 2, whole = 8, cell = 4, layout = 4 }
train = { batch = 4, precision = "fp32" }
"""


@pytest.fixture(scope="module")
def clipart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve coloured discs in two styles; the fish of one style is held out."""
    folder = tmp_path_factory.mktemp("clipart")
    rng, rows, y, x = np.random.default_rng(0), [], *np.mgrid[:128, :128]
    pictures = np.zeros((12, 128, 128, 4), np.uint8)
    for i, picture in enumerate(pictures):
        (en, zh), style = NAMES[i % 6], ("noto", "fluent")[i // 6]
        picture[(x - 64) ** 2 + (y - 64) ** 2 < (30 + 2 * i) ** 2] = [*rng.integers(40, 250, 3), 255]
        split = "pair" if en == "fish" and style == "noto" else "train"
        rows.append(Row(f"{style}:{en}", style, style, "MIT", "Ann", en, name_zh=zh, tags=("Objects",), split=split))
    np.save(folder / "pictures.npy", pictures)
    (folder / "captions.jsonl").write_text("".join(row.line() + "\n" for row in rows), encoding="utf-8")
    (folder / "card.json").write_text(json.dumps({"format": 1}))
    return folder


@pytest.fixture(scope="module")
def made(clipart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("school")
    (out / "recipe.toml").write_text(RECIPE)
    events = []
    act = api.train_painter(str(out / "recipe.toml"), minutes=0.02, out=out, data=clipart)
    events += [event.message for event in act if event.message]
    assert events == [
        f"Part {name}." for name in ("pool", "captions", "codec", "prior", "revised", "decoder", "painter")
    ]
    return out


def test_the_painter_paints(made: Path) -> None:
    painted = api.paint("a red apple", n=2, model=made / "painter").result()
    assert [picture.pixels.shape for picture in painted.pictures] == [(128, 128, 3)] * 2
    studio = api.load_painter(made / "painter")
    assert studio.styles == ("fluent", "noto")
    assert studio.shipped.jumps


def test_the_card_tells_what_it_learned_from(made: Path) -> None:
    card = json.loads((made / "painter" / "card.json").read_text())
    assert card["family"] == "text2image" and card["data"]["pictures"] == 11
    assert card["data"]["licences"] == {"MIT": 11}


def test_the_index_lists_every_picture_but_those_held_out(made: Path) -> None:
    entries = api.load_painter(made / "painter").index.entries
    assert len(entries) == 11 and "noto:fish" not in {entry.id for entry in entries}


def test_what_is_done_is_not_done_again(made: Path, clipart: Path) -> None:
    before = {name: (made / name).stat().st_mtime_ns for name in ("pool/pixels.npy", "pool/embedder.safetensors")}
    told = api.train_painter(str(made / "recipe.toml"), part="pool", out=made, data=clipart).result().message
    assert told.startswith("The pool of the painter is in") and "--part painter" in told
    assert before == {name: (made / name).stat().st_mtime_ns for name in before}


def test_a_larger_budget_goes_on(made: Path, clipart: Path) -> None:
    steps = [event.step for event in api.train_painter(
        str(made / "recipe.toml:tiny"), part="prior", minutes=0.03, out=made, data=clipart
    )]  # fmt: skip
    assert steps[1] > 1


def test_a_painter_goes_on_from_another_ones_weights(made: Path, clipart: Path, tmp_path: Path) -> None:
    recipe, first = str(made / "recipe.toml"), api.load_painter(made / "painter").shipped.painter
    api.train_painter(recipe, minutes=0.02, out=tmp_path, data=clipart, start=made / "painter").result()
    second = api.load_painter(tmp_path / "painter").shipped.painter

    def same(part: str) -> bool:
        a, b = (getattr(painter, part).state_dict() for painter in (first, second))
        return all(torch.allclose(a[name], b[name], atol=2e-3) for name in a)

    assert same("codec") and same("prior") and same("embedder") and not same("decoder")


def test_a_start_of_other_words_or_sizes_is_refused(made: Path, clipart: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="9 styles, the set has 2"):
        api.train_painter(str(made / "recipe.toml"), out=tmp_path, data=clipart, start="shipped").result()
    (tmp_path / "wide.toml").write_text(RECIPE.replace("waist = 64", "waist = 128"))
    with pytest.raises(UsageError, match="another size"):
        wide = str(tmp_path / "wide.toml")
        api.train_painter(wide, minutes=0.02, out=tmp_path, data=clipart, start=made / "painter").result()
    assert not (tmp_path / "pool").exists(), "refused before any work"


def test_a_start_does_not_mix_with_what_was_begun(made: Path, clipart: Path, tmp_path: Path) -> None:
    (tmp_path / "few.toml").write_text(RECIPE.replace("count = 16", "count = 8"))
    api.train_painter(str(tmp_path / "few.toml"), part="pool", out=tmp_path / "few", data=clipart).result()
    recipe, start = str(made / "recipe.toml"), made / "painter"
    with pytest.raises(UsageError, match="begun for another painter"):
        api.train_painter(recipe, out=tmp_path / "few", data=clipart, start=start).result()
    with pytest.raises(UsageError, match="begun to learn already"):
        api.train_painter(recipe, out=made, data=clipart, start=start).result()


def test_errors_are_one_sentence(tmp_path: Path, clipart: Path) -> None:
    with pytest.raises(NotFoundError, match="decoder"):
        api.train_painter(part="decodr", out=tmp_path, data=clipart).result()
    with pytest.raises(NotFoundError, match="data build clipart"):
        api.train_painter(out=tmp_path, data=tmp_path).result()
    with pytest.raises(UsageError, match=r"nothing\.toml"):
        api.train_painter(str(tmp_path / "nothing.toml"), out=tmp_path, data=clipart).result()
    with pytest.raises(NotFoundError, match="pool"):
        api.train_painter(part="prior", out=tmp_path / "empty", data=clipart).result()
