"""The word judge: recall against closed forms, names and words, and that the shipped one knows an apple."""

import hashlib
import math
from importlib import resources
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from danqing.errors import BadInputError, BadWeightsError, UsageError
from danqing.evaluate import shipped, words
from danqing.evaluate.words import (
    CANDIDATES,
    DIMS,
    FEATURES,
    NAME,
    SIDE,
    WordJudge,
    bootstrap,
    describe,
    draw_candidates,
    key,
    read_lines,
    recall_at,
    tokens,
)
from danqing.images.reading import read
from danqing.nn.chance import generator

PICTURES = Path(__file__).parent.parent / "pictures"
"""drawings of Noto Emoji (Apache-2.0), 64 pixels over white"""


def unit(rows: int, seed: str, width: int = 32) -> Tensor:
    """(rows, width) random unit vectors."""
    return normalize(torch.randn(rows, width, generator=generator("test word judge", seed)))


def test_right_embeddings_are_always_found_and_opposite_ones_never() -> None:
    names = unit(600, "names")
    right = torch.arange(40)
    candidates = draw_candidates(right, 600)
    perfect = recall_at(names[right], names, candidates, 1)
    assert (perfect.value, perfect.low, perfect.high) == (1.0, 1.0, 1.0)
    assert (perfect.k, perfect.candidates, perfect.count) == (1, CANDIDATES, 40)
    assert recall_at(-names[right], names, candidates, CANDIDATES - 1).value == 0.0


@pytest.mark.parametrize("k", [5, 250])
def test_embeddings_that_know_nothing_are_found_by_chance(k: int) -> None:
    count, names = 4000, unit(500, "names")
    candidates = draw_candidates(torch.arange(count) % 500, 500)
    found = recall_at(unit(count, "pictures"), names, candidates, k)
    chance = k / CANDIDATES
    deviation = math.sqrt(chance * (1 - chance) / count)
    assert abs(found.value - chance) < 4 * deviation
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.25)


def test_names_that_fit_as_well_count_as_better() -> None:
    pictures, names = torch.ones(3, 2), torch.ones(10, 2)
    candidates = draw_candidates(torch.tensor([0, 4, 9]), 10, 6)
    assert recall_at(pictures, names, candidates, 5).value == 0.0


def test_the_rank_is_counted_in_the_candidates_only() -> None:
    names = torch.tensor([[0.5], [0.9], [0.1], [0.7]])
    picture, candidates = torch.ones(1, 1), torch.tensor([[0, 2, 3]])
    assert [recall_at(picture, names, candidates, k).value for k in (1, 2)] == [0.0, 1.0]


def test_candidates_are_distinct_seeded_and_begin_with_the_right_one() -> None:
    right = torch.tensor([0, 3, 7, 7])
    candidates = draw_candidates(right, 8, 5, seed=1)
    assert torch.equal(candidates[:, 0], right)
    assert all(len(set(row)) == 5 and min(row) >= 0 and max(row) < 8 for row in candidates.tolist())
    assert torch.equal(candidates, draw_candidates(right, 8, 5, seed=1))
    assert not torch.equal(candidates, draw_candidates(right, 8, 5, seed=2))
    assert set(draw_candidates(right, 8, 8)[0].tolist()) == set(range(8))


def test_bootstrap_meets_the_normal_interval() -> None:
    hits = torch.arange(1000) < 800
    low, high = bootstrap(hits)
    reach = 1.96 * math.sqrt(0.8 * 0.2 / 1000)
    assert low == pytest.approx(0.8 - reach, abs=0.004) and high == pytest.approx(0.8 + reach, abs=0.004)


def test_what_recall_cannot_take_is_refused() -> None:
    names = unit(10, "names")
    with pytest.raises(UsageError, match="10 different names"):
        draw_candidates(torch.arange(2), 10)
    candidates = draw_candidates(torch.arange(2), 10, 5)
    for pictures, k in ((names[:2], 5), (names[:2], 0), (names[:3], 1)):
        with pytest.raises(UsageError, match="give 0 < k < C"):
            recall_at(pictures, names, candidates, k)


def test_words_of_a_name() -> None:
    assert tokens("Two red Hearts!") == ("two", "red", "heart")
    assert key("apple: red") == key("Red Apples") != key("green apple")
    assert tokens("?!") == ()


def test_features_of_one_picture_do_not_depend_on_the_others() -> None:
    pictures = torch.rand(3, 3, 80, 80, generator=generator("test word judge", 0)) * 2 - 1
    features = describe(pictures)
    assert features.shape == (3, FEATURES) and features.min() >= 0
    torch.testing.assert_close(describe(pictures[1:2])[0], features[1], rtol=1e-3, atol=1e-2)


@pytest.fixture(scope="module")
def judge() -> WordJudge:
    return WordJudge.load()


@pytest.fixture(scope="module")
def drawings() -> Tensor:
    """An apple and a school bus: (2, 3, 64, 64) uint8."""
    return torch.stack(
        [torch.from_numpy(read(PICTURES / name)).permute(2, 0, 1) for name in ("red-apple.png", "bus.png")]
    )


def test_an_apple_is_an_apple_and_a_bus_is_a_bus(judge: WordJudge, drawings: Tensor) -> None:
    assert drawings.shape == (2, 3, SIDE, SIDE)
    seen, named = judge.embed_pictures(drawings), judge.embed_names(["red apple", "school bus"])
    for vectors in (seen, named):
        assert vectors.shape == (2, DIMS) and vectors.dtype == torch.float32 and not vectors.requires_grad
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    fit = seen @ named.T
    assert fit[0, 0] > fit[0, 1] + 0.2 and fit[1, 1] > fit[1, 0] + 0.2
    assert (seen @ judge.embed_names(["apple", "bus"]).T).argmax(1).tolist() == [0, 1]


def test_the_judge_forgives_size_and_type(judge: WordJudge, drawings: Tensor) -> None:
    large = torch.nn.functional.interpolate(drawings.float(), scale_factor=2, mode="bilinear") / 127.5 - 1
    fit = (judge.embed_pictures(large) * judge.embed_pictures(drawings)).sum(1)
    assert fit.min() > 0.8


def test_recall_of_the_judge_itself(judge: WordJudge, drawings: Tensor) -> None:
    found = judge.recall(drawings, ["red apple", "bus"])
    assert (found.value, found.k, found.count, found.candidates) == (1.0, 5, 2, CANDIDATES)
    assert judge.recall(drawings, ["bus", "red apple"]).value == 0.0
    with pytest.raises(BadInputError, match="one name per picture"):
        judge.recall(drawings, ["bus"])
    with pytest.raises(UsageError, match="3 different names"):
        judge.recall(drawings, ["bus", "apple"], ["apples", "cat"])


def test_names_without_a_known_word_are_refused(judge: WordJudge) -> None:
    assert judge.knows("xyzzy apple") and not judge.knows("xyzzy")
    torch.testing.assert_close(judge.embed_names(["xyzzy apple"]), judge.embed_names(["apples"]))
    with pytest.raises(BadInputError, match="knows no word of 'xyzzy'"):
        judge.embed_names(["apple", "xyzzy"])


def test_the_card_says_how_good_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card, home = shipped.read_card(NAME), resources.files("danqing").joinpath("models", NAME)
    blob = home.joinpath("weights.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(blob).hexdigest() and len(blob) < 4_000_000
    assert card["figures"]["pair"]["R@5"]["value"] > 0.9
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "card.json").write_text('{"words_sha256": ""}')
    monkeypatch.setattr(words, "shelf", lambda: tmp_path)
    with pytest.raises(BadWeightsError, match="cannot be read"):
        read_lines("words")
    (tmp_path / NAME / "words.txt").write_text("apple")
    with pytest.raises(BadWeightsError, match="not those that its card names"):
        read_lines("words")
