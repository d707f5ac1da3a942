"""Noise schedules: their ends, their slopes, their order."""

import pytest
import torch

from danqing.registry import get, names
from danqing.samplers.schedules import times

all_schedules = pytest.mark.parametrize("name", names("schedule"))


@all_schedules
def test_from_pure_noise_to_the_clean_picture(name: str) -> None:
    schedule, ends = get("schedule", name), torch.tensor([0.0, 1.0])
    assert schedule.alpha(ends).tolist() == [0, 1]
    assert schedule.sigma(ends).tolist() == [1, 0]


@all_schedules
def test_alpha_rises_and_sigma_falls(name: str) -> None:
    schedule, t = get("schedule", name), torch.linspace(0, 1, 101, dtype=torch.float64)
    assert (schedule.alpha(t).diff() > 0).all() and (schedule.sigma(t).diff() < 0).all()


@all_schedules
def test_slopes_are_the_derivatives(name: str) -> None:
    schedule, h = get("schedule", name), 1e-6
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    for value, slope in ((schedule.alpha, schedule.alpha_slope), (schedule.sigma, schedule.sigma_slope)):
        torch.testing.assert_close((value(t + h) - value(t - h)) / (2 * h), slope(t), rtol=1e-6, atol=1e-8)


def test_cosine_keeps_the_variance() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    schedule = get("schedule", "cosine")
    torch.testing.assert_close(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, torch.ones_like(t))


def test_times() -> None:
    assert times(4).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert times(3, 0.001)[0] == 0.001 and times(3, 0.001)[-1] == 1 and len(times(3)) == 4
