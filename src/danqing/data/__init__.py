"""Folders, zips, arrays and named data sets -> clean pictures, split without leaks, augmented, in batches."""

from danqing.data.augmenting import Augment, augment
from danqing.data.batches import Batches
from danqing.data.clipart.source import read_clipart
from danqing.data.fashion_mnist import build, make_subset
from danqing.data.labels import FASHION_LABELS, FASHION_LABELS_ZH, label_index
from danqing.data.pictures import Origin, PictureSet, picture_set
from danqing.data.sources import Parts, Wanted, load, load_split
from danqing.data.splitting import split

__all__ = [
    "FASHION_LABELS",
    "FASHION_LABELS_ZH",
    "Augment",
    "Batches",
    "Origin",
    "Parts",
    "PictureSet",
    "Wanted",
    "augment",
    "build",
    "label_index",
    "load",
    "load_split",
    "make_subset",
    "picture_set",
    "read_clipart",
    "split",
]
