"""The drawings of this package: hats, glasses, scarves. Their SVGs lie in worn/, worn.npz is rendered from them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

ARCHIVE = Path(__file__).with_name("worn.npz")
OUTLINED = frozenset({"streamline", "openmoji"})
"""styles with outlines around everything"""


def own_name(drawing: str, style: str) -> str:
    """The variant that suits a style."""
    return f"{drawing} outlined" if style in OUTLINED else drawing


@cache
def own_pictures() -> dict[str, np.ndarray]:
    """name -> (256, 256, 4) uint8, premultiplied alpha"""
    with np.load(ARCHIVE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
