"""A picture is squeezed into a few numbers and painted again; the numbers can then be drawn, mixed and moved."""

from danqing.families.vae.family import Vae
from danqing.families.vae.model import VaeConfig

__all__ = ["Vae", "VaeConfig"]
