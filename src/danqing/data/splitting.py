"""Train and held-out parts that share no picture, the same for the same content and seed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

import torch

from danqing.data.pictures import PictureSet
from danqing.errors import BadInputError, UsageError
from danqing.nn.chance import derive

Group = list[int]
"""the rows of all pictures with the same pixels"""


def split(pictures: PictureSet, held_out: float = 0.1, seed: int = 0) -> tuple[PictureSet, PictureSet]:
    """(train, held): about `held_out` of every label is held out, and equal pictures lie on one side.

    Which pictures depends on their content and `seed`, not on file names or order. Both sides keep the order and have
    at least one picture. Raises UsageError unless 0 < held_out < 1, BadInputError with fewer than 2 different pictures.
    """
    if not 0 < held_out < 1:
        raise UsageError(f"A held-out share of {held_out} is not possible; choose between 0 and 1, for example 0.1.")
    groups = _groups(pictures)
    check_different(pictures, len(groups))
    shelves = _by_label(pictures, groups, seed)
    held = [group for shelf in shelves for group in _held(shelf, held_out)]
    if not held:
        largest = max(shelves, key=lambda shelf: sum(map(len, shelf)))
        held = [min(largest if len(largest) > 1 else [g for s in shelves for g in s], key=len)]
    out = {row for group in held for row in group}
    rest = [row for row in range(len(pictures)) if row not in out]
    return pictures.take(rest), pictures.take(sorted(out))


def folds(pictures: PictureSet, count: int, seed: int = 0) -> Iterator[tuple[PictureSet, PictureSet]]:
    """`count` pairs (train, held) for cross-validation: every picture is held out once, equal ones together.

    Every fold holds about as many of each label.

    Raises UsageError unless there are at least 2 folds and as many different pictures as folds.
    """
    groups = _groups(pictures)
    if not 2 <= count <= len(groups):
        raise UsageError(f"{count} folds of {len(groups)} different pictures are not possible; choose 2 or more folds "
                         "and no more than there are different pictures.")  # fmt: skip
    held: list[list[int]] = [[] for _ in range(count)]
    for shelf in _by_label(pictures, groups, seed):
        here = [0] * count
        for group in sorted(shelf, key=len, reverse=True):
            fold = min(range(count), key=lambda number: (here[number], len(held[number]), number))
            here[fold] += len(group)
            held[fold] += group
    for out in held:
        kept = set(range(len(pictures))) - set(out)
        yield pictures.take(sorted(kept)), pictures.take(sorted(out))


def check_different(pictures: PictureSet, different: int | None = None) -> None:
    """BadInputError when there are not two different pictures."""
    if different is None:
        first = pictures.pixels[:1]
        different = 1 + any(not torch.equal(some, first) for some in torch.split(pictures.pixels, 1))
    if different < 2:
        what = "only one picture" if len(pictures) == 1 else f"{len(pictures)} pictures that are all the same"
        raise BadInputError(f"{pictures.card.name} holds {what}; give N >= 2 different pictures.")


def _groups(pictures: PictureSet) -> dict[str, Group]:
    """Hash of the pixels -> rows."""
    groups: dict[str, Group] = defaultdict(list)
    for row, pixels in enumerate(pictures.pixels.contiguous().numpy()):
        groups[hashlib.sha256(pixels.tobytes()).hexdigest()].append(row)
    return groups


def _by_label(pictures: PictureSet, groups: dict[str, Group], seed: int) -> list[list[Group]]:
    """The groups of each label, shuffled by content and seed; a group under several labels counts for the lowest."""
    labels = None if pictures.labels is None else pictures.labels.tolist()
    shelves: dict[int, list[Group]] = defaultdict(list)
    for digest in sorted(groups, key=lambda digest: derive("split", seed, digest)):
        rows = groups[digest]
        shelves[0 if labels is None else min(labels[row] for row in rows)].append(rows)
    return [shelves[label] for label in sorted(shelves)]


def _held(shelf: list[Group], share: float) -> list[Group]:
    """The first groups that fit into the share of their label; never all of them."""
    room = min(round(share * sum(map(len, shelf))), sum(map(len, shelf)) - 1)
    held = []
    for group in shelf:
        if len(group) <= room:
            held.append(group)
            room -= len(group)
    return held
