"""The loop: budgets, rates, clipping, the average, spans, and what happens when a loss is not a number."""

import copy
import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from danqing.errors import DanqingError, UsageError
from danqing.registry import get, names
from danqing.train import Budget, Trainer, TrainSettings
from danqing.train.average import Average, half_life_weight
from danqing.train.trainer import BAD_STEPS_BEFORE_RELOAD, RELOADS_BEFORE_GIVING_UP
from danqing.types import Batch, Now, Phase

PLAIN: dict[str, Any] = {
    "optimizer": "sgd", "lr": 0.1, "momentum": 0.0, "rate": "constant",
    "warmup": 0, "clip": 0.0, "ema": 0.0, "batch": 4,
}  # fmt: skip
"""SGD without any extras, so that a step can be followed by hand"""


class Point(nn.Module):
    """One weight vector."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values))


def bowl(point: Point) -> Callable[[Batch, Now], Tensor]:
    """|w|² / 2, whose gradient is w."""
    return lambda batch, now: point.weight.square().sum() / 2


def trainer(point: nn.Module, loss: Any, budget: Budget = Budget(steps=10), **changes: Any) -> Trainer:
    phases = loss if isinstance(loss, list) else [Phase("bowl", point, loss)]
    return Trainer(
        point, point, phases, lambda step: Batch(torch.zeros(4, 1), None), TrainSettings(**PLAIN | changes), budget
    )


# Budgets.


def test_a_budget_in_steps() -> None:
    events = list(trainer(point := Point(1.0), bowl(point), Budget(steps=7)).run())
    assert [event.step for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert [event.done for event in events] == pytest.approx([i / 7 for i in range(1, 8)])


def test_a_budget_in_pictures() -> None:
    run = trainer(point := Point(1.0), bowl(point), Budget(pictures=10))  # batches of 4
    assert len(list(run.run())) == 3 and run.pictures == 12


def test_a_budget_in_minutes_counts_only_training() -> None:
    def slow(batch: Batch, now: Now) -> Tensor:
        time.sleep(0.02)
        return point.weight.square().sum()

    run = trainer(point := Point(1.0), slow, Budget(minutes=0.2 / 60))
    begin = time.monotonic()
    for event in run.run():
        time.sleep(0.02)  # drawing a sheet, say
        assert event.seconds_left == pytest.approx(max(0, 0.2 - run.seconds), abs=0.01)
    assert 0.2 <= run.seconds < 0.5 and time.monotonic() - begin > run.seconds + 0.02 * run.step * 0.9


@pytest.mark.parametrize("wrong", [{}, {"steps": 0}, {"steps": 5, "minutes": -1.0}, {"minutes": -1.0}, {"pictures": 0}])
def test_a_budget_is_a_positive_number(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a number above zero"):
        Budget(**wrong)


def test_of_several_budgets_the_first_that_is_spent_ends_the_training() -> None:
    run = trainer(point := Point(1.0), bowl(point), Budget(pictures=10, minutes=60))  # batches of 4
    events = list(run.run())
    assert run.step == 3 and events[-1].done == 1
    assert Budget(steps=4, minutes=1.0).fraction(1, 0, 45.0) == 0.75


def test_the_time_left_is_honest() -> None:
    def steady(batch: Batch, now: Now) -> Tensor:
        time.sleep(0.01)
        return point.weight.square().sum()

    events = list(trainer(point := Point(1.0), steady, Budget(steps=40)).run())
    assert all(event.seconds_left is None for event in events[:5])
    assert events[19].seconds_left == pytest.approx(20 * 0.0105, rel=0.6)
    assert events[-1].seconds_left == 0


def test_pictures_per_second() -> None:
    def steady(batch: Batch, now: Now) -> Tensor:
        time.sleep(0.01)
        return point.weight.square().sum()

    run = trainer(point := Point(1.0), steady, Budget(steps=20))
    assert run.pictures_per_second == 0
    list(run.run())
    assert 100 < run.pictures_per_second <= 400  # 4 pictures in a little over 10 ms


# Rates.


@pytest.mark.parametrize("name", names("rate"))
def test_rates_start_at_one_and_never_rise(name: str) -> None:
    values = [get("rate", name)(i / 100, 0.3) for i in range(101)]
    assert values[0] == 1 and all(0 <= b <= a for a, b in itertools.pairwise(values))


def test_rates_by_hand() -> None:
    assert get("rate", "constant")(0.9, 0.3) == 1
    assert get("rate", "cosine")(0.5, 0.3) == pytest.approx(0.5) and get("rate", "cosine")(1.0, 0.3) == pytest.approx(0)
    decay = get("rate", "decay")
    assert decay(0.7, 0.3) == pytest.approx(1) and decay(0.85, 0.3) == pytest.approx(0.5) and decay(1, 0.3) == 0
    assert decay(1.0, 0.0) == 1


def test_warm_up_and_the_rate_of_a_phase() -> None:
    run = trainer(point := Point(1.0), [Phase("bowl", point, bowl(point), rate=0.5)], Budget(steps=100), warmup=4)
    (group,) = run.optimizers["bowl"][0].param_groups
    rates = [group["lr"] for _ in zip(run.run(), range(6), strict=False)]
    assert rates == pytest.approx([0.0125, 0.025, 0.0375, 0.05, 0.05, 0.05])


# One step.


def test_a_step_by_hand() -> None:
    next(trainer(point := Point(3.0, 4.0), bowl(point)).run())
    torch.testing.assert_close(point.weight.data, torch.tensor([2.7, 3.6]))


def test_clipping_shortens_long_gradients_only() -> None:
    next(trainer(point := Point(3.0, 4.0), bowl(point), clip=1.0).run())
    torch.testing.assert_close(point.weight.data, torch.tensor([3 - 0.06, 4 - 0.08]))
    next(trainer(point := Point(0.3, 0.4), bowl(point), clip=1.0).run())
    torch.testing.assert_close(point.weight.data, torch.tensor([0.27, 0.36]))


def test_phases_run_in_their_span_and_on_every_nth_step() -> None:
    ran: dict[str, list[int]] = {"all": [], "third": [], "late": []}

    def note(name: str) -> Callable[[Batch, Now], Tensor]:
        def loss(batch: Batch, now: Now) -> Tensor:
            ran[name].append(now.step)
            return point.weight.sum()

        return loss

    point = Point(1.0)
    phases = [Phase("all", point, note("all")), Phase("third", point, note("third"), every=3)]
    phases.append(Phase("late", point, note("late"), span=(0.8, 1.0)))
    list(trainer(point, phases).run())
    assert ran == {"all": [*range(10)], "third": [0, 3, 6, 9], "late": [8, 9]}


def test_a_phase_trains_its_own_module_only_and_is_followed_by_its_after() -> None:
    pair, called = nn.ModuleList([Point(1.0), Point(1.0)]), []
    phase = Phase(
        "first", pair[0], lambda _, now: (pair[0].weight * pair[1].weight).sum(), after=lambda: called.append(1)
    )
    next(trainer(pair, [phase]).run())
    assert [point.weight.item() for point in pair] == [pytest.approx(0.9), 1.0] and called == [1]


def test_chance_depends_on_seed_step_and_phase_alone() -> None:
    def drawn(start: int) -> list[float]:
        found = []

        def loss(batch: Batch, now: Now) -> Tensor:
            found.append(float(now.chance.normal(1)) + float(torch.rand(())))
            return point.weight.sum()

        run = trainer(point := Point(1.0), [Phase("a", point, loss), Phase("b", point, loss)], Budget(steps=4))
        run.step = start
        list(run.run())
        return found

    whole = drawn(0)
    assert len(set(whole)) == 8 and drawn(2) == whole[4:]


def test_figures_hold_losses_and_notes() -> None:
    def loss(batch: Batch, now: Now) -> Tensor:
        now.notes["size"] = point.weight.detach().norm()
        return point.weight.sum()

    event = next(trainer(point := Point(2.0), loss).run())
    assert event.figures == {"bowl": 2.0, "size": 2.0} and event.message == ""


# The average.


def test_the_half_life_of_the_average() -> None:
    """After `half_life` of the pictures seen, the past weighs one half."""
    assert half_life_weight(50, 1000, 0.05) == pytest.approx(0.5)
    assert half_life_weight(10, 1000, 0.05) == pytest.approx(0.5 ** (1 / 5))
    assert half_life_weight(128, 128, 0.05) < 1e-5  # the first step is forgotten at once


def test_the_average_follows_weights_and_buffers() -> None:
    live = nn.BatchNorm1d(1)
    average = Average(live, 0.5)
    live.weight.data.fill_(3.0)
    live.running_mean.fill_(8.0)
    live.num_batches_tracked.fill_(5)
    average.update(live, 10, 20)  # half-life 10 pictures, so one half
    mine = average.module
    assert (mine.weight.item(), mine.running_mean.item(), mine.num_batches_tracked.item()) == (2.0, 4.0, 5)
    assert not mine.training and not any(p.requires_grad for p in mine.parameters())


def test_without_a_half_life_the_average_is_the_last() -> None:
    live = Point(1.0)
    average = Average(live, 0.0)
    live.weight.data.fill_(5.0)
    average.update(live, 4, 4)
    assert average.module.weight.item() == 5


# When a loss is not a number.


def failing(point: Point, bad: Callable[[int], bool]) -> Callable[[Batch, Now], Tensor]:
    return lambda batch, now: point.weight.square().sum() / 2 * (math.nan if bad(now.step) else 1)


def test_a_step_that_is_not_a_number_is_skipped_and_said() -> None:
    run = trainer(point := Point(1.0), failing(point, lambda step: step in (3, 4)))
    weights, messages = [], []
    for event in run.run():
        weights.append(point.weight.item())
        messages.append(event.message)
    assert weights[2] == weights[3] == weights[4] > weights[5]
    assert [i for i, message in enumerate(messages) if "skipped" in message] == [3, 4]
    assert run.rate_factor == 1 and run.bad_steps == 0


@pytest.mark.parametrize("loss", [math.inf, -math.inf])
def test_an_infinite_loss_is_skipped_too(loss: float) -> None:
    event = next(trainer(point := Point(1.0), lambda batch, now: point.weight.sum() * loss).run())
    assert "skipped" in event.message and point.weight.item() == 1


def test_a_gradient_that_is_not_a_number_is_skipped_too() -> None:
    event = next(trainer(point := Point(0.0), lambda batch, now: point.weight.sqrt().sum()).run())  # slope 1 / 0
    assert "skipped" in event.message and point.weight.item() == 0


def test_three_in_a_row_go_back_to_good_weights_at_half_the_rate() -> None:
    run = trainer(point := Point(1.0), failing(point, lambda step: 3 <= step < 3 + BAD_STEPS_BEFORE_RELOAD))
    weights, messages = [], []
    for event in run.run():
        weights.append(point.weight.item())
        messages.append(event.message)
    assert weights[4] == pytest.approx(0.9**3) and weights[5] == 1.0  # the start is the last that was kept
    assert "halved the learning rate" in messages[5] and run.rate_factor == 0.5 and run.reloads == 1
    assert weights[6] == pytest.approx(0.95)


def test_good_weights_are_the_last_that_were_kept() -> None:
    run = trainer(point := Point(1.0), failing(point, lambda step: step >= 4), Budget(steps=7))
    for event in run.run():
        if event.step == 3:
            run.keep_safe()
    assert point.weight.item() == pytest.approx(0.9**3)


def test_never_a_number_ends_with_one_sentence() -> None:
    run = trainer(point := Point(1.0), failing(point, lambda step: True), Budget(steps=1000))
    with pytest.raises(DanqingError, match="again and again") as caught:
        list(run.run())
    assert caught.value.exit_code == 1 and run.step < BAD_STEPS_BEFORE_RELOAD * (RELOADS_BEFORE_GIVING_UP + 1)
    assert point.weight.item() == 1


def test_statistics_of_a_skipped_step_are_not_kept() -> None:
    """A batch that is not a number must not stay in the running mean of a batch norm, nor in the average."""
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))

    def batch_at(step: int) -> Batch:
        x = torch.randn(4, 2, generator=torch.Generator().manual_seed(step))
        return Batch(x * math.nan if step == 2 else x, None)

    phases = [Phase("net", net, lambda batch, now: net(batch.pictures).square().mean())]
    run = Trainer(net, net, phases, batch_at, TrainSettings(**PLAIN | {"ema": 0.05}), Budget(steps=6))
    list(run.run())
    for module in (net, run.average.module):
        assert all(value.isfinite().all() for value in module.state_dict().values())
        assert module.state_dict()["1.num_batches_tracked"] > 0


# The state.


@pytest.mark.parametrize("optimizer", names("optimizer"))
def test_the_state_round_trips(optimizer: str) -> None:
    """A trainer that takes up another's state goes on to the same bytes."""

    def made() -> Trainer:
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(2, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 20, 2), nn.Conv2d(20, 20, 1)
        )
        net, x = net.to(memory_format=torch.channels_last), torch.randn(4, 2, 4, 4)
        settings = TrainSettings(
            **PLAIN | {"optimizer": optimizer, "momentum": 0.9, "lr": 0.01, "ema": 0.1, "clip": 1.0}
        )
        phases = [Phase("net", net, lambda batch, now: net(x + now.chance.normal_like(x)).square().mean())]
        return Trainer(net, net, phases, lambda step: Batch(x, None), settings, Budget(steps=12))

    whole = made()
    list(whole.run())
    first = made()
    for _ in zip(range(5), first.run(), strict=False):
        pass
    second = made()
    second.restore(copy.deepcopy(first.tensors()), first.numbers())
    assert second.step == 5
    list(second.run())
    theirs, mine = whole.tensors(), second.tensors()
    assert theirs.keys() == mine.keys() and any(name.startswith("optimizer/net/0/") for name in mine)
    assert all(torch.equal(theirs[name], mine[name]) for name in mine)
    assert {k: v for k, v in whole.numbers().items() if k != "seconds"} == {
        k: v for k, v in second.numbers().items() if k != "seconds"
    }
