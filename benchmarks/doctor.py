"""Can the doctor tell sick trainings from healthy ones? Faults are planted in short trainings on Fashion-MNIST.

    python benchmarks/doctor.py [--runs 20] [--first 20] [--only ILLNESS …]     goes on where it stopped
    python benchmarks/doctor.py --act                                         what 'act' makes of three sick trainings

For each illness `runs` sick trainings and their `runs` healthy twins: the same family, seed and length, no fault.
Some hundred steps of small networks each, seeds from `first` on. Thresholds were chosen on the seeds of TUNED, which do
not count. What was measured goes to benchmarks/results/samples/doctor.jsonl, a line a training; what was found of it to
doctor.json.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from danqing import registry
from danqing.api import doctoring
from danqing.api.painting import many
from danqing.api.plans import Plan, overrides
from danqing.api.training import Run
from danqing.data import load_split
from danqing.data.pictures import PictureSet
from danqing.evaluate.health import ILLNESSES, Vitals, illnesses_of
from danqing.evaluate.health.illnesses import EARLY
from danqing.presets import get_preset
from danqing.train.optimizers import groups
from danqing.types import Batch
from run import machine

RESULTS = Path(__file__).resolve().parent / "results"
GAN = {"net": "residual", "latent": 32, "widths": [32, 16], "critic_widths": [16, 32], "lr": 1e-3, "batch": 32}
VAE = {"latent": 16, "widths": [16, 32, 64], "up_widths": [64, 32, 16], "batch": 64, "lr": 2e-3}
FLOW = {"batch": 32, "widths": [64], "depth": 3, "few_step": 0.0}
STEPS = {"gan": 400, "vae": 300, "diffusion": 400}
PRESETS = {"gan": "r3gan-28", "vae": "latent-flow-28", "diffusion": "flow-28"}
LOOKS = 6
HARMLESS = ("classes", "rate")
"""settings of faults that are not what makes the training sick"""
TUNED = (*range(20), *range(1000, 1010))
OWN: dict[str, dict[str, Any]] = {"gan": GAN, "vae": VAE, "diffusion": FLOW}


class Fault:
    """What is done to a training to make it sick."""

    def __init__(self, family: str, settings: dict[str, Any] | None = None, pictures: int = 4000,
                 break_run: Callable[[Run, int], None] | None = None, steps: int = 0) -> None:  # fmt: skip
        self.family, self.settings, self.pictures, self.break_run = family, settings or {}, pictures, break_run
        self.steps = steps or STEPS[family]

    def longer(self, steps: int) -> "Fault":
        return Fault(self.family, self.settings, self.pictures, self.break_run, steps)

    def twin(self) -> "Fault":
        """The healthy training beside it: as long, on enough pictures, with none of the settings that make it sick."""
        kept = {name: value for name, value in self.settings.items() if name in HARMLESS}
        return Fault(self.family, kept, steps=self.steps)


def one_batch(run: Run, seed: int) -> None:
    """From a third of the way on the same batch comes again and again."""
    at, start = run.batches.at, int(run.trainer.budget.steps / 3)  # type: ignore[operator]
    run.batches.at = lambda step: at(min(step, start))  # type: ignore[method-assign]


def black(run: Run, seed: int) -> None:
    """From a third of the way on all pictures are black."""
    at, start = run.batches.at, int(run.trainer.budget.steps / 3)  # type: ignore[operator]

    def broken(step: int) -> Batch:
        batch = at(step)
        return replace(batch, pictures=batch.pictures * 0 - 1) if step > start else batch

    run.batches.at = broken  # type: ignore[method-assign]


def few_kinds(run: Run, seed: int) -> None:
    """Only some kinds are ever shown: the painter drops the others."""
    kinds = torch.randperm(10, generator=torch.Generator().manual_seed(seed))[:3]
    labels = run.train_set.labels
    assert labels is not None
    rows = torch.isin(labels, kinds).nonzero()[:, 0]
    few = run.train_set.take(rows)
    run.batches.pictures, run.batches._pixels = few, few.pixels.numpy()


def shock(run: Run, seed: int) -> None:
    """Halfway the learning rate becomes far too high, and stays so."""
    at, half = run.trainer.batch_at, int(run.trainer.budget.steps / 2)  # type: ignore[operator]

    def struck(step: int) -> Batch:
        if step == half:
            run.trainer.rate_factor = 100.0 if seed % 2 else 300.0
        return at(step)

    run.trainer.batch_at = struck


def jolt(run: Run, seed: int) -> None:
    """From a third of the way on every optimiser's own rate is thirty times as high."""
    at, start = run.trainer.batch_at, int(run.trainer.budget.steps / 3)  # type: ignore[operator]

    def struck(step: int) -> Batch:
        if step == start:
            for several in run.trainer.optimizers.values():
                for group in groups(several):
                    group["full_lr"] *= 30
        return at(step)

    run.trainer.batch_at = struck


FAULTS: dict[str, list[Fault]] = {
    "collapse": [
        Fault("gan", {"loss": "non-saturating", "penalty": "none", "critic_rate": 8.0, "lr": 2e-3}),
        Fault("gan", {"loss": "hinge", "penalty": "none", "momentum": 0.9, "lr": 4e-3}),
        Fault("gan", {"loss": "least-squares", "penalty": "none", "critic_rate": 5.0, "lr": 3e-3}),
    ],
    "dropping": [
        Fault("gan", {"classes": 0}, break_run=few_kinds, steps=800),
        Fault("vae", {"classes": 0}, break_run=few_kinds),
    ],
    "critic-overfits": [Fault("gan", pictures=n, steps=1600) for n in (100, 150, 200)],
    "divergence": [
        Fault("gan", {"rate": "constant"}, break_run=shock, steps=240),
        Fault("vae", {"rate": "constant"}, break_run=shock, steps=240),
        Fault("diffusion", {"rate": "constant"}, break_run=shock, steps=480),
    ],
    "smooth": [Fault("vae", {"beta": beta}) for beta in (100.0, 300.0)],
    "overfits": [
        Fault("vae", pictures=50, steps=600),
        Fault("vae", pictures=100, steps=600),
        Fault("diffusion", pictures=20, steps=700),
        Fault("vae", pictures=75, steps=600),
    ],
    "pipeline": [Fault(family, break_run=how, steps=120) for family in ("gan", "vae") for how in (one_batch, black)],
    "average": [Fault(family, {"ema": ema}) for family in ("gan", "vae") for ema in (3.0, 10.0)],
}

LONG = 2000
PLAIN = {"loss": "non-saturating", "penalty": "none"}
"""the classic game, whose critic learns few pictures by heart; the default's penalties keep it from that"""
TREATED: dict[str, tuple[Fault, Fault]] = {
    "collapse": (FAULTS["collapse"][0].longer(LONG), Fault("gan", steps=LONG)),
    "divergence": (
        Fault("vae", {"rate": "constant"}, break_run=jolt, steps=LONG),
        Fault("vae", {"rate": "constant"}, steps=LONG),
    ),
    "critic-overfits": (
        Fault("gan", PLAIN, pictures=500, steps=2 * LONG),
        Fault("gan", {**PLAIN, "augment": 1.0}, pictures=500, steps=2 * LONG),
    ),
}
"""illness -> a training that falls ill, and a healthy one of the same length"""


def recall(fault: Fault, seed: int, policy: str) -> dict[str, Any]:
    """What a training ends with: recall of 1,000 pictures (features of the fashion judge), and what its doctor said."""
    doctoring.DEAR = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        run = training(fault, seed, Path(folder), policy)
        for _ in run.go(1e9, False):
            pass
        made = torch.cat([pictures for pictures, _ in many(run.present(), 1000, 1_000_000)])
        net, measure = registry.get("features", "fmnist"), registry.get("metric", "recall")
        value = measure(net(load_split("fashion-mnist", size=28)[1].pixels[:1000]), net(made))
        return {"recall": round(value, 3), "said": run.doctor.said if run.doctor else []}


def treated(names: list[str], seeds: range) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        sick, well = TREATED[name]
        for seed in seeds:
            row = {
                "healthy": recall(well, seed, "warn"),
                "untreated": recall(sick, seed, "off"),
                "act": recall(sick, seed, "act"),
            }
            found.setdefault(name, []).append(row)
            print(name, seed, row, flush=True)
    return found


def training(fault: Fault, seed: int, folder: Path, doctor: str = "warn") -> Run:
    family = fault.family
    preset = get_preset(PRESETS[family])
    train, held = some(fault.pictures, seed)
    model, settings = overrides(preset, OWN[family] | fault.settings)
    model |= {"channels": 1, "classes": fault.settings.get("classes", 10)}
    plan = Plan(preset.name, "fashion-mnist", model, settings, seed, {"steps": fault.steps}, train.card.sha256, "fp32")
    run = Run(plan, train, held, folder, "cpu", doctor=doctor)  # type: ignore[arg-type]
    if fault.break_run:
        fault.break_run(run, seed)
    return run


def some(count: int, seed: int) -> tuple[PictureSet, PictureSet]:
    train, held = load_split("fashion-mnist", size=28)
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:count]
    return train.take(rows), held.take(torch.arange(1024))


def looks(fault: Fault, seed: int) -> list[Vitals]:
    with tempfile.TemporaryDirectory() as folder:
        run = training(fault, seed, Path(folder))
        assert run.doctor
        for progress in run.trainer.run():
            run.doctor.note(progress)
            if progress.step % (fault.steps // LOOKS) == 0:
                run.doctor.look(progress.done)
        return run.doctor.history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--first", type=int, default=20)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--out", type=Path, default=RESULTS / "samples" / "doctor.jsonl")
    parser.add_argument("--act", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.act:
        found = treated(args.only or list(TREATED), range(args.first, args.first + args.runs))
        (RESULTS / "doctor-act.json").write_text(json.dumps(found, indent=1) + "\n")
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    there = {(line["planted"], line["seed"]) for line in known}
    for seed in range(args.first, args.first + args.runs):
        sick = {name: faults[seed % len(faults)] for name, faults in FAULTS.items()}
        twins = {f"healthy {name}": fault.twin() for name, fault in sick.items()}
        for name, fault in (sick | twins).items():
            if (name, seed) in there or (args.only and name not in args.only):
                continue
            began = time.process_time()
            line = {"planted": name, "seed": seed, "family": fault.family, "settings": fault.settings,
                    "steps": fault.steps}  # fmt: skip
            seen = next(
                (one for one in known if one["planted"] in twins and name in twins and same(one) == same(line)), None
            )
            line["looks"] = seen["looks"] if seen else [one.plain() for one in looks(fault, seed)]
            line["seconds"] = round(time.process_time() - began, 1)
            known.append(line)
            with args.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(name, seed, line["seconds"], flush=True)
    found = {"machine": machine(), "illnesses": table(known)}
    (RESULTS / "doctor.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def table(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """illness -> found of the sick, alarms of their healthy twins, and of all healthy trainings it could be seen in."""
    counted = [(line, seen_in(line)) for line in lines if line["seed"] not in TUNED]
    healthy = {same(line): (line, seen) for line, seen in counted if line["planted"].startswith("healthy")}
    found = {}
    for name, illness in ILLNESSES.items():
        sick = [seen for line, seen in counted if line["planted"] == name]
        twins = [seen for line, seen in counted if line["planted"] == f"healthy {name}"]
        able = [seen for line, seen in healthy.values() if not illness.since or line["looks"][-1]["step"] >= EARLY]
        found[name] = {
            "sick": len(sick),
            "found": sum(name in seen for seen in sick),
            "healthy": len(twins),
            "alarms": sum(name in seen for seen in twins),
            "all healthy": len(able),
            "all alarms": sum(name in seen for seen in able),
        }
    return found


def same(line: dict[str, Any]) -> str:
    """Twins of different illnesses may be one and the same training: that of a family, settings, length and seed."""
    return json.dumps([line[part] for part in ("family", "settings", "steps", "seed")], sort_keys=True)


def seen_in(line: dict[str, Any]) -> set[str]:
    """Every illness that was seen at any look."""
    history = [Vitals.read(look) for look in line["looks"]]
    return {one.name for end in range(1, len(history) + 1) for one in illnesses_of(history[:end])}


if __name__ == "__main__":
    main()
