"""Drawings that the painter learned from, asked for by name and style: are they named, and are they copied?

    python benchmarks/paint/learned.py [--model PAINTER_FOLDER] [--count 240]

R@1 and R@5 among 500 names for the judge that was taught apart, of what is painted and of the drawings themselves;
likeness of what is painted to the nearest training picture. Writes benchmarks/results/paint-learned.json.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor

from danqing import api
from danqing.api.act import Act
from danqing.api.painter_exam import Easel, Exam, channels_first
from danqing.data.clipart.reading import open_clipart
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.evaluate.words import WordJudge
from danqing.families.text2image.pool import AT_ONCE, as_pictures
from run import machine, save


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a painter's folder; Danqing's own if left out")
    parser.add_argument("--count", type=int, default=240)
    args = parser.parse_args()
    studio, clipart = api.load_painter(args.model), open_clipart()
    exam = Exam(studio, clipart, WordJudge.load(), args.count, 0)
    rows = learned(exam, args.count)
    names = [clipart.rows[row].name_en for row in rows]
    painted = Act(Easel(studio, len(rows)).paint(exam.spoken("train", "words", rows, names).wanted)).result()
    candidates = exam.lineup.candidates(names, 0)

    def marks(pictures: np.ndarray) -> dict[str, float]:
        seen = exam.judge.embed_pictures(channels_first(pictures))
        first, fifth = exam.lineup.recalls(seen, candidates, 0)
        return {"r1": first.value, "r5": fifth.value}

    likeness = torch.stack([studio.index.likeness(e).max() for e in embedded(studio, painted)])
    content: dict[str, Any] = {
        "count": len(rows), "painted": marks(painted), "drawn": marks(exam.real(rows)),
        "likeness": {"median": float(likeness.median()), "largest": float(likeness.max())}, "hash": studio.hash,
    }  # fmt: skip
    print(json.dumps(content, indent=1))
    save("paint-learned.json", content | {"machine": machine()})


def learned(exam: Exam, count: int) -> list[int]:
    """Rows of drawings in the painter's styles whose names the judge knows, by chance."""
    rows = exam.clipart.rows
    fit = [
        i for i in exam.clipart.chosen("train").tolist()
        if rows[i].kind == "drawing" and rows[i].style in exam.studio.styles and exam.judge.knows(rows[i].name_en)
    ]  # fmt: skip
    return sorted(np.random.default_rng(1).choice(fit, count, replace=False).tolist())


@torch.no_grad()
def embedded(studio: api.Studio, pictures: np.ndarray) -> Tensor:
    """(N, D) of (N, S, S, 4) uint8, premultiplied."""
    parts = as_pictures(torch.from_numpy(pictures)).split(AT_ONCE)
    return torch.cat([studio.painter.embed(efficientnet_lite0(), part) for part in parts])


if __name__ == "__main__":
    main()
