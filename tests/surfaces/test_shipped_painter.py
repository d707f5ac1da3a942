"""The painter that comes with Danqing: it knows colours and things, in both languages, and every act works with it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from danqing import api
from danqing.api.painter_exam import Lineup, channels_first
from danqing.cli import main
from danqing.evaluate.words import WordJudge
from danqing.families.text2image.imagining import nothing_said
from danqing.families.text2image.painter import Manner
from danqing.images.alpha import premultiplied
from danqing.nn.chance import noise, picture_generators

NAMES = (
    "red heart", "panda", "frog", "pizza", "red apple", "snowman", "rocket", "tree", "umbrella", "star", "hamburger",
    "pig face", "lion", "strawberry", "airplane", "mushroom", "octopus", "key", "guitar", "banana", "ghost", "cactus",
    "sunflower", "penguin",
)  # fmt: skip
RECOGNISED = 0.5
"""share of NAMES that must be among the judge's first five"""


@pytest.fixture(scope="module")
def studio() -> api.Studio:
    return api.load_painter()


def coloured(pixels: np.ndarray) -> np.ndarray:
    """Mean red, green and blue where a transparent picture is opaque."""
    return pixels[pixels[..., 3] > 200][:, :3].mean(0)


def one(prompt: str, **wishes: object) -> np.ndarray:
    """Pixels of the first picture, on nothing."""
    return api.paint(prompt, 1, transparent=True, **wishes).result().pictures[0].pixels  # type: ignore[arg-type]


def test_four_pictures_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paint", "戴红帽子的橘猫", "--out", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    files = [Path(row["file"]) for row in document["pictures"]]
    assert len(files) == 4 and all(file.exists() for file in files)
    for file in files:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB"), float)
        inked = pixels[pixels.min(2) < 230]
        assert len(inked) > 500 and inked.mean(0)[0] > inked.mean(0)[2] + 40  # orange and red, not blue
    light = document["pictures"][0]["recipe"]["extra"]["reading"]
    assert {"orange", "cat", "red", "hat"} <= {token for word in light["words"] for token in word["tokens"]}


@pytest.mark.parametrize(
    ("prompts", "strong", "weak"),
    [
        (("a blue bird", "蓝色的鸟"), 2, 0),
        (("a green frog", "绿色的青蛙"), 1, 2),
        (("a red apple", "红苹果"), 0, 2),
        (("yellow star", "黄色的星星"), 1, 2),
    ],
)
def test_colours_are_obeyed_in_both_languages(prompts: Sequence[str], strong: int, weak: int) -> None:
    for prompt in prompts:
        mean = np.mean([coloured(one(prompt, seed=seed)) for seed in range(3)], 0)
        assert mean[strong] > mean[weak] + 25, (prompt, mean)


def test_things_are_recognised_by_a_judge_that_was_taught_apart(studio: api.Studio) -> None:
    """Chance is 5 of 500 names, 1 %."""
    judge = WordJudge.load()
    lineup = Lineup.of(judge, [*studio_names(studio), *NAMES])
    pictures = np.stack([premultiplied(one(name, style="noto")) for name in NAMES])
    _, five = lineup.recalls(judge.embed_pictures(channels_first(pictures)), lineup.candidates(NAMES, 0), 0)
    assert five.value > RECOGNISED


def studio_names(studio: api.Studio) -> list[str]:
    return sorted({entry.name_en for entry in studio.index.entries})


def test_same_seed_same_bytes_alone_or_among_others() -> None:
    alone = api.paint("panda", 1, seed=3).result().pictures[0].pixels
    among = api.paint("panda", 3, seed=2).result().pictures[1].pixels
    assert (alone == among).all()


def test_vary_blend_and_describe_see_what_is_there() -> None:
    panda = one("panda", seed=1)
    varied = api.vary(panda, 0.2, n=1, transparent=True).result().pictures[0].pixels
    apple, frog = one("red apple"), one("green frog")
    blended = api.blend([apple, frog], n=1, transparent=True).result().pictures[0].pixels
    assert np.abs(coloured(varied) - coloured(panda)).max() < 70
    low, high = np.minimum(coloured(apple), coloured(frog)) - 60, np.maximum(coloured(apple), coloured(frog)) + 60
    assert (coloured(blended) > low).all() and (coloured(blended) < high).all()
    for lang in ("en", "zh"):
        assert len(api.describe(one("red heart"), lang=lang)) == 4


def test_inpainting_keeps_what_is_black_and_follows_the_words() -> None:
    ground = np.full((128, 128, 3), 255, np.uint8)
    ground[:, :64] = (30, 60, 200)
    mask = np.zeros_like(ground)
    mask[:, 64:] = 255
    made = api.paint("red heart", 1, image=ground, mask=mask).result().pictures[0].pixels
    assert (made[:, :64] == ground[:, :64]).all()
    assert (made[:, 64:] != ground[:, 64:]).any()


def test_style_reference_image_prompt_svg_and_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(one("panda", style="noto")).save(tmp_path / "panda.png")
    words = ["paint", "owl", "-n", "1", "--svg", "--style-ref", str(tmp_path / "panda.png"), "--size", "256"]
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["pictures"]
    assert Path(row["svg"]).read_text(encoding="utf-8").count("<path") > 1
    assert (
        main(["paint", "blue", "-n", "1", "--image-prompt", str(tmp_path / "panda.png"), "--out", str(tmp_path)]) == 0
    )
    capsys.readouterr()
    again = ["replay", row["file"], "--image", str(tmp_path / "panda.png"), "--out", str(tmp_path), "--json"]
    assert main(again) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["same"] is True
    assert Path(document["file"]).read_bytes() == Path(row["file"]).read_bytes()


def test_the_card_says_what_it_learned_from(studio: api.Studio) -> None:
    data = studio.shipped.card.data
    assert data["pictures"] > 5000 and set(data["licences"]) <= {
        "MIT", "Apache-2.0", "CC0-1.0", "CC-PDDC", "CC-BY-3.0", "CC-BY-4.0",
    }  # fmt: skip
    assert len(studio.index.entries) == data["pictures"] and all(entry.licence for entry in studio.index.entries)


def test_the_decoder_hears_time_doubt_and_style(studio: api.Studio) -> None:
    """A steering that has died paints good pictures still, from the cells of the embedding alone."""
    painter, said = studio.painter, studio.said(studio.read("panda"), 0)
    chance = picture_generators(0, 1)
    e = painter.imagine(said, nothing_said(said, len(studio.styles)), Manner(), chance)
    asked, z = painter.asked(e, said, Manner(), 0.5, chance), noise(chance, 8, 16, 16)
    at, rest = torch.tensor([0.3]), torch.zeros(1)

    def guess(**other: torch.Tensor) -> torch.Tensor:
        return painter.decoder(z, at, rest, rest, replace(asked, **other))

    usual, others = guess(), [guess(doubt=asked.doubt + 0.4), guess(style=asked.style + 1)]
    later = painter.decoder.time.register_forward_pre_hook(lambda _, given: (given[0] + 0.1,))  # in the steering alone
    others.append(guess())
    later.remove()
    assert all((other - usual).abs().mean() > 0.003 for other in others)


def test_weights_are_under_their_limit(studio: api.Studio) -> None:
    assert sum(file.stat().st_size for file in studio.folder.iterdir()) < 55_000_000
    assert torch.isfinite(torch.cat([p.flatten() for p in studio.painter.parameters()])).all()
