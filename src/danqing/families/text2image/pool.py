"""The pool: composed pictures, their embeddings and their captions as numbers, made once and then read at random.

Embedding a picture costs a sixth of a training step, so it is done once per composition; the pool is larger than what a
training sees of it in an hour. Composition i is a pure function of (seed, i): a pool that was interrupted goes on.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from danqing.errors import NotFoundError, UsageError
from danqing.families.text2image import imagining
from danqing.families.text2image.codec import Codec
from danqing.families.text2image.embedding import SIDE, Embedder, Seen, Shape, look
from danqing.families.text2image.prior import STYLED, Prior, Said
from danqing.images.writing import atomic_path, write_atomic
from danqing.nn.chance import generator
from danqing.nn.efficientnet import EfficientNetLite0
from danqing.types import Batch

LENGTH = 24
"""most words of a caption"""
REVISED = 0.5
"""share of the pictures that the decoder is shown with an embedding that the prior has revised"""
AT_ONCE = 32
LEAST_IMAGINED, MOST_GUIDED, WALK = 0.2, 3.0, 6
"""of revised embeddings: the least strength, the most guidance, steps from pure noise"""
CALM = (0.2, 0.8)
"""of revised embeddings: deviation of the noise; embeddings to be painted are imagined from such calm noise too"""
EMBEDDER = "embedder.safetensors"
SHARD = 256
"""pictures between two flushes, a multiple of AT_ONCE; an interrupted pool goes on from the last"""


@dataclass(frozen=True)
class Sample:
    """One picture of the pool before it is embedded."""

    pixels: np.ndarray
    """(128, 128, 4) uint8, premultiplied RGBA"""
    style: int
    weight: float
    """how often it is drawn, relative to others"""


@dataclass(frozen=True, eq=False)
class Pool:
    """N pictures; rows beyond what has been made are not in it."""

    embedder: Embedder
    pixels: np.ndarray
    """(N, 128, 128, 4) uint8, premultiplied RGBA"""
    embedding: np.ndarray
    """(N, total) fp16"""
    style: np.ndarray
    """(N,)"""
    weight: np.ndarray
    """(N,) how often each is drawn, relative to the others"""
    tokens: np.ndarray | None = None
    """(N, K, LENGTH) int16, K captions of each; None until `write_captions` has been run"""
    latents: np.ndarray | None = None
    """(N, C, R, R) fp16 of a codec; None until `write_latents` has been run"""
    revised: np.ndarray | None = None
    """(N, total) fp16, embeddings of which the prior has imagined a part; None until `write_revised` has been run"""
    imagined: np.ndarray | None = None
    """(N,) how much of them, 0 where none has been made yet"""

    def __len__(self) -> int:
        return len(self.style)

    def said(self, rows: np.ndarray, wording: np.ndarray) -> Said:
        """The captions (wording (B,)) of rows (B,), cut to the longest of them."""
        if self.tokens is None:
            raise UsageError("The pool has no captions yet; make them first.")
        tokens = torch.from_numpy(self.tokens[rows, wording].astype(np.int64))
        tokens = tokens[:, : max(1, int((tokens != 0).sum(1).max()))]
        return Said(tokens, torch.ones(tokens.shape), torch.from_numpy(self.style[rows].astype(np.int64)))


class Batches:
    """Which rows of the pool a step sees: a pure function of (seed, step); every process takes its share."""

    def __init__(
        self, pool: Pool, batch: int, seed: int, kind: str, rank: int = 0, world: int = 1, device: str = "cpu"
    ) -> None:
        """`kind`: pixels or latents, which come as the batch's pictures, or captions."""
        self.pool, self.batch, self.seed, self.kind = pool, batch, seed, kind
        self.rank, self.world, self.device = rank, world, device
        self.odds = torch.from_numpy(np.asarray(pool.weight, np.float64)).cumsum(0)
        rows = {"pixels": pool.pixels, "latents": pool.latents, "captions": pool.tokens}[kind]
        if rows is None:
            raise UsageError(f"The pool has no {kind} yet; make them first.")
        self.rows = rows
        far = kind != "captions" and torch.device(device).type != "cpu"
        self._near = torch.from_numpy(rows[:]).to(device) if far else None  # an accelerator keeps them all

    def at(self, step: int) -> Batch:
        """Batch of step 0, 1, 2, ..."""
        chance = generator("pool", self.seed, step)
        aim = torch.rand(self.batch, generator=chance, dtype=torch.float64) * self.odds[-1]
        rows = torch.searchsorted(self.odds, aim).clamp(max=len(self.pool) - 1)
        mine = slice(self.rank * self.batch // self.world, (self.rank + 1) * self.batch // self.world)
        chosen = rows[mine].numpy()
        given = {
            "embedding": torch.from_numpy(self.pool.embedding[chosen].astype(np.float32)),
            "style": torch.from_numpy(self.pool.style[chosen].astype(np.int64)),
        }
        pictures, uniform = torch.zeros(len(chosen), 0), torch.rand(2, self.batch, generator=chance)[:, mine]
        if self.kind != "pixels":
            given |= self.captions(chosen, uniform[0])
        if self.kind == "latents":
            given |= self.revised(chosen, given["embedding"], uniform[1] < REVISED)
        if self.kind != "captions":
            pictures = self.pictures(chosen)
        return Batch(pictures.to(self.device), None, {name: value.to(self.device) for name, value in given.items()})

    def captions(self, rows: np.ndarray, uniform: Tensor) -> dict[str, Tensor]:
        """One wording of each."""
        count = 1 if self.pool.tokens is None else self.pool.tokens.shape[1]
        said = self.pool.said(rows, (uniform * count).long().numpy())
        return {"tokens": said.tokens, "weights": said.weights}

    def revised(self, rows: np.ndarray, e: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Embeddings e (B, total), those of the wanted rows (B,) as the prior has revised them, if it has."""
        if self.pool.revised is None or self.pool.imagined is None:
            return {"imagined": torch.zeros(len(rows))}
        other = torch.from_numpy(self.pool.revised[rows].astype(np.float32))
        part = torch.from_numpy(self.pool.imagined[rows].astype(np.float32))
        wanted = wanted & (part > 0)
        return {"embedding": torch.where(wanted[:, None], other, e), "imagined": part * wanted}

    def pictures(self, rows: np.ndarray) -> Tensor:
        """(B, 4, 128, 128) in [-1, 1], or latents (B, C, R, R)."""
        if self._near is None:
            found = torch.from_numpy(np.ascontiguousarray(self.rows[rows]))
        else:
            found = self._near[torch.from_numpy(rows).to(self.device)]
        return as_pictures(found) if self.kind == "pixels" else found.float()


def as_pictures(pixels: Tensor) -> Tensor:
    """(B, S, S, 4) uint8 -> (B, 4, S, S) in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def make(
    folder: Path,
    count: int,
    sample_at: Callable[[int], Sample],
    net: EfficientNetLite0,
    shape: Shape,
    fit_on: int = 6000,
    workers: int = 0,
) -> Iterator[int]:
    """Make or finish the pool in `folder`; yields how many pictures are there. `sample_at(i) -> Sample`.

    The embedder's means and components come from the first `fit_on` pictures. `workers` processes compose (0: this
    one), the net sees on its own device; neither changes what comes out, but for the device's rounding.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = _arrays(folder, count, shape)
    device = next(net.parameters()).device
    embedder = _embedder(folder, shape, net, sample_at, min(fit_on, count), workers).to(device)
    done = _done(folder)
    for samples in composed(sample_at, range(done, count), workers):
        part = range(done, done + len(samples))
        _write(arrays, part, samples, embedder(_look(net, samples, shape)).cpu())
        done = part.stop
        if done % SHARD == 0 or done == count:
            for array in arrays.values():
                array.flush()
            write_atomic(folder / "done.json", json.dumps({"done": done, "count": count}).encode())
            yield done


def composed(sample_at: Callable[[int], Sample], rows: Sequence[int], workers: int) -> Iterator[list[Sample]]:
    """Samples in order, AT_ONCE at a time, made by other processes where there are workers."""
    return iter(DataLoader(Lazy(sample_at, rows), AT_ONCE, num_workers=workers, collate_fn=list))


class Lazy(Dataset[Any]):
    """rows[i] -> make(rows[i]), when it is asked for."""

    def __init__(self, make: Callable[[int], Any], rows: Sequence[int]) -> None:
        self.make, self.rows = make, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Any:
        return self.make(self.rows[i])


def opened(folder: Path) -> Pool:
    """The pool as far as it has been made, mapped into memory. NotFoundError where there is none."""
    if not _done(folder):
        raise NotFoundError(f"There is no pool in '{folder}'; make it first (part pool).")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("pixels", "embedding")}
    arrays |= {name: np.load(folder / f"{name}.npy") for name in ("style", "weight")}
    for name in ("tokens", "latents", "revised", "imagined"):
        if (folder / f"{name}.npy").exists():
            arrays[name] = np.load(folder / f"{name}.npy")
    count = min(_done(folder), *map(len, arrays.values()))
    cut = {name: array[:count] for name, array in arrays.items()}
    return Pool(read_embedder(folder), **cut)


def read_embedder(folder: Path) -> Embedder:
    """The embedder of a pool, its shape read from its tensors."""
    tensors = load_file(folder / EMBEDDER)
    whole, cell = tensors["whole_basis"].shape[1], tensors["cell_basis"].shape[1]
    embedder = Embedder(Shape(whole, cell, tensors["layout_mean"].shape[-1]))
    embedder.load_state_dict(tensors)
    return embedder


def write_captions(
    folder: Path, captions_at: Callable[[int], Sequence[Sequence[int]]], captions: int, workers: int = 0
) -> None:
    """Fill `tokens.npy` for every picture made so far: `captions_at(i)` gives `captions` lists of token ids.

    Apart from the pictures, because wordings are improved often and cost little.
    """
    tokens = np.zeros((_done(folder), captions, LENGTH), np.int16)
    everything = DataLoader(Lazy(captions_at, range(len(tokens))), AT_ONCE, num_workers=workers, collate_fn=list)
    for kept, found in zip(tokens, itertools.chain.from_iterable(everything), strict=True):
        for k, caption in enumerate(found):
            kept[k, : min(len(caption), LENGTH)] = caption[:LENGTH]
    _write_array(folder / "tokens.npy", tokens)


@torch.no_grad()
def write_latents(folder: Path, codec: Codec) -> Iterator[float]:
    """Fill `latents.npy` for every picture made so far; yields the share that is done."""
    pixels = opened(folder).pixels
    device, made = next(codec.parameters()).device, []
    for first in range(0, len(pixels), AT_ONCE):
        rows = torch.from_numpy(np.array(pixels[first : first + AT_ONCE]))
        made.append(codec.encode(as_pictures(rows.to(device))).half().cpu().numpy())
        yield min(1.0, (first + AT_ONCE) / len(pixels))
    _write_array(folder / "latents.npy", np.concatenate(made))


@torch.no_grad()
def write_revised(folder: Path, prior: Prior, learned: int, seed: int) -> Iterator[float]:
    """Fill `revised.npy` and `imagined.npy` for every picture made so far; yields the share that is done.

    Blocks of AT_ONCE pictures, in a seeded order, so that it may be stopped at any share; each is revised by one
    strength of at least LEAST_IMAGINED, under one guidance, from noise of one deviation, with one caption for each
    picture. `learned`: steps of the prior's training; with the same number it goes on where it stopped.
    """
    made, device, told = opened(folder), next(prior.parameters()).device, folder / "revised.json"
    revised = _array(folder / "revised.npy", np.float16, made.embedding.shape)
    imagined = _array(folder / "imagined.npy", np.float32, (len(made),))
    known = json.loads(told.read_text()) if told.exists() else {}
    done = known["done"] if known.get("learned") == learned and known.get("calm") == list(CALM) else 0
    blocks = -(-len(made) // AT_ONCE)
    order = torch.randperm(blocks, generator=generator("revised", seed)).tolist()
    for number, block in enumerate(order[done:], done + 1):
        rows = slice(block * AT_ONCE, min((block + 1) * AT_ONCE, len(made)))
        chance = generator("revised", seed, block)
        one, two, three = torch.rand(3, generator=chance).tolist()
        strength, guidance = LEAST_IMAGINED + one * (1 - LEAST_IMAGINED), 1 + two * (MOST_GUIDED - 1)
        calm = CALM[0] + three * (CALM[1] - CALM[0])
        e = torch.from_numpy(made.embedding[rows].astype(np.float32))
        noise, said = calm * torch.randn(e.shape, generator=chance), said_of(made, rows, prior.config.styles, chance)
        unsaid = imagining.nothing_said(said, prior.config.styles)
        words = (said.to(device), unsaid.to(device), max(2, round(WALK * strength)), guidance)
        e = imagining.revised(prior, e.to(device), noise.to(device), strength, *words)
        revised[rows], imagined[rows] = e.half().cpu().numpy(), strength
        if number % (SHARD // AT_ONCE) == 0 or number == blocks:
            revised.flush()
            imagined.flush()
            write_atomic(told, json.dumps({"learned": learned, "calm": CALM, "done": number}).encode())
            yield number / blocks


def said_of(made: Pool, rows: slice, any_style: int, chance: torch.Generator) -> Said:
    """One caption of each picture of the pool, most of them with their style."""
    where = np.arange(rows.start, rows.stop)
    captions = 1 if made.tokens is None else made.tokens.shape[1]
    said = made.said(where, torch.randint(captions, (len(where),), generator=chance).numpy())
    told = torch.rand(len(where), generator=chance) < STYLED
    return replace(said, style=torch.where(told, said.style, any_style))


def _write_array(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _arrays(folder: Path, count: int, shape: Shape) -> dict[str, Any]:
    wanted: dict[str, tuple[Any, tuple[int, ...]]] = {
        "pixels": (np.uint8, (count, SIDE, SIDE, 4)),
        "embedding": (np.float16, (count, shape.total)),
        "style": (np.int16, (count,)),
        "weight": (np.float32, (count,)),
    }
    return {name: _array(folder / f"{name}.npy", dtype, size) for name, (dtype, size) in wanted.items()}


def _array(path: Path, dtype: Any, size: tuple[int, ...]) -> Any:
    if not path.exists():
        np.lib.format.open_memmap(path, "w+", dtype, size).flush()
    array = np.load(path, mmap_mode="r+")
    if array.shape != size:
        raise UsageError(f"'{path}' is of another pool ({array.shape}, now {size}); remove the folder or change --out.")
    return array


def _done(folder: Path) -> int:
    path = folder / "done.json"
    return int(json.loads(path.read_text())["done"]) if path.exists() else 0


@torch.no_grad()
def _embedder(
    folder: Path,
    shape: Shape,
    net: EfficientNetLite0,
    sample_at: Callable[[int], Sample],
    fit_on: int,
    workers: int,
) -> Embedder:
    if (folder / EMBEDDER).exists():
        return read_embedder(folder)
    parts = [_look(net, samples, shape) for samples in composed(sample_at, range(fit_on), workers)]
    names = ("whole", "map", "layout")
    embedder = Embedder(shape)
    embedder.fit(Seen(*(torch.cat([getattr(part, name).cpu() for part in parts]) for name in names)))
    write_embedder(folder, embedder)
    return embedder


def take_embedder(folder: Path, embedder: Embedder) -> None:
    """For a pool that is not begun yet. UsageError where it was, with another."""
    if not (folder / EMBEDDER).exists():
        return write_embedder(folder, embedder)
    there, wanted = read_embedder(folder).state_dict(), embedder.state_dict()
    if not all(alike(there[name], wanted[name]) for name in wanted):
        raise UsageError(f"The pool in '{folder}' was begun for another painter; take another --out.")


def alike(a: Tensor, b: Tensor) -> bool:
    """But for the rounding of shipped weights to eight bits."""
    return a.shape == b.shape and float((a - b).abs().max()) <= 0.02 * float(b.abs().max())


def write_embedder(folder: Path, embedder: Embedder) -> None:
    path = folder / EMBEDDER
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in embedder.state_dict().items()}, temporary)


@torch.no_grad()
def _look(net: EfficientNetLite0, samples: Sequence[Sample], shape: Shape) -> Seen:
    pixels = torch.from_numpy(np.stack([sample.pixels for sample in samples])).permute(0, 3, 1, 2)
    return look(net, pixels.to(next(net.parameters()).device).float() / 127.5 - 1, shape.layout)


def _write(arrays: dict[str, Any], rows: range, samples: Sequence[Sample], embeddings: Tensor) -> None:
    arrays["embedding"][rows.start : rows.stop] = embeddings.half().numpy()
    for row, sample in zip(rows, samples, strict=True):
        arrays["pixels"][row] = sample.pixels
        arrays["style"][row], arrays["weight"][row] = sample.style, sample.weight
