"""The gallery: pictures with their recipes, what was said of them, and an index that can be rebuilt from the files."""

from danqing.gallery.entries import Entry, Marks
from danqing.gallery.gallery import Gallery

__all__ = ["Entry", "Gallery", "Marks"]
