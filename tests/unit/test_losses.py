"""Losses against formulas written out by hand and against torch.distributions."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from danqing.api.painting import slerp
from danqing.families.diffusion.family import Guided
from danqing.families.diffusion.losses import flow_loss, jump, noise_loss, shortcut_loss
from danqing.families.diffusion.model import Denoiser, DiffusionConfig
from danqing.families.gan.losses import LOSSES, PENALTIES
from danqing.families.vae.losses import bound_loss, divergence, prior_loss, surprise
from danqing.families.vae.model import Autoencoder, VaeConfig
from danqing.nn.chance import Chance
from danqing.nn.flow import JUMPS, LEAST_SIGMA
from danqing.samplers.schedules import Flow, times
from danqing.types import Batch, Now, PaintRequest

REAL = torch.tensor([2.0, -1.0, 0.5])
MADE = torch.tensor([-0.5, 3.0, 0.0])


def now(fraction: float = 0.5, *parts: int | str) -> Now:
    return Now(0, fraction, Chance("test", *parts))


def pictures(rows: int = 8, side: int = 4) -> Tensor:
    return torch.rand(rows, 1, side, side, generator=torch.Generator().manual_seed(5)) * 2 - 1


# GAN.


def by_hand(name: str, real: float, made: float) -> tuple[float, float]:
    """(critic's, painter's) loss of one real and one made score, from the papers."""
    chance = {"real": 1 / (1 + math.exp(-real)), "made": 1 / (1 + math.exp(-made))}  # what the critic believes
    return {
        "non-saturating": (-math.log(chance["real"]) - math.log(1 - chance["made"]), -math.log(chance["made"])),
        "least-squares": ((real - 1) ** 2 / 2 + made**2 / 2, (made - 1) ** 2 / 2),
        "hinge": (max(0, 1 - real) + max(0, 1 + made), -made),
        "wasserstein": (made - real, -made),
        "relativistic": (math.log(1 + math.exp(made - real)), math.log(1 + math.exp(real - made))),
    }[name]


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gan_losses(name: str) -> None:
    critic, painter = LOSSES[name]
    pairs = [by_hand(name, real, made) for real, made in zip(REAL.tolist(), MADE.tolist(), strict=True)]
    assert float(critic(REAL, MADE)) == pytest.approx(sum(c for c, _ in pairs) / 3, rel=1e-5)
    assert float(painter(REAL, MADE)) == pytest.approx(sum(p for _, p in pairs) / 3, rel=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_gan_losses_pull_the_right_way_and_stay_finite(name: str) -> None:
    critic, painter = LOSSES[name]
    assert critic(REAL + 0.3, MADE - 0.3) < critic(REAL, MADE)
    assert painter(REAL, MADE + 0.3) < painter(REAL, MADE)
    assert critic(REAL - 1e4, MADE + 1e4).isfinite() and painter(REAL, MADE - 1e4).isfinite()


@pytest.mark.parametrize("name", sorted(PENALTIES))
@pytest.mark.parametrize("length", [0.0, 1.0, 3.0])
def test_penalties_of_a_linear_critic(name: str, length: float) -> None:
    """The slope of D(x) = w·x is w everywhere."""
    w = torch.ones(1, 4, 4) / 4 * length
    wanted = {"none": 0, "clip": 0, "gradient": (length - 1) ** 2, "r1": length**2 / 2, "r1+r2": length**2}[name]
    found = PENALTIES[name](lambda x: (x * w).sum((1, 2, 3)), pictures(), -pictures(), torch.rand(8))
    assert float(found) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("name", ["gradient", "r1", "r1+r2"])
def test_penalties_can_be_learned_from(name: str) -> None:
    """D(x) = a |x|²/2 has the slope a x; R1 is a² |x|²/2, so its derivative by a is a |x|²."""
    a, x = torch.tensor(3.0, requires_grad=True), pictures()
    penalty = PENALTIES[name](lambda y: a * y.square().sum((1, 2, 3)) / 2, x, x, torch.rand(8))
    (by_a,) = torch.autograd.grad(penalty, a)
    lengths = x.square().sum((1, 2, 3))
    wanted = {"r1": 3 * lengths, "r1+r2": 6 * lengths, "gradient": 2 * (3 * lengths.sqrt() - 1) * lengths.sqrt()}[name]
    assert float(by_a) == pytest.approx(float(wanted.mean()), rel=1e-4)


def test_the_gradient_penalty_is_taken_between_real_and_made() -> None:
    seen: list[Tensor] = []

    def scores(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.sum((1, 2, 3))

    PENALTIES["gradient"](scores, torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.tensor([0.25, 0.75]))
    assert seen[0][:, 0, 0, 0].tolist() == [0.25, 0.75]


# VAE.


def test_divergence() -> None:
    mean, log_variance = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1))
    mine, standard = torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(
        divergence(mean, log_variance), torch.distributions.kl_divergence(mine, standard).sum(1), rtol=1e-5, atol=1e-6
    )
    assert divergence(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0


def test_surprise_with_sigma_fixed_at_one() -> None:
    x, painted = pictures(), pictures().flip(0)
    exact = -torch.distributions.Normal(painted, 1.0).log_prob(x).sum((1, 2, 3)).mean()
    constant = 16 * math.log(2 * math.pi) / 2
    assert float(surprise(x, painted, "fixed")) == pytest.approx(float(exact) - constant, rel=1e-4)


def test_surprise_with_the_best_sigma() -> None:
    x, painted = pictures(), pictures().flip(0)
    sigma = (x - painted).square().mean().sqrt()
    exact = -torch.distributions.Normal(painted, sigma).log_prob(x).sum((1, 2, 3)).mean()
    constant = 16 * (math.log(2 * math.pi) + 1) / 2
    assert float(surprise(x, painted, "learned")) == pytest.approx(float(exact) - constant, rel=1e-4)
    assert surprise(x, x, "learned").isfinite()  # a perfect painting


def test_beta_rises_over_the_warm_up() -> None:
    config = VaeConfig(widths=(8,), up_widths=(8,), latent=4, beta=3.0, beta_warmup=0.2, sigma="fixed")
    model = Autoencoder(config).eval()  # without batch statistics
    batch = Batch(pictures(4, 28), None)
    cold, half, warm, late = (bound_loss(model, config, batch, now(f)).item() for f in (0.0, 0.1, 0.2, 0.9))
    assert half - cold == pytest.approx((warm - cold) / 2, rel=1e-3) and warm == late and warm > cold


def test_the_prior_teaches_the_encoder_nothing() -> None:
    config = VaeConfig(widths=(16,), up_widths=(16,), latent=4, prior="flow", prior_width=32)
    model = Autoencoder(config)
    prior_loss(model, config, Batch(pictures(4, 28), None), now()).backward()
    assert all(p.grad is None for p in [*model.encoder.parameters(), *model.decoder.parameters()])
    assert model.prior.outward.weight.grad.abs().sum() > 0


# Diffusion.


class Known(nn.Module):
    """A denoiser that gives what a function says."""

    def __init__(self, clean, predict: str = "clean", schedule=Flow(), classes: int = 0) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.config, self.schedule, self.clean = DiffusionConfig(predict=predict, classes=classes), schedule, clean
        self.nothing = nn.Parameter(torch.zeros(()))
        self.told: list[Tensor] = []

    def raw(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        self.told.append(span)
        return self.clean(z, t[:, None, None, None], labels)

    forward = raw


def test_flow_loss_is_zero_for_a_perfect_denoiser_and_weighs_by_the_noise() -> None:
    x = pictures()
    assert flow_loss(Known(lambda z, t, labels: x), Batch(x, None), now()) == 0
    t = torch.sigmoid(now().chance.normal(8) * 1.2 - 0.4)
    wanted = (0.1**2 / (1 - t).clamp(min=LEAST_SIGMA) ** 2).mean()
    found = flow_loss(Known(lambda z, t, labels: x + 0.1), Batch(x, None), now())
    torch.testing.assert_close(found, wanted)


def test_flow_loss_is_the_error_of_the_velocity() -> None:
    """|x_hat - x|² / (1 - t)² = |(x_hat - z) / (1 - t) - (x - e)|²."""
    x, chance = pictures(), now().chance
    t = torch.sigmoid(chance.normal(8) * 1.2 - 0.4)[:, None, None, None]
    e = chance.normal_like(x)
    z = t * x + (1 - t) * e
    wanted = ((z / 3 - z) / (1 - t) - (x - e)).square().mean()
    torch.testing.assert_close(flow_loss(Known(lambda z, t, labels: z / 3), Batch(x, None), now()), wanted)


def test_noise_loss() -> None:
    x = pictures()

    def true_noise(z: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        return (z - t * x) / (1 - t)

    assert noise_loss(Known(true_noise, "noise"), Batch(x, None), now()) < 1e-8
    no_noise = noise_loss(Known(lambda z, t, labels: 0 * z, "noise"), Batch(pictures(200), None), now())
    assert float(no_noise) == pytest.approx(1, abs=0.1)  # the variance of the noise


def test_predicted_noise_becomes_the_clean_picture() -> None:
    denoiser = Denoiser(DiffusionConfig(widths=(16, 16), predict="noise", schedule="cosine", depth=1))
    x, e, t = pictures(3, 28), torch.randn(3, 1, 28, 28), torch.tensor([0.2, 0.5, 0.9])
    at = t[:, None, None, None]
    z = denoiser.schedule.alpha(at) * x + denoiser.schedule.sigma(at) * e
    denoiser.raw = lambda *_: e  # type: ignore[method-assign]
    torch.testing.assert_close(denoiser(z, t, 0 * t, None), x, atol=1e-5, rtol=1e-4)


def test_shortcut_loss_is_zero_where_the_path_is_straight() -> None:
    """One picture only: every path leads straight to it, so jumps of all lengths agree."""
    only = pictures(1)
    denoiser = Known(lambda z, t, labels: only.expand_as(z))
    moment = now()
    assert shortcut_loss(denoiser, Batch(only.expand(64, 1, 4, 4), None), moment) < 1e-9
    assert moment.notes["jump"] < 1e-9
    told = {round(1 / span) if span else 0 for span in torch.cat(denoiser.told).unique().tolist()}
    assert told == {0, *JUMPS}


def test_shortcut_loss_sees_a_bent_path() -> None:
    moment = now()
    shortcut_loss(Known(lambda z, t, labels: z.square()), Batch(pictures(64), None), moment)
    assert moment.notes["jump"] > 0.01


def test_a_jump_to_the_end_lands_on_the_clean_picture() -> None:
    x, z, t = pictures(), torch.randn(8, 1, 4, 4), torch.full((8,), 0.25)
    landed = jump(Known(lambda z, t, labels: x), z, t, 1 - t, 1 - t, torch.zeros(8))  # type: ignore[arg-type]
    torch.testing.assert_close(landed, x)


def test_a_few_step_model_is_told_its_span() -> None:
    known, moments = Known(lambda z, t, labels: z), times(4)
    guided = Guided(known, known.config, PaintRequest(), 1.0, 2, moments, spans=True)
    for t in moments[:-1]:
        guided(torch.zeros(2, 1, 4, 4), t)
    assert torch.stack(known.told).tolist() == [[0.25, 0.25]] * 4


@pytest.mark.parametrize(("guidance", "wanted"), [(0.0, 5.0), (1.0, 2.0), (3.0, -4.0)])
def test_guidance(guidance: float, wanted: float) -> None:
    """any + w (label - any), with 2 for the label and 5 for any."""
    known = Known(
        lambda z, t, labels: torch.where(labels == 3, 5.0, labels)[:, None, None, None].expand_as(z), classes=3
    )
    guided = Guided(known, known.config, PaintRequest((2, 2)), guidance, 2, times(4), spans=False)
    assert guided(torch.zeros(2, 1, 4, 4), torch.tensor(0.5)).unique().tolist() == [wanted]


def test_labels_are_dropped_as_often_as_asked() -> None:
    seen: list[Tensor] = []

    def look(z: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        seen.append(labels)
        return z

    flow_loss(Known(look, classes=3), Batch(pictures(4000), torch.ones(4000, dtype=torch.int64)), now())
    assert float((seen[0] == 3).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert set(seen[0].tolist()) == {1, 3}


# The path between two latents.


def test_slerp() -> None:
    a, b = torch.randn(2, 1, 50, generator=torch.Generator().manual_seed(7))
    path = partial(slerp, a, b / b.norm() * a.norm())
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    for share in (0.1, 0.5, 0.8):
        torch.testing.assert_close(path(share).norm(), a.norm())
    torch.testing.assert_close(slerp(a, a, 0.3), a)
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    torch.testing.assert_close(slerp(one, other, 1 / 3), torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]))
