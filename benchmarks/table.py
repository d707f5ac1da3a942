"""docs/benchmarks.md from the measured figures; nothing in it is typed by hand."""

import json
import statistics
from pathlib import Path
from typing import Any

INTRO = """# Benchmarks

Side by side with what one would pick instead, on the same machine in the same run; ratios count, absolute
figures drift.
This page is written by the commands below from `benchmarks/results/`; nothing in it is typed by hand.

    scripts/bench speed              # about 6 minutes
    scripts/bench quality            # about 3.5 hours on two cores; goes on where it stopped
    python benchmarks/pretrained/compare.py --threads 2     # about 20 minutes, 10 GB of disk
"""
PAIRS = [  # our line, the other line, what is compared, the goal or None
    ("flow-64", "peer-ddpm-64", "64 px diffusion: flow-64 / denoising-diffusion-pytorch's default U-Net", 3.0),
    ("conv-28", "plain-conv-28", "VAE on the same nets: conv-28 / plain fp32 PyTorch loop", 2.0),
    ("conv-28", "peer-vae-28", "VAE on the same nets: conv-28 / pythae and its trainer, fp32", 2.0),
    ("conv-28", "peer-vae-own-28", "not the same work: conv-28 / pythae with its own, smaller nets", None),
    ("dcgan-28", "peer-dcgan-28", "GAN on the same nets: dcgan-28 / plain fp32 PyTorch loop", 2.0),
]
NAMES = {"gan": "dcgan", "vae": "vae", "diffusion": "ddpm"}
SHOWN = {"frechet": "distance", "precision": "precision", "recall": "recall"}
MEASURES = ("frechet", "f1", "precision", "recall")


def write(results: Path, page: Path) -> None:
    """Write the page from speed.json and quality.json, where they exist."""
    parts = [INTRO]
    sections = (("speed.json", speed), ("quality.json", quality), ("pretrained.json", pretrained))
    for name, section in sections:
        path = results / name
        if path.exists():
            parts.append(section(json.loads(path.read_text())))
    page.write_text("\n".join(parts))
    if (results / "quality.json").exists():
        found = json.loads((results / "quality.json").read_text())
        (page.parent / "gallery.md").write_text(gallery(found))


def gallery(found: dict[str, Any]) -> str:
    """A sheet and the figures of every preset that has been trained for the gallery."""
    parts = [
        "# Every preset",
        "",
        "Unpicked samples (seeds 0 to 39; with labels, one kind a column), painted by averaged weights after the CPU",
        "time given. 28 px: Fashion-MNIST; 64 px: 1,539 Noto emoji (`scripts/make_emoji_folder.py`). Written by",
        "`scripts/bench gallery`. FD-effl0 flatters `fastgan-64`: its critic looks through the same network.",
    ]
    for key, row in sorted(found.items()):
        if key.startswith("gallery-"):
            name, figures, meta = key.split("-", 1)[1].rsplit("-", 1)[0], row["figures"], row["meta"]
            net = "fmnist" if name.endswith("28") else "effl0"
            told = [
                f"{title} {figures[m]['value']:.2f} (floor {figures[m]['floor']:.2f})" for m, title in SHOWN.items()
            ]
            spent = f"{meta['cpu_seconds']:.0f} CPU seconds, {meta['pictures_seen']:,} pictures seen"
            parts += [
                "",
                f"## {name}",
                "",
                f"![{name}](pictures/{name}.png)",
                "",
                f"{spent}; FD-{net}: {'; '.join(told)}.",
            ]
    return "\n".join(parts) + "\n"


def speed(found: dict[str, Any]) -> str:
    lines, machine = found["lines"], found["machine"]
    rows = ["## Training speed, memory, start-up", "", describe(machine), ""]
    rows += ["| compared | ours, pictures/s | other | ratio | goal |", "|---|---|---|---|---|"]
    for mine, other, title, goal in PAIRS:
        a, b = (lines[name]["pictures_per_second"] for name in (mine, other))
        met, wanted = (verdict(a / b >= goal), f"{goal:g}") if goal else ("", "")
        rows.append(f"| {title} | {a:.0f} | {b:.0f} | {a / b:.2f} {met} | {wanted} |")
    memory = lines["flow-64"]["peak_rss_mb"]
    rows += ["", "| what | measured | goal |", "|---|---|---|"]
    rows.append(f"| peak memory of training flow-64 | {memory / 1024:.2f} GB {verdict(memory < 2048)} | under 2 GB |")
    for name, title, goal in (
        ("help", "`danqing --help`", 0.3),
        ("sample", "`danqing sample`, 4 pictures of 28 px", 4.0),
    ):
        value = lines[name]["seconds"]
        rows.append(f"| {title}, whole process | {value:.2f} s {verdict(value < goal)} | under {goal:g} s |")
    return "\n".join(rows) + "\n"


def quality(found: dict[str, Any]) -> str:
    rows = ["## Quality at equal CPU time (Fashion-MNIST)", ""]
    rows += [seeds_of(found), ""]
    rows.append(
        "Each run gets the same CPU time, on one thread (10 minutes of two cores are 1,200 CPU seconds). FD-fmnist is "
        "the Fréchet distance on the features of the shipped judge; it is not FID. All are judged on 2,000 samples "
        "against training pictures; the floor is real against real. Mean over seeds, each seed in brackets. Seeds ran "
        "on machines of different speed (look at the pictures seen), both sides of a seed on the same kind."
    )
    rows += [
        "",
        "| model | seeds | FD-fmnist ↓ | F1 ↑ | precision ↑ | recall ↑ | pictures seen |",
        "|---|---|---|---|---|---|---|",
    ]
    for family, peer in NAMES.items():
        for prefix in (f"danqing-{family}", peer):
            runs = [found[key] for key in sorted(found) if key.rsplit("-", 1)[0] == prefix]
            if runs:
                rows.append(line(runs))
    floor = next(row for key, row in found.items() if not key.startswith("gallery-"))["figures"]
    rows.append("| real against real (floor) | | " + " | ".join(f"{floor[m]['floor']:.2f}" for m in MEASURES) + " | |")
    rows += [
        "",
        "Our samples hold every class equally often, the peers' are unconditional, as their users get them.",
        "",
    ]
    rows += [pair(found, family, peer) for family, peer in NAMES.items()]
    return "\n".join(rows) + "\n"


WORK = ("one picture, 1 step", "four pictures, 1 step", "one picture, 4 steps")
AGAINST = [  # ours, the other's, what is compared, the goal
    ("danqing-bf16", "diffusers", "bf16 / diffusers as documented (fp32)", 1.5),
    ("danqing-fp32", "diffusers", "fp32 / diffusers as documented (fp32)", None),
    ("danqing-openvino", "openvino-bf16", "engine openvino / OpenVINO by hand (bf16)", 1.0),
    ("danqing-openvino-tiny", "openvino-bf16-tiny", "the same with a tiny decoder", 1.0),
    ("danqing-bf16-tiny", "diffusers", "bf16 with a tiny decoder / diffusers as documented: not the same work", None),
]


def pretrained(found: dict[str, Any]) -> str:
    """Seconds of every contestant, then the ratios."""
    rows, side = found["rows"], found["side"]
    lines = [
        "## Pretrained models",
        "",
        f"A model of SD-Turbo's size with random weights, {side} px, {found['threads']} threads, whole pictures",
        "(words, steps, decoder), medians, each contestant alone in a process; the first picture is not counted.",
        "",
        "| seconds | " + " | ".join(WORK) + " | first picture of a process | peak memory, GB |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows.values():
        cells = [f"{row[name]:.2f}" for name in (*WORK, "first picture, s", "peak GB")]
        lines.append(f"| {row['what']} | " + " | ".join(cells) + " |")
    lines += ["", "| times as fast | " + " | ".join(WORK) + " | goal |", "|---|---|---|---|---|"]
    for mine, other, title, goal in AGAINST:
        if mine in rows and other in rows:
            ratios = [rows[other][name] / rows[mine][name] for name in WORK]
            cells = [f"{ratio:.2f}{' ' + verdict(round(ratio, 2) >= goal) if goal else ''}" for ratio in ratios]
            lines.append(f"| danqing, {title} | " + " | ".join(cells) + f" | {goal or ''} |")
    ours, theirs = rows["danqing-bf16"]["peak GB"], rows["diffusers"]["peak GB"]
    lines += ["", f"Memory at most that of diffusers: {ours:.2f} against {theirs:.2f} GB {verdict(ours <= theirs)}."]
    return "\n".join(lines) + "\n"


def pair(found: dict[str, Any], family: str, peer: str) -> str:
    """One sentence: whether ours is better than the peer in FD and in F1, on the mean over the seeds that both have."""
    prefixes = (f"danqing-{family}", peer)
    seeds = [seed for seed in range(10) if all(f"{prefix}-{seed}" in found for prefix in prefixes)]
    if not seeds:
        return f"- {family}: not measured yet."
    mine, other = ([found[f"{prefix}-{seed}"] for seed in seeds] for prefix in prefixes)
    means = [
        [statistics.mean(r["figures"][m]["value"] for r in runs) for m in ("frechet", "f1")] for runs in (mine, other)
    ]
    better = means[0][0] < means[1][0] and means[0][1] > means[1][1]
    verdict = "better in both" if better else "**not better in both**"
    return f"- {family} against {other[0]['meta']['peer']}, seeds {', '.join(map(str, seeds))}: {verdict}."


def line(runs: list[dict[str, Any]]) -> str:
    cells = []
    for measure in MEASURES:
        values = [run["figures"][measure]["value"] for run in runs]
        each = ", ".join(f"{value:.2f}" for value in values)
        cells.append(f"{statistics.mean(values):.2f} ({each})")
    seen = statistics.mean(run["meta"]["pictures_seen"] for run in runs)
    minutes = runs[0]["meta"]["minutes"]
    return f"| {runs[0]['meta']['peer']}, {minutes:g} min | {len(runs)} | " + " | ".join(cells) + f" | {seen:,.0f} |"


def seeds_of(found: dict[str, Any]) -> str:
    """The machine of the comparisons; seeds may have run on several, of other fast precision."""
    compared = {key: row["machine"] for key, row in found.items() if not key.startswith("gallery-")}
    seeds: dict[str, set[str]] = {}
    for key in sorted(compared):
        seeds.setdefault(compared[key]["fast precision"], set()).add(key.rsplit("-", 1)[1])
    told = "; ".join(f"{precision} for seed {', '.join(sorted(of))}" for precision, of in seeds.items())
    machine = next(iter(compared.values()))
    return f"Machine: {machine['cores']} cores, {machine['cpu']}; fast precision: {told}."


def describe(machine: dict[str, Any]) -> str:
    return f"Machine: {machine['cores']} cores, {machine['cpu']}; fast precision here: {machine['fast precision']}."


def verdict(met: bool) -> str:
    return "(met)" if met else "(**not met**)"
