"""How well does a painter obey? It is asked for what was held out, and a judge trained apart says what it sees.

Held out are names, and pairs of name and style, of the clip-art set. Beside the pictures painted from words stand the
real picture's embedding, painted (what the decoder can do), and the real picture itself (what the judge can see).
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from danqing.api.act import act
from danqing.api.commissions import Commission
from danqing.api.judging_compositions import all_names, composed_row, compositions, share_of
from danqing.api.orders import settled, way_of
from danqing.api.painter_exam import Easel, Exam, Lineup, Sitting, channels_first
from danqing.api.painter_report import Composed, Copies, Distance, PainterReport, Pair, Score, Shown
from danqing.api.studios import load_painter
from danqing.api.texttopicture import Model
from danqing.data.clipart.reading import Clipart, open_clipart
from danqing.errors import NotFoundError, UsageError
from danqing.evaluate import report
from danqing.evaluate.features import FeatureNet
from danqing.evaluate.metrics import FEWEST
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.evaluate.words import WordJudge
from danqing.images.alpha import over_white
from danqing.images.arrays import to_float
from danqing.nn.chance import generator
from danqing.registry import get
from danqing.types import Progress

FEW = 2
COMPOSED = 20
"""compositions of each kind"""
SHOWN = 12
"""held-out pictures of each split on the sheet"""
ON_SHEET = ("real pictures", "true embedding", "words", "words zh")
CLOSEST = 10
"""painted pictures that are shown beside the training picture they are most like"""
STRICT = 0.99
"""so many of the real held-out pictures are no copies"""
MEASURES = ("frechet", "kid")
COMPARED = ("words", "true embedding")
"""sources whose distance from real pictures is measured"""

Gallery = Mapping[tuple[str, str], np.ndarray]
"""(split, source) -> (N, S, S, 4) uint8 premultiplied"""


@act
def evaluate_painter(
    model: Model = None, data: str | Path | Clipart | None = None, limit: int | None = None, seed: int = 0
) -> Generator[Progress, None, PainterReport]:
    """Ask a painter for what it never saw, unpicked: row i of the set is painted with the seed `seed` + i.

    `data`: folder of the clip-art set, its usual place if not given. `limit`: at most so many held-out pictures of each
    split, and compositions of each kind. Raises NotFoundError before `danqing data build clipart`, UsageError, or
    BadInputError where the set holds out nothing in the painter's styles.
    """
    if limit is not None and limit < FEW:
        raise UsageError(f"{limit} pictures are too few to judge a painter by; choose {FEW} or more.")
    if seed < 0:
        raise UsageError(f"A seed of {seed} is not possible; choose 0 or more.")
    clipart = data if isinstance(data, Clipart) else open_clipart(None if data is None else Path(data))
    exam = Exam(load_painter(model), clipart, WordJudge.load(), limit, seed)
    sittings = list(exam.sittings())
    tasks, missing = compositions(clipart, exam.studio.styles, exam.judge, min(COMPOSED, limit or COMPOSED), seed)
    easel = Easel(exam.studio, sum(len(one.wanted) for one in sittings) + sum(map(len, tasks.values())))
    yield easel.progress(f"Painting {easel.total:,} pictures.")
    gallery: dict[tuple[str, str], np.ndarray] = {}
    for one in sittings:
        gallery[one.split, one.source] = yield from exam.pictures(one, easel)
    names = Lineup.of(exam.judge, [*exam.names, *all_names(tasks)])
    composed: list[Composed] = []
    for kind, some in tasks.items():
        painted = yield from easel.paint([(seed + task.number, task.commission) for task in some])
        for source, made in (("words", painted), ("drawn", np.stack([task.drawn for task in some]))):
            composed.append(composed_row(kind, source, some, made, exam.judge, seed, names))
    yield easel.progress("Comparing with real pictures.")
    result = marked(exam, sittings, gallery, composed, missing)
    yield Progress("evaluate", 1.0, easel.total)
    return result


def marked(
    exam: Exam, sittings: Sequence[Sitting], gallery: Gallery, composed: Sequence[Composed], missing: Sequence[str]
) -> PainterReport:
    """The report on everything that was painted."""
    rows, styles = scores(exam, sittings, gallery)
    distances = tuple(distances_of(exam, gallery))
    copies = copies_of(exam, gallery)
    return PainterReport(
        exam.studio.name,
        exam.studio.hash,
        way_of(exam.studio, settled(Commission())).manner.steps,
        exam.seed,
        {split: len(held) for split, held in exam.held.items()},
        rows,
        styles,
        distances,
        copies,
        tuple(composed),
        tuple(notes(exam, distances, copies, missing)),
        tuple(sheet(exam, sittings, gallery)),
        tuple(closest(exam, gallery, copies)) if copies else (),
    )


# Is it what was asked for?


def scores(exam: Exam, sittings: Sequence[Sitting], gallery: Gallery) -> tuple[tuple[Score, ...], tuple[Score, ...]]:
    """Over all styles, and style by style. Every source of a split meets the same candidates."""
    whole, by_style = [], []
    candidates = {
        split: dict(zip(rows, exam.lineup.candidates(exam.named(rows), exam.seed), strict=True))
        for split, rows in exam.held.items()
    }
    for one in sittings:
        seen = exam.judge.embed_pictures(channels_first(gallery[one.split, one.source]))
        among = torch.stack([candidates[one.split][row] for row in one.rows])
        whole.append(score(exam, one, "", seen, among))
        drawn = [exam.clipart.rows[row].style for row in one.rows]
        by_style += [
            score(exam, one, style, seen, among, [place for place, name in enumerate(drawn) if name == style])
            for style in sorted(set(drawn))
        ]
    return tuple(whole), tuple(by_style)


def score(
    exam: Exam, one: Sitting, style: str, seen: Tensor, candidates: Tensor, places: Sequence[int] | None = None
) -> Score:
    """`places`: which of the pictures count, all if not given."""
    chosen = list(range(len(seen))) if places is None else list(places)
    r1, r5 = exam.lineup.recalls(seen[chosen], candidates[chosen], exam.seed)
    known = [one.understood[place] for place in chosen] if one.understood is not None else None
    return Score(one.split, one.source, style, r1, r5, sum(known) / len(known) if known else None)


# Does it look like real pictures, as a set?


def distances_of(exam: Exam, gallery: Gallery) -> Iterator[Distance]:
    """Of both splits together; the floor compares the real ones with training pictures of the same styles."""
    held = [row for rows in exam.held.values() for row in rows]
    if len(held) < 2 * FEWEST:
        return
    net: FeatureNet = get("features", "effl0")
    others = exam.siblings(held)
    real = net(channels_first(exam.real(held)))
    other = net(channels_first(exam.real(others))) if others else real[:0]
    for source in COMPARED:
        made = np.concatenate([gallery[split, source] for split in exam.held])
        samples = report.Samples(real, net(channels_first(made)), other)
        chance = generator("evaluate", exam.seed, source)
        measures = [get("metric", name) for name in MEASURES]
        yield from (Distance(source, row) for row in report.compare(samples, net, measures, report.SPLITS, chance))


# Is it a copy?


def copies_of(exam: Exam, gallery: Gallery) -> Copies | None:
    """Likeness of what was painted from English words to what the painter learned from; None where it does not say."""
    try:
        index = exam.studio.index
    except NotFoundError:
        return None
    real, painted = [], []
    for split, rows in exam.held.items():
        real += [value for _, value in nearest(exam, exam.real(rows))]
        ids = [exam.clipart.rows[row].id for row in rows]
        found = nearest(exam, gallery[split, "words"])
        painted += [Pair(name, index.entries[place].id, value) for name, (place, value) in zip(ids, found, strict=True)]
    real_values, values = torch.tensor(real), torch.tensor([pair.likeness for pair in painted])
    threshold = real_values.quantile(STRICT).item()
    return Copies(
        threshold,
        share_of([pair.likeness > threshold for pair in painted]),
        values.median().item(),
        real_values.median().item(),
        tuple(sorted(painted, key=lambda pair: -pair.likeness)[:CLOSEST]),
    )


@torch.no_grad()
def nearest(exam: Exam, rgba: np.ndarray) -> list[tuple[int, float]]:
    """Of each picture (N, S, S, 4) uint8 premultiplied the training picture most like it, and the cosine."""
    found: list[tuple[int, float]] = []
    for part in torch.from_numpy(rgba).permute(0, 3, 1, 2).split(32):
        for embedding in exam.studio.painter.embed(efficientnet_lite0(), to_float(part)):
            value, place = exam.studio.index.likeness(embedding).max(0)
            found.append((int(place), float(value)))
    return found


# What people look at.


def sheet(exam: Exam, sittings: Sequence[Sitting], gallery: Gallery) -> Iterator[Shown]:
    """The first of every split, in its seeded order."""
    places = {(one.split, one.source): {row: place for place, row in enumerate(one.rows)} for one in sittings}
    for split, rows in exam.held.items():
        for row in rows[:SHOWN]:
            cells: list[np.ndarray | None] = [over_white(exam.real([row])[0])]
            for source in ON_SHEET[1:]:
                place = places.get((split, source), {}).get(row)
                cells.append(None if place is None else over_white(gallery[split, source][place]))
            named = exam.clipart.rows[row]
            yield Shown(f"{named.name_en} ({named.style}, {split})", tuple(cells))


def closest(exam: Exam, gallery: Gallery, copies: Copies) -> Iterator[Shown]:
    for pair in copies.nearest:
        row = exam.clipart.places[pair.painted]
        split = exam.clipart.rows[row].split
        painted = over_white(gallery[split, "words"][exam.held[split].index(row)])
        place = exam.clipart.places.get(pair.training)
        training = None if place is None else over_white(exam.real([place])[0])
        yield Shown(f"{pair.likeness:.3f} {pair.painted}: {pair.training}", (painted, training))


def notes(exam: Exam, distances: Sequence[Distance], copies: Copies | None, missing: Sequence[str]) -> Iterator[str]:
    """What to beware of, in whole sentences."""
    if exam.leaked:
        yield f"The painter learned from {exam.leaked} held-out pictures of this set; they were left out."
    if not distances:
        yield f"Fewer than {2 * FEWEST} held-out pictures were painted, too few for distances."
    yield from dict.fromkeys(text for distance in distances for text in report.cautions(distance.row))
    if copies is None:
        yield "The painter does not list its training pictures, so copies could not be looked for."
    if missing:
        yield f"This set allows no compositions of the kinds {', '.join(missing)}."
    yield "The judge learned from some styles of the unseen names; 'real pictures' counts those that it did not see."
