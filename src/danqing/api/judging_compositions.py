"""New combinations that a painter is asked for: painted things, backgrounds, counts, pairs, hats and glasses.

Each is composed of real pictures as for training, but by another chance, so the very combination was hardly ever seen
while its parts were. What the composed picture itself scores is the most that can be hoped for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from danqing.api.commissions import Commission
from danqing.api.painter_exam import Lineup, channels_first
from danqing.api.painter_report import Composed, Share
from danqing.data.clipart.colouring import colour_words
from danqing.data.clipart.reading import Clipart
from danqing.data.composing import Composition, Stock, compose, draw
from danqing.errors import BadInputError
from danqing.evaluate.report import wilson
from danqing.evaluate.words import Recall, WordJudge
from danqing.nn.chance import derive

KINDS = ("plain", "hue", "count", "pair", "wear", "background")
TRIES = 60
"""compositions that are looked at for each that is taken, before a kind is given up"""


@dataclass(frozen=True, eq=False)
class Task:
    """One composition to paint."""

    number: int
    """among all tasks, added to the seed"""
    prompt: str
    names: tuple[str, ...]
    """what the judge should see: one thing, or two"""
    colour: str
    """a colour word that must be measurable; empty where none was asked for"""
    drawn: np.ndarray
    """(S, S, 4) uint8 premultiplied: the same of real pictures"""

    @property
    def commission(self) -> Commission:
        return Commission(self.prompt, transparent=True, tries=None)


def compositions(
    clipart: Clipart, styles: Sequence[str], judge: WordJudge, count: int, seed: int
) -> tuple[dict[str, list[Task]], list[str]]:
    """`count` tasks of each kind, and the kinds that this set does not allow."""
    stock = Stock(clipart.rows, clipart.pictures)
    tasks: dict[str, list[Task]] = {}
    missing = []
    for kind in KINDS:
        found = some(stock, kind, styles, judge, count, seed)
        if found:
            first = sum(map(len, tasks.values()))
            tasks[kind] = [task_of(one, first + number, stock) for number, one in enumerate(found)]
        else:
            missing.append(kind)
    return tasks, missing


def some(stock: Stock, kind: str, styles: Sequence[str], judge: WordJudge, count: int, seed: int) -> list[Composition]:
    """Different compositions of drawings in styles of the painter, named in words that the judge knows."""
    rng, found = np.random.default_rng(derive("judge", "compositions", kind, seed)), dict[str, Composition]()
    for _ in range(TRIES * count):
        try:
            one = compose(rng, stock, {kind: 1.0})
        except BadInputError:
            break
        drawings = all(stock.rows[row].kind == "drawing" for row in one.rows)
        if drawings and one.style in styles and all(judge.knows(name) for name in names_of(one)):
            found.setdefault(one.words_en, one)
        if len(found) == count:
            break
    return list(found.values())


def names_of(composition: Composition) -> tuple[str, ...]:
    """As its plainest caption says them."""
    return tuple(thing.short_en or thing.en for thing in composition.things)


def task_of(composition: Composition, number: int, stock: Stock) -> Task:
    ground = composition.ground
    colour = {"hue": composition.things[0].colour, "background": ground.word if ground else ""}.get(
        composition.kind, ""
    )
    drawn = draw(composition, stock.pictures)
    return Task(number, composition.words_en, names_of(composition), colour, drawn)


def composed_row(
    kind: str, source: str, tasks: Sequence[Task], made: np.ndarray, judge: WordJudge, seed: int, lineup: Lineup
) -> Composed:
    """`made`: (N, S, S, 4) uint8 premultiplied. `lineup` has the names of all tasks."""
    seen = judge.embed_pictures(channels_first(made))

    def recall(place: int) -> Recall:
        candidates = lineup.candidates([task.names[place] for task in tasks], seed)
        return lineup.recalls(seen, candidates, seed)[1]

    asked = [task.colour for task in tasks]
    measured = [colour_words(picture) for picture in made] if all(asked) else []
    other = asked[1:] + asked[:1]
    return Composed(
        kind,
        source,
        recall(0),
        recall(1) if all(len(task.names) > 1 for task in tasks) else None,
        coloured(asked, measured) if measured else None,
        coloured(other, measured) if measured else None,
    )


def coloured(asked: Sequence[str], measured: Sequence[Sequence[str]]) -> Share:
    return share_of([colour in words for colour, words in zip(asked, measured, strict=True)])


def share_of(hits: Sequence[bool]) -> Share:
    value = sum(hits) / len(hits)
    return Share(value, *wilson(value, len(hits)), len(hits))


def all_names(tasks: Mapping[str, Sequence[Task]]) -> list[str]:
    return [name for some in tasks.values() for task in some for name in task.names]
