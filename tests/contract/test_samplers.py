"""Every solver on both schedules against closed forms: normal data, whose path is known, and data of two points."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from danqing.registry import get, names
from danqing.samplers.schedules import Schedule, times
from danqing.samplers.solvers import Denoise

ORDER = {"euler": 1, "ddim": 1, "few-step": 1, "heun": 2, "dpm++2m": 2}
STOCHASTIC = {"ddpm"}
MEAN, SPREAD = 0.3, 0.5
all_samplers = pytest.mark.parametrize("sampler", names("sampler"))
all_schedules = pytest.mark.parametrize("schedule", names("schedule"))
deterministic = pytest.mark.parametrize("sampler", sorted(ORDER))


def normal_data(schedule: Schedule) -> Denoise:
    """x ~ N(m, s²): E[x | z] = m + alpha s² (z - alpha m) / (alpha² s² + sigma²)."""

    def denoise(z: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return MEAN + alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2) * (z - alpha * MEAN)

    return denoise


def two_points(schedule: Schedule) -> Denoise:
    """x is -1 or 1: E[x | z] = tanh(alpha z / sigma²)."""
    return lambda z, t: torch.tanh(schedule.alpha(t) * z / schedule.sigma(t) ** 2)


def end_of_path(z: Tensor, schedule: Schedule, first: float) -> Tensor:
    """Where the probability-flow ODE takes z: x = m + (z - alpha0 m) s / sqrt(alpha0² s² + sigma0²)."""
    t = torch.tensor(first, dtype=torch.float64)
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    return MEAN + (z - alpha * MEAN) * SPREAD / (alpha**2 * SPREAD**2 + sigma**2).sqrt()


def start(schedule: Schedule, first: float, count: int = 64) -> Tensor:
    """(count,) noisy normal data at time `first`, fp64."""
    t = torch.tensor(first, dtype=torch.float64)
    e, x = torch.randn(2, count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return schedule.alpha(t) * (MEAN + SPREAD * x) + schedule.sigma(t) * e


def no_draw(step: int) -> Tensor:
    raise AssertionError("a deterministic solver asked for noise")


def drawing(like: Tensor) -> Callable[[int], Tensor]:
    chance = torch.Generator().manual_seed(1)
    return lambda step: torch.randn(like.shape, generator=chance, dtype=like.dtype)


def error(sampler: str, schedule: Schedule, steps: int, first: float = 0.0) -> float:
    """Largest distance from the true end, over 64 starts."""
    z = start(schedule, first)
    made = get("sampler", sampler)(normal_data(schedule), z, schedule, times(steps, first), no_draw)
    return float((made - end_of_path(z, schedule, first)).abs().max())


def test_every_sampler_is_tested_here() -> None:
    assert set(names("sampler")) == set(ORDER) | STOCHASTIC


@all_schedules
@deterministic
@pytest.mark.parametrize("first", [0.0, 0.001])
def test_solvers_converge_to_the_closed_form(sampler: str, schedule: str, first: float) -> None:
    found = get("schedule", schedule)
    coarse, fine = (error(sampler, found, steps, first) for steps in (50, 400))
    assert fine < (0.02 if ORDER[sampler] == 1 else 3e-4)
    if ORDER[sampler] == 1:
        assert 6 < coarse / fine < 10  # eight times the steps, an eighth of the error
    else:
        assert coarse / fine > 20  # nearly a sixty-fourth: the first and the last step are of first order


@all_schedules
@pytest.mark.parametrize("sampler", ["heun", "dpm++2m"])
@pytest.mark.parametrize(("steps", "times_better"), [(50, 2), (400, 6)])
def test_second_order_is_better_than_first(sampler: str, schedule: str, steps: int, times_better: int) -> None:
    found = get("schedule", schedule)
    assert error(sampler, found, steps) < error("euler", found, steps) / times_better


@all_schedules
@all_samplers
@pytest.mark.parametrize("steps", [1, 2, 3, 50, 400])
@pytest.mark.parametrize("first", [0.0, 0.001])
def test_pictures_are_finite_at_any_number_of_steps(sampler: str, schedule: str, steps: int, first: float) -> None:
    found = get("schedule", schedule)
    for data in (normal_data(found), two_points(found)):
        z = start(found, first).float().view(4, 1, 4, 4)
        made = get("sampler", sampler)(data, z, found, times(steps, first), drawing(z))
        assert made.shape == z.shape and made.isfinite().all() and made.abs().max() < 10


@all_schedules
@all_samplers
@pytest.mark.parametrize("first", [0.0, 0.001])
def test_one_step_gives_the_denoised_picture(sampler: str, schedule: str, first: float) -> None:
    found = get("schedule", schedule)
    z, moments = start(found, first), times(1, first)
    made = get("sampler", sampler)(normal_data(found), z, found, moments, drawing(z))
    torch.testing.assert_close(made, normal_data(found)(z, moments[0]), rtol=1e-12, atol=1e-12)


@all_schedules
@all_samplers
def test_the_last_step_lands_on_the_data(sampler: str, schedule: str) -> None:
    """Two points: every picture ends at -1 or 1, half of them on either side."""
    found = get("schedule", schedule)
    z = torch.randn(2000, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    made = get("sampler", sampler)(two_points(found), z, found, times(100), drawing(z))
    assert (made.abs() - 1).abs().max() < 1e-6
    assert abs(float((made > 0).double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(len(z))
    if sampler in ORDER:
        assert torch.equal(made > 0, z > 0)


@all_schedules
@pytest.mark.parametrize("sampler", sorted(STOCHASTIC))
def test_stochastic_samplers_have_the_right_distribution(sampler: str, schedule: str) -> None:
    found, count = get("schedule", schedule), 20_000
    z = torch.randn(count, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    made = get("sampler", sampler)(normal_data(found), z, found, times(400), drawing(z))
    assert abs(float(made.mean()) - MEAN) < 4 * SPREAD / math.sqrt(count)
    assert abs(float(made.var()) / SPREAD**2 - 1) < 4 * math.sqrt(2 / count) + 0.01  # chance, and 400 finite steps
    assert abs(float(torch.corrcoef(torch.stack([z, made]))[0, 1])) < 0.9  # the start is partly forgotten


@all_schedules
@all_samplers
def test_pictures_do_not_mix(sampler: str, schedule: str) -> None:
    """Row i of a batch is what it is alone, to the last bit."""
    found, solve = get("schedule", schedule), get("sampler", sampler)
    z = start(found, 0.0, 6).float()
    noises = torch.randn(10, 6, generator=torch.Generator().manual_seed(4))
    whole = solve(two_points(found), z, found, times(10), lambda step: noises[step])
    for i in range(6):
        alone = solve(two_points(found), z[i : i + 1], found, times(10), lambda step, i=i: noises[step, i : i + 1])
        assert torch.equal(alone, whole[i : i + 1])
