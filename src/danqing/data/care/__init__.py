"""Is a folder of pictures fit to learn from? What is wrong with it, and a copy without what is wrong."""

from danqing.data.care.finding import KINDS, Finding
from danqing.data.care.looking import Looked, look

__all__ = ["KINDS", "Finding", "Looked", "look"]
