"""Words to pictures at equal CPU time: our prior and decoder beside diffusers' text-to-image U-Net, on the same data.

    python benchmarks/paint/equal.py --school runs/painter [--minutes 60] [--seeds 0,1,2] [--count 380]

`--school`: a folder that `danqing train-painter` has made, with its pool, captions and codec (whose latents both sides
learn from; its time counts for neither). Ours spends PRIOR of the minutes on the prior, the rest on the decoder, with
what the prior revises in between; the peer spends all on its U-Net. One thread each, beside each other: it takes two
quiet cores. Both are asked for the same held-out pairs of name and style, painted once each (`danqing paint` keeps the
best of three); the judge says R@5 among 500 names, and FD-effl0 is against the real drawings. What exists is not made
again. Writes benchmarks/results/paint-equal.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor

from danqing.api.orders import MANY
from danqing.api.painter_exam import Lineup
from danqing.api.schooling import How, decoder_run, learned_codec, learned_prior, prior_run
from danqing.data.clipart.reading import open_clipart
from danqing.evaluate import metrics
from danqing.evaluate.metrics import Sets
from danqing.evaluate.report import SPLITS, halved, interval
from danqing.evaluate.words import WordJudge
from danqing.families.text2image import pool
from danqing.families.text2image.embedding import over_white
from danqing.families.text2image.imagining import nothing_said
from danqing.families.text2image.lessons import Lessons, lessons
from danqing.families.text2image.painter import Manner, Painter
from danqing.families.text2image.prior import Said
from danqing.families.text2image.recipes import School, school
from danqing.nn.chance import generator, picture_generators
from danqing.registry import get
from run import PEERS, machine, need_peers, note, save

PRIOR = 0.25
"""share of our minutes"""
SURE = 20
"""seconds after which a program has begun in earnest"""
REVISED = 0.3
"""share of the pool that the prior revises"""
HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--school", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--count", type=int, default=380, help="held-out pairs")
    args = parser.parse_args()
    need_peers()
    plan, clipart = school("cpu"), open_clipart()
    taught = lessons(clipart, plan.pool)
    exam = Exam(taught, args.count)
    folder = args.school / "equal"
    folder.mkdir(exist_ok=True)
    made = pool.opened(args.school / "pool")
    codec = learned_codec(args.school / "codec")
    export(folder / "data.npz", made, taught, exam)
    rows: dict[str, list[Any]] = {"danqing": [], "peer": []}
    for seed in map(int, args.seeds.split(",")):
        out = folder / f"peer-{seed}-{args.minutes:g}-{args.count}.npz"
        note(f"equal: seed {seed}")
        words = ["--data", folder / "data.npz", "--minutes", args.minutes, "--seed", seed, "--out", out]
        with beside([] if out.exists() else [PEERS, HERE / "peer_unet.py", *words]):
            rows["danqing"].append(ours(args.school, folder / f"ours-{seed}", plan, taught, exam, args.minutes, seed))
        found = np.load(out)
        meta = json.loads(str(found["meta"]))
        ways = {name: shown(codec, found[name]) for name in found.files if name != "meta"}
        rows["peer"].append(meta | {name: exam.marks(pictures) for name, pictures in ways.items()})
    content = {"count": len(exam.rows), "minutes": args.minutes, "rows": rows, "real": exam.marks(exam.real)}
    print(json.dumps(content, indent=1))
    save("paint-equal.json", content | {"machine": machine()})


@contextmanager
def beside(command: Sequence[object]) -> Iterator[None]:
    """A program that runs meanwhile and is waited for; none for no words. If it fails at once, or we do, both end."""
    if not command:
        yield
        return
    with subprocess.Popen(list(map(str, command))) as process:
        try:
            time.sleep(SURE)
            if process.poll():
                raise subprocess.CalledProcessError(process.returncode, process.args)
            yield
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, process.args)
        finally:
            process.kill()


class Exam:
    """Held-out pairs of name and style, and the judge of what is painted for them."""

    def __init__(self, taught: Lessons, count: int) -> None:
        clipart, self.judge = taught.clipart, WordJudge.load()
        rows = clipart.rows
        fit = [i for i in clipart.chosen("pair").tolist() if rows[i].kind == "drawing"]
        fit = [i for i in fit if rows[i].style in taught.styles and self.judge.knows(rows[i].name_en)]
        order = torch.randperm(len(fit), generator=torch.Generator().manual_seed(0)).tolist()
        self.rows = [fit[place] for place in order[:count]]
        self.lineup = Lineup.of(self.judge, [row.name_en for row in rows if row.kind == "drawing"])
        self.candidates = self.lineup.candidates([rows[i].name_en for i in self.rows], 0)
        self.real = pool.as_pictures(torch.from_numpy(np.array(clipart.pictures[np.asarray(self.rows)])))
        said = [taught.tokens(rows[i].name_en) for i in self.rows]
        self.tokens = torch.tensor([[*one, *[0] * (pool.LENGTH - len(one))] for one in said])
        self.style = torch.tensor([taught.styles.index(rows[i].style) for i in self.rows])
        self.net = get("features", "effl0")
        self.seen = self.net(flat(self.real))

    def marks(self, pictures: Tensor) -> dict[str, Any]:
        """R@5 and FD with their intervals, FD from the real ones, of (N, 4, S, S) in [-1, 1]."""
        _, fifth = self.lineup.recalls(self.judge.embed_pictures(flat(pictures)), self.candidates, 0)
        return {"r5": fifth.value, "interval": [fifth.low, fifth.high]} | distance(self.seen, self.net(flat(pictures)))


def distance(real: Tensor, made: Tensor) -> dict[str, Any]:
    """FD of features (N, D) from those of the real ones, with its interval."""
    both, chance = Sets(real, made), generator("equal")
    value = metrics.frechet.measure(both)
    halves = [halved(both, chance) for _ in range(SPLITS)]
    pairs = [(metrics.frechet.measure(a), metrics.frechet.measure(b)) for a, b in halves]
    return {"fd": value, "fd_interval": list(interval(value, pairs, metrics.frechet.limits, len(made)))}


def flat(pictures: Tensor) -> Tensor:
    """(N, 4, S, S) premultiplied in [-1, 1] -> (N, 3, S, S) uint8 over white."""
    return (over_white(pictures) * 127.5 + 127.5).round().clamp(0, 255).byte()


def export(path: Path, made: pool.Pool, taught: Lessons, exam: Exam) -> None:
    """What the peer needs, as plain arrays; the style is a word of its own after all others."""
    words = len(taught.lexicon)
    arrays = {
        "latents": made.latents, "tokens": made.tokens, "style": made.style.astype(np.int64) + words,
        "weight": made.weight.astype(np.float64), "words": np.array(words + len(taught.styles)),
        "asked": exam.tokens.numpy(), "asked_style": exam.style.numpy() + words,
    }  # fmt: skip
    with path.open("wb") as file:
        np.savez(file, **arrays)


@torch.no_grad()
def shown(codec: Any, latents: np.ndarray) -> Tensor:
    parts = torch.from_numpy(latents.astype(np.float32)).split(32)
    return torch.cat([codec.decode(part).clamp(-1, 1) for part in parts])


def ours(made_by: Path, folder: Path, plan: School, taught: Lessons, exam: Exam, minutes: float, seed: int) -> Any:
    """Train both parts for their share of the CPU minutes, then paint what is asked for."""
    made = pool.opened(made_by / "pool")
    share = {"prior": PRIOR * minutes, "decoder": (1 - PRIOR) * minutes}
    how = {name: How(seed, budget={"minutes": share[name]}, clock=time.process_time) for name in share}
    plain = replace(made, revised=None, imagined=None)
    list(prior_run(folder / "prior", plan, plain, len(taught.styles), len(taught.lexicon), how["prior"])
         .from_where_it_stopped())  # fmt: skip
    prior, learned = learned_prior(folder / "prior")
    revised = folder / "pool"
    if not revised.exists():
        revised.mkdir()
        for file in (made_by / "pool").iterdir():
            if file.stem not in ("revised", "imagined"):
                (revised / file.name).symlink_to(file.resolve())
    began = time.process_time()
    for done in pool.write_revised(revised, prior, learned, seed):
        if done > REVISED:
            break
    spent = (time.process_time() - began) / 60
    how["decoder"] = replace(how["decoder"], budget={"minutes": max(1.0, share["decoder"] - spent)})
    run = decoder_run(folder / "decoder", plan, pool.opened(revised), len(taught.styles), prior.gist, how["decoder"])
    list(run.from_where_it_stopped())
    painter = Painter(prior.config, run.trainer.model.config, learned_codec(made_by / "codec").config)
    painter.prior, painter.codec, painter.embedder = prior, learned_codec(made_by / "codec"), made.embedder
    painter.decoder = run.trainer.average.module
    pictures = paint(painter.eval(), exam)
    np.save(folder / "painted.npy", flat(pictures).numpy())
    return {"seed": seed, "revising_minutes": round(spent, 1), "pictures_seen": run.trainer.pictures,
            "marks": exam.marks(pictures)}  # fmt: skip


@torch.no_grad()
def paint(painter: Painter, exam: Exam) -> Tensor:
    made, manner = [], Manner(steps=MANY, jumps=False)
    for first in range(0, len(exam.tokens), 16):
        tokens, style = exam.tokens[first : first + 16], exam.style[first : first + 16]
        said = Said(tokens, torch.ones(tokens.shape), style)
        chance = picture_generators(first, len(tokens))
        e = painter.imagine(said, nothing_said(said, painter.prior.config.styles), manner, chance)
        made.append(painter.render(e, said, manner, chance))
    return torch.cat(made)


if __name__ == "__main__":
    main()
