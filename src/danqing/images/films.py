"""Frames -> a film: animated GIF always, MP4 where PyAV is installed."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing.errors import BadInputError, DiskError, MissingExtraError, NotFoundError, UsageError
from danqing.images.writing import atomic_path, write_atomic

CODECS = ("libx264", "h264", "mpeg4")
"""the first that this PyAV has"""
FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES}
"""errors of the place that is written to"""
QUALITY = {"crf": "18"}
"""x264's constant quality; 18 cannot be told from the original by eye"""


def write_gif(frames: Sequence[np.ndarray], path: Path, fps: float = 12) -> None:
    """(H, W, 3) uint8 frames of one size as an endless GIF, atomically.

    GIF counts hundredths of a second, so the pace is the nearest of these. Raises UsageError, DiskError.
    """
    _check(frames, fps)
    pictures = [Image.fromarray(frame).quantize(256) for frame in frames]
    memory = io.BytesIO()
    duration = max(20, round(100 / fps) * 10)  # browsers slow anything below 20 ms down to 100
    pictures[0].save(memory, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)
    write_atomic(path, memory.getvalue())


def write_mp4(frames: Sequence[np.ndarray], path: Path, fps: float = 12) -> None:
    """(H, W, 3) uint8 frames of one size as H.264 (or MPEG-4) in yuv420p, atomically; odd sides lose no pixel.

    Raises MissingExtraError without PyAV, UsageError, DiskError.
    """
    try:
        import av
    except ImportError:
        raise MissingExtraError("writing MP4", "video") from None
    _check(frames, fps)
    with atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4") as film:
                _encode(film, [_even(frame) for frame in frames], fps)
        except av.error.FFmpegError as error:
            raise DiskError(f"{path} could not be written as MP4 ({error}); try GIF or another place.") from error


def redrawn(source: Path, path: Path, change: Callable[[np.ndarray], np.ndarray]) -> Iterator[float]:
    """Every frame of a film changed, its sound as it is; yields the share that is done. `change` keeps no size.

    Atomic: until the last frame there is nothing at `path`. Who closes it before (Ctrl+C) finds what is done at
    `begun(path)`. Raises MissingExtraError without PyAV, NotFoundError, BadInputError for what is no film, DiskError.
    """
    try:
        import av
    except ImportError:
        raise MissingExtraError("reading films", "video") from None
    if not source.is_file():
        raise NotFoundError(f"There is no file {source}; check the name.")
    stops = GeneratorExit, KeyboardInterrupt
    with atomic_path(path) as temporary:
        try:
            with av.open(str(source)) as old, av.open(str(temporary), "w", format="mp4") as film:
                yield from _redraw(old, film, change)
        except stops:
            _keep(temporary, begun(path))
            raise
        except (av.error.FFmpegError, IndexError) as error:
            if isinstance(error.__context__, stops):  # what is begun cannot be written out: the stop goes on
                raise error.__context__ from None
            if getattr(error, "errno", None) in FULL:
                raise DiskError(
                    f"{path} could not be written ({error}); free space or choose another place."
                ) from error
            raise BadInputError(
                f"{source} cannot be read as a film ({error}); give an MP4, MOV, MKV or WebM."
            ) from error


def _keep(part: Path, path: Path) -> None:
    """What is done of a film under its own name, if it has a frame."""
    import av

    with suppress(OSError, IndexError, StopIteration, av.error.FFmpegError):
        with av.open(str(part)) as film:
            next(film.decode(video=0))
        part.replace(path)


def begun(path: Path) -> Path:
    """Where the part of a film is kept that was done when it was stopped.

    >>> begun(Path("a/sea-oil.mp4")).name
    'sea-oil-begun.mp4'
    """
    return path.with_stem(f"{path.stem}-begun")


def _redraw(old: Any, film: Any, change: Callable[[np.ndarray], np.ndarray]) -> Iterator[float]:
    import av

    pictures, sound = old.streams.video[0], next(iter(old.streams.audio), None)
    heard = film.add_stream_from_template(sound) if sound else None
    codec = next(name for name in CODECS if name in av.codecs_available)
    shown, unheard = None, []
    try:
        for packet in old.demux([one for one in (pictures, sound) if one]):
            if packet.stream is sound:
                unheard += [packet] if packet.dts is not None else []
                packet.stream = heard
            for frame in packet.decode() if packet.stream is pictures else ():
                made = _even(change(frame.to_ndarray(format="rgb24")))
                if shown is None:
                    shown = film.add_stream(codec, rate=pictures.average_rate or 25)
                    shown.height, shown.width, shown.pix_fmt = *made.shape[:2], "yuv420p"
                    shown.options = QUALITY if codec == "libx264" else {"qscale": "2"}
                    shown.codec_context.time_base = pictures.time_base
                new = av.VideoFrame.from_ndarray(made, format="rgb24")
                new.pts, new.time_base = frame.pts, pictures.time_base
                film.mux(shown.encode(new))
                whole = float(old.duration or 0) / av.time_base
                yield min(1.0, float(frame.time or 0) / whole) if whole else 0.0
            while shown is not None and unheard:  # the first packet writes the file's head, which names all streams
                film.mux(unheard.pop(0))
    finally:
        if shown is not None:
            film.mux(shown.encode())
    if shown is None:
        raise IndexError("it has no frames")


def _encode(film: object, frames: Sequence[np.ndarray], fps: float) -> None:
    import av

    codec = next(name for name in CODECS if name in av.codecs_available)
    stream = film.add_stream(codec, rate=Fraction(fps).limit_denominator(1000))  # type: ignore[attr-defined]
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.options = QUALITY if codec == "libx264" else {"qscale": "2"}
    for frame in frames:
        film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))  # type: ignore[attr-defined]
    film.mux(stream.encode())  # type: ignore[attr-defined]


def _even(frame: np.ndarray) -> np.ndarray:
    """yuv420p needs even sides; the last row or column is repeated."""
    height, width = frame.shape[:2]
    return np.ascontiguousarray(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))


def _check(frames: Sequence[np.ndarray], fps: float) -> None:
    if not 0.1 <= fps <= 120:
        raise UsageError(f"{fps} frames a second are not possible; choose 0.1 to 120.")
    kinds = {(frame.dtype.name, frame.shape) for frame in frames}
    if len(kinds) != 1 or any(kind != "uint8" or len(shape) != 3 or shape[2] != 3 for kind, shape in kinds):
        raise UsageError(f"The frames are {sorted(kinds) or 'none'}; give uint8 (H, W, 3), all of one size.")
