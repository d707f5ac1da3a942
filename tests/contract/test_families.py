"""Every family and every preset: it builds, learns, is saved, and paints the same picture for the same seed."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from danqing import settings
from danqing.api import load, sample
from danqing.api.models import Model
from danqing.api.plans import Plan, overrides
from danqing.api.training import Run
from danqing.data import Origin, PictureSet, picture_set
from danqing.families.diffusion.model import NETS as DENOISERS
from danqing.families.diffusion.model import PREDICTS
from danqing.families.gan.losses import LOSSES, PENALTIES
from danqing.families.gan.model import NETS as PAIRS
from danqing.presets import all_presets, default_preset, families
from danqing.registry import get, names
from danqing.train import TrainSettings
from danqing.types import Family

STEPS = 10
"""training steps of a run: layers that start at zero hide those behind them for some steps"""
BATCH = 4
DROPS_OUT = {"critic.down.dense.bias"}
"""only the difference of two scores counts, so a number added to both learns nothing"""

every_preset = pytest.mark.parametrize("name", sorted(all_presets()))
every_family = pytest.mark.parametrize("name", names("family"))


def narrow(name: str) -> dict[str, Any]:
    """Widths that are quick to train, where the preset's own are not; its depth and its way to build stay."""
    model = all_presets()[name].model
    least = 64 if model.get("net") == "transformer" else 16
    widths = {key: [max(least, w // 8) for w in model[key]] for key in model if key.endswith("widths")}
    return {"batch": BATCH, **widths}


def made_pictures(size: int, channels: int) -> PictureSet:
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, channels, size, size), generator=chance, dtype=torch.uint8)
    return picture_set(pixels, torch.arange(12) % 3, Origin("made", "test", labels=("a", "b", "c")))


def run_of(
    name: str, folder: Path, steps: int = STEPS, given: dict[str, Any] | None = None, precision: str = "fp32"
) -> Run:
    preset = all_presets()[name]
    model, train = overrides(preset, narrow(name) if given is None else given)
    channels = preset.model.get("channels", 1)
    pictures = made_pictures(model["size"], channels)
    plan = Plan(
        preset=name,
        data="made",
        model={**model, "channels": channels, "classes": 3},
        train=train,
        seed=0,
        budget={"steps": steps},
        data_sha256=pictures.card.sha256,
        precision=precision,
    )
    return Run(plan, pictures, pictures, folder, "cpu", 0, 1)


@pytest.fixture(scope="module")
def painters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """For each preset a saved and loaded painter, its weights shaken: what starts at zero would paint plain grey."""
    found = {}
    for name in all_presets():
        run = run_of(name, tmp_path_factory.mktemp(name))
        painter, chance = run.trainer.average.module, torch.Generator().manual_seed(1)
        for p in painter.parameters():
            p.data += 0.05 * torch.randn(p.shape, generator=chance)
        run.save_model(painter)
        found[name] = load(run.folder)
    return found


def few(model: Model) -> dict[str, Any]:
    """Two steps are enough for models that paint in steps."""
    return {"steps": 2} if model.family.name == "diffusion" else {}


# What a family and a preset say of themselves.


@every_family
def test_a_family_describes_itself(name: str) -> None:
    family: Family = get("family", name)
    assert family.name == name and set(family.title) == {"en", "zh"}
    assert {"size", "channels", "classes"} <= {field.name for field in fields(family.Config)}
    assert settings.read(family.Config, json.loads(json.dumps(settings.plain(family.Config())))) == family.Config()
    shared = {field.name for field in fields(family.Config)} & {field.name for field in fields(TrainSettings)}
    assert not shared, "a --set key must be of the model or of the training, not of both"


@every_family
def test_a_family_has_a_preset_for_every_size(name: str) -> None:
    for side in range(8, 513):
        preset = default_preset(name, side)
        assert preset.family == name and preset.sizes[0] <= side <= preset.sizes[1]


def test_families_and_their_folders_have_the_same_names() -> None:
    assert families() == names("family")


@every_preset
def test_a_preset_names_only_things_that_exist(name: str) -> None:
    preset = all_presets()[name]
    model, train = overrides(preset, {})
    known = {
        "optimizer": names("optimizer"),
        "rate": names("rate"),
        "sampler": names("sampler"),
        "net": [*PAIRS, *DENOISERS],
    }
    known |= {"loss": LOSSES, "penalty": PENALTIES, "predict": PREDICTS, "schedule": names("schedule")}
    known |= {"sigma": ["learned", "fixed"], "prior": ["normal", "flow"], "precision": ["auto", "fp32", "bf16"]}
    words = {key: value for key, value in {**model, **train}.items() if isinstance(value, str)}
    assert all(value in known[key] for key, value in words.items()), words


@every_preset
def test_a_preset_builds_as_it_is_written(name: str, tmp_path: Path) -> None:
    run = run_of(name, tmp_path, given={})
    assert 1e5 < sum(p.numel() for p in run.trainer.painter.parameters()) < 2e7
    assert run.settings.batch == all_presets()[name].train["batch"]


# Training.


@every_preset
def test_every_weight_learns(name: str, tmp_path: Path) -> None:
    """Losses are finite; every trained weight gets a gradient and moves; the painter is among what is trained."""
    run = run_of(name, tmp_path)
    wanted = {key: p for key, p in run.trainer.model.named_parameters() if p.requires_grad}
    before = {key: p.detach().clone() for key, p in wanted.items()}
    longest, phases = dict.fromkeys(wanted, 0.0), set()
    for event in run.trainer.run():
        assert not event.message and all(np.isfinite(value) for value in event.figures.values())
        phases |= event.figures.keys() & {phase.name for phase in run.trainer.phases}
        for key, p in wanted.items():
            assert event.step > 1 or p.grad is not None, f"{key} is trained by no phase"
            longest[key] = max(longest[key], p.grad.abs().max().item())
        if event.step == 2:
            assert any(not torch.equal(p, before[key]) for key, p in wanted.items())
    assert phases == {phase.name for phase in run.trainer.phases}
    still = {key for key, length in longest.items() if length == 0}
    assert still == {key for key, p in wanted.items() if torch.equal(p, before[key])}
    assert still <= (DROPS_OUT if getattr(run.config, "loss", "") == "wasserstein" else set())
    assert {id(p) for p in run.trainer.painter.parameters()} <= {id(p) for p in wanted.values()}


@every_preset
def test_every_preset_learns_in_bf16_too(name: str, tmp_path: Path) -> None:
    """Which machines choose by themselves: no layer may lack it."""
    run = run_of(name, tmp_path, steps=2, precision="bf16")
    for progress in run.trainer.run():
        assert all(math.isfinite(value) for value in progress.figures.values())
    assert run.trainer.step == 2 and not run.trainer.skipped


@every_preset
def test_training_without_labels(name: str, tmp_path: Path) -> None:
    run = run_of(name, tmp_path)
    plain = Plan(**{**settings.plain(run.plan), "model": {**run.plan.model, "classes": 0}, "budget": {"steps": 1}})
    pictures = picture_set(run.train_set.pixels, None, Origin("made", "test"))
    again = Run(plain, pictures, pictures, tmp_path, "cpu", 0, 1)
    (event,) = again.trainer.run()
    assert not event.message and event.figures
    again.save_model(again.trainer.average.module)
    (picture,) = sample(load(tmp_path), n=1, **few(load(tmp_path))).result()
    assert picture.recipe.label is None


# Painting.


@every_preset
def test_pictures_are_pictures(name: str, painters: dict[str, Model]) -> None:
    model = painters[name]
    size = model.config.size  # type: ignore[attr-defined]
    made = sample(model, n=3, seed=4, **few(model)).result()
    assert all(picture.pixels.shape == (size, size, 3) and picture.pixels.dtype == np.uint8 for picture in made)
    assert len({picture.pixels.tobytes() for picture in made}) == 3, "different seeds paint different pictures"
    assert [picture.recipe.seed for picture in made] == [4, 5, 6]
    by_label = "label" in model.family.takes(model.config)
    assert [picture.recipe.label for picture in made] == (["b", "c", "a"] if by_label else [None] * 3)
    assert json.loads(json.dumps(made[0].recipe.plain()))["model_hash"] == model.hash


@every_preset
def test_pictures_are_in_range_and_finite(name: str, painters: dict[str, Model]) -> None:
    from danqing.api.painting import Wish, pictures_of

    model, config = painters[name], painters[name].config
    made = pictures_of(model, Wish(**few(model)), [0, 1], [0, None])
    assert made.shape == (2, config.channels, config.size, config.size)  # type: ignore[attr-defined]
    assert made.dtype == torch.float32 and made.isfinite().all() and made.abs().max() <= 1


@every_preset
def test_the_same_seed_paints_the_same_picture_alone_or_in_any_batch(name: str, painters: dict[str, Model]) -> None:
    model = painters[name]
    batch = [picture.pixels.tobytes() for picture in sample(model, n=6, seed=3, **few(model)).result()]
    for place, pixels in enumerate(batch):
        (alone,) = sample(model, n=1, seed=3 + place, **few(model)).result()
        assert alone.pixels.tobytes() == pixels
    shifted = [picture.pixels.tobytes() for picture in sample(model, n=5, seed=4, **few(model)).result()]
    assert shifted == batch[1:]


@every_preset
def test_a_saved_painter_paints_the_same(name: str, painters: dict[str, Model], tmp_path: Path) -> None:
    """Before saving and after loading, bit for bit."""
    run = run_of(name, tmp_path)
    for _ in zip(range(2), run.trainer.run(), strict=False):
        pass
    run.save_model(run.trainer.average.module)
    before, after = replace(run.present(), hash=load(tmp_path).hash), load(tmp_path)
    one, other = (sample(model, n=2, **few(model)).result() for model in (before, after))
    for a, b in zip(one, other, strict=True):
        assert a.pixels.tobytes() == b.pixels.tobytes()
    assert after.card.preset == name and after.labels == ("a", "b", "c") and after.card.steps == 2


@pytest.mark.parametrize("sampler", names("sampler"))
def test_every_sampler_paints_with_every_denoiser(sampler: str, painters: dict[str, Model]) -> None:
    for name, model in painters.items():
        if model.family.name == "diffusion" and (sampler != "few-step" or all_presets()[name].model.get("few_step")):
            batch = sample(model, n=3, seed=1, sampler=sampler, steps=3, guidance=2.0).result()
            (alone,) = sample(model, n=1, seed=3, sampler=sampler, steps=3, guidance=2.0).result()
            assert alone.pixels.tobytes() == batch[2].pixels.tobytes()
            assert alone.recipe.sampler == sampler and alone.recipe.steps == 3 and alone.recipe.guidance == 2
