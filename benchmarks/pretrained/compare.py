"""A Stable-Diffusion-Turbo-sized model with random weights: whole pictures, ours beside diffusers and OpenVINO.

    python benchmarks/pretrained/compare.py --threads 2          # about 15 minutes, 10 GB of disk, 8 GB of memory

Every contestant runs alone in a process of its own (its peak of memory is counted), one after the other, the same
prompts, 512 px; the first picture is not counted. `diffusers` is used as its documentation shows for a CPU: fp32,
from_pretrained, one call. OpenVINO's contestant is the same three networks, converted and compiled for bf16 with its
hint for latency, and the sampler's step by hand: its published pipeline reads only models that optimum-intel has
converted, which cannot be installed beside diffusers 0.42.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
RESULT = HERE.parents[1] / "results" / "pretrained.json"
SIDE = 512
PROMPTS = ("a cat", "a dog on a red sofa", "two apples", "a house by the sea", "an owl with glasses", "a blue car")
WAYS = {  # contestant -> what it is; ours with DANQING_PRECISION
    "danqing-bf16": "danqing, bf16",
    "danqing-bf16-tiny": "danqing, bf16, tiny decoder",
    "danqing-openvino": "danqing, OpenVINO bf16",
    "danqing-openvino-tiny": "danqing, OpenVINO bf16, tiny decoder",
    "danqing-fp32": "danqing, fp32",
    "diffusers": "diffusers as documented, fp32",
    "diffusers-bf16": "diffusers, bf16",
    "openvino-bf16": "OpenVINO by hand, bf16",
    "openvino-bf16-tiny": "OpenVINO by hand, bf16, tiny decoder",
}
WORK = {"one picture, 1 step": (1, 1), "four pictures, 1 step": (4, 1), "one picture, 4 steps": (1, 4)}
Paint = Callable[[str, int, int], Any]
"""(prompt, pictures, steps)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/turbo-sized"), help="where the model is made")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help=f"of {', '.join(WAYS)}")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(measured(args.alone, args.folder, args.repeats)))
        return
    made(args.folder)
    kept = json.loads(RESULT.read_text()) if RESULT.exists() and args.only else {}
    rows = kept.get("rows", {})
    for way in args.only or WAYS:
        print(way, file=sys.stderr, flush=True)
        environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads),
                       "DANQING_PRECISION": "fp32" if way == "danqing-fp32" else "bf16"}  # fmt: skip
        command = [sys.executable, str(HERE), "--alone", way, "--folder", str(args.folder), "--repeats",
                   str(args.repeats), "--threads", str(args.threads)]  # fmt: skip
        out = subprocess.run(command, env=environment, capture_output=True, text=True)
        if out.returncode:
            raise SystemExit(out.stderr[-2000:])
        rows[way] = {"what": WAYS[way], **json.loads(out.stdout.splitlines()[-1])}
        print(json.dumps(rows[way]), file=sys.stderr, flush=True)
        RESULT.write_text(json.dumps({"threads": args.threads, "side": SIDE, "rows": rows}, indent=1) + "\n")


def measured(way: str, folder: Path, repeats: int) -> dict[str, Any]:
    """Median seconds of a whole picture or group by kind of work; seconds to open; peak memory, bytes."""
    began = time.perf_counter()
    paint = PAINTERS[way.rsplit("-", 1)[0] if way in ("danqing-fp32", "danqing-bf16") else way](folder)
    paint(PROMPTS[-1], 1, 1)
    found: dict[str, Any] = {"first picture, s": round(time.perf_counter() - began, 2)}
    for name, (count, steps) in WORK.items():
        times = []
        for number in range(repeats):
            began = time.perf_counter()
            paint(PROMPTS[number % (len(PROMPTS) - 1)], count, steps)
            times.append(time.perf_counter() - began)
        found[name] = round(statistics.median(times), 3)
    found["peak GB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
    return found


# The contestants.


def danqing(folder: Path, **more: Any) -> Paint:
    from danqing import api

    def paint(prompt: str, count: int, steps: int) -> Any:
        return api.paint(prompt, count, 0, folder / "sd-turbo", steps=steps, size=SIDE, **more).result()

    return paint


def danqing_tiny(folder: Path) -> Paint:
    return danqing(folder, decoder=str(folder / "taesd"))


def danqing_openvino(folder: Path) -> Paint:
    return danqing(folder, engine="openvino")


def danqing_openvino_tiny(folder: Path) -> Paint:
    return danqing(folder, engine="openvino", decoder=str(folder / "taesd"))


def diffusers_documented(folder: Path, **more: Any) -> Paint:
    from diffusers import AutoPipelineForText2Image

    pipe = AutoPipelineForText2Image.from_pretrained(folder / "sd-turbo", **more)
    pipe.set_progress_bar_config(disable=True)

    def paint(prompt: str, count: int, steps: int) -> Any:
        return pipe(prompt=prompt, num_inference_steps=steps, guidance_scale=0.0, height=SIDE, width=SIDE,
                    num_images_per_prompt=count)  # fmt: skip

    return paint


def diffusers_bf16(folder: Path) -> Paint:
    import torch

    return diffusers_documented(folder, torch_dtype=torch.bfloat16)


def openvino(folder: Path, tiny: bool = False) -> Paint:
    import openvino as ov
    import torch
    from diffusers import AutoencoderTiny, StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(folder / "sd-turbo")
    decoder = AutoencoderTiny.from_pretrained(folder / "taesd") if tiny else pipe.vae

    class Unet(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = pipe.unet

        def forward(self, x: Any, t: Any, words: Any) -> Any:
            return self.net(x, t, encoder_hidden_states=words, return_dict=False)[0]

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = decoder

        def forward(self, z: Any) -> Any:
            return self.net.decode(z, return_dict=False)[0]

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = pipe.text_encoder

        def forward(self, signs: Any) -> Any:
            return self.net(signs).last_hidden_state

    x, words = torch.randn(1, 4, SIDE // 8, SIDE // 8), torch.randn(1, 77, 1024)
    core = ov.Core()
    hints = {"INFERENCE_PRECISION_HINT": "bf16", "PERFORMANCE_HINT": "LATENCY",
             "INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"])}  # fmt: skip

    def compiled(net: Any, *example: Any) -> Any:
        with torch.no_grad():
            return core.compile_model(ov.convert_model(net.eval(), example_input=example), "CPU", hints)

    unet = compiled(Unet(), x, torch.tensor(999), words)
    decode = compiled(Decoder(), x)
    text = compiled(Text(), torch.zeros(1, 77, dtype=torch.long))

    def paint(prompt: str, count: int, steps: int) -> Any:
        signs = pipe.tokenizer(prompt, padding="max_length", truncation=True, return_tensors="np").input_ids
        seen = torch.from_numpy(text(signs)[0])
        for _ in range(count):
            pipe.scheduler.set_timesteps(steps)
            z = torch.randn(1, 4, SIDE // 8, SIDE // 8) * pipe.scheduler.init_noise_sigma
            for t in pipe.scheduler.timesteps:
                made = unet([pipe.scheduler.scale_model_input(z, t).numpy(), t.long().numpy(), seen.numpy()])[0]
                z = pipe.scheduler.step(torch.from_numpy(made), t, z).prev_sample
            pixels = decode([(z / decoder.config.scaling_factor).numpy()])[0]
        return pixels

    return paint


def openvino_tiny(folder: Path) -> Paint:
    return openvino(folder, tiny=True)


PAINTERS: dict[str, Callable[[Path], Paint]] = {
    "danqing": danqing, "danqing-bf16-tiny": danqing_tiny, "danqing-openvino": danqing_openvino,
    "danqing-openvino-tiny": danqing_openvino_tiny,
    "diffusers": diffusers_documented, "diffusers-bf16": diffusers_bf16, "openvino-bf16": openvino,
    "openvino-bf16-tiny": openvino_tiny,
}  # fmt: skip


def made(folder: Path) -> None:
    """The model, once: SD-Turbo's networks (Stable Diffusion 2.1's), and TAESD's, weights by chance."""
    if (folder / "taesd" / "config.json").exists():
        return
    import torch
    from diffusers import (
        AutoencoderKL,
        AutoencoderTiny,
        EulerDiscreteScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    sys.path.insert(0, str(HERE.parents[2] / "tests"))
    from tiny_models import tokenizer

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64, cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True
    )
    vae = AutoencoderKL(
        block_out_channels=[128, 256, 512, 512], layers_per_block=2, sample_size=768, scaling_factor=0.18215,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )  # fmt: skip
    text = CLIPTextModel(
        CLIPTextConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
                       vocab_size=49408, hidden_act="gelu", projection_dim=512)
    )  # fmt: skip
    euler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="trailing", steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=text, tokenizer=tokenizer(), scheduler=euler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder / "sd-turbo")  # fmt: skip
    AutoencoderTiny().save_pretrained(folder / "taesd")


if __name__ == "__main__":
    main()
