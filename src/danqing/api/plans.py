"""What a training is to do, before it begins: preset, settings, budget, place; and how a resumed one goes on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from danqing import checkpoint, registry, settings
from danqing.data.pictures import PictureSet
from danqing.data.sources import load_split
from danqing.errors import UsageError
from danqing.presets import Preset, all_presets, default_preset, families, get_preset
from danqing.train import Budget, TrainSettings
from danqing.types import Family


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run; kept in the training state, so that --resume needs nothing else."""

    preset: str
    data: str
    model: Mapping[str, Any]
    train: Mapping[str, Any]
    seed: int
    budget: Mapping[str, Any]
    data_sha256: str = ""
    """empty until the data has been read"""
    precision: str = ""
    """empty until it has been chosen"""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """what was asked for of the settings that a doctor has changed since"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict; `Plan(**plan.plain()) == plan`, but for tuples that come back as lists."""
        made: dict[str, Any] = json.loads(json.dumps(settings.plain(self)))
        return made


def choose(what: str, data: str | Path) -> tuple[Preset, str]:
    """The preset meant by a preset's or family's name, and one sentence that says why."""
    if what in all_presets():
        return all_presets()[what], f"Preset {what}: {all_presets()[what].about['en']}."
    if what not in families():
        return get_preset(what), ""
    side = load_split(data)[0].card.size
    preset = default_preset(what, side)
    return preset, f"The pictures are {side} px wide, so {what} uses the preset {preset.name}: {preset.about['en']}."


def overrides(preset: Preset, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The preset's model and training settings with the given ones put in where their names belong."""
    family: Family = registry.get("family", preset.family)
    of_model = {f.name for f in fields(family.Config)}
    of_train = {f.name for f in fields(TrainSettings)}
    settings.check_names(given, of_model | of_train, f"--set for {preset.name}")
    model = {**preset.model, **{k: v for k, v in given.items() if k in of_model}}
    train = {**preset.train, **{k: v for k, v in given.items() if k in of_train}}
    model = settings.plain(settings.read(family.Config, model, f"the preset {preset.name}"))
    if "channels" not in given:
        del model["channels"]  # the data decides
    return model, settings.plain(settings.read(TrainSettings, train, f"the preset {preset.name}"))


def budget_of(minutes: float | None, steps: int | None, pictures: int | None) -> dict[str, Any]:
    """What was given, as the arguments of Budget; empty for nothing. Raises UsageError for nonsense."""
    given = {"minutes": minutes, "steps": steps, "pictures": pictures}
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        Budget(**given)  # type: ignore[arg-type]
    return given


def continued(old: Plan, preset: Preset, given: Mapping[str, Any], budget: Mapping[str, Any]) -> Plan:
    """The kept plan, with a new budget if one was given; its preset and settings must be what they were."""
    if old.preset != preset.name:
        raise UsageError(f"The unfinished training is of {old.preset}, not {preset.name}; name that or another --out.")
    model, train = overrides(preset, given)
    for name in given:
        new, kept = {**model, **train}[name], {**old.model, **old.train, **old.asked}[name]
        if json.dumps(new) != json.dumps(kept):
            raise UsageError(
                f"The unfinished training has {name} = {kept}; resume it with that, or choose another --out."
            )
    return replace(old, budget=budget or old.budget)


def fitted(plan: Plan, pictures: PictureSet, classes: int | None) -> Plan:
    """The plan with what the data decides: channels, classes, hash. Raises UsageError if it saw other pictures."""
    card = pictures.card
    if plan.data_sha256 and plan.data_sha256 != card.sha256:
        raise UsageError(
            f"The pictures in '{card.name}' are not those that the unfinished training saw ('{plan.data}'); "
            "restore them or train without --resume."
        )
    if classes not in (None, 0, len(card.labels)):
        raise UsageError(
            f"classes = {classes} is not possible; the pictures have {len(card.labels)} labels, 0 ignores them."
        )
    count = len(card.labels) if classes is None else classes
    if plan.data_sha256:  # resumed: as it was
        return plan
    model = {**plan.model, "channels": card.channels, "classes": count}
    return replace(plan, model=model, data_sha256=card.sha256)


def place(out: str | Path | None, preset: str, data: str, resume: bool) -> Path:
    """Where the run lives: `out`, or runs/PRESET-DATA, with a number where that is taken; the newest for resuming."""
    if out is not None:
        folder = Path(out)
        if not resume and (folder / checkpoint.TRAINING).exists():
            raise UsageError(f"There is already a training in '{folder}'; add --resume or choose another --out.")
        return folder
    base = Path("runs") / f"{preset}-{Path(data).stem or 'data'}"
    taken = [base, *(base.with_name(f"{base.name}-{i}") for i in range(2, 1000))]
    free = next(i for i, folder in enumerate(taken) if not folder.exists())
    return taken[max(0, free - 1)] if resume else taken[free]
