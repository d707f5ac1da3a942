"""Make a painter from the clip-art set: pool, codec, prior, decoder, and the folder that paints.

    OUT/pool/      composed pictures, embeddings, captions as numbers, latents, embeddings revised by the prior
    OUT/codec/     the autoencoder's training state and averaged weights
    OUT/prior/     the prior's training state and averaged weights
    OUT/decoder/   the decoder's
    OUT/painter/   what is shipped: weights, card, vocabulary, index of the training pictures

Each part goes on where it stopped; Ctrl+C keeps everything.
"""

import copy
import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danqing import checkpoint, settings
from danqing.api.act import act
from danqing.api.logs import Log
from danqing.api.models import parameters, software
from danqing.api.studios import load_painter
from danqing.data.clipart.reading import open_clipart
from danqing.errors import NotFoundError, UsageError, unknown
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.families.text2image import losses, pool
from danqing.families.text2image.codec import Codec, CodecConfig
from danqing.families.text2image.decoder import Decoder, DecoderConfig
from danqing.families.text2image.gist import Gist
from danqing.families.text2image.index import write_index
from danqing.families.text2image.lessons import Lessons, lessons
from danqing.families.text2image.painter import Painter
from danqing.families.text2image.prior import Prior, PriorConfig
from danqing.families.text2image.recipes import PartSettings, School, school
from danqing.families.text2image.shipping import FORMAT, Shipped, painter_config, ready, write_painter
from danqing.nn import precision
from danqing.nn.chance import derive
from danqing.train import Budget, Trainer, TrainSettings, processes
from danqing.types import Card, Phase, Progress

SAVE_EVERY = 60.0
"""seconds between two savings of a part's training state"""


@dataclass(frozen=True)
class Schooled:
    """What a schooling leaves behind."""

    folder: Path
    message: str


@dataclass(frozen=True)
class How:
    """What all parts of one schooling share."""

    seed: int = 0
    device: str = "cpu"
    rank: int = 0
    world: int = 1
    budget: Mapping[str, Any] = field(default_factory=dict)
    """empty for the recipe's minutes"""
    clock: Callable[[], float] = time.perf_counter
    workers: int = 0
    """processes that compose beside this one"""
    start: Shipped | None = None
    """the painter whose weights the parts begin with"""
    kept: tuple[str, ...] = ()
    """parts that are taken from `start` as they are"""

    def batches(self, made: pool.Pool, kind: str) -> Callable[[int], pool.Batches]:
        """Batch size -> batches of the pool, of pixels, latents or captions."""
        return lambda batch: pool.Batches(made, batch, self.seed, kind, self.rank, self.world, self.device)


class PartRun:
    """The training of one part of the painter."""

    def __init__(
        self,
        folder: Path,
        name: str,
        model: Any,
        phases: list[Phase],
        batches: Callable[[int], pool.Batches],
        part: PartSettings,
        how: How,
    ) -> None:
        self.folder, self.name, self.rank, self.how = folder, name, how.rank, how
        train = settings.read(TrainSettings, part.train, f"the recipe of the {name}")
        model = model.to(how.device).to(memory_format=torch.channels_last)
        self.trainer = Trainer(
            model,
            model,
            phases,
            batches(train.batch).at,
            train,
            Budget(**(how.budget or {"minutes": part.minutes})),
            seed=how.seed,
            precision=processes.common_precision(train.precision, how.device, how.world),
            device=how.device,
            rank=how.rank,
            world=how.world,
            clock=how.clock,
        )
        self.kept: dict[str, Any] = {
            "part": name,
            "config": settings.plain(model.config),
            "train": settings.plain(train),
        }
        if name == "decoder":
            self.kept["format"] = FORMAT  # the same weights painted otherwise before

    def from_where_it_stopped(self) -> Generator[Progress, None, None]:
        self.resume()
        yield from self.learn()

    def resume(self) -> None:
        """Take up the kept state, if there is one of the same settings."""
        try:
            tensors, state = checkpoint.load_training(self.folder)
        except NotFoundError:
            return
        if self.name in self.how.kept and state["trainer"]["step"]:
            raise UsageError(
                f"The {self.name} in '{self.folder}' has begun to learn already; take another --out to start from "
                "another painter."
            )
        for key, value in self.kept.items():
            if json.dumps(state.get(key), sort_keys=True) != json.dumps(value, sort_keys=True):
                raise UsageError(
                    f"The unfinished {self.name} in '{self.folder}' was begun with another {key}; "
                    "go on with that recipe or choose another --out."
                )
        self.trainer.restore(tensors, state["trainer"])

    def learn(self) -> Generator[Progress, None, None]:
        if self.name not in self.how.kept:
            yield from self.go()
        elif self.rank == 0:
            self.save()

    def go(self) -> Generator[Progress, None, None]:
        log = Log(self.folder, self.trainer.step, False) if self.rank == 0 else None
        saved = time.monotonic()
        try:
            for progress in self.trainer.run():
                if log:
                    log.write(progress, self.trainer.seconds)
                if log and time.monotonic() - saved > SAVE_EVERY:
                    self.save()
                    saved = time.monotonic()
                yield progress
        finally:
            if log:
                log.close()
                if self.trainer.whole:
                    self.save()

    def save(self) -> None:
        state = {**self.kept, "fraction": self.trainer.fraction, "trainer": self.trainer.numbers()}
        checkpoint.save_training(self.folder, self.trainer.tensors(), state)


def averaged(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The averaged weights of a part and what is known of its training."""
    tensors, state = checkpoint.load_training(folder)
    return {k.removeprefix("average/"): v for k, v in tensors.items() if k.startswith("average/")}, state


def begin(name: str, model: Any, how: How) -> None:
    """With the weights of the painter that is gone on from, if there is one."""
    if how.start is None:
        return
    there = getattr(how.start.painter, name)
    if settings.plain(there.config) != settings.plain(model.config):
        raise other_size(name)
    model.load_state_dict(there.state_dict())


# The parts.


def prior_run(folder: Path, plan: School, made: pool.Pool, styles: int, words: int, how: "How") -> PartRun:
    config = settings.read(
        PriorConfig, {**plan.prior.model, "styles": styles, "words": words}, "the recipe of the prior"
    )
    torch.manual_seed(derive("prior", how.seed))
    prior = Prior(config)
    if made.tokens is not None:
        prior.fit(made.tokens, made.style, made.weight, made.embedding)
    begin("prior", prior, how)
    phases = [Phase("prior", prior, partial(losses.prior_loss, prior))]
    return PartRun(folder, "prior", prior, phases, how.batches(made, "captions"), plan.prior, how)


def codec_run(folder: Path, plan: School, made: pool.Pool, how: "How") -> PartRun:
    config = settings.read(CodecConfig, plan.codec.model, "the recipe of the codec")
    torch.manual_seed(derive("codec", how.seed))
    codec = Codec(config)
    begin("codec", codec, how)
    phases = [Phase("codec", codec, partial(losses.codec_loss, codec))]
    return PartRun(folder, "codec", codec, phases, how.batches(made, "pixels"), plan.codec, how)


def decoder_run(folder: Path, plan: School, made: pool.Pool, styles: int, gist: Gist, how: "How") -> PartRun:
    if made.latents is None:
        raise NotFoundError("The pool has no latents yet; teach the codec first (part codec).")
    channels, side = made.latents.shape[1:3]
    given = {**plan.decoder.model, "styles": styles, "side": side, "channels": channels}
    config = settings.read(DecoderConfig, given, "the recipe of the decoder")
    torch.manual_seed(derive("decoder", how.seed))
    decoder, gist = Decoder(config), gist.to(how.device)
    begin("decoder", decoder, how)
    turn = 1 - plan.decoder.few_step
    phases = [Phase("decoder", decoder, partial(losses.decoder_loss, decoder, gist), span=(0.0, turn))]
    if turn < 1:
        phases.append(Phase("few-step", decoder, partial(losses.jump_loss, decoder, gist), span=(turn, 1.0)))
    return PartRun(folder, "decoder", decoder, phases, how.batches(made, "latents"), plan.decoder, how)


# The whole.


@act
def train_painter(
    recipe: str = "cpu",
    *,
    part: str = "all",
    minutes: float | None = None,
    out: str | Path = "runs/painter",
    data: str | Path | None = None,
    start: str | Path | None = None,
    seed: int = 0,
    device: str | None = None,
) -> Generator[Progress, None, Schooled]:
    """Make a painter from the clip-art set, or one part of it; what is there already is kept and gone on with.

    recipe   cpu, gpu, or FILE.toml[:NAME]
    part     pool, captions, codec, prior, revised, decoder, painter, or all of them one after the other
    minutes  budget of the codec, the prior or the decoder instead of the recipe's; a larger one goes on
    data     folder of the built clip-art set, its usual place if not given
    start    "shipped", or the folder of a painter: its codec and prior are taken, its decoder learns on; a part that is
             named learns on itself. What has been begun in `out` already goes on as it is.

    Raises NotFoundError before `danqing data build clipart`, UsageError, DiskError.
    """
    plan, folder = school(recipe), Path(out)
    parts = PARTS if part == "all" else (part,)
    if part != "all" and part not in PARTS:
        raise unknown("part of a painter", part, (*PARTS, "all"))
    rank, world = processes.join()
    device = device or precision.best_device()
    workers = (os.cpu_count() or 1) // 2 if os.cpu_count() != 2 else 0  # two cores are busy with the net
    taught = lessons(open_clipart(None if data is None else Path(data)), plan.pool)
    how = How(seed, device, rank, world, {"minutes": minutes} if minutes else {}, workers=workers)
    if start is not None:
        kept = ("codec", "prior") if part == "all" else ()
        how = replace(how, start=to_start_from(start, taught, plan), kept=kept)
    for name in parts:
        yield Progress("train", 0.0, message=f"Part {name}.")
        yield from MAKERS[name](folder, plan, taught, how)
    if "painter" in parts:
        return Schooled(folder, f"The painter is in '{folder}'; paint with --model {folder / 'painter'}.")
    return Schooled(folder, f"The {part} of the painter is in '{folder}'; --part painter puts it together.")


def to_start_from(start: str | Path, taught: Lessons, plan: School) -> Shipped:
    """UsageError where the painter knows other words or styles than the lessons do, or is not of the recipe's size."""
    found = load_painter(None if str(start) == "shipped" else start).shipped
    for what, known, came in (
        ("words", found.vocabulary, taught.lexicon.vocabulary),
        ("styles", found.styles, taught.styles),
    ):
        if tuple(known) != tuple(came):
            raise UsageError(
                f"The painter to start from knows {len(known):,} {what}, the set has {len(came):,}, not the same; "
                "begin without a start."
            )
    for name, part in (("codec", plan.codec), ("prior", plan.prior), ("decoder", plan.decoder)):
        config = settings.plain(getattr(found.painter, name).config)
        for key, value in part.model.items():
            if json.dumps(config.get(key)) != json.dumps(value):
                raise other_size(name)
    return found


def other_size(name: str) -> UsageError:
    return UsageError(f"The {name} of the painter to start from is of another size; take the recipe it was made by.")


def make_pool(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    if how.rank == 0:
        shape = settings.read(DecoderConfig, plan.decoder.model, "the recipe of the decoder").shape
        net = copy.deepcopy(efficientnet_lite0()).to(how.device)
        if how.start:
            pool.take_embedder(folder / "pool", how.start.painter.embedder)
        steps = pool.make(folder / "pool", plan.pool.count, taught.sample_at, net, shape, workers=how.workers)
        for done in steps:
            yield Progress("train", done / plan.pool.count, done)
    processes.wait(how.world, how.device)


def make_captions(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    if how.rank == 0:
        pool.write_captions(folder / "pool", taught.captions_at, plan.pool.captions, how.workers)
        yield Progress("train", 1.0)
    processes.wait(how.world, how.device)


def make_codec(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    """Teach it, then give the pool its latents."""
    made = pool.opened(folder / "pool")
    run = codec_run(folder / "codec", plan, made, how)
    run.resume()
    before = run.trainer.step
    yield from run.learn()
    stale = made.latents is None or len(made.latents) != len(made) or run.trainer.step != before
    if stale and how.rank == 0:
        for done in pool.write_latents(folder / "pool", learned_codec(folder / "codec").to(how.device)):
            yield Progress("train", done)
    processes.wait(how.world, how.device)


def learned_codec(folder: Path) -> Codec:
    """The averaged codec of a folder, ready for use. NotFoundError where it has not been taught."""
    tensors, state = averaged(folder)
    codec = Codec(settings.read(CodecConfig, state["config"], "the codec"))
    codec.load_state_dict(tensors)
    return ready(codec)


def make_prior(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    made = pool.opened(folder / "pool")
    run = prior_run(folder / "prior", plan, made, len(taught.styles), len(taught.lexicon), how)
    yield from run.from_where_it_stopped()


def make_revised(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    """Embeddings as the prior would imagine them, for the decoder to learn from; anew when the prior has learned on."""
    if how.rank == 0:
        prior, learned = learned_prior(folder / "prior")
        for done in pool.write_revised(folder / "pool", prior.to(how.device), learned, how.seed):
            yield Progress("train", done)
    processes.wait(how.world, how.device)


def learned_prior(folder: Path) -> tuple[Prior, int]:
    """The averaged prior of a folder, ready for use, and the steps it has learned; NotFoundError without one."""
    tensors, state = averaged(folder)
    prior = Prior(settings.read(PriorConfig, state["config"], "the prior"))
    prior.load_state_dict(tensors)
    return ready(prior), state["trainer"]["step"]


def make_decoder(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    made, (prior, _) = pool.opened(folder / "pool"), learned_prior(folder / "prior")
    run = decoder_run(folder / "decoder", plan, made, len(taught.styles), prior.gist, how)
    yield from run.from_where_it_stopped()


def make_painter(folder: Path, plan: School, taught: Lessons, how: How) -> Generator[Progress, None, None]:
    """Put the averaged parts together, in eight bits, with the index of what they learned from."""
    if how.rank == 0:
        prior, prior_state = averaged(folder / "prior")
        decoder, decoder_state = averaged(folder / "decoder")
        if decoder_state.get("format") != FORMAT:
            raise UsageError(f"The decoder in '{folder}' was taught by an older Danqing; choose another --out.")
        codec, (_, codec_state) = learned_codec(folder / "codec"), averaged(folder / "codec")
        painter = Painter(
            settings.read(PriorConfig, prior_state["config"], "the prior"),
            settings.read(DecoderConfig, decoder_state["config"], "the decoder"),
            codec.config,
        )
        painter.codec = codec
        made = pool.opened(folder / "pool")
        painter.embedder, _ = made.embedder, painter.prior.load_state_dict(prior)
        painter.decoder.load_state_dict(decoder)
        card = painter_card(
            painter, plan, taught, {"codec": codec_state, "prior": prior_state, "decoder": decoder_state}, how.seed
        )
        write_painter(folder / "painter", painter, taught.lexicon.vocabulary, card)
        plain = min(len(made), len(taught.plain))
        rows = [asdict(taught.clipart.rows[i]) for i in taught.plain[:plain]]
        write_index(folder / "painter", torch.from_numpy(made.embedding[:plain].astype("float32")), rows)
        yield Progress("train", 1.0)
    processes.wait(how.world, how.device)


MAKERS: Mapping[str, Callable[[Path, School, Lessons, How], Generator[Progress, None, None]]] = {
    "pool": make_pool,
    "captions": make_captions,
    "codec": make_codec,
    "prior": make_prior,
    "revised": make_revised,
    "decoder": make_decoder,
    "painter": make_painter,
}
PARTS = tuple(MAKERS)


def painter_card(painter: Painter, plan: School, taught: Lessons, states: Mapping[str, Any], seed: int) -> Card:
    learned = {name: state["trainer"] for name, state in states.items()}
    card = taught.clipart.card
    return Card(
        name="painter",
        family="text2image",
        preset=plan.name,
        config=painter_config(
            painter,
            taught.styles,
            taught.lexicon.vocabulary,
            jumps=jumps(states["decoder"], plan),
            default_style=default_style(plan, taught),
        ),
        train={name: {**state["train"], "precision": learned[name]["precision"]} for name, state in states.items()},
        data={
            "name": "clipart",
            "sha256": card.get("sha256", {}),
            "kinds": list(plan.pool.kinds),
            "pictures": len(taught.plain),
            "licences": taught.licences(),
            "labels": list(taught.styles),
        },
        seed=seed,
        steps=learned["decoder"]["step"],
        pictures_seen=learned["decoder"]["pictures"],
        seconds=round(sum(one["seconds"] for one in learned.values()), 1),
        parameters=parameters(painter),
        software=software(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def default_style(plan: School, taught: Lessons) -> str | None:
    if plan.style and plan.style not in taught.styles:
        raise unknown("style", plan.style, taught.styles)
    return plan.style or None


def jumps(state: Mapping[str, Any], plan: School) -> bool:
    """Whether the few-step stage was reached."""
    return plan.decoder.few_step > 0 and state["fraction"] > 1 - plan.decoder.few_step
