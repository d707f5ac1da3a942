"""Two networks play: one paints, the other tells paintings from real pictures."""

from danqing.families.gan.family import Gan
from danqing.families.gan.model import GanConfig

__all__ = ["Gan", "GanConfig"]
