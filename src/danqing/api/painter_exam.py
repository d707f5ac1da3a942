"""What a painter is asked when it is judged: held-out names and pairs of name and style, in words and as embeddings."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from danqing.api.commissions import Commission
from danqing.api.orders import orders
from danqing.api.painter_report import SPLITS
from danqing.api.studios import Studio
from danqing.api.texttopicture import fulfilled, to_vary
from danqing.data.clipart.holding_out import chance
from danqing.data.clipart.reading import Clipart
from danqing.data.clipart.rows import Row
from danqing.errors import BadInputError, NotFoundError
from danqing.evaluate.words import CANDIDATES, Recall, WordJudge, draw_candidates, key, recall_at
from danqing.images.alpha import over_white, premultiplied, straight
from danqing.nn.chance import generator
from danqing.types import Picture, Progress

UNSEEN = 0.5
"""share of the styles of a held-out name that the judge did not learn from"""
AT_A_TIME = 16
"""orders that are made ready together"""
HITS = (1, 5)
"""ranks up to which the right name counts as found"""


@dataclass(frozen=True, eq=False)
class Easel:
    """Where pictures are painted, and how far that is."""

    studio: Studio
    total: int
    """pictures in all"""
    done: list[int] = field(default_factory=lambda: [0])
    began: float = field(default_factory=time.monotonic)

    def paint(self, wanted: Sequence[tuple[int, Commission]]) -> Generator[Progress, None, np.ndarray]:
        """(N, S, S, 4) uint8, premultiplied: a picture for each seed and commission, which ask for transparent ones."""
        side = self.studio.painter.size
        made = np.zeros((len(wanted), side, side, 4), np.uint8)
        for first in range(0, len(wanted), AT_A_TIME):
            some = wanted[first : first + AT_A_TIME]
            ready = [orders(self.studio, commission, 1, seed)[0] for seed, commission in some]

            def keep(place: int, picture: Picture, first: int = first) -> None:
                made[first + place] = premultiplied(picture.pixels)

            before = self.done[0]
            for progress in fulfilled(self.studio, ready, keep):
                self.done[0] = before + progress.step
                yield self.progress()
        return made

    def progress(self, message: str = "") -> Progress:
        done = self.done[0]
        left = (time.monotonic() - self.began) / done * (self.total - done) if done else None
        return Progress("evaluate", 0.95 * done / max(1, self.total), done, left, message=message)


@dataclass(frozen=True, eq=False)
class Lineup:
    """All names among which the right one is to be found; names of the same words are one name."""

    place: Mapping[tuple[str, ...], int]
    """words -> row of `vectors`"""
    vectors: Tensor
    """(M, D) unit vectors of the judge"""

    @staticmethod
    def of(judge: WordJudge, names: Sequence[str]) -> "Lineup":
        rows = {key(name): name for name in reversed(names) if judge.knows(name)}
        return Lineup({words: place for place, words in enumerate(rows)}, judge.embed_names(list(rows.values())))

    def candidates(self, names: Sequence[str], seed: int) -> Tensor:
        """(N, C) rows of `vectors`, the right one first."""
        right = torch.tensor([self.place[key(name)] for name in names])
        return draw_candidates(right, len(self.place), min(CANDIDATES, len(self.place)), seed)

    def recalls(self, seen: Tensor, candidates: Tensor, seed: int) -> tuple[Recall, Recall]:
        """R@1 and R@5 of the judge's vectors (N, D) of pictures."""
        first, fifth = (recall_at(seen, self.vectors, candidates, k, seed) for k in HITS)
        return first, fifth


@dataclass(frozen=True, eq=False)
class Sitting:
    """What is painted of one split from one source."""

    split: str
    source: str
    rows: list[int]
    """of the set"""
    wanted: list[tuple[int, Commission]]
    """a seed and a commission for each row; empty for real pictures"""
    understood: list[bool] | None = None
    """whether no word of the prompt is ignored"""


@dataclass(frozen=True, eq=False)
class Exam:
    """A painter, the set it is asked about, and the judge."""

    studio: Studio
    clipart: Clipart
    judge: WordJudge
    limit: int | None
    seed: int

    @cached_property
    def held(self) -> Mapping[str, list[int]]:
        """split -> rows of the set, in a seeded order. BadInputError where there are none."""
        found = {split: self.drawn(split) for split in SPLITS}
        if not any(found.values()):
            raise BadInputError("The set holds out no drawing in a style of this painter; train it on this set anew.")
        return {split: rows for split, rows in found.items() if rows}

    def drawn(self, split: str) -> list[int]:
        rows = [row for row in self.clipart.chosen(split).tolist() if self.fits(self.clipart.rows[row])]
        order = torch.randperm(len(rows), generator=generator("held out", split, self.seed)).tolist()
        return [rows[place] for place in order[: self.limit]]

    def fits(self, row: Row) -> bool:
        """Whether the painter can be asked for it, and the judge can tell."""
        fair = row.style in self.studio.styles and row.id not in self.learned
        return row.kind == "drawing" and fair and self.judge.knows(row.name_en)

    @cached_property
    def learned(self) -> frozenset[str]:
        """Ids of the pictures that the painter says it learned from; empty where it does not say."""
        try:
            return frozenset(entry.id for entry in self.studio.index.entries)
        except NotFoundError:
            return frozenset()

    @cached_property
    def leaked(self) -> int:
        """Held-out pictures that the painter has learned from all the same."""
        return sum(row.split in SPLITS and row.id in self.learned for row in self.clipart.rows)

    @cached_property
    def names(self) -> list[str]:
        """Of all drawings."""
        return [row.name_en for row in self.clipart.rows if row.kind == "drawing"]

    def named(self, rows: Sequence[int]) -> list[str]:
        return [self.clipart.rows[row].name_en for row in rows]

    @cached_property
    def lineup(self) -> Lineup:
        found = Lineup.of(self.judge, self.names)
        if len(found.place) <= max(HITS):
            raise BadInputError(f"The set has {len(found.place)} names of drawings; {max(HITS) + 1} are the fewest.")
        return found

    def sittings(self) -> Iterator[Sitting]:
        for split, rows in self.held.items():
            yield self.spoken(split, "words", rows, self.named(rows))
            chinese = [row for row in rows if self.clipart.rows[row].name_zh]
            if chinese:
                yield self.spoken(split, "words zh", chinese, [self.clipart.rows[row].name_zh for row in chinese])
            yield Sitting(split, "true embedding", rows, [(self.seed + row, self.shown(row)) for row in rows])
            unseen = [row for row in rows if unseen_by_judge(self.clipart.rows[row])]
            if unseen:
                yield Sitting(split, "real pictures", unseen, [])

    def spoken(self, split: str, source: str, rows: list[int], prompts: list[str]) -> Sitting:
        wanted = [
            (self.seed + row, Commission(prompt, style=self.clipart.rows[row].style, transparent=True, tries=None))
            for row, prompt in zip(rows, prompts, strict=True)
        ]
        readings = [self.studio.read(prompt) for prompt in prompts]
        return Sitting(split, source, rows, wanted, [not reading.of("ignored") for reading in readings])

    def shown(self, row: int) -> Commission:
        """The real picture's embedding, painted as it is."""
        real = straight(np.asarray(self.clipart.pictures[row]))
        return to_vary(real, 0.0, "", style=self.clipart.rows[row].style, transparent=True)

    def pictures(self, sitting: Sitting, easel: Easel) -> Generator[Progress, None, np.ndarray]:
        """(N, S, S, 4) uint8 premultiplied, painted or real."""
        return (yield from easel.paint(sitting.wanted)) if sitting.wanted else self.real(sitting.rows)

    def real(self, rows: Sequence[int]) -> np.ndarray:
        return np.asarray(self.clipart.pictures[np.asarray(rows)])

    def siblings(self, rows: Sequence[int]) -> list[int]:
        """Drawings to learn from in the same styles, as many of each style as `rows` has where there are as many."""
        found: list[int] = []
        styles = [self.clipart.rows[row].style for row in rows]
        for style in sorted(set(styles)):
            drawings = [
                place
                for place in self.clipart.chosen("train").tolist()
                if self.clipart.rows[place].style == style and self.clipart.rows[place].kind == "drawing"
            ]
            order = torch.randperm(len(drawings), generator=generator("siblings", style, self.seed)).tolist()
            found += [drawings[place] for place in order[: styles.count(style)]]
        return found


def unseen_by_judge(row: Row) -> bool:
    """Whether the judge that comes with Danqing did not learn from this picture (scripts/train_clipart_judge.py)."""
    name = " ".join(key(row.name_en))
    return row.split == "pair" or (row.split == "name" and chance("judge name", name, row.style) < UNSEEN)


def channels_first(rgba: np.ndarray) -> Tensor:
    """(N, H, W, 4) uint8 premultiplied -> (N, 3, H, W) uint8 over white."""
    return torch.from_numpy(over_white(rgba)).permute(0, 3, 1, 2).contiguous()
