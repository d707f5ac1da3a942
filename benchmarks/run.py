"""All benchmarks from one place: side by side with peers in the same run, as ratios on the same work.

    scripts/bench speed              training speed, memory, start-up         about 6 minutes
    scripts/bench quality            quality at equal CPU time                about 3.5 hours, goes on where it stopped
    scripts/bench gallery            a sheet of every preset for docs/gallery.md, with its figures
    scripts/bench table              write docs/benchmarks.md again from what has been measured

Peers live in an environment of their own (benchmarks/make_peers_env.sh makes it).
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PEERS = HERE / ".venv-peers" / "bin" / "python"
FAMILIES = {"gan": "dcgan", "vae": "vae", "diffusion": "ddpm"}
"""our family -> the peer it is compared with"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "quality", "gallery", "table"))
    parser.add_argument("--minutes", type=float, default=10.0, help="quality: training budget on 2 cores")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=RESULTS / "samples", help="quality: where samples are kept")
    parser.add_argument("--share", type=float, default=1.0, help="gallery: share of each preset's default budget")
    parser.add_argument("--folder", default="", help="gallery: pictures for the 64 px presets (make_emoji_folder.py)")
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if args.what == "speed":
        speed()
    elif args.what == "gallery":
        gallery(args.share, args.out, args.folder)
    elif args.what == "quality":
        quality(args.minutes, [int(seed) for seed in args.seeds.split(",")], args.out)
    from table import write

    write(RESULTS, HERE.parent / "docs" / "benchmarks.md")


# Speed.


def speed() -> None:
    need_peers()
    lines = {}
    for name, command in {
        "flow-64": ours("flow-64", "--batch", "16"),
        "peer-ddpm-64": peer("ddpm"),
        "conv-28": ours("conv-28"),
        "plain-conv-28": ours("plain-conv-28"),
        "peer-vae-28": peer("vae", "--nets", "classic"),
        "peer-vae-own-28": peer("vae", "--nets", "resnet"),
        "dcgan-28": ours("dcgan-28"),
        "peer-dcgan-28": peer("dcgan"),
    }.items():
        note(f"speed: {name}")
        lines[name] = last_json(command)
    lines["help"] = {"seconds": wall([sys.executable, "-m", "danqing", "--help"], times=7)}
    lines["sample"] = {"seconds": sample_seconds()}
    save("speed.json", {"machine": machine(), "lines": lines})


def ours(*args: str) -> list[str]:
    return [sys.executable, str(HERE / "speed" / "ours.py"), *args]


def peer(name: str, *args: str) -> list[str]:
    return [str(PEERS), str(HERE / "speed" / f"peer_{name}.py"), *args]


def sample_seconds() -> float:
    """`danqing sample` on a 28 px model, four pictures, from process start to exit."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "danqing"]
        made = f"{folder}/model"
        train = [
            *run,
            "train",
            "flow-28",
            "fashion-mnist-small",
            "--steps",
            "2",
            "--out",
            made,
            "--set",
            "few_step=0.5",
        ]
        subprocess.run(train, check=True, capture_output=True)
        return wall([*run, "sample", made, "-n", "4", "--out", f"{folder}/pictures"], times=3)


def wall(command: list[str], times: int) -> float:
    """Median seconds of a command from start to exit."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 3)


# Quality.


def quality(minutes: float, seeds: list[int], out: Path) -> None:
    need_peers()
    need_full_data()
    out.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for family, name in FAMILIES.items():
            common = ["--minutes", str(minutes), "--seed", str(seed), "--out"]
            train_one(out / f"{name}-{seed}.npz", [str(PEERS), str(HERE / "quality" / f"peer_{name}.py"), *common])
            mine = [sys.executable, str(HERE / "quality" / "ours.py"), "--family", family, *common]
            train_one(out / f"danqing-{family}-{seed}.npz", mine)
            judge(out)


def gallery(share: float, out: Path, folder: str) -> None:
    """Train every preset for a share of its budget, judge it, keep its sheet."""
    from danqing.presets import all_presets

    need_full_data()
    out.mkdir(parents=True, exist_ok=True)
    for preset in sorted(all_presets().values(), key=lambda p: p.model["size"]):
        data = "fashion-mnist" if preset.model["size"] == 28 else folder
        if not data:
            note(f"gallery: {preset.name} is left out; name a folder of pictures with --folder")
            continue
        target = out / f"gallery-{preset.name}-0.npz"
        options = ["--preset", preset.name, "--data", data, "--minutes", str(preset.minutes * share)]
        command = [sys.executable, str(HERE / "quality" / "ours.py"), *options, "--samples", "2000", "--out"]
        train_one(target, command)
        if target.exists():
            shutil.copy(target.with_suffix(".png"), HERE.parent / "docs" / "pictures" / f"{preset.name}.png")
        judge(out, folder)


def train_one(target: Path, command: list[str]) -> None:
    """Unless its samples are there, or have been judged before (results/quality.json; take its entry out to repeat)."""
    if not target.exists() and target.stem not in judged():
        note(f"quality: {target.stem}")
        subprocess.run([*command, str(target)], check=True, stdout=subprocess.DEVNULL)


def judge(out: Path, folder: str = "") -> None:
    """Judge every set of samples that has no figures yet, all by the same judge and the same number of pictures."""
    known = judged()
    for file in sorted(out.glob("*.npz")):
        if file.stem not in known:
            note(f"judging {file.stem}")
            known[file.stem] = figures(file, folder)
            save("quality.json", known)


def judged() -> dict[str, Any]:
    path = RESULTS / "quality.json"
    return json.loads(path.read_text()) if path.exists() else {}


def figures(file: Path, folder: str = "", count: int = 2000) -> dict[str, Any]:
    import numpy as np
    import torch

    from danqing.data import load_split
    from danqing.evaluate import evaluate_sets

    with np.load(file, allow_pickle=False) as found:
        pixels, meta = torch.from_numpy(found["pictures"][:count].copy()), json.loads(str(found["meta"]))
    grey = pixels.ndim == 3
    made = pixels[:, None] if grey else pixels.permute(0, 3, 1, 2).contiguous()
    train, held = load_split("fashion-mnist" if grey else folder, size=made.shape[-1])
    report = evaluate_sets(train.pixels, held.pixels, made, ("fmnist" if grey else "effl0",), seed=0)
    rows = {
        row.metric: {"value": row.value, "low": row.low, "high": row.high, "floor": row.floor} for row in report.rows
    }
    return {"meta": meta, "count": len(made), "figures": rows, "machine": machine()}


# Small parts.


def need_peers() -> None:
    if not PEERS.exists():
        subprocess.run(["sh", str(HERE / "make_peers_env.sh")], check=True)


def need_full_data() -> None:
    """Both sides learn from all 60,000 pictures, never one of them from the shipped subset."""
    from danqing.data import build
    from danqing.data.fashion_mnist import full_path

    if not full_path().exists():
        build()


def last_json(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def save(name: str, content: dict[str, Any]) -> None:
    partial = RESULTS / f"{name}.partial"
    partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    partial.replace(RESULTS / name)


def machine() -> dict[str, Any]:
    from danqing.nn.precision import choose

    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {"cores": os.cpu_count(), "cpu": cpu or platform.processor(), "fast precision": choose("auto")}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
