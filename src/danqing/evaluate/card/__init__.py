"""The report card: one page that says how good a model is, to be read without knowing statistics."""

from danqing.evaluate.card.judged import Judged
from danqing.evaluate.card.page import page

__all__ = ["Judged", "page"]
