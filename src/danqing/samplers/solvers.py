"""Solvers: from noise to a picture in few evaluations of `denoise`.

Every solver has one shape:

    solve(denoise, z, schedule, times, draw) -> x

denoise(z, t)   the expected clean picture, given z at time t (a 0-dim tensor); same shape as z
z               (N, ...) at times[0]
times           (S + 1,) rising to 1
draw(i)         fresh standard normal noise like z for step i; only stochastic solvers ask for it
"""

import itertools
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from danqing.registry import register
from danqing.samplers.schedules import Schedule

Denoise = Callable[[Tensor, Tensor], Tensor]
Draw = Callable[[int], Tensor]


class Solver(Protocol):
    def __call__(self, denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor: ...


def implied_noise(z: Tensor, x: Tensor, schedule: Schedule, t: Tensor) -> Tensor:
    """e such that z = alpha x + sigma e."""
    return (z - schedule.alpha(t).to(z) * x) / schedule.sigma(t).to(z)


def velocity(z: Tensor, x: Tensor, schedule: Schedule, t: Tensor) -> Tensor:
    """dz/dt = alpha'(t) x + sigma'(t) e, the probability-flow ODE (Song et al., arXiv 2011.13456, eq. 13)."""
    e = implied_noise(z, x, schedule, t)
    return schedule.alpha_slope(t).to(z) * x + schedule.sigma_slope(t).to(z) * e


@register("sampler", "euler")
def euler(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """Explicit Euler on the probability-flow ODE; the step that reaches t = 1 returns the denoised picture."""
    for t, s in itertools.pairwise(times):
        x = denoise(z, t)
        z = x if s == 1 else z + (s - t).to(z) * velocity(z, x, schedule, t)
    return z


@register("sampler", "heun")
def heun(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """Heun's second-order method (EDM, arXiv 2206.00364, algorithm 1); two evaluations a step but the last."""
    for t, s in itertools.pairwise(times):
        x = denoise(z, t)
        if s == 1:
            return x
        slope = velocity(z, x, schedule, t)
        ahead = z + (s - t).to(z) * slope
        z = z + (s - t).to(z) * (slope + velocity(ahead, denoise(ahead, s), schedule, s)) / 2
    return z


@register("sampler", "ddim")
def ddim(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """Deterministic DDIM (Song et al., arXiv 2010.02502, eq. 12 with sigma = 0)."""
    for t, s in itertools.pairwise(times):
        x = denoise(z, t)
        z = schedule.alpha(s).to(z) * x + schedule.sigma(s).to(z) * implied_noise(z, x, schedule, t)
    return z


@register("sampler", "ddpm")
def ddpm(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """Ancestral sampling from q(z_s | z_t, x) (Ho et al., arXiv 2006.11239, eq. 6 and 7)."""
    for i, (t, s) in enumerate(itertools.pairwise(times)):
        x = denoise(z, t)
        a_t, a_s, v_t, v_s = schedule.alpha(t), schedule.alpha(s), schedule.sigma(t) ** 2, schedule.sigma(s) ** 2
        v_ts = v_t - (a_t / a_s) ** 2 * v_s  # variance of q(z_t | z_s)
        mean = (a_t / a_s * v_s / v_t).to(z) * z + (a_s * v_ts / v_t).to(z) * x
        z = mean if s == 1 else mean + (v_ts * v_s / v_t).sqrt().to(z) * draw(i)
    return z


@register("sampler", "dpm++2m")
def dpm_2m(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """DPM-Solver++(2M), second-order multistep in half log-SNR (Lu et al., arXiv 2211.01095, algorithm 2)."""
    before, h_before = z, torch.tensor(float("inf"))
    for t, s in itertools.pairwise(times):
        x = denoise(z, t)
        shrink = (schedule.alpha(t) * schedule.sigma(s)) / (schedule.alpha(s) * schedule.sigma(t))  # exp(-h)
        h = -shrink.log()
        straight = torch.isinf(h) or torch.isinf(h_before)
        guess = x if straight else x + (h / h_before / 2).to(z) * (x - before)
        z = (schedule.sigma(s) / schedule.sigma(t)).to(z) * z + (schedule.alpha(s) * (1 - shrink)).to(z) * guess
        before, h_before = x, h
    return z


@register("sampler", "few-step")
def few_step(denoise: Denoise, z: Tensor, schedule: Schedule, times: Tensor, draw: Draw) -> Tensor:
    """Euler's steps for a network that was told each step's span and learned to jump it (arXiv 2410.12557)."""
    return euler(denoise, z, schedule, times, draw)
