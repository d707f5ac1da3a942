"""Real architectures with random weights, small enough for tests: what `danqing paint --model FOLDER` is given there.

Every maker writes a folder as diffusers and the Hugging Face hub lay it out, in safetensors.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

MADE: dict[str, Callable[[Path], None]] = {}
"""name -> what writes that model's folder"""


def maker(work: Callable[[Path], None]) -> Callable[[Path], None]:
    MADE[work.__name__.replace("_", "-")] = work
    return work


def tokenizer(length: int = 77) -> Any:
    """CLIP's, whose words are single letters: no merges."""
    from transformers import CLIPTokenizer

    letters = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    rest = [byte for byte in range(256) if byte not in letters]
    signs = [chr(byte) for byte in letters] + [chr(256 + place) for place in range(len(rest))]
    pieces = signs + [sign + "</w>" for sign in signs] + ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[], model_max_length=length)


def text_encoder(width: int = 32, projected: bool = False, layers: int = 2) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    signs = len(tokenizer())
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=4,
        vocab_size=signs, projection_dim=width, bos_token_id=signs - 2, eos_token_id=signs - 1, pad_token_id=signs - 1,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def vae(latents: int = 4, **settings: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(32, 32, 32, 32), in_channels=3, out_channels=3, latent_channels=latents, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, sample_size=64,
        **settings,
    ).eval()  # fmt: skip


def unet(**settings: Any) -> Any:
    from diffusers import UNet2DConditionModel

    usual = {
        "sample_size": 8, "in_channels": 4, "out_channels": 4, "block_out_channels": (32, 64), "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "norm_num_groups": 8,
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 32, "attention_head_dim": 8,
    }  # fmt: skip
    return UNet2DConditionModel(**(usual | settings)).eval()


def ddim(**settings: Any) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1, **settings,
    )  # fmt: skip


def stable_diffusion_parts(**settings: Any) -> dict[str, Any]:
    return {
        "vae": vae(), "unet": unet(**settings), "text_encoder": text_encoder(), "tokenizer": tokenizer(),
        "scheduler": ddim(), "safety_checker": None, "feature_extractor": None,
    }  # fmt: skip


@maker
def sd(folder: Path) -> None:
    """As Stable Diffusion 1.5."""
    from diffusers import StableDiffusionPipeline

    StableDiffusionPipeline(**stable_diffusion_parts(), requires_safety_checker=False).save_pretrained(folder)


@maker
def sd_turbo(folder: Path) -> None:
    """As SD-Turbo: few steps, by its scheduler."""
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

    euler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="trailing"
    )
    parts = stable_diffusion_parts() | {"scheduler": euler}
    StableDiffusionPipeline(**parts, requires_safety_checker=False).save_pretrained(folder)


@maker
def sd_checked(folder: Path) -> None:
    """With a safety checker, which flags every picture: its limits are below all likenesses."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    side = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(vision_config={**side, "image_size": 32, "patch_size": 16}, text_config=side, projection_dim=16)
    checker = StableDiffusionSafetyChecker(config).eval()
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(-2.0)
    eyes = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    parts = stable_diffusion_parts() | {"safety_checker": checker, "feature_extractor": eyes}
    StableDiffusionPipeline(**parts).save_pretrained(folder)


@maker
def lcm(folder: Path) -> None:
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler

    few = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    parts = stable_diffusion_parts(time_cond_proj_dim=32) | {"scheduler": few}
    LatentConsistencyModelPipeline(**parts, requires_safety_checker=False).save_pretrained(folder)


@maker
def sdxl(folder: Path) -> None:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    wide = unet(
        cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 32, transformer_layers_per_block=(1, 2),
        attention_head_dim=(2, 4), use_linear_projection=True,
    )  # fmt: skip
    euler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    StableDiffusionXLPipeline(
        vae=vae(), unet=wide, text_encoder=text_encoder(), text_encoder_2=text_encoder(projected=True),
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), scheduler=euler, add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip


@maker
def sd3(folder: Path) -> None:
    """Without the third text encoder, as people keep it who lack memory."""
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=8, patch_size=1, in_channels=16, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=16,
    )  # fmt: skip
    StableDiffusion3Pipeline(
        transformer=transformer.eval(), vae=vae(16, shift_factor=0.0609, scaling_factor=1.5, use_quant_conv=False,
                                                use_post_quant_conv=False),
        text_encoder=text_encoder(projected=True), text_encoder_2=text_encoder(projected=True), text_encoder_3=None,
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), tokenizer_3=None, scheduler=FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(folder)  # fmt: skip


@maker
def flux(folder: Path) -> None:
    """Distilled to few steps, as FLUX.1-schnell: no guidance."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=[4, 4, 8], guidance_embeds=False,
    )  # fmt: skip
    deep = T5Config(vocab_size=len(tokenizer()), d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    FluxPipeline(
        transformer=transformer.eval(), vae=vae(1, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0,
                                                scaling_factor=1.0),
        text_encoder=text_encoder(), text_encoder_2=T5EncoderModel(deep).eval(), tokenizer=tokenizer(),
        tokenizer_2=tokenizer(), scheduler=FlowMatchEulerDiscreteScheduler(),
    ).save_pretrained(folder)  # fmt: skip


@maker
def kandinsky(folder: Path) -> None:
    """Prior, picture embedding, decoder: the manner of DALL-E 2."""
    from diffusers import DDPMScheduler, KandinskyV22CombinedPipeline, PriorTransformer, UnCLIPScheduler, VQModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    prior = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=12,
        embedding_dim=32,
        num_layers=1,
        additional_embeddings=4,
        num_embeddings=77,
    )
    with torch.no_grad():
        prior.clip_std.fill_(1.0)
    eyes = CLIPVisionConfig(
        hidden_size=32,
        image_size=32,
        projection_dim=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        patch_size=16,
    )
    decoder = unet(
        out_channels=8,
        addition_embed_type="image",
        encoder_hid_dim=32,
        encoder_hid_dim_type="image_proj",
        class_embed_type=None,
        resnet_time_scale_shift="scale_shift",
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
    )
    pixels = VQModel(
        block_out_channels=[32, 64],
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        vq_embed_dim=4,
    )
    ddpm = DDPMScheduler(
        beta_schedule="linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        thresholding=False,
        prediction_type="epsilon",
    )
    jumps = UnCLIPScheduler(
        variance_type="fixed_small_log", prediction_type="sample", num_train_timesteps=1000, clip_sample_range=5.0
    )
    KandinskyV22CombinedPipeline(
        unet=decoder, scheduler=ddpm, movq=pixels.eval(), prior_prior=prior.eval(),
        prior_image_encoder=CLIPVisionModelWithProjection(eyes).eval(), prior_text_encoder=text_encoder(projected=True),
        prior_tokenizer=tokenizer(), prior_scheduler=jumps,
        prior_image_processor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    ).save_pretrained(folder)  # fmt: skip


def write(name: str, folder: Path) -> Path:
    """The model of that name, weights by chance but always the same."""
    before = torch.random.get_rng_state()
    torch.manual_seed(0)
    MADE[name](folder)
    torch.random.set_rng_state(before)
    return folder


# What is put on a model.


def lora(folder: Path, of: Path, form: str, seed: int = 0) -> Path:
    """A LoRA for the U-Net of a model, with the names of peft or of kohya."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    net = UNet2DConditionModel.from_pretrained(of / "unet")
    chance = torch.Generator().manual_seed(seed)
    weights = {}
    for name, layer in net.named_modules():
        if name.endswith(("to_q", "to_k", "to_v", "to_out.0")):
            down = torch.randn(4, layer.in_features, generator=chance)
            up = torch.randn(layer.out_features, 4, generator=chance)
            if form == "peft":
                weights |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
            else:
                key = f"lora_unet_{name.replace('.', '_')}"
                weights |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up,
                            f"{key}.alpha": torch.tensor(4.0)}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / f"{form}-{seed}.safetensors")
    return folder / f"{form}-{seed}.safetensors"


def inversion(folder: Path, name: str = "mycat", signs: int = 2) -> Path:
    """A textual inversion of several signs."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    vectors = torch.randn(signs, 32, generator=torch.Generator().manual_seed(1))
    save_file({"emb_params": vectors}, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def controlnet(folder: Path, of: Path) -> Path:
    from diffusers import ControlNetModel, UNet2DConditionModel

    net = ControlNetModel.from_unet(UNet2DConditionModel.from_pretrained(of / "unet"),
                                    conditioning_embedding_out_channels=(8, 16, 16, 32))  # fmt: skip
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.count_nonzero():  # at first it says nothing
                parameter.normal_(std=0.1)
    net.save_pretrained(folder)
    return folder


def tiny_decoder(folder: Path) -> Path:
    from diffusers import AutoencoderTiny

    AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def adapter(folder: Path, of: Path) -> Path:
    """An IP-Adapter for the U-Net of a model, with its eyes beside it."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    net = UNet2DConditionModel.from_pretrained(of / "unet")
    chance = torch.Generator().manual_seed(2)
    wide = net.config.cross_attention_dim
    weights = {
        "image_proj.proj.weight": torch.randn(4 * wide, 32, generator=chance),
        "image_proj.proj.bias": torch.zeros(4 * wide),
        "image_proj.norm.weight": torch.ones(wide), "image_proj.norm.bias": torch.zeros(wide),
    }  # fmt: skip
    number = 1
    for name in net.attn_processors:
        if name.endswith("attn2.processor"):
            layer = net.get_submodule(name.removesuffix(".processor"))
            for part in ("k", "v"):
                weights[f"ip_adapter.{number}.to_{part}_ip.weight"] = torch.randn(
                    layer.to_k.out_features, wide, generator=chance
                )
            number += 2
    eyes = CLIPVisionConfig(
        hidden_size=32, image_size=32, projection_dim=32, intermediate_size=37, num_attention_heads=4,
        num_hidden_layers=2, patch_size=16,
    )  # fmt: skip
    CLIPVisionModelWithProjection(eyes).save_pretrained(folder / "image_encoder")
    save_file(weights, folder / "adapter.safetensors")
    return folder / "adapter.safetensors"


# One file, as CompVis and Stability named its weights.

BLOCK = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
         "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
UNET = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2":
        "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2", "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2"}  # fmt: skip


def unet_names(blocks: int, layers: int) -> dict[str, str]:
    """How the parts of a U-Net of ours begin -> how they begin in one file."""
    names, number = dict(UNET), 1
    for block in range(blocks):
        for layer in range(layers):
            names[f"down_blocks.{block}.resnets.{layer}"] = f"input_blocks.{number}.0"
            names[f"down_blocks.{block}.attentions.{layer}"] = f"input_blocks.{number}.1"
            number += 1
        names[f"down_blocks.{block}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
        number += block < blocks - 1
    for block in range(blocks):
        for layer in range(layers + 1):
            at = f"output_blocks.{block * (layers + 1) + layer}"
            names[f"up_blocks.{block}.resnets.{layer}"] = f"{at}.0"
            names[f"up_blocks.{block}.attentions.{layer}"] = f"{at}.1"
        crossed = block == 0  # of the tiny one only the first has attention
        names[f"up_blocks.{block}.upsamplers.0.conv"] = f"{at}.{2 if crossed else 1}.conv"
    return names


def vae_names(blocks: int, layers: int) -> dict[str, str]:
    names = {"encoder.conv_norm_out": "encoder.norm_out", "decoder.conv_norm_out": "decoder.norm_out"}
    for side in ("encoder", "decoder"):
        names |= {f"{side}.mid_block.resnets.{place}": f"{side}.mid.block_{place + 1}" for place in range(2)}
        names[f"{side}.mid_block.attentions.0"] = f"{side}.mid.attn_1"
    for block in range(blocks):
        names |= {f"encoder.down_blocks.{block}.resnets.{n}": f"encoder.down.{block}.block.{n}" for n in range(layers)}
        names[f"encoder.down_blocks.{block}.downsamplers.0"] = f"encoder.down.{block}.downsample"
        up = blocks - 1 - block
        names |= {f"decoder.up_blocks.{block}.resnets.{n}": f"decoder.up.{up}.block.{n}" for n in range(layers + 1)}
        names[f"decoder.up_blocks.{block}.upsamplers.0"] = f"decoder.up.{up}.upsample"
    return names


def renamed(name: str, names: dict[str, str], inside: dict[str, str]) -> str:
    """`names` for how it begins, `inside` for what follows."""
    start = max((one for one in names if name.startswith(f"{one}.")), key=len, default="")
    rest = name[len(start) :]
    for mine, theirs in inside.items():
        rest = rest.replace(f".{mine}.", f".{theirs}.")
    return names.get(start, "") + rest if start else rest


def single_file(path: Path) -> tuple[Path, dict[str, Any]]:
    """A Stable Diffusion 1 as one file, and the layout that it has (the real one is larger)."""
    from safetensors.torch import save_file
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    net, pixels = unet(cross_attention_dim=768), vae()
    config = CLIPTextConfig(hidden_size=768, intermediate_size=64, num_hidden_layers=1, num_attention_heads=12,
                            vocab_size=49408, projection_dim=768)  # fmt: skip
    words = CLIPTextModel(config).eval()
    weights = {}
    for name, value in net.state_dict().items():
        weights["model.diffusion_model." + renamed(name, unet_names(2, 1), BLOCK if ".resnets." in name else {})] = (
            value
        )
    attention = {"to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out", "group_norm": "norm",
                 "conv_shortcut": "nin_shortcut"}  # fmt: skip
    for name, value in pixels.state_dict().items():
        new = renamed(name, vae_names(4, 1), attention)
        linear = ".mid.attn_1." in new and value.ndim == 2
        weights[f"first_stage_model.{new}"] = value[:, :, None, None] if linear else value
    for name, value in words.state_dict().items():
        full = name if name.startswith("text_model.") else f"text_model.{name}"
        weights[f"cond_stage_model.transformer.{full}"] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in weights.items()}, path)
    plain = {part: ("diffusers", {"_class_name": type(one).__name__, **one.config})
             for part, one in (("unet", net), ("vae", pixels))}  # fmt: skip
    text = {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_size": 768,
            "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 12, "vocab_size": 49408,
            "projection_dim": 768}  # fmt: skip
    return path, {**plain, "text_encoder": ("transformers", text)}
