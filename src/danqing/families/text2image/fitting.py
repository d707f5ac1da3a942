"""How well a picture fits words: of several tries the painter keeps the one in which it can tell them best.

What a denoiser gains from words says how much they and the picture have to do with each other: the pointwise mutual
information as the difference of two denoising errors (Kong et al., arXiv 2310.07972, eq. 7; as a classifier: Li et
al., arXiv 2303.16203, eq. 5). The prior is the denoiser, so nothing new has to be learned and no outer judge is asked.
"""

import torch
from torch import Tensor

from danqing.families.text2image.imagining import joined, stacked
from danqing.families.text2image.prior import Prior, Said
from danqing.nn import flow
from danqing.nn.chance import generator, noise

TIMES = (0.2, 0.4, 0.6)
"""how clear the embedding still is where the prior is asked, 0 (noise) .. 1"""


def fit(prior: Prior, e: Tensor, said: Said, unsaid: Said) -> Tensor:
    """(B,) of embeddings (B, total), larger is better: the share of the prior's error that `said` takes away.

    Against `unsaid`, which is what to keep away from (nothing, or negative words). The noise is always the same.
    """
    rows, both = len(e), joined(said, unsaid)
    moments = torch.tensor(TIMES).repeat_interleave(2 * rows)
    fresh = torch.cat([noise([generator("fit", str(t))], e.shape[1]) for t in TIMES]).repeat_interleave(2 * rows, 0)
    clean = e.repeat(2 * len(TIMES), 1)
    guess = prior(flow.mixed(clean, fresh, moments), moments, stacked([both] * len(TIMES)))
    told, free = ((guess - clean) ** 2).mean(1).view(len(TIMES), 2, rows).unbind(1)
    return (1 - told / free).sum(0)
