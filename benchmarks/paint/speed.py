"""How fast words become pictures here, beside a Stable-Diffusion-Turbo-sized network in the same run.

    python benchmarks/paint/speed.py [--model PAINTER_FOLDER] [--no-peer | --toy-peer]

Warm medians with 2 threads and with 1. What is timed is one picture of all the words (`paint --whole`), as for a prompt
of one thing; `scene_128` is the same prompt as `paint` does it by default, thing by thing. Writes
benchmarks/results/paint-speed.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# isort: split

import torch  # noqa: E402

from danqing import api  # noqa: E402
from danqing.nn.precision import arithmetic, choose  # noqa: E402
from run import PEERS, last_json, machine, need_peers, note, save  # noqa: E402

PROMPT = "a blue owl with glasses"
GOALS = {
    "four_128": ("4 pictures of 128 px, seconds", 1.0),
    "one_512": ("1 picture of 512 px, seconds", 1.2),
    "first": ("first picture from process start, seconds", 6.0),
    "live_fps": ("live loop of 2 steps at 128 px, pictures a second", 8.0),
    "peer_ratio": ("times faster than the peer at 512 px", 3.0),
}
"""what is to be reached with 2 threads; seconds at most, the others at least"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a painter's folder; Danqing's own if left out")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--threads", default="2,1")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--toy-peer", action="store_true", help="only to see that the peer runs")
    parser.add_argument("--name", default="paint-speed.json", help="file in benchmarks/results")
    args = parser.parse_args()
    studio = api.load_painter(args.model)
    threads = [int(count) for count in args.threads.split(",")]
    lines: dict[str, Any] = {str(count): measured(studio, count, args.repeats) for count in threads}
    for count in threads:
        lines[str(count)]["first"] = first_picture(args.model, count)
    peer = None if args.no_peer else peer_line(threads[0], args.toy_peer)
    again = measured(studio, threads[0], args.repeats)  # before and after the peer, since machines drift
    for name, value in again.items():
        lines[str(threads[0])][name] = middle(lines[str(threads[0])][name], value)
    document = {"machine": machine(), "model": studio.name, "hash": studio.hash, "prompt": PROMPT, "threads": lines}
    document |= {"repeats": args.repeats, "peer": peer, "ratios": ratios(lines[str(threads[0])], peer)}
    document["goals"] = judged(lines[str(threads[0])], document["ratios"])
    save(args.name, document)
    print(json.dumps(document, indent=1))


def measured(studio: api.Studio, threads: int, repeats: int) -> dict[str, float]:
    """Medians as the API paints, and where this machine is fast in bf16, also with products in that."""
    torch.set_num_threads(threads)
    acts: dict[str, Callable[[int], object]] = {
        "four_128": lambda seed: api.paint(PROMPT, 4, seed, studio, layers=False).result(),
        "scene_128": lambda seed: api.paint(PROMPT, 4, seed, studio).result(),
        "one_512": lambda seed: api.paint(PROMPT, 1, seed, studio, size=512, layers=False).result(),
        "live": lambda seed: api.glimpse(PROMPT, seed, studio, steps=2),
    }
    found: dict[str, float] = {}
    for precision in ("", "bf16") if choose("auto") == "bf16" else ("",):
        with arithmetic(precision or "fp32"):
            for name, act in acts.items():
                note(f"{threads} threads: {name} {precision}")
                seconds = median(act, repeats)
                key = f"{name}_{precision}" if precision else name
                found[key] = round(seconds, 4)
                if name.startswith("live"):
                    found[f"{key.replace('live', 'live_fps', 1)}"] = round(1 / seconds, 2)
    return found


def median(act: Callable[[int], object], repeats: int) -> float:
    """Seconds, after two that do not count."""
    seconds = []
    for seed in range(repeats + 2):
        began = time.perf_counter()
        act(seed)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[2:])


def first_picture(model: str | None, threads: int, times: int = 5) -> float:
    """Median seconds from the start of a process until its picture lies there."""
    seconds = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "danqing", "paint", PROMPT, "--whole", "-n", "1", "--out", folder, "--quiet"]
            words += ["--model", model] if model else []
            seconds.append(until_there(words, Path(folder), os.environ | {"OMP_NUM_THREADS": str(threads)}))
    return round(statistics.median(seconds), 3)


def until_there(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    there = 0.0
    while process.poll() is None:
        if not there and any(folder.glob("*.png")):
            there = time.perf_counter() - began
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"danqing paint ended with {process.returncode}")
    return there or time.perf_counter() - began


def peer_line(threads: int, toy: bool) -> dict[str, Any]:
    need_peers()
    note("the peer: an SD-Turbo-sized U-Net, some minutes")
    return last_json([str(PEERS), str(HERE / "peer_turbo.py"), "--threads", str(threads), *(["--tiny"] if toy else [])])


def middle(one: float, two: float) -> float:
    return round((one + two) / 2, 4)


def ratios(ours: dict[str, float], peer: dict[str, Any] | None) -> dict[str, float]:
    """How many times faster we are."""
    return {} if peer is None else {"one_512": round(peer["seconds"] / ours["one_512"], 2)}


def judged(ours: dict[str, float], found: dict[str, float]) -> dict[str, dict[str, Any]]:
    values = ours | ({"peer_ratio": found["one_512"]} if found else {})
    return {
        name: {
            "what": what,
            "value": values[name],
            "goal": goal,
            "reached": values[name] <= goal if what.endswith("seconds") else values[name] >= goal,
        }
        for name, (what, goal) in GOALS.items()
        if name in values
    }


if __name__ == "__main__":
    main()
