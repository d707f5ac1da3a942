"""Train the word judge on the clip-art set and write it to src/danqing/models/clipart-judge (40 minutes on one core).

    danqing data build clipart
    python scripts/train_clipart_judge.py --cache features.npz

Symmetric InfoNCE (Radford et al. 2021, arXiv 2103.00020, fig. 3), in which all pictures of one name are right (Khosla
et al. 2020, arXiv 2004.11362, eq. 2). It learns from drawings only, and also from names that are held out from
painters, for it has to know them. Unseen by it are the pictures of split "pair" and, of the names of split "name", half
of the styles: its figures are measured on these, after the last step. What was chosen was chosen on part "choice".
"""

import argparse
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from danqing.data.clipart.holding_out import chance
from danqing.data.clipart.reading import Clipart, open_clipart
from danqing.data.clipart.rows import Row
from danqing.evaluate import words
from danqing.evaluate.features import in_batches
from danqing.evaluate.words import CANDIDATES, DIMS, FEATURES, NAME, SIDE, WordJudge, describe, key, tokens
from danqing.nn.chance import derive, generator

HOME = Path(__file__).parent.parent / "src/danqing/models" / NAME
LEAST = 0.9  # weight of a drawing that is used
UNSEEN = 0.5  # of the styles of a name of split "name"
CHOICE = 0.05  # of the rest, to choose settings by
PARTS = ("train", "choice", "pair", "name")
VIEWS = ("plain", "mirrored")
WARMEST = 100.0  # largest factor of the products (CLIP, section 2.5)


@dataclass(frozen=True)
class Lesson:
    """All drawings as the judge learns them."""

    names: list[str]
    """distinct to the judge, sorted"""
    rows: Tensor
    """(N,) int64: the name of each drawing"""
    keywords: list[list[str]]
    """N lists of words beside the name"""
    part: np.ndarray
    """(N,) of PARTS"""
    features: Tensor
    """(views, N, FEATURES) float16"""

    def of(self, part: str) -> Tensor:
        return torch.from_numpy(np.flatnonzero(self.part == part))


def part_of(row: Row) -> str:
    """What a drawing is for: to learn from, to choose settings by, or one of the two kinds of unseen pictures."""
    name = " ".join(key(row.name_en))
    if row.split == "name":
        return "name" if chance("judge name", name, row.style) < UNSEEN else "train"
    if row.split == "pair":
        return "pair"
    return "choice" if chance("judge choice", name, row.style) < CHOICE else "train"


def features(found: Clipart, rows: Sequence[int], view: str) -> Tensor:
    """(n, FEATURES) float16 of one view of the drawings at `rows`."""
    parts, start = [torch.empty(0, FEATURES, dtype=torch.float16)], time.time()
    for begin in range(0, len(rows), 256):
        pixels = torch.from_numpy(found.white(np.asarray(rows[begin : begin + 256]))).permute(0, 3, 1, 2)
        pixels = pixels.flip(3) if view == "mirrored" else pixels
        parts.append(in_batches(describe, pixels).half())
        print(f"{view} {begin + len(pixels)}/{len(rows)}  {time.time() - start:.0f} s", flush=True)
    return torch.cat(parts)


def cached(path: Path | None, found: Clipart, rows: Sequence[int]) -> Tensor:
    """The features of all views, (views, N, FEATURES) float16; those of pictures that are in the cache come from it."""
    marks = [hashlib.sha256(found.pictures[row].tobytes()).hexdigest() for row in rows]
    stored: dict[str, Tensor] = {}
    if path is not None and path.exists():
        with np.load(path) as file:
            stored = dict(zip(file["marks"].tolist(), torch.from_numpy(file["features"]).unbind(1), strict=True))
    new = [place for place, mark in enumerate(marks) if mark not in stored]
    made = torch.stack([features(found, [rows[place] for place in new], view) for view in VIEWS])
    stored |= {marks[place]: made[:, column] for column, place in enumerate(new)}
    everything = torch.stack([stored[mark] for mark in marks], 1)
    if path is not None and new:
        np.savez(path, features=everything.numpy(), marks=marks)
    return everything


def lesson(found: Clipart, cache: Path | None) -> Lesson:
    places = [place for place, row in enumerate(found.rows) if row.kind == "drawing" and row.weight >= LEAST]
    drawings = [found.rows[place] for place in places]
    first = {key(row.name_en): row.name_en for row in reversed(drawings)}
    order = sorted(first)
    number = {words: place for place, words in enumerate(order)}
    return Lesson(
        names=[first[words] for words in order],
        rows=torch.tensor([number[key(row.name_en)] for row in drawings]),
        keywords=[[word for keyword in row.keywords_en for word in tokens(keyword)] for row in drawings],
        part=np.array([part_of(row) for row in drawings]),
        features=cached(cache, found, places),
    )


def vocabulary(lesson: Lesson) -> list[str]:
    """All words of names and keywords, sorted."""
    return sorted({word for name in lesson.names for word in key(name)}.union(*lesson.keywords))


def measure(judge: WordJudge, plain: Tensor) -> None:
    """Set centre and scale of the picture tower from features (N, FEATURES)."""
    values = plain.float().sqrt()
    deviation = values.std(0)
    judge.pictures.centre.copy_(values.mean(0))
    judge.pictures.scale.copy_(1 / (deviation + 1e-3 * deviation.mean()))


def contrast(scores: Tensor, rows: Tensor) -> Tensor:
    """Scores (B, B) of pictures and names, and the name (B,) of each -> the mean of both cross-entropies."""
    same = (rows[:, None] == rows).float()
    goal = same / same.sum(1, keepdim=True)
    return -(goal * (log_softmax(scores, 1) + log_softmax(scores, 0))).sum(1).mean() / 2


def caption(judge: WordJudge, lesson: Lesson, row: int, share: float, luck: np.random.Generator) -> list[int]:
    """The word numbers of a drawing's name, in a share of the cases with one or two keywords."""
    bag = judge.bag(lesson.names[lesson.rows[row]])
    if lesson.keywords[row] and luck.random() < share:
        more = luck.choice(lesson.keywords[row], min(2, len(lesson.keywords[row])), replace=False)
        bag = bag + [judge.number[word] for word in more]
    return bag


def train(judge: WordJudge, lesson: Lesson, args: argparse.Namespace) -> None:
    luck, choice = generator("judge", args.seed), np.random.default_rng(derive("judge captions", args.seed))
    warmth = nn.Parameter(torch.tensor(1 / 0.07).log())
    groups: list[dict[str, Any]] = [{"params": list(judge.parameters())}, {"params": [warmth], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, weight_decay=args.decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=args.steps, pct_start=0.1)
    seen, start = lesson.of("train"), time.time()
    for step in range(1, args.steps + 1):
        some = seen[torch.randperm(len(seen), generator=luck)[: args.batch]]
        views = torch.randint(len(VIEWS), (len(some),), generator=luck)
        x = judge.pictures.standard(lesson.features[views, some].float())
        x = x + args.noise * torch.randn(x.shape, generator=luck)
        bags = [caption(judge, lesson, row, args.keywords, choice) for row in some.tolist()]
        scores = warmth.exp().clamp(max=WARMEST) * judge.pictures.project(x) @ judge.names(bags).T
        loss = contrast(scores, lesson.rows[some])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        rate.step()
        if step % 50 == 0:
            print(f"{step}/{args.steps}  loss {loss.item():.3f}  {time.time() - start:.0f} s", flush=True)


@torch.inference_mode()
def figures(judge: WordJudge, lesson: Lesson, part: str) -> dict[str, object]:
    """R@1 and R@5 among CANDIDATES names for the real pictures of a part."""
    rows = lesson.of(part)
    seen, named = judge.pictures(lesson.features[0, rows].float()), judge.embed_names(lesson.names)
    candidates = words.draw_candidates(lesson.rows[rows], len(lesson.names))
    return {f"R@{k}": asdict(words.recall_at(seen, named, candidates, k)) for k in (1, 5)}


def write(judge: WordJudge, lesson: Lesson, facts: Mapping[str, object]) -> None:
    blob = save({name: value.half().contiguous() for name, value in judge.state_dict().items()})
    lists = {"words": list(judge.number), "names": lesson.names}
    texts = {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in lists.items()}
    card = {
        "name": NAME,
        "family": "features",
        "licence": "Apache-2.0",
        "source": "scripts/train_clipart_judge.py, from the drawings of `danqing data build clipart`, on vgg19",
        "input": f"(N, 3, H, W) over white, resized to {SIDE} pixels; English names",
        "dims": DIMS,
        "features": FEATURES,
        "sha256": hashlib.sha256(blob).hexdigest(),
        **{f"{name}_sha256": hashlib.sha256(text).hexdigest() for name, text in texts.items()},
        **facts,
        "software": {"torch": torch.__version__},
    }
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "weights.safetensors").write_bytes(blob)
    for name, text in texts.items():
        (HOME / f"{name}.txt").write_bytes(text)
    (HOME / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the set; without it the usual one")
    parser.add_argument("--cache", type=Path, help=".npz to keep the features in")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=0.1, help="weight decay")
    parser.add_argument("--noise", type=float, default=0.5, help="on standardised features")
    parser.add_argument("--keywords", type=float, default=0.3, help="share of names that come with keywords")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(derive("judge weights", args.seed))
    found, start = open_clipart(args.data), time.time()
    known = lesson(found, args.cache)
    judge = WordJudge(vocabulary(known))
    measure(judge, known.features[0, known.of("train")])
    train(judge.train(), known, args)
    judge = judge.eval().half().float()  # as it is stored
    facts = {
        "candidates": CANDIDATES,
        "figures": {part: figures(judge, known, part) for part in PARTS[1:]},
        "counts": {part: len(known.of(part)) for part in PARTS},
        "names": len(known.names),
        "data_sha256": found.card["sha256"]["pictures.npy"],
        "train": {name: value for name, value in vars(args).items() if name not in ("data", "cache")},
        "seconds": round(time.time() - start),
    }
    write(judge, known, facts)
    print(json.dumps(facts["figures"], indent=2))


if __name__ == "__main__":
    main()
