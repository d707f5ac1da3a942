"""Schedules and solvers. They see only `denoise(z, t) -> clean picture`, never a network."""

from danqing.samplers.schedules import Cosine, Flow, Schedule
from danqing.samplers.solvers import Denoise, Draw, Solver

__all__ = ["Cosine", "Denoise", "Draw", "Flow", "Schedule", "Solver"]
