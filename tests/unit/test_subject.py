"""Low-rank changes and what a painter learns with them: against closed forms."""

from pathlib import Path

import pytest
import torch
from torch import nn

from danqing.api.studios import load_painter
from danqing.data.clipart.colouring import colour_words
from danqing.families.text2image import subject
from danqing.families.text2image.imagining import nothing_said, stacked
from danqing.families.text2image.painter import Manner
from danqing.families.text2image.prior import Said
from danqing.families.text2image.subject import Examples, Halves
from danqing.images.arrays import to_uint8
from danqing.nn.chance import Chance, generator
from danqing.nn.lowrank import LastRows, learn_last_rows, learn_low_rank, merge
from danqing.types import Now


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(8, 64, 3, padding=1), nn.Flatten(), nn.Linear(1024, 64), nn.Linear(64, 8))


def test_nothing_changes_before_anything_is_learned_and_only_little_learns() -> None:
    one, x = net(), torch.randn(2, 8, 4, 4)
    before = one(x)
    learn_low_rank(one, 4, generator("test"))
    torch.testing.assert_close(one(x), before, rtol=0, atol=0)
    learns = [p for p in one.parameters() if p.requires_grad]
    assert {tuple(p.shape) for p in learns} == {(4, 72), (64, 4), (4, 1024)}, "two of three layers are large enough"


def test_merged_is_the_old_matrix_plus_the_product() -> None:
    layer = nn.Linear(96, 80)
    before = layer.weight.detach().clone()
    learn_low_rank(layer, 3, generator("test"))
    change = layer.parametrizations.weight[0]
    nn.init.normal_(change.up)
    wanted = before + (change.up @ change.down).detach()
    merge(layer)
    torch.testing.assert_close(layer.weight, wanted)
    assert torch.linalg.matrix_rank(layer.weight - before, atol=1e-3) == 3
    assert set(layer.state_dict()) == {"weight", "bias"} and not layer.weight.requires_grad


def test_of_a_table_only_the_last_rows_learn() -> None:
    table = nn.Embedding(9, 4)
    before = table.weight.detach().clone()
    learn_last_rows(table, 2)
    change = table.parametrizations.weight[0]
    assert isinstance(change, LastRows)
    table.weight.square().sum().backward()
    torch.testing.assert_close(change.more.grad, 2 * before[-2:])
    with torch.no_grad():
        change.more += 1
    merge(table)
    torch.testing.assert_close(table.weight, torch.cat([before[:-2], before[-2:] + 1]))


@pytest.fixture
def taught(painter_folder: Path) -> tuple[subject.Painter, Examples, Examples]:
    """A wider painter, examples of its new word, and what it knew."""
    studio = load_painter(painter_folder)
    painter = subject.widened(studio.painter, [2, 3]).eval().requires_grad_(False)
    word = painter.prior.config.words - 1
    g = generator("test")
    rows = 12
    e = torch.randn(rows, painter.prior.config.shape.total, generator=g)
    latents = torch.randn(rows, 8, 16, 16, generator=g)
    new = Examples(e, said([word, 4], rows), latents, torch.zeros(rows))
    cat = studio.said(studio.read("cat"), studio.any_style)
    old = subject.together(list(subject.recalled(studio.painter, stacked([cat] * 8), Manner(4), 0)))
    return painter, new, old


def said(words: list[int], rows: int) -> Said:
    tokens = torch.zeros(rows, 24, dtype=torch.long)
    tokens[:, : len(words)] = torch.tensor(words)
    return Said(tokens, torch.ones(rows, 24), torch.full((rows,), 2))


def test_a_wider_painter_does_what_it_did_before(painter_folder: Path) -> None:
    studio = load_painter(painter_folder)
    wider = subject.widened(studio.painter, [2, 3])
    table = studio.painter.prior.words.weight
    torch.testing.assert_close(wider.prior.words.weight[-1], table[[2, 3]].mean(0))
    words = stacked([studio.said(studio.read("red cat"), 0)] * 2)
    one, two = (
        painter.eval().imagine(words, nothing_said(words, 2), Manner(), [generator("p", i) for i in range(2)])
        for painter in (studio.painter, wider)
    )
    torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_the_gist_of_a_new_word_is_what_the_others_do_not_say(
    taught: tuple[subject.Painter, Examples, Examples],
) -> None:
    painter, new, _ = taught
    gist, word = painter.prior.gist, painter.prior.config.words - 1
    subject.fit_gist(gist, word, new)
    without = gist(*(getattr(said([4], len(new)), name) for name in ("tokens", "weights", "style")))
    mean = (new.embedding - without).mean(0)
    torch.testing.assert_close(gist.words.weight[word], mean * len(new) / (len(new) + subject.SHRUNK))


def test_before_the_first_step_the_old_half_costs_nothing(taught: tuple[subject.Painter, Examples, Examples]) -> None:
    painter, new, old = taught
    batch = Halves(new, old, 16, 0).at(3)
    for now, loss in (
        (Now(0, 0.0, Chance("a")), lambda now: subject.subject_prior_loss(painter.prior, painter.prior, batch, now)),
        (
            Now(0, 0.0, Chance("b")),
            lambda now: subject.subject_decoder_loss(painter.decoder, painter.decoder, painter.prior.gist, batch, now),
        ),
    ):
        value = loss(now)
        assert float(now.notes["old"]) < 1e-9 < 0.1 < float(now.notes["new"])
        torch.testing.assert_close(value, (now.notes["new"] + now.notes["old"]) / 2)


def test_batches_are_a_function_of_seed_and_step(taught: tuple[subject.Painter, Examples, Examples]) -> None:
    _, new, old = taught
    one, same, other = (Halves(new, old, 8, 0).at(step) for step in (5, 5, 6))
    torch.testing.assert_close(one.pictures, same.pictures, rtol=0, atol=0)
    assert not torch.equal(one.pictures, other.pictures)
    assert bool((one.given["tokens"][:4, 1] == 4).all()) and bool((one.given["tokens"][4:, 1] == 0).all())


def test_what_comes_in_when_a_picture_is_moved_is_transparent() -> None:
    squares = torch.full((2, 4, 32, 32), 1.0)
    made = subject.moved(squares, seed=1)
    assert not torch.equal(made[0], made[1])
    assert float(made.min()) == -1.0, "what comes in at the rim is transparent, not mirrored"
    assert float(made.max()) <= 1.0001


def test_another_colour_is_called_by_its_word() -> None:
    square = torch.full((4, 64, 64), -1.0)
    square[:, 12:52, 12:52] = torch.tensor([-0.6, 0.4, 0.3, 1.0])[:, None, None]
    found = [one for seed in range(8) if (one := subject.tinted(square, seed))]
    assert len(found) > 4
    for made, word in found:
        rgba = to_uint8(made[None])[0].permute(1, 2, 0).numpy()
        assert colour_words(rgba)[0] == word
        assert not rgba[:10, :10].any()
