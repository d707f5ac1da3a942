"""Stable Diffusion models that come as one file hold weights alone: what they belong to stands here, as published.

arXiv 2112.10752 (1.x), the configs of Stable Diffusion 2, and arXiv 2307.01952, table 1 (XL).
"""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

LATENT_UNET: Config = {
    "_class_name": "UNet2DConditionModel", "sample_size": 64, "in_channels": 4, "out_channels": 4,
    "layers_per_block": 2, "block_out_channels": [320, 640, 1280, 1280],
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
}  # fmt: skip
VAE: Config = {
    "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4, "sample_size": 512, "scaling_factor": 0.18215,
}  # fmt: skip
CLIP_L: Config = {
    "model_type": "clip_text_model", "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "hidden_act": "quick_gelu", "vocab_size": 49408, "projection_dim": 768,
    "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407,
}  # fmt: skip
NOISE: Config = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
    "steps_offset": 1, "prediction_type": "epsilon",
}  # fmt: skip
EULER: Config = {"_class_name": "EulerDiscreteScheduler", **NOISE, "timestep_spacing": "leading"}

LAYOUTS: dict[str, dict[str, tuple[str, Config]]] = {
    "StableDiffusionPipeline": {
        "unet": ("diffusers", {**LATENT_UNET, "cross_attention_dim": 768, "attention_head_dim": 8}),
        "vae": ("diffusers", VAE),
        "text_encoder": ("transformers", {"architectures": ["CLIPTextModel"], **CLIP_L}),
        "scheduler": ("diffusers", EULER),
    },
    "StableDiffusionPipeline 2": {
        "unet": ("diffusers", {**LATENT_UNET, "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
                               "use_linear_projection": True}),
        "vae": ("diffusers", VAE),
        "text_encoder": ("transformers", {
            "architectures": ["CLIPTextModel"], **CLIP_L, "hidden_size": 1024, "intermediate_size": 4096,
            "num_hidden_layers": 23, "num_attention_heads": 16, "hidden_act": "gelu", "projection_dim": 512,
            "pad_token_id": 0,
        }),
        "scheduler": ("diffusers", EULER),
    },
    "StableDiffusionXLPipeline": {
        "unet": ("diffusers", {
            **LATENT_UNET, "sample_size": 128, "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
            "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2],
            "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"], "attention_head_dim": [5, 10, 20],
            "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": True,
            "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        }),
        "vae": ("diffusers", {**VAE, "sample_size": 1024, "scaling_factor": 0.13025}),
        "text_encoder": ("transformers", {"architectures": ["CLIPTextModel"], **CLIP_L}),
        "text_encoder_2": ("transformers", {
            "architectures": ["CLIPTextModelWithProjection"], **CLIP_L, "hidden_size": 1280,
            "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu",
            "projection_dim": 1280, "pad_token_id": 0,
        }),
        "scheduler": ("diffusers", EULER),
    },
}  # fmt: skip
"""pipeline (and generation) -> part -> (library, config)"""
MARKS = {
    "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight": "StableDiffusionXLPipeline",
    "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight": "StableDiffusionPipeline 2",
    "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight": "StableDiffusionPipeline",
}
"""a weight by which each is told; the first that is there counts"""
NETWORK = "model.diffusion_model."
"""how the names of the denoiser's weights begin in one file"""
EOS_PADDED, BANG_PADDED = "<|endoftext|>", "!"
"""what a tokenizer fills up with: CLIP's own, and that of OpenCLIP's larger models"""
