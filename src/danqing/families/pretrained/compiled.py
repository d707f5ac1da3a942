"""The two networks that take the time, the denoiser and the decoder, compiled by OpenVINO for this processor.

Each is converted once for every size of picture and kept in a folder; the sampler, the words and chance stay where
they were. Results differ from PyTorch's in the last bits, so a recipe names the engine.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from danqing.errors import DiskError, MissingExtraError, UsageError
from danqing.families.pretrained.opening import Opened, quiet
from danqing.home import danqing_home

OPENVINO = "openvino"
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
MOST_SHAPES = 4
"""kept in memory; more are read from the disk again"""
Inputs = dict[str, Tensor]


def put_on(opened: Opened, fingerprint: str) -> Callable[[], None]:
    """Let the compiled networks work in the place of the pipeline's own; gives what takes them off again.

    Raises MissingExtraError, UsageError.
    """
    library()
    pipeline = opened.pipeline
    unet, vae = getattr(pipeline, "unet", None), getattr(pipeline, "vae", None)
    if unet is None or vae is None or not hasattr(vae, "decoder"):
        raise UsageError(f"A {opened.kind} is not compiled by OpenVINO yet; leave --engine out.")
    if pipeline.device.type != "cpu":
        raise UsageError("The engine openvino is for the processor; leave --engine out on a GPU.")
    if OPENVINO not in opened.kept:
        opened.kept[OPENVINO] = networks(opened, danqing_home() / OPENVINO / f"{fingerprint}-{opened.precision}")
    denoiser, decoder = opened.kept[OPENVINO]
    unet.forward, vae.decoder.forward = denoising(denoiser), decoding(decoder)

    def take_off() -> None:
        del unet.forward, vae.decoder.forward

    return take_off


def decode_with(opened: Opened, vae: Any, fingerprint: str) -> None:
    """Let a decoder of its own, which nobody else has, be compiled too."""
    folder = danqing_home() / OPENVINO / f"{fingerprint}-{opened.precision}"
    vae.decoder.forward = decoding(Compiled(Decoder, copy(vae.decoder), folder / "decoder", opened.precision))


def networks(opened: Opened, folder: Path) -> tuple[Compiled, Compiled]:
    """Denoiser and decoder; nothing is compiled yet."""
    unet, vae = opened.pipeline.unet, opened.pipeline.vae
    denoiser = Compiled(Denoiser, copy(unet), folder / "unet", opened.precision)  # its copy keeps its own forward
    decoder = Compiled(Decoder, copy(vae.decoder), folder / "decoder", opened.precision)
    return denoiser, decoder


def library() -> Any:
    try:
        with quiet():
            import openvino
    except ImportError:
        raise MissingExtraError("The engine openvino", OPENVINO) from None
    return openvino


class Denoiser(nn.Module):
    """A U-Net with its inputs by position."""

    def __init__(self, net: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *values: Tensor) -> Tensor:
        given = dict(zip(self.names, values, strict=True))
        main = [given.pop(name) for name in ("sample", "t", "words")]
        cond = {"timestep_cond": given.pop("timestep_cond")} if "timestep_cond" in given else {}
        made: Tensor = self.net(*main, **cond, added_cond_kwargs=given or None, return_dict=False)[0]
        return made


class Decoder(nn.Module):
    def __init__(self, net: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.net = net

    def forward(self, sample: Tensor) -> Tensor:
        made: Tensor = self.net(sample)
        return made


class Compiled:
    """A network as OpenVINO runs it; one for each shape of its inputs."""

    def __init__(self, kind: Any, net: nn.Module, folder: Path, precision: str) -> None:
        self.kind, self.net, self.folder, self.precision = kind, net, folder, precision
        self.by_shape: dict[str, Any] = {}

    def __call__(self, inputs: Inputs) -> Tensor:
        key = hashlib.sha256(str([(name, tuple(x.shape)) for name, x in inputs.items()]).encode()).hexdigest()[:16]
        if key not in self.by_shape:
            if len(self.by_shape) == MOST_SHAPES:
                self.by_shape.pop(next(iter(self.by_shape)))
            self.by_shape[key] = self.compiled(key, inputs)
        made = self.by_shape[key]([x.float().numpy() for x in inputs.values()])[0]
        return torch.from_numpy(made.copy())

    def compiled(self, key: str, inputs: Inputs) -> Any:
        ov = library()
        path = self.folder / f"{key}.xml"
        if not path.exists():
            self.convert(path, inputs)
        hints = {"INFERENCE_PRECISION_HINT": PRECISIONS[self.precision], "PERFORMANCE_HINT": "LATENCY",
                 "INFERENCE_NUM_THREADS": torch.get_num_threads(), "CACHE_DIR": self.folder / "blobs"}  # fmt: skip
        return ov.Core().compile_model(path, "CPU", hints)

    @torch.no_grad()
    def convert(self, path: Path, inputs: Inputs) -> None:
        """Written under another name first, so that a stopped conversion leaves nothing that is taken for whole."""
        ov = library()
        unfinished = path.parent / f".{path.stem}"
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            with quiet():
                example = tuple(x.float() for x in inputs.values())
                net = self.kind(deepcopy(self.net).float(), tuple(inputs)).eval()  # traced in bf16 it gives no numbers
                model = ov.convert_model(net, example_input=example, input=[tuple(x.shape) for x in example])
                ov.save_model(model, unfinished / path.name, compress_to_fp16=self.precision != "fp32")
            for file in sorted(unfinished.iterdir()):  # .bin before .xml, which says that both are there
                file.replace(path.parent / file.name)
            unfinished.rmdir()
        except OSError as error:
            reason = error.strerror or str(error)
            raise DiskError(f"{path.parent} cannot be written ({reason}); free space or set DANQING_HOME.") from None


def denoising(compiled: Compiled) -> Callable[..., Any]:
    """`forward` as the pipelines call it. UsageError for what is put on a U-Net and would not be seen."""

    def forward(
        sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, timestep_cond: Tensor | None = None,
        added_cond_kwargs: dict[str, Tensor] | None = None, return_dict: bool = True, **others: Any,
    ) -> Any:  # fmt: skip
        if any(value is not None for value in others.values()):
            raise UsageError("The engine openvino takes no ControlNet; leave --engine out for it.")
        time = torch.as_tensor(timestep, dtype=torch.float32).reshape(-1)[:1]
        inputs = {"sample": sample, "t": time, "words": encoder_hidden_states}
        if timestep_cond is not None:
            inputs["timestep_cond"] = timestep_cond
        inputs |= added_cond_kwargs or {}
        made = compiled(inputs).to(sample.dtype)
        if return_dict:
            from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

            return UNet2DConditionOutput(sample=made)
        return (made,)

    return forward


def decoding(compiled: Compiled) -> Callable[..., Tensor]:
    def forward(sample: Tensor, *_: Any) -> Tensor:
        return compiled({"sample": sample}).to(sample.dtype)

    return forward
