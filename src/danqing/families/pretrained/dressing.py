"""What is put on a model for some pictures and taken off again: LoRA, textual inversions, a ControlNet, an IP-Adapter,
a tiny decoder. Files are safetensors; a folder is laid out as diffusers has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from danqing.errors import BadInputError, BadWeightsError, DanqingError, NotFoundError, UsageError, unknown
from danqing.families.pretrained import compiled
from danqing.families.pretrained.fingerprints import fingerprint
from danqing.families.pretrained.opening import DTYPES, Opened, quiet

EYES = "image_encoder"
"""folder of the network that an IP-Adapter sees by, beside its file"""
ENGINES = ("", compiled.OPENVINO)
MOST_WEIGHT = 5
MISFITS = (ValueError, RuntimeError, KeyError, OSError, AttributeError, TypeError, IndexError)
"""what libraries raise for weights that are not what they are taken for"""


@dataclass(frozen=True)
class Dress:
    """Files and folders; equal ones are put on once for all pictures that want them."""

    loras: tuple[tuple[Path, float], ...] = ()
    """a file and how strongly it is mixed in"""
    embeddings: tuple[Path, ...] = ()
    """textual inversions; each is called by the name of its file"""
    controlnet: Path | None = None
    adapter: Path | None = None
    """an IP-Adapter's file, with a folder image_encoder beside it"""
    adapter_strength: float = 0.6
    decoder: Path | None = None
    """a folder with an AutoencoderTiny"""
    engine: str = ""
    """openvino compiles the two large networks; empty is PyTorch"""

    @property
    def files(self) -> tuple[Path, ...]:
        eyes = self.adapter.parent / EYES if self.adapter else None
        several = (*(path for path, _ in self.loras), *self.embeddings, self.controlnet, self.adapter, self.decoder)
        seen_by = eyes if eyes and any(eyes.glob("*.safetensors")) else None
        return tuple(path for path in (*several, seen_by) if path is not None)


@dataclass(eq=False)
class Dressed:
    """A model with what was put on it."""

    opened: Opened
    controlnet: Any = None
    decoder: Any = None
    worn: str = ""
    """names of what was put on"""

    def for_task(self, task: str) -> Any:
        pipeline = self.opened.for_task(task, self.controlnet)
        if self.decoder is not None:
            pipeline.vae = self.decoder
        return pipeline


@contextmanager
def dressed(opened: Opened, dress: Dress) -> Iterator[Dressed]:
    """Put on, and take off at the end, whatever happens. Raises NotFoundError, BadInputError, BadWeightsError."""
    for path in dress.files:
        check(path)
    check_engine(dress)
    made = Dressed(opened, worn=", ".join(path.name for path in dress.files))
    with ExitStack() as stack:
        for put_on, wanted in ((loras, dress.loras), (embeddings, dress.embeddings), (adapter, dress.adapter)):
            if wanted:
                put_on(opened, dress, stack)
        if dress.engine:
            stack.callback(compiled.put_on(opened, fingerprint(opened.path)[:16]))
        if dress.controlnet:
            made.controlnet = network(opened, dress.controlnet, "ControlNet", "controlnet")
        if dress.decoder:
            made.decoder = decoder(opened, dress)
        yield made


def check(path: Path) -> None:
    if not path.exists():
        raise NotFoundError(f"There is no {path.name}; name a .safetensors file or a folder.")
    if path.is_file() and path.suffix != ".safetensors":
        raise BadInputError(f"{path.name} is no safetensors file; other formats can run code and are not read.")


def check_engine(dress: Dress) -> None:
    if dress.engine not in ENGINES:
        raise unknown("engine", dress.engine, filter(None, ENGINES))
    if any(not -MOST_WEIGHT <= weight <= MOST_WEIGHT for _, weight in dress.loras):
        raise UsageError(f"The weight of a LoRA is a number from -{MOST_WEIGHT} to {MOST_WEIGHT}, behind a colon.")
    if dress.engine and (dress.loras or dress.controlnet or dress.adapter):
        raise UsageError("The engine openvino takes no LoRA, ControlNet or IP-Adapter; leave --engine out for them.")


@contextmanager
def fitting(path: Path, what: str) -> Iterator[None]:
    """A misfit as one sentence."""
    try:
        with quiet():
            yield
    except DanqingError:
        raise
    except MISFITS as error:
        reason = str(error).strip().split("\n")[0][:160]
        raise BadWeightsError(f"{path.name} is no {what} for this model ({reason}); take another.") from None


def loras(opened: Opened, dress: Dress, stack: ExitStack) -> None:
    """arXiv 2106.09685: W + weight B A. kohya's names and peft's are both read."""
    pipeline = opened.pipeline
    if not hasattr(pipeline, "load_lora_weights"):
        raise UsageError(f"A {opened.kind} takes no LoRA; leave --lora out.")
    stack.callback(pipeline.unload_lora_weights)
    names = []
    for number, (path, _) in enumerate(dress.loras):
        names.append(f"lora{number}")
        with fitting(path, "LoRA"):
            pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=names[-1])
            if not any(names[-1] in there for there in pipeline.get_list_adapters().values()):
                raise ValueError("none of its weights belongs here")
    pipeline.set_adapters(names, [weight for _, weight in dress.loras])


def embeddings(opened: Opened, dress: Dress, stack: ExitStack) -> None:
    """Textual inversion (arXiv 2208.01618): new signs for a text encoder."""
    from safetensors.torch import load_file

    pipeline = opened.pipeline
    if not hasattr(pipeline, "load_textual_inversion"):
        raise UsageError(f"A {opened.kind} takes no textual inversions; leave --embedding out.")
    for suffix in ("", "_2"):
        if getattr(pipeline, f"tokenizer{suffix}", None) is not None:
            encoder, tokenizer = getattr(pipeline, f"text_encoder{suffix}"), getattr(pipeline, f"tokenizer{suffix}")
            stack.callback(unlearned, pipeline, encoder, tokenizer, frozenset(tokenizer.get_added_vocab()))
    for path in dress.embeddings:
        with fitting(path, "textual inversion"):
            state = load_file(path)
            for part_name, encoder, tokenizer in encoders_of(pipeline, state):
                vectors = {"emb_params": state[part_name]} if part_name else state
                pipeline.load_textual_inversion(vectors, token=path.stem, text_encoder=encoder, tokenizer=tokenizer)


def unlearned(pipeline: Any, encoder: Any, tokenizer: Any, before: frozenset[str]) -> None:
    """Take away what an encoder learned since. diffusers' own unloading forgets the second encoder of SDXL."""
    new = [word for word in tokenizer.get_added_vocab() if word not in before]
    if new:
        pipeline.unload_textual_inversion(new, tokenizer=tokenizer, text_encoder=encoder)


def encoders_of(pipeline: Any, state: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Which weights are for which encoder: those of SDXL are named clip_l and clip_g."""
    if "clip_g" in state:
        yield "clip_l", pipeline.text_encoder, pipeline.tokenizer
        yield "clip_g", pipeline.text_encoder_2, pipeline.tokenizer_2
    else:
        yield "", pipeline.text_encoder, pipeline.tokenizer


def adapter(opened: Opened, dress: Dress, stack: ExitStack) -> None:
    """IP-Adapter (arXiv 2308.06721): a picture beside the words."""
    path, pipeline = dress.adapter, opened.pipeline
    assert path is not None
    if not hasattr(pipeline, "load_ip_adapter"):
        raise UsageError(f"A {opened.kind} takes no IP-Adapter; leave --adapter out.")
    eyes, own = path.parent / EYES, getattr(pipeline, "image_encoder", None)
    if not list(eyes.glob("*.safetensors")) and own is None:
        raise NotFoundError(f"There is no folder {EYES} in safetensors beside {path.name}; an IP-Adapter sees by it.")
    stack.callback(blinded, pipeline, own, getattr(pipeline, "feature_extractor", None))
    with fitting(path, "IP-Adapter"):
        pipeline.load_ip_adapter(
            str(path.parent), subfolder="", weight_name=path.name, image_encoder_folder=EYES,
            local_files_only=True,
        )  # fmt: skip
        pipeline.set_ip_adapter_scale(dress.adapter_strength)


def blinded(pipeline: Any, own: Any, extractor: Any) -> None:
    """Take the adapter off; what the model saw by before is its own again."""
    pipeline.unload_ip_adapter()
    pipeline.register_modules(image_encoder=own, feature_extractor=extractor)


def decoder(opened: Opened, dress: Dress) -> Any:
    """Loaded once for all pictures that want it."""
    assert dress.decoder is not None
    if getattr(opened.pipeline, "vae", None) is None:
        raise UsageError(f"A {opened.kind} has no decoder to be exchanged; leave --decoder out.")
    found = network(opened, dress.decoder, "AutoencoderTiny", "decoder", dress.engine)
    theirs, ours = found.config.latent_channels, opened.pipeline.vae.config.latent_channels
    if theirs != ours:
        raise BadInputError(f"{dress.decoder.name} decodes latents of {theirs} numbers and the model's have {ours}.")
    return found


def network(opened: Opened, path: Path, family: str, what: str, engine: str = "") -> Any:
    """`part`, loaded once for all pictures that want it."""
    key = (path.resolve(), fingerprint(path), engine)
    if key not in opened.kept:
        found = part(opened, path, family, what)
        if engine:
            compiled.decode_with(opened, found, key[1][:16])
        opened.kept[key] = found
    return opened.kept[key]


def part(opened: Opened, path: Path, family: str, what: str) -> Any:
    """A network of its own folder: any class of diffusers whose name ends with `family` or holds it."""
    import json

    import diffusers

    try:
        kind = json.loads((path / "config.json").read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInputError(f"{path.name} is no {what}; name a folder with its config.json and weights.") from None
    if family not in str(kind):
        raise BadInputError(f"{path.name} is a {kind}, no {what}; name another folder.")
    with fitting(path, what):
        found = getattr(diffusers, kind).from_pretrained(
            path, local_files_only=True, use_safetensors=True, torch_dtype=DTYPES[opened.precision]
        )
    return found.eval().requires_grad_(False).to(opened.pipeline.device, memory_format=torch.channels_last)
