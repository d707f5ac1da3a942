"""Solvers, step by step: what one step is, by hand."""

import pytest
import torch
from torch import Tensor

from danqing.registry import get
from danqing.samplers.schedules import Cosine, Flow, times
from danqing.samplers.solvers import implied_noise, velocity


def quiet(step: int) -> Tensor:
    return torch.zeros(3, dtype=torch.float64)


def half(z: Tensor, t: Tensor) -> Tensor:
    return z / 2


Z = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


@pytest.mark.parametrize("schedule", [Flow(), Cosine()])
def test_implied_noise_undoes_the_mixing(schedule: Flow | Cosine) -> None:
    x, e, t = Z, Z.flip(0), torch.tensor(0.3, dtype=torch.float64)
    z = schedule.alpha(t) * x + schedule.sigma(t) * e
    torch.testing.assert_close(implied_noise(z, x, schedule, t), e)


def test_the_velocity_of_the_straight_path_is_picture_minus_noise() -> None:
    x, e, t = Z, Z.flip(0), torch.tensor(0.3, dtype=torch.float64)
    torch.testing.assert_close(velocity(t * x + (1 - t) * e, x, Flow(), t), x - e)


def test_euler_by_hand() -> None:
    """t 0 -> 1/2: z + (z/2 - z) / 2 = 3z/4; the last step gives half of that."""
    torch.testing.assert_close(get("sampler", "euler")(half, Z, Flow(), times(2), quiet), Z * 3 / 8)


def test_heun_by_hand() -> None:
    """Slope -z/2 at 0; ahead 3z/4, where it is (3/8 - 3/4) z / (1/2) = -3z/4; mean -5z/8, so z becomes 11z/16."""
    torch.testing.assert_close(get("sampler", "heun")(half, Z, Flow(), times(2), quiet), Z * 11 / 32)


def test_ddim_equals_euler_on_the_straight_path() -> None:
    one, other = (get("sampler", name)(half, Z, Flow(), times(7), quiet) for name in ("ddim", "euler"))
    torch.testing.assert_close(one, other)


def test_ddpm_adds_noise_in_every_step_but_the_last() -> None:
    asked: list[int] = []

    def draw(step: int) -> Tensor:
        asked.append(step)
        return quiet(step)

    get("sampler", "ddpm")(half, Z, Cosine(), times(5), draw)
    assert asked == [0, 1, 2, 3]


def test_half_precision_stays_half_precision() -> None:
    for name in ("euler", "heun", "ddim", "ddpm", "dpm++2m"):
        made = get("sampler", name)(half, Z.to(torch.bfloat16), Cosine(), times(4), lambda step: quiet(step).bfloat16())
        assert made.dtype == torch.bfloat16 and made.isfinite().all()
