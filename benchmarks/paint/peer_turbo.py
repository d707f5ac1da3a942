"""One picture of 512 pixels as Stable Diffusion Turbo paints it: one step of its U-Net, then the tiny decoder.

The U-Net has the shape of Stable Diffusion 2.1 (866 million parameters) with random weights, which cost as much time
as learned ones. Its text encoder is left out, which favours it. Each number format and memory layout is timed; the
fastest counts. One JSON line.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import peerlib  # noqa: F401 - before torch

# isort: split

import torch

from peerlib.shim import load_torchvision

load_torchvision()

from diffusers import AutoencoderTiny, UNet2DConditionModel  # noqa: E402

LATENT, WORDS, LAST = 64, 77, 999  # cells a side for 512 pixels, words of a prompt, the one time step of Turbo
SD21 = {
    "sample_size": LATENT,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": (5, 10, 20, 20),
    "cross_attention_dim": 1024,
    "use_linear_projection": True,
}
TINY = SD21 | {"block_out_channels": (32, 32, 32, 32), "attention_head_dim": (1, 1, 1, 1), "cross_attention_dim": 32}
LAYOUTS = (torch.contiguous_format, torch.channels_last)
HOPELESS = 4.0  # times slower than fp32 in one convolution; then bf16 is not tried on the whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="a toy of the same kind, to see that it runs")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel(**(TINY if args.tiny else SD21)).eval().requires_grad_(False)
    decoder = AutoencoderTiny().eval().requires_grad_(False)
    manners = {}
    for dtype, layout in ((dtype, layout) for dtype in formats() for layout in LAYOUTS):
        unet, decoder = (net.to(dtype).to(memory_format=layout) for net in (unet, decoder))
        name = f"{str(dtype).removeprefix('torch.')}, {str(layout).removeprefix('torch.')}"
        manners[name] = timed(unet, decoder, dtype, args.repeats)
        print(f"{name}: {manners[name]:.2f} s", file=sys.stderr, flush=True)
    best = min(manners, key=lambda name: manners[name])
    line = {
        "name": "SD-Turbo-sized U-Net + AutoencoderTiny (diffusers), 512 px, 1 step" + (", toy" if args.tiny else ""),
        "version": version("diffusers"),
        "parameters": sum(weight.numel() for weight in unet.parameters()),
        "seconds": manners[best],
        "manner": best,
        "manners": manners,
        "threads": args.threads,
        "repeats": args.repeats,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(line))


@torch.inference_mode()
def formats() -> list[torch.dtype]:
    """fp32, and bf16 unless this machine computes it in slow motion."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        layer, x = torch.nn.Conv2d(64, 64, 3, padding=1, dtype=dtype), torch.randn(1, 64, 16, 16, dtype=dtype)
        layer(x)
        began = time.perf_counter()
        layer(x)
        seconds[dtype] = time.perf_counter() - began
    hopeless = seconds[torch.bfloat16] > HOPELESS * seconds[torch.float32]
    return [torch.float32] if hopeless else [torch.float32, torch.bfloat16]


@torch.inference_mode()
def timed(unet: UNet2DConditionModel, decoder: AutoencoderTiny, dtype: torch.dtype, repeats: int) -> float:
    """Median seconds of a picture, after one that does not count."""
    words = torch.randn(1, WORDS, unet.config.cross_attention_dim, dtype=dtype)
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        noise = torch.randn(1, 4, LATENT, LATENT, dtype=dtype)
        made = noise - unet(noise, LAST, encoder_hidden_states=words).sample
        decoder.decode(made).sample.clamp(-1, 1).float()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds[1:]), 4)


if __name__ == "__main__":
    main()
