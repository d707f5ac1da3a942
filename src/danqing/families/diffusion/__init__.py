"""Noise is added step by step until a picture is gone; a network learns to take it away again."""

from danqing.families.diffusion.family import Diffusion
from danqing.families.diffusion.model import Denoiser, DiffusionConfig

__all__ = ["Denoiser", "Diffusion", "DiffusionConfig"]
