"""The painter's parts: flow arithmetic, embedding, prior, decoder, pool, and the walks between them."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from danqing.api.schooling import How, codec_run, decoder_run, prior_run
from danqing.checkpoint import load_training
from danqing.errors import NotFoundError, UsageError
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.families.text2image import losses, pool
from danqing.families.text2image.codec import Codec, CodecConfig
from danqing.families.text2image.decoder import Asked, Decoder, DecoderConfig
from danqing.families.text2image.embedding import GRID, Embedder, Shape, components, look, over_white
from danqing.families.text2image.fitting import fit
from danqing.families.text2image.gist import RIDGE, Gist
from danqing.families.text2image.imagining import nothing_said
from danqing.families.text2image.painter import Canvas, Manner, Painter
from danqing.families.text2image.prior import Prior, PriorConfig, Said
from danqing.families.text2image.recipes import PartSettings, PoolSettings, School, school
from danqing.families.text2image.remainder import Remainder
from danqing.nn import flow
from danqing.nn.chance import Chance, picture_generators
from danqing.types import Batch, Now

SHAPE = Shape(whole=12, cell=4, layout=4)
SMALL = {"whole": 12, "cell": 4, "layout": 4}
DECODER = DecoderConfig(side=16, channels=4, widths=(16,), waist=64, depth=1, fold=2, styles=2, **SMALL)
CODEC = CodecConfig(fold=4, widths=(8, 16), blocks=1, channels=4)
PRIOR = PriorConfig(words=20, styles=2, width=64, depth=2, components=20, reader=64, dropout=0.0, **SMALL)


def woken(module: torch.nn.Module) -> torch.nn.Module:
    """Layers that start at zero get small weights, so that everything matters."""
    torch.manual_seed(1)
    with torch.no_grad():
        for value in module.parameters():
            if not value.count_nonzero():
                value.normal_(std=0.05)
    return module


def drawings(count: int, seed: int = 0) -> np.ndarray:
    """(count, 128, 128, 4) uint8: premultiplied coloured discs on nothing."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:128, :128]
    made = np.zeros((count, 128, 128, 4), np.uint8)
    for picture in made:
        cx, cy, r = (*rng.uniform(40, 88, 2), rng.uniform(10, 35))
        picture[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = [*rng.integers(0, 256, 3), 255]
    return made


@pytest.fixture(scope="module")
def made_pool(tmp_path_factory: pytest.TempPathFactory) -> pool.Pool:
    folder = tmp_path_factory.mktemp("pool")
    pictures = drawings(40)
    done = list(pool.make(folder, 40, lambda i: pool.Sample(pictures[i], i % 2, 1.0), efficientnet_lite0(), SHAPE))
    assert done == [40]
    pool.write_captions(folder, lambda i: [[2 + i % 5], [2 + i % 5, 9]], 2)
    assert list(pool.write_latents(folder, Codec(CODEC).eval()))[-1] == 1
    return pool.opened(folder)


def asked(rows: int, total: int, known: float = 1.0) -> Asked:
    return Asked(torch.randn(rows, total), torch.full((rows,), 0.1), torch.randn(rows, total),
                 torch.zeros(rows, dtype=torch.long), torch.full((rows,), known))  # fmt: skip


def spoken_gist() -> Gist:
    """Every word leads to expect something."""
    gist = Gist(20, 2, SHAPE.total)
    torch.nn.init.normal_(gist.words.weight, generator=torch.Generator().manual_seed(2))
    return gist


# The arithmetic of flow matching.


def test_the_best_guess_of_an_idle_network_is_the_mean_of_a_gaussian() -> None:
    """With F = 0 the guess is the posterior mean of N(0, s²) given z: t s² z / (t² s² + (1 - t)²)."""
    z, t = torch.randn(5, 3, 2), torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0])
    at = t[:, None, None]
    wanted = at * 0.64 / (0.64 * at**2 + (1 - at) ** 2) * z
    torch.testing.assert_close(flow.from_rest(torch.zeros_like(z), z, t, 0.8), wanted)


def test_a_straight_step_to_the_end_lands_on_the_guess() -> None:
    z, x, t = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(flow.stepped(z, x, t, 1 - t), x)
    torch.testing.assert_close(flow.velocity_error(x + 0.1, x, t), 0.01 / (1 - t) ** 2)


def test_jumps_end_inside_the_way_and_tell_what_is_learned() -> None:
    jumps = torch.tensor(flow.JUMPS).repeat(50)
    start, span, told = flow.jump_plan(jumps, torch.rand(len(jumps), generator=torch.Generator().manual_seed(0)))
    assert ((start + span) <= 1 + 1e-6).all() and (start >= 0).all()
    for n, one in zip(jumps.tolist(), told.tolist(), strict=True):
        assert one == pytest.approx(1 / (2 * n) if 2 * n in flow.JUMPS else 0)


# The embedding.


def test_components_have_falling_half_whitened_spread() -> None:
    rows = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0, 2.0, 1.0, 0.5, 0.25])
    mean, basis = components(rows + 3, 3)
    scores = (rows + 3 - mean) @ basis
    torch.testing.assert_close(mean, torch.full((5,), 3.0), atol=0.2, rtol=0)
    spread = torch.tensor([4.0, 2.0, 1.0])
    torch.testing.assert_close(scores.std(0), (spread / spread.mean()).sqrt(), atol=0.05, rtol=0.05)


def test_the_layout_part_is_the_small_picture(made_pool: pool.Pool) -> None:
    pictures = torch.from_numpy(made_pool.pixels[:4].copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    seen = look(efficientnet_lite0(), pictures, SHAPE.layout)
    e = made_pool.embedder(seen)
    assert e.shape == (4, SHAPE.total)
    torch.testing.assert_close(made_pool.embedder.layout(e), seen.layout)
    assert made_pool.embedder.parts(e)[1].shape == (4, GRID * GRID, SHAPE.per_cell)


def test_embeddings_have_zero_mean_and_unit_spread(made_pool: pool.Pool) -> None:
    e = torch.from_numpy(made_pool.embedding.astype(np.float32))
    assert e.mean(0).abs().max() < 0.02
    assert 0.8 < e.square().mean().sqrt() < 1.2


def test_over_white_is_the_usual_formula() -> None:
    rgba = torch.tensor([0.2, 0.1, 0.0, 0.5])  # premultiplied, 0 .. 1
    shown = over_white((rgba * 2 - 1).view(1, 4, 1, 1)).flatten()
    torch.testing.assert_close((shown + 1) / 2, rgba[:3] + 0.5)


# Codec.


def test_a_codec_learns_to_give_pictures_back(made_pool: pool.Pool, tmp_path: Path) -> None:
    """And its latents have mean 0 and deviation 1 in every channel."""
    made = codec_run(tmp_path, PLAN, made_pool, How(budget={"steps": 60}))
    errors = [progress.figures["error"] for progress in made.go()]
    assert sum(errors[-5:]) < 0.7 * sum(errors[:5])
    pictures = pool.Batches(made_pool, 40, 0, "pixels").at(1).pictures
    z = made.trainer.model.train().encode(pictures)
    assert z.shape == (40, 4, 8, 8)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(z.std((0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)


def test_every_weight_of_the_codec_is_taught(made_pool: pool.Pool) -> None:
    codec = woken(Codec(CODEC))
    losses.codec_loss(codec, pool.Batches(made_pool, 8, 0, "pixels").at(0), Now(0, 0.5, Chance(0))).backward()
    assert all(p.grad is not None and p.grad.count_nonzero() for p in codec.parameters())


# Prior and decoder.


def test_the_gist_is_ridge_regression() -> None:
    """Against the normal equations, written out: each caption in its style and in any, once without words."""
    rng = np.random.default_rng(0)
    tokens, style = rng.integers(0, 6, (30, 2, 3)), rng.integers(0, 2, 30)
    weight, e = rng.uniform(0.5, 2, 30), rng.normal(size=(30, 4))
    gist = Gist(6, 2, 4)
    gist.fit(tokens, style, weight, e)

    def row(words: list[int], manner: int) -> np.ndarray:
        x = np.zeros(6 + 3 + 1)
        for word in words:
            x[word] += word != 0
        x[6 + manner], x[-1] = 1, 1
        return x

    rows, aims, shares = [], [], []
    for caption, s, w, aim in zip(tokens, style, weight / weight.mean(), e, strict=True):
        own = [row(list(words), manner) for words in caption for manner in (s, 2)] + [row([], 2)]
        rows, aims, shares = rows + own, aims + [aim] * len(own), shares + [w] * len(own)
    x, w = np.array(rows), np.array(shares)[:, None]
    best = np.linalg.solve(x.T @ (w * x) + RIDGE * np.diag([1] * 9 + [0]), x.T @ (w * np.array(aims)))
    said, manner = torch.tensor([[1, 5, 0], [0, 0, 0]]), torch.tensor([1, 2])
    wanted = np.stack([row([1, 5], 1) @ best, row([], 2) @ best])
    torch.testing.assert_close(
        gist(said, torch.ones(2, 3), manner), torch.from_numpy(wanted).float(), atol=1e-4, rtol=0
    )


def test_an_untaught_prior_guesses_the_gist_from_pure_noise() -> None:
    prior = Prior(PRIOR)
    torch.nn.init.normal_(prior.gist.words.weight)
    said = words([[3, 4]], [0])
    made = prior(torch.randn(1, SHAPE.total), torch.zeros(1), said)
    torch.testing.assert_close(made, prior.gist(said.tokens, said.weights, said.style))
    torch.testing.assert_close(made[0], prior.gist.words.weight[[3, 4]].sum(0))


def test_the_remainder_is_guessed_as_the_mean_of_a_gaussian_given_what_is_seen() -> None:
    """E[r | z] = t C (t² C + (1 - t)² I)⁻¹ z, written out; what the network sees has a deviation of 1."""
    g = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 6, generator=g)
    rest, weight = torch.randn(500, 6, generator=g) @ mixing, torch.rand(500, generator=g)
    remainder = Remainder(6)
    remainder.fit(rest, weight)
    share = weight / weight.sum()
    covariance = rest.mT @ (share[:, None] * rest)
    t = torch.tensor([0.0, 0.3, 0.7, 1.0])
    z = torch.randn(4, 6, generator=g)
    power = t[:, None, None] ** 2 * covariance + (1 - t[:, None, None]) ** 2 * torch.eye(6)
    wanted = t[:, None] * (covariance @ torch.linalg.solve(power, z[:, :, None]))[:, :, 0]
    made = remainder.guess(remainder.along(z), t, torch.zeros(4, 3))
    torch.testing.assert_close(made, wanted, atol=1e-3, rtol=1e-3)
    noisy = 0.3 * rest + 0.7 * torch.randn(500, 6, generator=g)
    seen = remainder.seen(remainder.along(noisy), torch.full((500,), 0.3))
    torch.testing.assert_close((share[:, None] * seen**2).sum(0), torch.ones(6), atol=0.2, rtol=0)


def test_what_the_network_says_is_in_units_of_what_is_unknown() -> None:
    """Along the first components; at the end of the way nothing is unknown."""
    remainder = Remainder(4)
    remainder.variance.copy_(torch.tensor([4.0, 1.0, 0.5, 0.1]))
    t, said, nothing = torch.tensor([0.0, 0.5, 1.0]), torch.ones(3, 2), torch.zeros(3, 4)
    made = remainder.guess(nothing, t, said)
    half = torch.tensor([0.5 * 2 / (0.25 * 4 + 0.25) ** 0.5, 0.5 / 0.5**0.5, 0.0, 0.0])
    torch.testing.assert_close(made, torch.stack([torch.tensor([2.0, 1.0, 0, 0]), half, torch.zeros(4)]))


def test_an_untaught_prior_with_its_closed_forms_beats_one_without(made_pool: pool.Pool) -> None:
    """Both before any step of learning, on the pictures of the pool."""
    losses_of = []
    for fitted in (False, True):
        torch.manual_seed(0)
        prior = Prior(replace(PRIOR, words=10)).eval()
        if fitted:
            prior.fit(made_pool.tokens, made_pool.style, made_pool.weight, made_pool.embedding)  # type: ignore[arg-type]
        batch = pool.Batches(made_pool, 200, 0, "captions").at(0)
        losses_of.append(float(losses.prior_loss(prior, batch, Now(0, 0.5, Chance(0))).detach()))
    assert losses_of[1] < 0.6 * losses_of[0]


def words(tokens: list[list[int]], style: list[int], weight: float = 1.0) -> Said:
    said = torch.tensor(tokens)
    return Said(said, torch.full(said.shape, weight), torch.tensor(style))


def test_padding_changes_nothing_and_words_do() -> None:
    prior = woken(Prior(PRIOR)).eval()
    z, t = torch.randn(2, SHAPE.total), torch.tensor([0.3, 0.6])
    plain = prior(z, t, words([[3, 4], [5, 6]], [0, 2]))
    padded = prior(z, t, words([[3, 4, 0, 0], [5, 6, 0, 0]], [0, 2]))
    torch.testing.assert_close(padded, plain, atol=1e-5, rtol=1e-5)
    others = [words([[4, 3], [6, 5]], [0, 2]), words([[4, 5], [6, 7]], [0, 2]), words([[3, 4], [5, 6]], [1, 1])]
    others.append(words([[3, 4], [5, 6]], [0, 2], 1.5))
    assert all((prior(z, t, other) - plain).abs().max() > 1e-4 for other in others)


@pytest.mark.parametrize("loss", [losses.decoder_loss, losses.jump_loss])
def test_every_weight_of_the_decoder_is_taught(loss: object, made_pool: pool.Pool) -> None:
    decoder = woken(Decoder(DECODER))
    batch = pool.Batches(made_pool, 64, 0, "latents").at(0)
    value: Tensor = loss(decoder, spoken_gist(), batch, Now(0, 0.5, Chance(0)))  # type: ignore[operator]
    value.backward()
    idle = {name for name, p in decoder.named_parameters() if p.grad is None or not p.grad.count_nonzero()}
    only_in_jumps = {name for name, _ in decoder.named_parameters() if name.startswith(("guide.mlp.0", "span.mlp.0"))}
    assert idle <= (set() if loss is losses.jump_loss else only_in_jumps)


def test_every_weight_of_the_prior_is_taught(made_pool: pool.Pool) -> None:
    prior = woken(Prior(replace(PRIOR, words=10)))
    losses.prior_loss(prior, pool.Batches(made_pool, 40, 0, "captions").at(0), Now(0, 0.5, Chance(0))).backward()
    assert all(p.grad is not None and p.grad.count_nonzero() for p in prior.parameters() if p.requires_grad)
    assert not any(p.requires_grad for p in prior.gist.parameters())
    assert not prior.words.weight.grad[0].count_nonzero()  # padding says nothing


def test_without_its_embedding_the_decoder_ignores_it() -> None:
    decoder = woken(Decoder(DECODER)).eval()
    z, t = torch.randn(2, 4, 16, 16), torch.tensor([0.2, 0.7])
    nothing = torch.zeros(2)
    one, other = (decoder(z, t, nothing, nothing, asked(2, SHAPE.total, 0.0)) for _ in range(2))
    torch.testing.assert_close(one, other)
    one, other = (decoder(z, t, nothing, nothing, asked(2, SHAPE.total, 1.0)) for _ in range(2))
    assert (one - other).abs().max() > 1e-4


def test_no_part_of_the_steering_drowns_the_others() -> None:
    """What grows a thousandfold is as loud as before, so the steering cannot die of it."""
    decoder = woken(Decoder(DECODER)).eval()
    z, t, want, nothing = torch.randn(2, 4, 16, 16), torch.tensor([0.2, 0.7]), asked(2, SHAPE.total), torch.zeros(2)
    before = decoder(z, t, nothing, nothing, want)
    with torch.no_grad():
        for layer in (decoder.guide.mlp[2], decoder.time.mlp[2]):
            layer.weight *= 1000
            layer.bias *= 1000
    torch.testing.assert_close(decoder(z, t, nothing, nothing, want), before, atol=1e-4, rtol=1e-3)


def test_guidance_of_one_is_the_plain_guess() -> None:
    decoder = woken(Decoder(DECODER)).eval()
    z, t, want = torch.randn(2, 4, 16, 16), torch.tensor([0.2, 0.7]), asked(2, SHAPE.total)
    nothing = torch.zeros(2)
    torch.testing.assert_close(
        losses.guided(decoder, z, t, nothing, nothing, want), decoder(z, t, nothing, nothing, want)
    )


def test_what_the_decoder_is_told_of_words_is_their_gist_or_nothing() -> None:
    gist, said = spoken_gist(), words([[3, 4], [0, 0]], [0, 1])
    torch.testing.assert_close(losses.gist_of(gist, said)[0], gist.words.weight[[3, 4]].sum(0))
    assert not losses.gist_of(gist, said)[1].count_nonzero()


def test_revised_embeddings_go_on_where_they_stopped_and_half_of_a_batch_has_them(
    made_pool: pool.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch tells how much of each embedding the prior has imagined; a prior that learned on begins anew."""
    monkeypatch.setattr(pool, "AT_ONCE", 8)
    monkeypatch.setattr(pool, "SHARD", 8)
    prior = woken(Prior(PRIOR)).eval()
    for name in ("whole", "parts"):
        shutil.copytree(Path(made_pool.pixels.filename).parent, tmp_path / name)
        steps = pool.write_revised(tmp_path / name, prior, 7, 0)
        if name == "parts":
            next(steps), steps.close()
            half = pool.opened(tmp_path / name)
            assert (half.imagined >= pool.LEAST_IMAGINED).sum() == 8 and half.imagined.astype(bool).sum() == 8
            steps = pool.write_revised(tmp_path / name, prior, 7, 0)
        assert list(steps)[-1] == 1
    whole, parts = (pool.opened(tmp_path / name) for name in ("whole", "parts"))
    assert np.array_equal(whole.revised, parts.revised) and np.array_equal(whole.imagined, parts.imagined)
    assert len(set(whole.imagined.tolist())) == 5, "one strength for each eight"
    assert list(pool.write_revised(tmp_path / "parts", prior, 7, 0)) == []
    assert len(list(pool.write_revised(tmp_path / "parts", prior, 8, 0))) == 5
    given = pool.Batches(whole, 400, 0, "latents").at(0).given
    changed = given["imagined"] > 0
    assert 0.4 < changed.float().mean() < 0.6
    own, made = (torch.from_numpy(array.astype(np.float32)) for array in (whole.embedding, whole.revised))
    for e, revised in zip(given["embedding"], changed, strict=True):
        assert ((made if revised else own) == e).all(1).any()


# The walks.


@pytest.fixture(scope="module")
def painter(made_pool: pool.Pool) -> Painter:
    made = Painter(PRIOR, DECODER, CODEC)
    woken(made.prior), woken(made.decoder), woken(made.codec)
    made.embedder = made_pool.embedder
    return made.eval().requires_grad_(False)


def said(rows: int) -> tuple[Said, Said]:
    asked = words([[3, 4, 5]] * rows, [0] * rows)
    return asked, nothing_said(asked, 2)


def test_a_canvas_is_kept_where_the_mask_is_black(painter: Painter) -> None:
    e, (asked, _), generators = torch.randn(2, SHAPE.total), said(2), picture_generators(3, 2)
    picture = torch.rand(2, 4, 128, 128) * 2 - 1
    mask = torch.zeros(2, 1, 128, 128)
    mask[..., 64:] = 1
    for jumps in (True, False):
        made = painter.render(e, asked, Manner(steps=4, jumps=jumps), generators, Canvas(picture, 1.0, mask))
        torch.testing.assert_close(made[..., :64], picture[..., :64])
        assert (made[..., 64:] - picture[..., 64:]).abs().max() > 0.01


def test_revising_by_nothing_changes_nothing_and_by_all_imagines(painter: Painter) -> None:
    e, (asked, none) = torch.randn(2, SHAPE.total), said(2)
    torch.testing.assert_close(painter.revise(e, 0.0, asked, none, Manner(), picture_generators(0, 2)), e)
    imagined = painter.imagine(asked, none, Manner(), picture_generators(0, 2))
    torch.testing.assert_close(painter.revise(e, 1.0, asked, none, Manner(), picture_generators(0, 2)), imagined)


def test_a_fit_is_the_share_of_the_error_that_the_words_take_away() -> None:
    """A denoiser that is told the picture by the words 3 and off by one by others: errors 0, 1, and 1/4 of 1."""
    e = torch.randn(3, SHAPE.total)

    def prior(z: Tensor, t: Tensor, said: Said) -> Tensor:
        off = torch.tensor([1.0, 0.0, 0.5])[said.tokens[:, 0]]
        assert ((z - t[:, None] * e.repeat(6, 1)) / (1 - t[:, None])).std() == pytest.approx(1, abs=0.2)
        return e.repeat(6, 1) + off[:, None]

    none = words([[0]] * 3, [2] * 3)
    found = fit(prior, e, words([[1], [2], [0]], [0] * 3), none)  # type: ignore[arg-type]
    torch.testing.assert_close(found, 3 * torch.tensor([1.0, 0.75, 0.0]), atol=1e-4, rtol=1e-4)


def test_negative_words_count_against_a_fit(painter: Painter) -> None:
    e, (asked, none) = torch.randn(2, SHAPE.total), said(2)
    assert fit(painter.prior, e, asked, asked).abs().max() < 1e-5
    found, kept_away = (fit(painter.prior, e, asked, other) for other in (none, words([[7, 8]] * 2, [0] * 2)))
    assert found.shape == (2,) and (found - kept_away).abs().min() > 1e-6
    torch.testing.assert_close(fit(painter.prior, e[1:], *said(1)), found[1:], atol=1e-5, rtol=1e-4)


def test_prior_guidance_of_one_does_not_look_at_what_is_unsaid(painter: Painter) -> None:
    asked, none = said(1)
    manner = Manner(prior_guidance=1.0)
    one = painter.imagine(asked, none, manner, picture_generators(0, 1))
    other = painter.imagine(asked, replace(none, tokens=torch.tensor([[7]])), manner, picture_generators(0, 1))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("strength", "until", "times"),
    [
        (None, 0.5, [0, 0, 1, 1, 2, 2, 3, 4, 5]),
        (None, 1.0, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (0.5, 0.5, [3, 3, 4, 5]),
        (None, 0.0, [0, 0, 1, 2, 3, 4, 5]),
    ],
)
def test_guidance_is_asked_for_in_the_first_step_and_early(
    painter: Painter, monkeypatch: pytest.MonkeyPatch, strength: float | None, until: float, times: list[int]
) -> None:
    """Six steps: a guided one asks the decoder twice, another once."""
    seen: list[int] = []
    forward = painter.decoder.forward

    def counted(z: torch.Tensor, t: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(round(float(t[0]) * 6))
        return forward(z, t, *rest)

    monkeypatch.setattr(painter.decoder, "forward", counted)
    canvas = None if strength is None else Canvas(torch.zeros(1, 4, 128, 128), strength)
    manner = Manner(steps=6, jumps=False, guided_until=until)
    painter.render(torch.randn(2, SHAPE.total), said(2)[0], manner, picture_generators(1, 2), canvas)
    assert seen == times


def test_tiles_are_painted_with_another_seam_at_every_step(painter: Painter) -> None:
    e, (asked, _) = torch.randn(1, SHAPE.total), said(1)
    plain, tiled = (
        painter.render(e, asked, Manner(steps=4, tile=tile), picture_generators(1, 1)) for tile in (False, True)
    )
    assert (plain - tiled).abs().max() > 1e-3


# The pool and the schooling.


def test_a_pool_that_was_interrupted_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SHARD", 32)
    pictures = drawings(40, seed=1)
    sample = lambda i: pool.Sample(pictures[i], 0, 1.0)  # noqa: E731
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    list(pool.make(whole, 40, sample, efficientnet_lite0(), SHAPE, fit_on=32))
    next(pool.make(halves, 40, sample, efficientnet_lite0(), SHAPE, fit_on=32))
    assert len(pool.opened(halves)) == 32
    list(pool.make(halves, 40, sample, efficientnet_lite0(), SHAPE, fit_on=32))
    for name in ("pixels", "embedding", "style", "weight"):
        assert (whole / f"{name}.npy").read_bytes() == (halves / f"{name}.npy").read_bytes()
    with pytest.raises(UsageError, match="another pool"):
        list(pool.make(halves, 30, sample, efficientnet_lite0(), SHAPE))


def test_a_batch_is_a_function_of_seed_and_step_and_shared_by_processes(made_pool: pool.Pool) -> None:
    for kind in ("pixels", "latents", "captions"):
        whole = pool.Batches(made_pool, 8, 5, kind).at(3)
        again = pool.Batches(made_pool, 8, 5, kind).at(3)
        shares = [pool.Batches(made_pool, 8, 5, kind, rank, 2).at(3) for rank in range(2)]
        torch.testing.assert_close(whole.pictures, again.pictures)
        torch.testing.assert_close(torch.cat([s.pictures for s in shares]), whole.pictures)
        torch.testing.assert_close(torch.cat([s.given["style"] for s in shares]), whole.given["style"])
        torch.testing.assert_close(torch.cat([s.given["embedding"] for s in shares]), whole.given["embedding"])


def test_rows_are_drawn_by_their_weight(made_pool: pool.Pool) -> None:
    heavy = np.ones(40, np.float32)
    heavy[:20] = 0
    batches = pool.Batches(replace(made_pool, weight=heavy), 256, 0, "latents")
    seen = batches.at(0).given["embedding"]
    light = torch.from_numpy(made_pool.embedding[:20].astype(np.float32))
    assert not (seen[:, None] == light[None]).all(2).any()


PLAN = School(
    "test",
    PoolSettings(40, 2),
    PartSettings(
        1, {"fold": 8, "widths": [8, 16], "blocks": 1, "channels": 4}, {"batch": 8, "precision": "fp32", "lr": 0.01}
    ),
    PartSettings(1, {"width": 64, "depth": 1, **SMALL}, {"batch": 8, "precision": "fp32"}),
    PartSettings(
        1,
        {"waist": 64, "depth": 1, "fold": 2, **SMALL},
        {"batch": 8, "precision": "fp32", "optimizer": "muon"},
        few_step=0.5,
    ),
)


@pytest.mark.parametrize("part", ["codec", "prior", "decoder"])
def test_a_part_that_was_stopped_ends_with_the_same_bytes(part: str, tmp_path: Path, made_pool: pool.Pool) -> None:
    def run(folder: Path, steps: int) -> None:
        how = How(budget={"steps": 6})
        made = {
            "codec": lambda: codec_run(folder, PLAN, made_pool, how),
            "prior": lambda: prior_run(folder, PLAN, made_pool, 2, 20, how),
            "decoder": lambda: decoder_run(folder, PLAN, made_pool, 2, spoken_gist(), how),
        }[part]()
        events = made.from_where_it_stopped()
        for _ in zip(range(steps), events, strict=False):
            pass
        events.close()

    run(tmp_path / "whole", 99)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 2)
    run(tmp_path / "parts", 99)
    (one, _), (other, _) = (load_training(tmp_path / name) for name in ("whole", "parts"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_part_begun_with_other_settings_is_not_gone_on_with(tmp_path: Path, made_pool: pool.Pool) -> None:
    list(decoder_run(tmp_path, PLAN, made_pool, 2, spoken_gist(), How(budget={"steps": 1})).go())
    other = replace(PLAN, decoder=replace(PLAN.decoder, model={**PLAN.decoder.model, "depth": 2}))
    with pytest.raises(UsageError, match="another config"):
        decoder_run(tmp_path, other, made_pool, 2, spoken_gist(), How(budget={"steps": 2})).resume()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_shipped_recipes_build(name: str) -> None:
    plan = school(name)
    with torch.device("meta"):
        Codec(CodecConfig(**plan.codec.model))
        Prior(PriorConfig(words=100, styles=3, **plan.prior.model))
        Decoder(DecoderConfig(styles=3, **plan.decoder.model))


def test_an_unknown_recipe_offers_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="gpu"):
        school("gpuu")


def test_batches_without_captions_say_so(made_pool: pool.Pool) -> None:
    with pytest.raises(UsageError, match="no captions"):
        pool.Batches(replace(made_pool, tokens=None), 4, 0, "captions")
    with pytest.raises(NotFoundError, match="codec"):
        decoder_run(Path(), PLAN, replace(made_pool, latents=None), 2, spoken_gist(), How())


def test_unfitted_embedder_and_batch_keep_their_shapes() -> None:
    assert Embedder(SHAPE)(look(efficientnet_lite0(), torch.zeros(1, 4, 128, 128), 4)).shape == (1, SHAPE.total)
    assert Batch(torch.zeros(1), None).given == {}


def test_workers_change_nothing(tmp_path: Path) -> None:
    pictures = drawings(40, seed=2)
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        list(pool.make(folder, 40, Fixed(pictures), efficientnet_lite0(), SHAPE, fit_on=32, workers=workers))
        pool.write_captions(folder, lambda i: [[i + 2]], 1, workers)
    for name in ("pixels", "embedding", "style", "weight", "tokens"):
        assert (tmp_path / "0" / f"{name}.npy").read_bytes() == (tmp_path / "2" / f"{name}.npy").read_bytes()


class Fixed:
    """sample_at of given pictures."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures

    def __call__(self, i: int) -> pool.Sample:
        return pool.Sample(self.pictures[i], 0, 1.0)
