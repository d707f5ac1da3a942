"""A picture as shapes: SVG through vtracer (the extra 'svg')."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from danqing.errors import MissingExtraError


def check_tracer() -> None:
    """MissingExtraError where vtracer is not installed: before painting, not after."""
    from importlib.util import find_spec

    if find_spec("vtracer") is None:
        raise MissingExtraError("writing SVG", "svg")


def to_svg(pixels: np.ndarray) -> str:
    """(H, W, 3 or 4) uint8, straight alpha -> an SVG document of flat shapes; transparent places stay empty.

    Meant for flat drawings: a photo becomes thousands of shapes. The same pixels give the same text.
    """
    check_tracer()
    import vtracer

    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).convert("RGBA").save(memory, "PNG", compress_level=1)
    return vtracer.convert_raw_image_to_svg(
        memory.getvalue(), img_format="png", mode="spline", filter_speckle=4, color_precision=6, layer_difference=16
    )
