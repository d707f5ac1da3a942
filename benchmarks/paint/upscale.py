"""The upscaler against nearest, bicubic and Lanczos on held-out drawings that were never seen in training.

    scripts/run python benchmarks/paint/upscale.py             about a minute; writes results/upscale.json
    ... --into-card                                            and puts the figures into the card of the shipped network
    ... --sheet sheet.png                                      and a sheet: enlarged crops of given, each way, truth

The truth is the vector drawn at 512 px. What is enlarged is the mean of its 4 x 4 blocks, as it is ('clean') or worn as
in training ('worn'). PSNR over the four premultiplied channels, mean over pictures; edge error: mean absolute error of
the Sobel gradients in values of 0 .. 255 per pixel.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from danqing.api.upscale_training import evenly, large, vectors_of
from danqing.data.clipart.reading import open_clipart
from danqing.evaluate import shipped
from danqing.families.text2image.upscaling import SHIPPED, Wear, degraded, enlarge, shipped_upscaler, sobel
from danqing.images.alpha import over_white
from danqing.nn.chance import Chance
from run import machine, note, save

SIDE, FACTOR = 128, 4
Way = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2, help="for the seconds")
    parser.add_argument("--into-card", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    truths = held_out(args.count)
    inputs = {"clean": [worn(truth, None) for truth in truths]}
    inputs["worn"] = [worn(truth, i) for i, truth in enumerate(truths)]
    ways: dict[str, Way] = {name: plain(kind) for name, kind in PLAIN.items()} | {"danqing": ours}
    rows = {given: {} for given in inputs}
    for given, pictures in inputs.items():
        for name, way in ways.items():
            note(f"upscale: {given} {name}")
            rows[given][name] = figures([way(picture) for picture in pictures], truths)
    content = {"count": len(truths), "figures": rows, "seconds": seconds(args.threads), "machine": machine()}
    print(json.dumps(content, indent=1))
    save("upscale.json", content)
    if args.into_card:
        into_card(content)
    if args.sheet:
        sheet(args.sheet, truths, inputs, ways)


def held_out(count: int) -> list[np.ndarray]:
    """(512, 512, 4) uint8 premultiplied, of names and pairs that are held out, as many of each style."""
    clipart = open_clipart()
    rows = evenly(clipart, ("pair", "name"), count, 0)
    vectors = vectors_of(clipart, rows)
    return [large(vectors[row]) for row in rows]


def worn(truth: np.ndarray, number: int | None) -> np.ndarray:
    """(128, 128, 4): the mean of blocks, worn where a number is given."""
    small = F.avg_pool2d(floats(truth), FACTOR)
    wear = Wear(clean=1.0 if number is None else 0.0)
    made = degraded(small, Chance("bench", number or 0), wear)
    return (made[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def floats(rgba: np.ndarray) -> torch.Tensor:
    """(1, 4, H, W) in 0 .. 1"""
    return torch.from_numpy(rgba).permute(2, 0, 1)[None].float() / 255


# The ways.

PLAIN = {
    "nearest": Image.Resampling.NEAREST,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def plain(kind: Image.Resampling) -> Way:
    def way(rgba: np.ndarray) -> np.ndarray:
        size = (rgba.shape[1] * FACTOR, rgba.shape[0] * FACTOR)
        planes = [np.asarray(Image.fromarray(np.ascontiguousarray(rgba[..., i])).resize(size, kind)) for i in range(4)]
        return np.stack([*(np.minimum(plane, planes[3]) for plane in planes[:3]), planes[3]], axis=2)

    return way


def ours(rgba: np.ndarray) -> np.ndarray:
    return enlarge(rgba, FACTOR)


# The figures.


def figures(made: list[np.ndarray], truths: list[np.ndarray]) -> dict[str, float]:
    errors = [floats(one) - floats(truth) for one, truth in zip(made, truths, strict=True)]
    psnr = [-10 * float((error**2).mean().clamp(min=1e-10).log10()) for error in errors]
    edges = [255 * float(sobel(error).abs().mean()) for error in errors]
    return {"psnr": round(statistics.mean(psnr), 2), "edge_error": round(statistics.mean(edges), 3)}


def seconds(threads: int) -> dict[str, Any]:
    """Median seconds of one 128 px picture enlarged to each size, warm."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), dtype=np.uint8)
    picture[..., 3] = 255
    taken: dict[str, Any] = {"threads": threads}
    for size in (256, 512, 1024):
        times = []
        for _ in range(7):
            began = time.perf_counter()
            enlarge(picture, (size, size))
            times.append(time.perf_counter() - began)
        taken[str(size)] = {"median": round(statistics.median(times), 3), "best": round(min(times), 3)}
    torch.set_num_threads(before)
    return taken


def into_card(content: dict[str, Any]) -> None:
    path = Path(str(shipped.shelf().joinpath(SHIPPED, "card.json")))
    card = {**json.loads(path.read_text(encoding="utf-8")), "figures": content}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def sheet(path: Path, truths: list[np.ndarray], inputs: dict[str, list[np.ndarray]], ways: dict[str, Way]) -> None:
    """For a dozen pictures a busy crop of 40 x 40 px of the input, 320 px wide: each way, then the truth."""
    shipped_upscaler()
    lines = []
    for i in range(0, min(len(truths), 12)):
        given = inputs["worn" if i % 2 else "clean"][i]
        y, x = busiest(given)
        made = [*(way(given) for way in ways.values()), truths[i]]
        cuts = [over_white(one)[4 * y : 4 * y + 160, 4 * x : 4 * x + 160] for one in made]
        lines.append(np.concatenate([np.kron(cut, np.ones((2, 2, 1), np.uint8)) for cut in cuts], axis=1))
    Image.fromarray(np.concatenate(lines)).save(path)


def busiest(given: np.ndarray) -> tuple[int, int]:
    slopes = sobel(floats(given)).abs().sum((0, 1))
    sums = F.avg_pool2d(slopes[None, None], 40, 8)[0, 0]
    place = int(sums.argmax())
    return place // sums.shape[1] * 8, place % sums.shape[1] * 8


if __name__ == "__main__":
    main()
