"""Teach the painter a new word from a few pictures; what comes out is a painter's folder, a little wiser.

OUT/weights.safetensors, card.json, vocabulary.txt, index.*   as of every painter, with one word more
OUT/before-after.png                                          the same prompts and seeds, before and after
OUT/report.json                                               what was learned from, how well, at what cost
"""

import copy
import shlex
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danqing.api.act import Act
from danqing.api.lesson_pictures import Lesson, Shown, compared, gathered, halved, told
from danqing.api.materials import framed
from danqing.api.models import parameters, software
from danqing.api.orders import MANY
from danqing.api.scoring import Best
from danqing.api.studios import Studio, load_painter
from danqing.errors import UsageError
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.families.text2image import subject
from danqing.families.text2image.imagining import nothing_said, stacked
from danqing.families.text2image.index import Entry, write_more
from danqing.families.text2image.painter import Manner
from danqing.families.text2image.prior import Said
from danqing.families.text2image.shipping import painter_config, ready, write_painter
from danqing.families.text2image.subject import Examples
from danqing.limits import LESSON_MINUTES
from danqing.nn import precision
from danqing.nn.chance import Chance, derive, generator
from danqing.nn.lowrank import learn_last_rows, learn_low_rank, merge
from danqing.train import Budget, Trainer, TrainSettings
from danqing.types import Batch, Now, Phase, Progress
from danqing.words.lexicon import spelt

COPIES = 16
"""of each picture, moved about"""
TINTED_EVERY = 4
"""one copy of so many is in another colour, and said to be: what the colour words do is not to be forgotten"""
OLD, KIN = 256, 400
"""old words that are recalled, so that they stay: half of them are names of so many pictures that are most like the new
ones, for those are the first to suffer"""
RANK = 16


@dataclass(frozen=True)
class Part:
    """Of the painter."""

    name: str
    train: TrainSettings
    share: float
    """of the minutes"""
    span: tuple[float, float]
    """of the progress of the whole"""


PRIOR = Part("prior", TrainSettings(batch=64, optimizer="adamw", lr=2e-3, rate="cosine", warmup=20), 0.15, (0.05, 0.2))
DECODER = Part(
    "decoder", TrainSettings(batch=32, optimizer="adamw", lr=2e-3, rate="cosine", warmup=20), 0.85, (0.2, 1.0)
)
STEPS = {PRIOR.name: 300, DECODER.name: 900}
EXAM = 64
"""rows of the batch that is looked at, half of them of what is held out"""
LOOK, PATIENCE = 50, 5
"""steps between two looks at what is held out, looks without progress that end a part"""
SHOWN = 3
"""pictures of a prompt on either side of the sheet"""
ORDINARY = ("cat", "a red apple", "house")
"""old prompts on the sheet, after those most like the new word"""
CHECKED = 32
"""old words that are compared in the end"""


Loss = Callable[[Batch, Now], Tensor]
LossOf = Callable[[Any], Loss]
"""of a network, or of any copy of it"""


@dataclass
class Pupil:
    """A painter while it is taught."""

    base: Studio
    studio: Studio
    names: tuple[str, ...]
    token: str
    files: tuple[str, ...]
    shown: Tensor
    """(N, total) embeddings of the pictures that came"""
    kin: tuple[str, ...]
    """names of what they are most like, as far as the painter knew"""
    new: Examples
    held: Examples | None
    seed: int
    steps: dict[str, int] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    """by part: loss on what was held out, look after look"""


def teach_word(
    studio: Studio,
    pictures: str | Path | Sequence[str | Path],
    names: Sequence[str],
    folder: Path,
    minutes: float = LESSON_MINUTES,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Progress, None, Lesson]:
    """The generator behind `teach` for a painter of words."""
    spellings = checked_names(studio, names)
    found = yield from gathered(pictures)
    pupil = begin(studio, found, spellings, seed)
    old = yield from recall(pupil)
    began = clock()
    try:
        yield from learn_prior(pupil, old, minutes, clock)
        yield from learn_decoder(pupil, old, minutes, clock)
    finally:
        if pupil.steps:
            lesson = keep(pupil, old, folder, clock() - began)
    return lesson


# Names.


def checked_names(studio: Studio, names: Sequence[str]) -> dict[str, str]:
    """Spelling -> the new word. UsageError for names that cannot be read, or are known."""
    made: list[str] = []
    for name in names:
        key = spelt(name, studio.lexicon)
        if not key:
            raise UsageError(
                f"'{name}' cannot be a name here; give up to four words of plain letters, or up to twelve Chinese "
                "characters."
            )
        read = studio.read(name).words
        phrase = all(word.tokens for word in read) and tuple(words(studio, name)) in studio.names
        if all(word.how == "known" for word in read) and (phrase or len(read) == 1):
            raise UsageError(f"The painter knows '{name}' already; choose a name that is no word, such as my {name}.")
        made.append(key)
    if not made:
        raise UsageError("No name came; say what it is called with --name.")
    token = made[0]
    while token in studio.shipped.vocabulary:  # a word that it has a number for, but never learned
        token += "_"
    return dict.fromkeys(made, token)


# Learning.


def begin(base: Studio, found: Sequence[Shown], names: Mapping[str, str], seed: int) -> Pupil:
    """The wider painter with the examples that it will see."""
    shipped, token = base.shipped, next(iter(names.values()))
    net = efficientnet_lite0()
    squares = torch.cat([framed(one.picture.rgba, base.painter.size, lift=True) for one in found])
    e = subject.embedded(base.painter, net, squares)
    kin = kin_of(base, e)
    like = [base.lexicon.id_of(token) for one in kin for token in words(base, one)]
    painter = subject.widened(shipped.painter, like)
    wider = replace(
        shipped, painter=ready(painter), vocabulary=(*shipped.vocabulary, token), taught={**shipped.taught, **names},
    )  # fmt: skip
    studio = Studio(wider, base.folder)
    style = Counter(base.index.style_of(one) for one in e).most_common(1)[0][0] if base.styles else ""
    likest = base.styles.index(style) if style in base.styles else base.any_style
    spoken = next(iter(names)).replace("_", " ")
    captions = [one.caption if token in words(studio, one.caption) else f"{spoken} {one.caption}" for one in found]
    kept, held = halved(len(found))
    copies = [copy for i in kept for copy in copies_of(squares[i], spoken, captions[i], derive("copy", seed, i))]
    said = stacked([studio.said(studio.read(text), likest) for _, text in copies])
    new = subject.seen(painter, net, subject.moved(torch.stack([square for square, _ in copies]), seed), said)
    rest = stacked([studio.said(studio.read(captions[i]), likest) for i in held]) if held else None
    away = None if rest is None else subject.seen(painter, net, squares[held], rest)
    subject.fit_gist(painter.prior.gist, studio.lexicon.id_of(token), new)
    return Pupil(base, studio, tuple(names), token, tuple(one.name for one in found), e, kin, new, away, seed)


def copies_of(square: Tensor, spoken: str, caption: str, seed: int) -> Iterator[tuple[Tensor, str]]:
    """COPIES of a picture with words: what was written, the name alone, and in other colours."""
    for k in range(COPIES):
        other = subject.tinted(square, derive(seed, k)) if k % TINTED_EVERY == TINTED_EVERY - 1 else None
        yield (square, caption if k % 2 else spoken) if other is None else (other[0], f"{other[1]} {spoken}")


def words(studio: Studio, text: str) -> list[str]:
    return [token for token, _ in studio.read(text).tokens]


def kin_of(base: Studio, embeddings: Tensor) -> tuple[str, ...]:
    """What the new pictures are most like."""
    names = Counter(entry.name_en for e in embeddings for entry, _ in base.index.nearest(e, 4, by="meaning"))
    return tuple(name for name, _ in names.most_common(3))


def recall(pupil: Pupil) -> Generator[Progress, None, Examples]:
    """What the painter makes of OLD words before it is taught."""
    base, chance = pupil.base, generator("old words", pupil.seed)
    entries = base.index.entries
    kin = base.index.likeness(pupil.shown.mean(0)).topk(min(KIN, len(entries))).indices
    far, near = (torch.randint(count, (OLD // 2,), generator=chance) for count in (len(entries), len(kin)))
    rows = []
    for number, place in enumerate([*far.tolist(), *kin[near].tolist()]):
        entry = entries[place]
        name = entry.name_zh if number % 2 and entry.name_zh else entry.name_en
        style = base.styles.index(entry.style) if number % 3 and entry.style in base.styles else base.any_style
        rows.append(base.said(base.read(name), style))
    parts: list[Examples] = []
    with precision.arithmetic(precision.painting()):
        for part in subject.recalled(base.painter, stacked(rows), Manner(MANY, jumps=False), pupil.seed):
            parts.append(part)
            yield Progress("teach", 0.05 * sum(map(len, parts)) / OLD)
    return subject.together(parts)


def learn_prior(
    pupil: Pupil, old: Examples, minutes: float, clock: Callable[[], float]
) -> Generator[Progress, None, None]:
    prior = pupil.studio.painter.prior
    before = copy.deepcopy(prior)
    learn_low_rank(prior, RANK, generator("teach", "prior", pupil.seed))
    learn_last_rows(prior.words)
    loss_of: LossOf = lambda net: partial(subject.subject_prior_loss, net, before)  # noqa: E731
    yield from learn(pupil, PRIOR, prior, loss_of, pupil.new, old, minutes, clock)


def learn_decoder(
    pupil: Pupil, old: Examples, minutes: float, clock: Callable[[], float]
) -> Generator[Progress, None, None]:
    """After the prior, from embeddings as it now imagines them."""
    painter = pupil.studio.painter
    decoder, before, gist = painter.decoder, copy.deepcopy(painter.decoder), painter.prior.gist
    new = subject.imagined(painter.prior, pupil.new, pupil.seed)
    learn_low_rank(decoder, RANK, generator("teach", "decoder", pupil.seed))
    loss_of: LossOf = lambda net: partial(subject.subject_decoder_loss, net, before, gist)  # noqa: E731
    yield from learn(pupil, DECODER, decoder, loss_of, new, old, minutes, clock)


def learn(
    pupil: Pupil,
    part: Part,
    module: Any,
    loss_of: LossOf,
    new: Examples,
    old: Examples,
    minutes: float,
    clock: Callable[[], float],
) -> Generator[Progress, None, None]:
    """What is open in `module` learns; stopped early, it keeps the best or the last."""
    trainer = Trainer(
        module, module, [Phase(part.name, module, loss_of(module))],
        subject.Halves(new, old, part.train.batch, pupil.seed).at, part.train,
        Budget(steps=STEPS[part.name], minutes=minutes * part.share), seed=pupil.seed, precision=precision.painting(),
        clock=clock,
    )  # fmt: skip
    best, scores = Best(PATIENCE), pupil.scores.setdefault(part.name, [])
    exam = subject.Halves(pupil.held, old, EXAM, pupil.seed).at(0) if pupil.held else None
    first, last = part.span
    try:
        for progress in trainer.run():
            pupil.steps[part.name] = trainer.step
            if exam and trainer.step % LOOK == 0:
                scores.append(score(loss_of(trainer.average.module), exam, pupil.seed))
                best.look(trainer, scores[-1])
            yield replace(progress, act="teach", done=first + (last - first) * progress.done)
            if best.stops():
                break
    finally:
        module.load_state_dict(best.weights or trainer.average.module.state_dict())
        merge(module)
        ready(module)


@torch.no_grad()
def score(loss: Loss, exam: Batch, seed: int) -> float:
    """Of the averaged weights, on pictures that were held out, always with the same chance."""
    now = Now(0, 0.0, Chance("exam", seed))
    loss(exam, now)
    return float(now.notes["new"])


# What is left behind.


def keep(pupil: Pupil, old: Examples, folder: Path, seconds: float) -> Lesson:
    """Write the painter, then look at what it paints: from the file, as anyone will."""
    shipped = replace(pupil.studio.shipped, jumps=False)  # its short cuts have not learned the new word
    painter, name = ready(shipped.painter), pupil.names[0].replace("_", " ")
    config = painter_config(painter, shipped.styles, shipped.vocabulary, False, shipped.default_style, shipped.taught)
    report: dict[str, Any] = {
        "names": list(pupil.names), "pictures": len(pupil.files), "held_out": len(pupil.held or ()),
        "minutes": round(seconds / 60, 2), "steps": pupil.steps, "held_out_loss": pupil.scores, "seed": pupil.seed,
        "painter": pupil.base.hash,
    }  # fmt: skip
    card = replace(
        shipped.card, name=folder.name, config=config, metrics={}, software=software(), parameters=parameters(painter),
        data={**shipped.card.data, "taught": [*shipped.card.data.get("taught", []), report]},
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip
    told(folder, report)
    write_painter(folder, painter, shipped.vocabulary, card)
    write_more(folder, pupil.base.index, pupil.shown, entries(pupil, name))
    after = load_painter(folder)
    report["old_words_likeness"] = round(likeness(pupil.base, after, old), 4)
    told(folder, report)
    prompts = [name, f"two {name}", f"{name} with a red hat", *pupil.kin, *ORDINARY]
    sides = [{"model": studio, "size": after.painter.size} for studio in (pupil.base, after)]
    picture = Act(compared(folder, prompts, sides, SHOWN)).result()
    command = ["danqing", "paint", name, "--model", str(folder)]
    return Lesson(folder, pupil.names, picture, report, shlex.join(command))


def entries(pupil: Pupil, name: str) -> list[Entry]:
    """What `--sources` says of the new pictures, and `describe`."""
    styles = map(pupil.base.index.style_of, pupil.shown)
    return [
        Entry(f"{pupil.token}/{file}", name, style=style, source="taught", licence="your own")
        for file, style in zip(pupil.files, styles, strict=True)
    ]


@torch.no_grad()
def likeness(before: Studio, after: Studio, old: Examples) -> float:
    """Mean cosine of what old words are taken for, before and after, from the same chance."""
    said = Said(old.said.tokens[:CHECKED], old.said.weights[:CHECKED], old.said.style[:CHECKED])
    unsaid, manner = nothing_said(said, before.any_style), Manner(MANY, jumps=False)
    one, two = (
        studio.painter.imagine(said, unsaid, manner, [generator("check", i) for i in range(CHECKED)])
        for studio in (before, after)
    )
    return float(torch.cosine_similarity(one, two).mean())
