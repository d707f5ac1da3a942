"""What is wrong in a set of pictures: each kind of fault is a function from what is known to findings.

broken         cannot be read                         tiny             shorter side under 32 px
blank          one colour                             blurred          hardly changes when blurred once more
duplicate      the same pixels                        near-duplicate   one is a changed copy of the other
outlier        made unlike everything else            wrong-label      a quick classifier says otherwise
wrong-caption  the same of its words, taken together  missing-label    none where the others have one
missing-caption  the same of captions
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from danqing.data.care.aligning import correlation
from danqing.data.care.looking import Looked

KINDS = (
    "broken", "tiny", "blank", "blurred", "duplicate", "near-duplicate", "outlier", "wrong-label", "wrong-caption",
    "missing-label", "missing-caption",
)  # fmt: skip
"""in the order in which they are looked for; a file is left out for the first that fits"""
SMALLEST = 32
"""pixels of the shorter side"""
PLAIN = 0.997
"""share of one colour, from which on a picture is blank"""
BLURRED, BEYOND = 0.38, 5.0
"""no picture below this is blurred; and how many robust deviations above the set's own median"""
ALIKE = 0.85
"""mean of two pictures' correlation from afar and the cosine of their features, from which on they are compared"""
COPY, MOST_LAID = 0.985, 5
"""correlation of copies laid over each other; pictures that are tried"""
FAR_OFF = 2.7
"""robust deviations of the distances' logarithms above their median"""
NEIGHBOURS = 0.1
"""share of the set"""
DIRECTIONS, PER_DIRECTION = (3, 12), 20
"""least and most in which a set is measured for outliers, and pictures that each needs"""
FEWEST = 40
"""pictures below which labels are not judged"""
WORD, COMMON, MOST_WORDS = re.compile(r"[^\W\d_\u4e00-\u9fff]+|[\u4e00-\u9fff]"), 20, 200
"""words of captions, a Chinese character being one; captions that must have a word, and lack it, for it to be judged;
and how many words are judged, the most frequent ones"""
TOLD = 0.8
"""balanced accuracy with which pictures must tell a word for it to be judged"""
FOLDS = 5
SURE = 0.6
"""how sure of another label, in units of how sure of a label the classifier usually is (differences of logarithms)"""
SHRUNK = 0.4
"""of the classes' common covariance, towards a sphere (Friedman 1989, eq. 18)"""


@dataclass(frozen=True)
class Finding:
    """One fault of one file."""

    kind: str
    file: str
    detail: str
    """for people"""
    other: str = ""
    """the file or label that it was measured by"""


def broken(files: Sequence[Looked]) -> Iterator[Finding]:
    for one in files:
        if one.reason:
            yield Finding("broken", one.name, one.reason)


def tiny(files: Sequence[Looked], smallest: int = SMALLEST) -> Iterator[Finding]:
    for one in files:
        if min(one.width, one.height) < smallest:
            yield Finding("tiny", one.name, f"{one.width} x {one.height} pixels, {smallest} are the least")


def blank(files: Sequence[Looked]) -> Iterator[Finding]:
    for one in files:
        if one.plain >= PLAIN:
            yield Finding("blank", one.name, f"{one.plain:.1%} of it is one colour")


def blurred(files: Sequence[Looked]) -> Iterator[Finding]:
    values = np.array([one.blur for one in files])
    limit = max(BLURRED, float(np.median(values) + BEYOND * spread(values))) if len(values) else 1.0
    for one in files:
        if one.blur > limit:
            yield Finding("blurred", one.name, f"blur {one.blur:.2f}, the set's middle is {np.median(values):.2f}")


def duplicates(files: Sequence[Looked]) -> Iterator[Finding]:
    """All but the first of those with the same pixels."""
    first: dict[str, str] = {}
    for one in files:
        kept = first.setdefault(one.pixels_sha256, one.name)
        if kept != one.name:
            yield Finding("duplicate", one.name, f"the same pixels as {kept}", kept)


def near_duplicates(files: Sequence[Looked], features: np.ndarray) -> Iterator[Finding]:
    """All but the largest of each group of copies; features (N, D).

    Who is alike from afar and in what it shows is laid over the other: two smiling faces are alike, but no copies.
    """
    unit = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-9)
    far = np.stack([one.far for one in files if one.far is not None])
    order = sorted(range(len(files)), key=lambda i: (-files[i].width * files[i].height, files[i].name))
    far, unit = far[order], unit[order]
    for place, i in enumerate(order[1:], start=1):
        alike = (far[:place] @ far[place] + unit[:place] @ unit[place]) / 2
        for before in np.argsort(-alike)[: (alike >= ALIKE).sum()][:MOST_LAID]:
            kept = files[order[before]]
            same = correlation(thumb_of(files[i]), thumb_of(kept))
            if same >= COPY:
                yield Finding("near-duplicate", files[i].name, f"a copy of {kept.name} ({same:.3f})", kept.name)
                break


def thumb_of(one: Looked) -> np.ndarray:
    assert one.thumb is not None, "only pictures that could be read are compared"
    return one.thumb


def outliers(files: Sequence[Looked], manners: np.ndarray) -> Iterator[Finding]:
    """Far from their NEIGHBOURS in the set's own main directions; manners (N, D): what a network sees on average.

    Not the very next but the share NEIGHBOURS of the set must be near: a handful of intruders is no neighbourhood.
    """
    directions = min(DIRECTIONS[1], len(files) // PER_DIRECTION)
    if directions < DIRECTIONS[0]:
        return
    scaled = even(manners)
    main = np.linalg.svd(scaled - scaled.mean(0), full_matrices=False)[0][:, :directions]
    count = max(5, round(NEIGHBOURS * len(files)))
    far = np.log([np.sort(((main - row) ** 2).sum(1))[count] + 1e-12 for row in main]) / 2
    limit = np.median(far) + FAR_OFF * spread(far)
    for one, value in zip(files, far, strict=True):
        if value > limit:
            times = float(np.exp(value - np.median(far)))
            yield Finding("outlier", one.name, f"{times:.1f} times as far from the others as is usual")


def wrong_labels(files: Sequence[Looked], views: Sequence[np.ndarray], labels: Mapping[str, str]) -> Iterator[Finding]:
    """Linear discriminants learned from the other folds disagree; views: several (N, D), file -> label."""
    counts = Counter(labels[one.name] for one in files if one.name in labels)
    names = sorted(name for name, count in counts.items() if count >= FOLDS)
    rows = [i for i, one in enumerate(files) if labels.get(one.name) in names]
    if len(rows) < FEWEST or len(names) < 2:
        return
    given = np.array([names.index(labels[files[i].name]) for i in rows])
    chances = np.mean([cross_predicted(principal(view[rows]), given, len(names)) for view in views], axis=0)
    others = chances.copy()
    others[np.arange(len(rows)), given] = -np.inf
    doubt = others.max(1) - chances[np.arange(len(rows)), given]
    usual = float(np.median(np.abs(doubt)))
    for place, row in enumerate(rows):
        said, best = int(given[place]), int(chances[place].argmax())
        if doubt[place] > SURE * usual:
            detail = f"labelled {names[said]}, looks like {names[best]}"
            yield Finding("wrong-label", files[row].name, detail, names[best])


def wrong_captions(
    files: Sequence[Looked], views: Sequence[np.ndarray], captions: Mapping[str, str]
) -> Iterator[Finding]:
    """Captions whose words the pictures do not bear out; views: several (N, D), file -> caption.

    For each word that is common enough, linear discriminants learned from the other folds tell how much likelier a
    picture makes it. Of the words that pictures tell well (a colour, not 'with'), those of a caption together must not
    be far below nothing. Rare words are not judged.
    """
    rows = [i for i, one in enumerate(files) if captions.get(one.name, "").strip()]
    said = [words_of(captions[files[i].name]) for i in rows]
    counts = Counter(word for words in said for word in sorted(words))
    common = [word for word, count in counts.most_common() if COMMON <= count <= len(rows) - COMMON][:MOST_WORDS]
    spaces = [principal(view[rows]) for view in views] if common else []
    judged: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for word in common:
        has = np.array([word in words for words in said])
        borne_out = np.mean([likelier(x, has) for x in spaces], axis=0)
        if ((borne_out[has] > 0).mean() + (borne_out[~has] < 0).mean()) / 2 >= TOLD:
            judged[word] = (has, borne_out)
    if not judged:
        return
    evidence = np.stack([np.where(has, borne_out, 0) for has, borne_out in judged.values()])  # (words, N)
    total = evidence.sum(0)
    usual = float(np.median(np.abs(total[evidence.any(0)])))
    for place, row in enumerate(rows):
        if total[place] < -SURE * usual:
            least = list(judged)[int(evidence[:, place].argmin())]
            yield Finding("wrong-caption", files[row].name, f"does not look like {least!r}", least)


def words_of(caption: str) -> set[str]:
    """Small, and without the s of many.

    >>> sorted(words_of("2 Cats on grass, 红猫")) == ["cat", "grass", "on", "猫", "红"]
    True
    """
    words = WORD.findall(caption.casefold())
    return {word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] not in "siu" else word for word in words}


def likelier(x: np.ndarray, has: np.ndarray) -> np.ndarray:
    """(N, K), (N,) of bool -> (N,): logarithm of how much likelier each picture makes the word than it is anyway."""
    chances = cross_predicted(x, has.astype(int), 2)
    share = has.mean()
    return chances[:, 1] - chances[:, 0] - np.log(share / (1 - share))


def missing(kind: str, files: Sequence[Looked], known: Mapping[str, str]) -> Iterator[Finding]:
    """Files without a word where others have one; nothing where none has any."""
    if any(known.get(one.name, "").strip() for one in files):
        for one in files:
            if not known.get(one.name, "").strip():
                yield Finding(kind, one.name, f"no {kind.removeprefix('missing-')}, others have one")


def spread(values: np.ndarray) -> float:
    """1.4826 times the median distance from the median: the deviation, deaf to a few wild values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) + 1e-9


def even(features: np.ndarray) -> np.ndarray:
    """(N, D): every column in units of its own spread, wild values held."""
    return ((features - np.median(features, 0)) / (features.std(0) + 1e-6)).clip(-8, 8)


def principal(features: np.ndarray, most: int = 96) -> np.ndarray:
    """(N, D) -> (N, K): in the directions that matter most."""
    centred = even(features)
    centred = centred - centred.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[: min(most, len(features) // 4)].T


def cross_predicted(x: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """(N, K), (N,) -> (N, classes): log-probabilities of each class, by those rows that are not in the row's fold."""
    chances = np.empty((len(x), classes))
    folds = folds_of(labels)
    for fold in range(FOLDS):
        learned, asked = folds != fold, folds == fold
        means = np.stack([x[learned & (labels == c)].mean(0) for c in range(classes)])
        rest = x[learned] - means[labels[learned]]
        common = rest.T @ rest / max(1, len(rest) - classes)
        common = (1 - SHRUNK) * common + SHRUNK * np.trace(common) / len(common) * np.eye(len(common))
        weights = np.linalg.solve(common, means.T)  # (K, classes)
        shares = np.bincount(labels[learned], minlength=classes) / learned.sum()
        scores = x[asked] @ weights - 0.5 * (means.T * weights).sum(0) + np.log(shares)
        scores = scores - scores.max(1, keepdims=True)
        chances[asked] = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return chances


def folds_of(labels: np.ndarray) -> np.ndarray:
    """(N,) in 0 .. FOLDS - 1: every class is dealt out evenly."""
    folds, chance = np.empty(len(labels), int), np.random.default_rng(0)
    for label in np.unique(labels):
        rows = chance.permutation(np.flatnonzero(labels == label))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds
