"""The names of classes, and how people write them."""

from __future__ import annotations

from collections.abc import Sequence

from danqing.errors import unknown

FASHION_LABELS = (
    "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
FASHION_LABELS_ZH = ("T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴")
"""the same ten in Chinese, in the same order"""

_ENGLISH = {chinese.casefold(): english for chinese, english in zip(FASHION_LABELS_ZH, FASHION_LABELS, strict=True)}


def label_index(labels: Sequence[str], text: str) -> int:
    """The number of the label that `text` means: its name in English or Chinese, or the number itself.

    Raises NotFoundError with near names.

    >>> label_index(FASHION_LABELS, "Bag"), label_index(FASHION_LABELS, "短靴"), label_index(FASHION_LABELS, "0")
    (8, 9, 0)
    """
    places = {_plain(label): place for place, label in enumerate(labels)}
    wanted = text.strip().casefold()
    for name in (_plain(wanted), _plain(_ENGLISH.get(wanted, ""))):
        if name in places:
            return places[name]
    if wanted.isdecimal() and int(wanted) < len(labels):
        return int(wanted)
    raise unknown("label", text, labels)


def _plain(label: str) -> str:
    return " ".join(label.casefold().replace("-", " ").replace("_", " ").split())
