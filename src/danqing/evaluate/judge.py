"""The fashion judge: a small network that tells the ten kinds of Fashion-MNIST apart.

It is trained by scripts/train_judge.py on real pictures only. Its last hidden layer gives the features "fmnist", its
answers tell whether a painted "boot" looks like a boot.
"""

from torch import Tensor, nn

SIZE = 28
"""side of the pictures in pixels; grey, in [-1, 1]"""
CLASSES = 10
WIDTHS = (32, 64, 128)
"""channels at 28, 14 and 7 pixels; the last is the number of features"""


class ConvUnit(nn.Sequential):
    """3x3 convolution, batch norm, ReLU: (N, c_in, H, W) -> (N, c_out, H, W), values >= 0."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class Residual(nn.Module):
    """x + unit(x), shapes unchanged."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.unit = ConvUnit(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unit(x)


class FashionJudge(nn.Module):
    """Grey pictures (N, 1, 28, 28) in [-1, 1] -> features (N, 128) and logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.trunk = nn.Sequential(
            nn.Conv2d(1, first, 3, padding=1, bias=False),
            nn.MaxPool2d(2),  # before the norm: the same up to signs, and a quarter of the work
            nn.BatchNorm2d(first),
            nn.ReLU(),
            ConvUnit(first, second),
            nn.MaxPool2d(2),
            ConvUnit(second, third),
            Residual(third),
        )
        self.head = nn.Linear(third, CLASSES)

    def features(self, pictures: Tensor) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] -> (N, 128) >= 0."""
        return self.trunk(pictures).mean((2, 3))

    def classify(self, pictures: Tensor) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] -> (N, 10) logits."""
        return self.head(self.features(pictures))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.classify(pictures)
