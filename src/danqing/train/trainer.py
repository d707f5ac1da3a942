"""One loop for all families: it knows phases and optimisers, and no model.

A step's chance is a pure function of (seed, step, phase) and its batch a pure function of (seed, step), so a run that
was killed and resumed ends with the same bytes as an unbroken one.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from danqing.errors import BadWeightsError, DanqingError
from danqing.nn.chance import Chance, derive
from danqing.nn.precision import arithmetic
from danqing.registry import get
from danqing.train import optimizers, processes
from danqing.train.average import Average
from danqing.train.budget import Budget
from danqing.train.settings import TrainSettings
from danqing.types import Batch, Now, Phase, Progress

BAD_STEPS_BEFORE_RELOAD = 3
RELOADS_BEFORE_GIVING_UP = 5
SAFE_EVERY = 200
"""steps between two copies of the weights to go back to; by steps, so that all processes do it together"""


class Trainer:
    """Runs phases over batches until the budget is spent; `run()` yields a Progress after every step."""

    def __init__(
        self,
        model: nn.Module,
        painter: nn.Module,
        phases: Sequence[Phase],
        batch_at: Callable[[int], Batch],
        settings: TrainSettings,
        budget: Budget,
        *,
        seed: int = 0,
        precision: str = "fp32",
        device: str = "cpu",
        rank: int = 0,
        world: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.clock = clock
        self.model, self.painter, self.phases = model, painter, phases
        self.batch_at, self.settings, self.budget = batch_at, settings, budget
        self.seed, self.precision, self.device, self.rank, self.world = seed, precision, device, rank, world
        self.params = {p.name: [w for w in p.module.parameters() if w.requires_grad] for p in phases}
        self.optimizers = self._make_optimizers()
        self.average = Average(painter, settings.ema)
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self.rate_factor, self.bad_steps, self.reloads, self.skipped = 1.0, 0, 0, 0
        self.safe: dict[str, Any] | None = None
        self._last, self.whole = 0.0, True
        self._pace: deque[tuple[float, float, int]] = deque(maxlen=200)

    def _make_optimizers(self) -> dict[str, optimizers.Optimizers]:
        """By phase; phases that train the same module, one after the other, share theirs."""
        made: dict[int, optimizers.Optimizers] = {}
        for phase in self.phases:
            made.setdefault(id(phase.module), optimizers.make(phase.module, self.settings))
        return {phase.name: made[id(phase.module)] for phase in self.phases}

    def _own_optimizers(self) -> list[tuple[str, optimizers.Optimizers]]:
        """Each shared set of optimisers once, under the name of its first phase."""
        owners = {id(several): name for name, several in reversed(self.optimizers.items())}
        return [(name, several) for name, several in self.optimizers.items() if owners[id(several)] == name]

    @property
    def fraction(self) -> float:
        """The spent share of the budget, 0 .. 1; all processes follow the clock of the first."""
        spent = self.budget.fraction(self.step, self.pictures, self.seconds)
        return processes.agree(spent, self.world, self.device) if self.budget.minutes else spent

    def run(self) -> Iterator[Progress]:
        """Train to the end of the budget. Time spent by the caller between two events is not counted."""
        fraction = self.fraction
        while fraction < 1:
            if self.safe is None or (self.step % SAFE_EVERY == 0 and not self.bad_steps):
                self.keep_safe()
            self._last, self.whole = self.clock(), False
            figures, message = self._step(fraction)
            self.step += 1
            self.pictures += self.settings.batch
            self.average.update(self.painter, self.settings.batch, self.pictures)
            self.seconds += self.clock() - self._last
            fraction, self.whole = self.fraction, True
            yield Progress("train", fraction, self.step, self._seconds_left(fraction), figures, message)

    # One step.

    def _step(self, fraction: float) -> tuple[dict[str, float], str]:
        self.model.train()
        torch.manual_seed(derive("torch", self.seed, self.step, self.rank))
        batch, message = self.batch_at(self.step), ""
        figures: dict[str, float] = {}
        self._set_rates(fraction)
        for phase in self.phases:
            if self.step % phase.every == 0 and phase.span[0] <= fraction < phase.span[1]:
                now = Now(self.step, fraction, self._chance(phase.name))
                loss, norm = self._run_phase(phase, batch, now)
                if not math.isfinite(loss + norm):
                    message = self._bad_step(phase.name)
                    break
                figures |= {phase.name: loss, **{k: float(v) for k, v in now.notes.items()}}
        else:
            self.bad_steps = 0
        return figures, message

    def _run_phase(self, phase: Phase, batch: Batch, now: Now) -> tuple[float, float]:
        """Loss and gradient norm; weights change only if both are finite."""
        params = self.params[phase.name]
        with arithmetic(self.precision, self.device):
            loss = phase.loss(batch, now)
        grads = processes.average(torch.autograd.grad(loss, params), self.world)
        norm = torch.nn.utils.get_total_norm(grads)
        value, size = float(processes.average([loss.detach().reshape(1)], self.world)[0]), float(norm)
        if math.isfinite(value + size):
            self._apply(phase, params, grads, size)
        return value, size

    def _apply(self, phase: Phase, params: list[nn.Parameter], grads: list[Tensor], norm: float) -> None:
        if self.settings.clip and norm > self.settings.clip:
            torch._foreach_mul_(grads, self.settings.clip / norm)
        for p, grad in zip(params, grads, strict=True):
            p.grad = grad
        with arithmetic(self.precision, self.device):  # Muon multiplies matrices, in bf16 as its author does
            for optimizer in self.optimizers[phase.name]:
                optimizer.step()
        if phase.after:
            phase.after()

    def _set_rates(self, fraction: float) -> None:
        s = self.settings
        factor = (
            get("rate", s.rate)(fraction, s.decay) * min(1.0, (self.step + 1) / max(1, s.warmup)) * self.rate_factor
        )
        for phase in self.phases:
            for group in optimizers.groups(self.optimizers[phase.name]):
                group["lr"] = group["full_lr"] * factor * phase.rate

    def _chance(self, phase: str) -> Chance:
        return Chance(self.seed, self.step, phase, rank=self.rank, world=self.world, device=self.device)

    # When a loss is not a number.

    def _bad_step(self, phase: str) -> str:
        self.bad_steps += 1
        self.skipped += 1
        self._mend_statistics()
        if self.bad_steps < BAD_STEPS_BEFORE_RELOAD or self.safe is None:
            return f"The loss of {phase} was not a number at step {self.step}; the step was skipped."
        self.reloads += 1
        if self.reloads > RELOADS_BEFORE_GIVING_UP:
            raise DanqingError(
                f"The loss of {phase} was not a number again and again, even at {self.rate_factor:g} of the learning "
                "rate; check the pictures or train with a smaller --set lr=…"
            )
        rate, reloads = self.rate_factor / 2, self.reloads
        self._restore_weights(self.safe)
        self.rate_factor, self.reloads, self.bad_steps = rate, reloads, 0
        return f"The loss of {phase} stays not a number: went back to good weights and halved the learning rate."

    def _mend_statistics(self) -> None:
        """Running statistics (batch norm) that a bad batch has spoilt go back to the last good ones."""
        kept = self.safe["model"] if self.safe else {}
        for name, value in self.model.named_buffers():
            if name in kept and not value.isfinite().all():
                value.copy_(kept[name])

    def keep_safe(self) -> None:
        """Remember the present weights and optimisers as the ones to go back to."""
        self.safe = self.copied()

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on from weights and optimisers that `copied` gave."""
        self._restore_weights(kept)
        self.safe = None

    def shorten_average(self) -> float:
        """A quarter of the half-life, from the live weights on; returns the new one."""
        self.average.half_life /= 4
        self.average.module.load_state_dict(self.painter.state_dict())
        return self.average.half_life

    def copied(self) -> dict[str, Any]:
        """Weights and optimisers as they are now, and the step."""
        return {
            "step": self.step,
            "model": {k: v.clone() for k, v in self.model.state_dict().items()},
            "average": {k: v.clone() for k, v in self.average.module.state_dict().items()},
            "optimizers": self._optimizer_tensors(clone=True),
        }

    def _restore_weights(self, kept: dict[str, Any]) -> None:
        self.model.load_state_dict(kept["model"])
        self.average.module.load_state_dict(kept["average"])
        self._load_optimizer_tensors(kept["optimizers"])

    # The state, as named tensors and plain numbers.

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is a tensor: live weights, averaged weights, optimisers."""
        return {
            **{f"model/{k}": v for k, v in self.model.state_dict().items()},
            **{f"average/{k}": v for k, v in self.average.module.state_dict().items()},
            **{f"optimizer/{k}": v for k, v in self._optimizer_tensors().items()},
        }

    def numbers(self) -> dict[str, Any]:
        """Everything else; JSON-safe."""
        names = ("step", "pictures", "seconds", "rate_factor", "bad_steps", "reloads", "skipped", "seed", "precision")
        return {name: getattr(self, name) for name in names}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Take up the state of `tensors()` and `numbers()`; the next step is the one that would have come."""

        def part(name: str) -> dict[str, Tensor]:
            return {k.removeprefix(name + "/"): v for k, v in tensors.items() if k.startswith(name + "/")}

        try:
            self._restore_weights({"model": part("model"), "average": part("average"), "optimizers": part("optimizer")})
        except RuntimeError:
            raise BadWeightsError(
                "The training was begun with other networks than this Danqing builds of its settings; begin it anew."
            ) from None
        for name, value in numbers.items():
            setattr(self, name, value)

    def _optimizer_tensors(self, clone: bool = False) -> dict[str, Tensor]:
        found = {}
        for phase, several in self._own_optimizers():
            for i, optimizer in enumerate(several):
                for index, state in optimizer.state_dict()["state"].items():
                    for key, value in state.items():
                        tensor = torch.as_tensor(value)
                        found[f"{phase}/{i}/{index}/{key}"] = tensor.clone() if clone else tensor
        return found

    def _load_optimizer_tensors(self, tensors: dict[str, Tensor]) -> None:
        for phase, several in self._own_optimizers():
            for i, optimizer in enumerate(several):
                params = [p for group in optimizer.param_groups for p in group["params"]]
                state: dict[int, dict[str, Tensor]] = {}
                for name, value in tensors.items():
                    owner, which, index, key = name.rsplit("/", 3)
                    if owner == phase and int(which) == i:
                        state.setdefault(int(index), {})[key] = laid_out_like(params[int(index)], value)
                optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

    def _seconds_left(self, fraction: float) -> float | None:
        """From the pace of the last 200 steps; None in the first ten."""
        self._pace.append((self.seconds, fraction, self.step))
        seconds, first, step = self._pace[0]
        known = [max(0.0, self.budget.minutes * 60 - self.seconds)] if self.budget.minutes else []
        if not self.budget.minutes_alone and self.step - step >= 10 and fraction > first:
            known.append((1 - fraction) * (self.seconds - seconds) / (fraction - first))
        return min(known, default=None)

    @property
    def pictures_per_second(self) -> float:
        """Over the last 200 steps; 0 while unknown."""
        if len(self._pace) < 2:
            return 0.0
        (s0, _, n0), (s1, _, n1) = self._pace[0], self._pace[-1]
        return (n1 - n0) * self.settings.batch / max(s1 - s0, 1e-9)


def laid_out_like(param: Tensor, value: Tensor) -> Tensor:
    """A copy in the memory layout of the parameter, which fused optimisers take for granted and do not check."""
    if value.shape != param.shape:
        return value.clone()
    return torch.empty_like(param, dtype=value.dtype).copy_(value)
