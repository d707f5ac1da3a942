"""The manners that come with Danqing, from looks.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from danqing.families.style.drawn import drawn
from danqing.images.reading import read
from danqing.presets import looks
from danqing.settings import read as read_settings

EXEMPLARS = Path(__file__).parent / "exemplars"


@dataclass(frozen=True)
class Look:
    """One manner."""

    title: Mapping[str, str]
    """'en' and 'zh'"""
    about: str
    file: str | None = None
    """of its exemplar; None where it is drawn"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """of the optimiser, instead of its own"""


LOOKS: Mapping[str, Look] = {name: read_settings(Look, row, f"looks.toml, {name}") for name, row in looks().items()}


def exemplar(name: str, size: int) -> np.ndarray:
    """(h, w, 3) uint8, about `size` on its longer side; a painting is never enlarged."""
    file = LOOKS[name].file
    return drawn(name, size) if file is None else read(EXEMPLARS / file)
