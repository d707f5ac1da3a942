"""Large models that others trained (Stable Diffusion and its kin), run by diffusers: opened, never fetched."""
