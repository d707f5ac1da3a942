"""A plain picture transformer: patches are tokens, the condition scales and shifts them (DiT, arXiv 2212.09748).

With RMS norm, normalised queries and keys (arXiv 2302.05442), gated feed-forward (SwiGLU, arXiv 2002.05202) with a
depthwise 3x3 convolution inside, which hides the patch grid, and adaLN shared by all layers (PixArt, arXiv 2310.00426).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.layers import Condition, attend, patches, picture, zero


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = zero(nn.Linear(width, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # 3 x (B, heads, T, D/heads)
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])
        return self.out(attend(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width: int, rows: int) -> None:
        super().__init__()
        inner = 8 * width // 3 // 32 * 32
        self.rows = rows
        self.up = nn.Linear(width, 2 * inner, bias=False)
        self.near = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.down = zero(nn.Linear(inner, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.up(x).chunk(2, dim=2)  # (B, T, inner)
        grid = a.transpose(1, 2).unflatten(2, (self.rows, self.rows))
        a = a + self.near(grid).flatten(2).transpose(1, 2)
        return self.down(F.silu(a) * b)


class Block(nn.Module):
    def __init__(self, width: int, heads: int, rows: int) -> None:
        super().__init__()
        self.attention, self.feed = Attention(width, heads), FeedForward(width, rows)
        self.bias = nn.Parameter(torch.zeros(6, width))

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        """x (B, T, D), steer (B, 6, D)"""
        s1, b1, g1, s2, b2, g2 = (steer + self.bias)[:, :, None].unbind(1)
        x = x + (1 + g1) * self.attention(F.rms_norm(x, x.shape[-1:]) * (1 + s1) + b1)
        return x + (1 + g2) * self.feed(F.rms_norm(x, x.shape[-1:]) * (1 + s2) + b2)


class Transformer(nn.Module):
    """net(z, t, span, labels): z (B, C, H, W), t and span (B,) in [0, 1], labels (B,) -> (B, C, H, W)."""

    def __init__(
        self, size: int, channels: int, classes: int, width: int, depth: int, patch: int, head_width: int = 64
    ) -> None:
        super().__init__()
        self.patch, self.rows = patch, size // patch
        self.condition = Condition(classes, width)
        self.steer = zero(nn.Linear(width, 6 * width))
        self.inward = nn.Linear(channels * patch * patch, width)
        self.place = nn.Parameter(torch.randn(self.rows * self.rows, width) * 0.5)  # as large as a patch, so that
        # the norms, which forget a token's length, do not forget how bright its patch is
        heads = max(1, width // head_width)
        self.blocks = nn.ModuleList(Block(width, heads, self.rows) for _ in range(depth))
        self.outward = zero(nn.Linear(width, channels * patch * patch))

    def forward(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        steer = self.steer(self.condition(t, span, labels)).unflatten(1, (6, -1))
        x = self.inward(patches(z, self.patch)) + self.place
        for block in self.blocks:
            x = block(x, steer)
        return picture(self.outward(F.rms_norm(x, x.shape[-1:])), self.patch, self.rows)
