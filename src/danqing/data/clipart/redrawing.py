"""The set drawn again from its own vectors: 1.2 GB travel to another machine as 25 MB, and need no network there."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from danqing.data.clipart.building import BEGUN, exchange
from danqing.data.clipart.rendering import render, resvg
from danqing.data.clipart.writing import HEADER, write_header
from danqing.errors import BadInputError, DiskError
from danqing.types import Progress

TRAVELS = ("captions.jsonl", "vectors.jsonl.gz", "card.json", "sources.tsv")
"""all that is needed; the pictures follow from the vectors"""
AT_ONCE = 64


def redraw(source: Path, home: Path, workers: int = 1) -> Iterator[Progress]:
    """Make the set in home/data/clipart from a folder that holds TRAVELS, with `workers` processes.

    Raises BadInputError where something is missing or the pictures are not those of the card (another resvg draws
    otherwise); DiskError.
    """
    resvg()
    missing = [name for name in TRAVELS if not (source / name).is_file()]
    if missing:
        raise BadInputError(f"'{source}' holds no clip-art set to draw: {', '.join(missing)} is missing.")
    goal = home / "data" / "clipart"
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=BEGUN, dir=goal.parent) as temporary:
            made = Path(temporary) / "clipart"
            made.mkdir()
            for name in TRAVELS:
                shutil.copyfile(source / name, made / name)
            yield from drawn(made, workers)
            exchange(made, goal)
    except OSError as error:
        raise DiskError(f"{goal} could not be written ({error.strerror or error}); free space, then retry.") from None
    yield Progress("data", 1.0, message=f"The set is ready in {goal}.")


def drawn(folder: Path, workers: int) -> Iterator[Progress]:
    """Write pictures.npy from vectors.jsonl.gz and hold it against the card."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    count, digest = int(card["pictures"]), hashlib.sha256()
    with gzip.open(folder / "vectors.jsonl.gz", "rt", encoding="utf-8") as lines:
        svgs = [json.loads(line)["svg"] for line in lines]
    if len(svgs) != count:
        raise BadInputError(f"'{folder}' holds {len(svgs)} vectors, its card names {count} pictures; copy it again.")
    with ExitStack() as stack:
        file = stack.enter_context((folder / "pictures.npy").open("w+b"))
        pictures = map(render, svgs)
        if workers > 1:
            pool = stack.enter_context(ProcessPoolExecutor(workers, get_context("spawn")))
            pictures = pool.map(render, svgs, chunksize=AT_ONCE)  # type: ignore[assignment]
        file.write(bytes(HEADER))
        for done, picture in enumerate(pictures, 1):
            file.write(picture.tobytes())
            if done % 500 == 0:
                yield Progress("data", done / count, done)
        write_header(file, count)
        file.seek(0)
        while part := file.read(1 << 24):
            digest.update(part)
    if digest.hexdigest() != card["sha256"]["pictures.npy"]:
        raise BadInputError("The pictures came out other than the card says; install the resvg-py that it names.")
