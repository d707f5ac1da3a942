"""The gist of some words: the best linear guess of the picture embedding, in closed form.

    ê = b + s[style] + Σ w_i g[word i],        g, s, b = argmin Σ ‖ê - e‖² + λ ‖(g, s)‖²

Ridge regression over the captions of the pool takes seconds and knows every word that was ever used, so the prior need
not learn what a cat looks like on average; its flow learns what is left over: one sharp embedding instead of the mean.
"""

import warnings

import numpy as np
import torch
from torch import Tensor, nn

RIDGE = 10.0
"""λ, in captions of mean weight"""


class Gist(nn.Module):
    """gist(tokens, weights, style) -> (B, total); nothing of it is trained by gradients."""

    def __init__(self, words: int, styles: int, total: int) -> None:
        super().__init__()
        self.words, self.style = nn.Embedding(words, total, padding_idx=0), nn.Embedding(styles + 1, total)
        self.bias = nn.Parameter(torch.zeros(total))
        for matrix in (self.words.weight, self.style.weight):
            nn.init.zeros_(matrix)
        self.requires_grad_(False)

    def forward(self, tokens: Tensor, weights: Tensor, style: Tensor) -> Tensor:
        """tokens (B, L) ids with 0 for none, weights (B, L) about 1, style (B,) with the last one for any."""
        said = nn.functional.embedding_bag(
            tokens, self.words.weight, per_sample_weights=weights * (tokens != 0), mode="sum"
        )
        return self.bias + self.style(style) + said

    @torch.no_grad()
    def fit(self, tokens: np.ndarray, style: np.ndarray, weight: np.ndarray, embedding: np.ndarray) -> None:
        """From captions (N, K, L), styles (N,), weights (N,) and embeddings (N, total) of N pictures.

        Every picture counts with each caption in its style and in any style, and once without words.
        """
        words, styles, total = len(self.words.weight), len(self.style.weight), len(self.bias)
        size = words + styles + 1
        said, manner = torch.from_numpy(tokens).long(), torch.from_numpy(style).long()
        root = torch.from_numpy(weight / weight.mean()).float().sqrt()[:, None]
        wanted = root * torch.from_numpy(np.asarray(embedding, np.float32))
        anyone = torch.full_like(manner, styles - 1)
        wordings = [(one, s) for one in said.unbind(1) for s in (manner, anyone)]
        gram, moment = torch.zeros(size, size), torch.zeros(size, total)
        for caption, s in [*wordings, (torch.zeros_like(said[:, 0]), anyone)]:
            x = root * self.counts(caption, s)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
                gram += torch.sparse.mm(x.t(), x).to_dense()
            moment += torch.sparse.mm(x.t(), wanted)
        gram.diagonal()[:-1] += RIDGE
        found = torch.linalg.solve(gram.double(), moment.double()).float()
        found[0] = 0
        self.words.weight.copy_(found[:words])
        self.style.weight.copy_(found[words:-1])
        self.bias.copy_(found[-1])

    def counts(self, tokens: Tensor, style: Tensor) -> Tensor:
        """How often each word, style and the bias occur: (N, words + styles + 1), sparse, of (N, L) and (N,)."""
        words, styles = len(self.words.weight), len(self.style.weight)
        always = torch.full_like(style, words + styles)
        columns = torch.cat([tokens, words + style[:, None], always[:, None]], dim=1)
        row, place = columns.nonzero(as_tuple=True)
        ones = torch.ones(len(row))
        where, size = torch.stack([row, columns[row, place]]), (len(tokens), words + styles + 1)
        return torch.sparse_coo_tensor(where, ones, size, check_invariants=False)
