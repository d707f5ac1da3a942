"""What is measured of a training, and what is made of it, on numbers and pictures whose answer is known."""

from dataclasses import replace

import pytest
import torch

from danqing import registry
from danqing.evaluate.health import ILLNESSES, Mirror, Vitals, illnesses_of, signs_of
from danqing.evaluate.health.vitals import Kinds, more_often

WELL = Vitals(
    step=1000, done=0.5, variety=0.95, spread=1.0, coverage=0.9, kinds=1.0, tilt=0.05, sharpness=0.9, novelty=1.0,
    distance=1.2, lag=0.95, gap=1.02, bias=0.51,
)  # fmt: skip
SICK = {
    "pipeline": {"repeated": 0.9},
    "divergence": {"distance": 9.0},
    "collapse": {"variety": 0.1, "spread": 0.2},
    "dropping": {"kinds": 0.3},
    "critic-overfits": {"bias": 0.9},
    "overfits": {"gap": 3.0},
    "smooth": {"sharpness": 0.02},
    "average": {"lag": 4.0},
}


def course(last: dict[str, float]) -> list[Vitals]:
    """Well at first, then sick for two looks."""
    return [replace(WELL, done=0.2), WELL, *(replace(WELL, done=done, **last) for done in (0.85, 0.95))]


def test_a_healthy_course_has_no_illness() -> None:
    assert illnesses_of(course({})) == []
    assert illnesses_of([]) == []


def test_every_illness_has_a_case_here() -> None:
    assert set(SICK) == set(ILLNESSES)


@pytest.mark.parametrize("name", SICK)
def test_each_illness_is_seen_alone_and_told_in_a_sentence(name: str) -> None:
    looks = course(SICK[name])
    (found,) = illnesses_of(looks)
    assert found.name == name
    sentence = found.sentence(looks)
    assert sentence.endswith(".") and "{" not in sentence
    assert found.advice


def test_one_bad_look_is_not_yet_collapse() -> None:
    assert illnesses_of([WELL, replace(WELL, variety=0.1, spread=0.2)]) == []


def test_losses_that_are_no_numbers_are_divergence() -> None:
    assert [one.name for one in illnesses_of([replace(WELL, skipped=5)] * 2)] == ["divergence"]


def test_early_signs_are_no_illness_but_not_sound_either() -> None:
    early = replace(WELL, done=0.1, variety=0.1, spread=0.2)
    assert illnesses_of([early, early]) == []
    assert [one.name for one in signs_of(early)] == ["collapse"] and signs_of(WELL) == []


def test_the_first_steps_are_early_whatever_the_budget() -> None:
    early = replace(WELL, step=100, variety=0.1, spread=0.2)
    assert illnesses_of([early, replace(early, step=200)]) == []
    assert [one.name for one in illnesses_of([replace(early, step=200)] * 2)] == ["collapse"]


def test_an_oscillating_collapse_covers_nothing() -> None:
    """Variety comes and goes, as the painter runs from one kind of picture to the next; speckle, early, has spread."""
    going = [replace(WELL, variety=v, spread=s, coverage=0.01) for v, s in ((0.36, 0.52), (0.6, 0.8))]
    assert [one.name for one in illnesses_of(going)] == ["collapse"]
    assert illnesses_of([replace(one, coverage=0.1) for one in going]) == []
    assert illnesses_of([replace(one, spread=0.95) for one in going]) == []


def test_more_often_is_the_share_of_pairs() -> None:
    assert more_often(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])) == (1 + 0.5 + 1 + 1) / 4


@pytest.fixture(scope="module")
def mirror(fashion: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> Mirror:
    train, held, kinds = fashion
    return Mirror(registry.get("features", "fmnist"), train, held, kinds)


@pytest.fixture(scope="module")
def fashion() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training pictures, held-out ones, and the kinds of the latter."""
    from danqing.data import load_split

    train, held = load_split("fashion-mnist-small")
    assert held.labels is not None
    mixed = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    return train.pixels[mixed], held.pixels[:400], held.labels[:400]


Fashion = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def test_other_real_pictures_are_well(mirror: Mirror, fashion: Fashion) -> None:
    fresh = fashion[0][-128:]
    seen = mirror.look(fresh, fresh)
    assert 0.9 < seen["variety"] < 1.1 and 0.8 < seen["coverage"] < 1.25
    assert 0.9 < seen["kinds"] < 1.1 and seen["tilt"] < 0.15
    assert 0.8 < seen["sharpness"] < 1.25 and 0.7 < seen["distance"] < 1.4 and seen["lag"] == 1


def test_what_is_wrong_with_pictures_shows_in_its_own_number(mirror: Mirror, fashion: Fashion) -> None:
    train, held, kinds = fashion
    one = train[:1].expand(128, -1, -1, -1)
    assert mirror.look(one, one)["variety"] < 0.05
    assert mirror.look(train[:128], train[:128])["novelty"] < 0.05
    half = torch.nn.functional.avg_pool2d(train[-128:].float(), 4)
    soft = torch.nn.functional.interpolate(half, 28, mode="bilinear").to(torch.uint8)
    assert mirror.look(soft, soft)["sharpness"] < 0.2
    few = held[kinds < 3][:60].repeat(3, 1, 1, 1)[:128]
    seen = mirror.look(few, few)
    assert seen["kinds"] < 0.45 and seen["tilt"] > 0.4
    noise = torch.randint(0, 256, (128, 1, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    seen = mirror.look(train[-128:], noise)
    assert seen["lag"] > 3
    assert mirror.look(noise, noise)["distance"] > 5


def test_kinds_against_closed_forms() -> None:
    """Kinds at the corners of a simplex: n evenly painted of N are n, and lean by sqrt((1/n - 1/N) / (1 - 1/N))."""
    corners = torch.eye(10)
    kinds = Kinds(corners.repeat(40, 1), torch.arange(400) % 10, corners.repeat(20, 1))
    for n in (1, 3, 10):
        seen = kinds.look(corners[torch.arange(240) % n])
        assert seen["kinds"] == pytest.approx(n / 10, abs=1e-6)
        assert seen["tilt"] == pytest.approx(((1 / n - 1 / 10) / (1 - 1 / 10)) ** 0.5, abs=1e-6)
    uneven = torch.cat([corners[:1].repeat(120, 1), corners[1:2].repeat(120, 1), corners[2:3].repeat(240, 1)])
    assert kinds.look(uneven)["kinds"] == pytest.approx(2**1.5 / 10), "entropy 1.5 bits"


def test_many_kinds_are_not_missed_by_chance() -> None:
    chance = torch.Generator().manual_seed(0)
    real = torch.eye(100).repeat(4, 1)
    kinds = Kinds(real, torch.arange(400) % 100, real[torch.randint(400, (256,), generator=chance)])
    seen = kinds.look(real[torch.randint(400, (256,), generator=chance)])
    assert 0.9 < seen["kinds"] < 1.1 and seen["tilt"] < 0.1


def test_one_kind_alone_leans_nowhere() -> None:
    real = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    assert Kinds(real, torch.full((50,), 7), real).look(real + 1) == {"kinds": 1.0, "tilt": 0.0}


def test_a_young_gan_may_leave_some_kinds_out() -> None:
    assert "dropping" in {one.name for one in illnesses_of(course({"tilt": 0.6}))}, "a lean alone is a sign too"
    some = course({"kinds": 0.55})
    assert "dropping" in {one.name for one in illnesses_of(some)}
    assert not illnesses_of([replace(look, gap=None) for look in some])
    assert "dropping" in {one.name for one in illnesses_of([replace(look, gap=None, kinds=0.3) for look in some])}
    assert not illnesses_of([replace(look, kinds=None, tilt=None) for look in some])


def test_a_critic_is_judged_by_two_looks() -> None:
    looks = [replace(WELL, done=done, bias=bias) for done, bias in ((0.3, 0.5), (0.4, 0.57), (0.5, 0.54))]
    assert not illnesses_of(looks[:2]) and not illnesses_of(looks[1:2])
    assert [one.name for one in illnesses_of(looks)] == ["critic-overfits"]


def test_looks_of_another_danqing_are_read() -> None:
    assert Vitals.read(WELL.plain()) == WELL
    old = {name: value for name, value in WELL.plain().items() if name not in ("kinds", "tilt")} | {"missing": 0.4}
    assert Vitals.read(old) == replace(WELL, kinds=None, tilt=None)
