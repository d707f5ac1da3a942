"""Networks: what shape comes out, and blocks that are what their names say."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from danqing.errors import UsageError
from danqing.families.diffusion.model import NETS as DENOISERS
from danqing.families.diffusion.model import DiffusionConfig
from danqing.families.gan.model import NETS, GanConfig, build
from danqing.nn import precision
from danqing.nn.classic import Down, Up, halvings
from danqing.nn.layers import FEW, FEW_TO_LEARN, Dropout, Labels, Waves, attend, doubled, patches, picture
from danqing.nn.transformer import Transformer
from danqing.nn.unet import UNet

sizes = pytest.mark.parametrize("size", [28, 32, 64])


@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("widths", [(16,), (16, 8), (16, 8, 8), (16, 8, 8, 8)])
@pytest.mark.parametrize("size", [8, 12, 28, 32, 33, 48, 64])
def test_up_gives_exactly_the_size(size: int, widths: tuple[int, ...], kernel: int) -> None:
    """The classic listing for 28 px ends at 14."""
    made = Up(10, size, 3, widths, kernel)(torch.randn(2, 10))
    assert made.shape == (2, 3, size, size) and made.abs().max() <= 1


@pytest.mark.parametrize("kernel", [3, 4, 5])
@sizes
def test_down_gives_a_row_for_each_picture(size: int, kernel: int) -> None:
    net = Down(size, 3, (8, 16, 16), kernel, 5, True, 0.1)
    assert net(torch.randn(2, 3, size, size)).shape == (2, 5)
    assert net.features(torch.randn(2, 3, size, size)).shape == (2, net.dense.in_features)


def test_halvings() -> None:
    wanted = {(28, 9): 2, (64, 9): 4, (32, 9): 3, (64, 2): 2, (33, 9): 0, (4, 9): 0, (8, 9): 1, (512, 9): 7}
    assert {key: halvings(*key) for key in wanted} == wanted


@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_patches_and_picture_are_inverse(side: int, channels: int) -> None:
    x = torch.randn(2, channels, 8, 8)
    tokens = patches(x, side)
    assert tokens.shape == (2, (8 // side) ** 2, channels * side**2)
    assert torch.equal(picture(tokens, side, 8 // side), x)


def test_a_token_is_one_patch_row_by_row() -> None:
    tokens = patches(torch.arange(16.0).view(1, 1, 4, 4), 2)
    assert tokens[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@sizes
@pytest.mark.parametrize("channels", [1, 3])
def test_denoising_networks_keep_the_shape(size: int, channels: int) -> None:
    z, t, labels = torch.randn(2, channels, size, size), torch.tensor([0.0, 1.0]), torch.tensor([0, 3])
    for net in (UNet(channels, 3, (16, 24, 32), 2, 1), Transformer(size, channels, 3, 64, 2, 4)):
        assert net(z, t, t, labels).shape == z.shape


@pytest.mark.parametrize(
    ("net", "widths", "fold"), [("unet", (16, 24), 2), ("transformer", (64,), 4), ("hourglass", (16, 64), 2)]
)
def test_denoising_networks_use_all_they_are_told(net: str, widths: tuple[int, ...], fold: int) -> None:
    torch.manual_seed(0)
    model = DENOISERS[net](DiffusionConfig(28, 1, 3, net, widths, fold, depth=2))
    with torch.no_grad():
        for p in model.parameters():  # what starts at zero would hide what lies behind it
            p.add_(torch.randn_like(p) * 0.1)
    z, t, span, labels = torch.randn(1, 1, 28, 28), torch.tensor([0.5]), torch.tensor([0.25]), torch.tensor([1])
    here = model(z, t, span, labels)
    for other in (
        (z + 1, t, span, labels),
        (z, t / 2, span, labels),
        (z, t, span / 2, labels),
        (z, t, span, labels + 1),
    ):
        assert not torch.allclose(model(*other), here)


@sizes
@pytest.mark.parametrize("net", sorted(NETS))
@pytest.mark.parametrize(("channels", "classes"), [(1, 0), (3, 4)])
def test_gan_networks(net: str, size: int, channels: int, classes: int) -> None:
    pair = build(GanConfig(size, channels, classes, net, 12, (32, 24, 16), (16, 24, 32)))
    labels = torch.zeros(2, dtype=torch.int64)
    made = pair.painter(torch.randn(2, 12), labels)
    assert made.shape == (2, channels, size, size) and made.abs().max() <= 1
    assert pair.critic(made, labels).shape == ((2, 5) if net == "projected" else (2,))


def test_spectral_norm_holds_the_critic() -> None:
    """Every layer stretches by one at most, give or take the power iteration."""
    torch.manual_seed(0)
    pair = build(GanConfig(critic_widths=(16, 32), widths=(16, 16, 16), spectral_norm=True))
    for _ in range(30):
        pair.critic(torch.randn(2, 1, 28, 28), torch.zeros(2, dtype=torch.int64))
    found = [
        torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in pair.critic.modules() if isinstance(m, nn.Conv2d)
    ]
    torch.testing.assert_close(torch.stack(found), torch.ones(2), rtol=0.05, atol=0)


@pytest.mark.parametrize("tokens", [5, FEW, FEW + 1, FEW_TO_LEARN + 1])
@pytest.mark.parametrize("learning", [False, True])
def test_attention_written_out_is_the_fused_one(tokens: int, learning: bool) -> None:
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, tokens, 8, generator=g).requires_grad_(learning) for _ in range(3))
    there = torch.rand(2, tokens, generator=g) < 0.7
    there[:, 0] = True
    for mask in (None, there):
        wanted = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None])
        made = attend(q, k, v, mask)
        torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-4)
        if learning:
            assert (type(made.grad_fn) is type(wanted.grad_fn)) is (tokens > FEW_TO_LEARN), "which way it went"


def test_waves_tell_times_apart() -> None:
    made = Waves(32)(torch.tensor([0.0, 0.001, 0.5, 1.0]))
    assert made.shape == (4, 32) and (torch.pdist(made) > 1e-3).all()


def test_labels_have_a_row_for_any() -> None:
    assert Labels(3, 8)(torch.tensor([0, 3])).shape == (2, 8)
    assert Labels(0, 8)(torch.tensor([0])).shape == (1, 8)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_keeps_the_share_the_mean_and_the_memory_order(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.ones(16, 8, 15, 13).contiguous(memory_format=layout).requires_grad_()
    layer = Dropout(0.3)
    made = layer(x)
    count, share = x.numel(), 77 / 256
    spread = (share * (1 - share) / count) ** 0.5
    assert abs(float((made == 0).float().mean()) - share) < 4 * spread
    assert set(made.unique().tolist()) == {0.0, float(torch.tensor(256 / 179))}  # E[made] = 1
    assert made.is_contiguous(memory_format=layout)
    made.sum().backward()
    assert torch.equal(x.grad, made.detach())
    dropped = (made == 0).float().flatten()
    assert abs(float(torch.corrcoef(torch.stack([dropped[1:], dropped[:-1]]))[0, 1])) < 4 * count**-0.5
    assert torch.equal(layer.eval()(x), x) and torch.equal(Dropout(0.0)(x), x)


def test_dropout_of_any_share() -> None:
    torch.manual_seed(0)
    assert (Dropout(0.001)(torch.ones(10_000)) == 0).any() and (Dropout(0.9999)(torch.ones(10_000)) != 0).any()
    assert Dropout(0.5)(torch.ones(0, 3)).shape == (0, 3)
    for share in (1.0, 1.5, -0.1, float("nan")):
        with pytest.raises(UsageError, match="less than 1"):
            Dropout(share)


def test_bf16_is_chosen_by_large_products_and_given_up_by_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def pretended(small: float, large: float) -> dict[str, float]:
        def seconds(dtype: torch.dtype, width: int, batch: int, device: str) -> float:
            sizes.append(width)
            return 1.0 if dtype == torch.float32 else (small if width == 32 else large)

        monkeypatch.setattr(precision, "_seconds", seconds)
        precision.measured.cache_clear()
        return precision.measured("cpu")

    try:
        assert pretended(0.9, 0.5)["bf16"] == 0.5 and precision.choose("auto", "cpu") == "bf16"
        assert pretended(1.2, 0.9)["bf16"] == 0.9 and precision.choose("auto", "cpu") == "fp32"
        sizes.clear()
        assert pretended(400.0, 0.0)["bf16"] == 400.0 and sizes == [32, 32]  # the large one would take minutes
    finally:
        precision.measured.cache_clear()


@pytest.mark.parametrize(
    ("net", "widths", "fold", "says"),
    [
        ("unet", (12,), 2, "multiples of 8"),
        ("transformer", (200,), 2, "multiples of 8"),
        ("hourglass", (16, 200), 2, "multiples of 8"),
        ("hourglass", (12, 128), 2, "multiples of 8"),
        ("hourglass", (16, 16, 64), 4, "folded by 16"),
        ("unet", (16,), 3, "folded by 3"),
    ],
)
def test_denoisers_that_do_not_fit_say_so(net: str, widths: tuple[int, ...], fold: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        DiffusionConfig(28, 1, 0, net, widths, fold)


def test_doubling_and_filtering_at_once_is_one_after_the_other() -> None:
    chance = torch.Generator().manual_seed(0)
    shapes = (2, 4, 5, 7), (6, 4, 3, 3), (6,)
    x, weight, bias = (torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_() for shape in shapes)
    plain = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)
    torch.testing.assert_close(doubled(x, weight, bias), plain)
    wanted = torch.autograd.grad(plain.sin().sum(), (x, weight, bias))
    torch.testing.assert_close(torch.autograd.grad(doubled(x, weight, bias).sin().sum(), (x, weight, bias)), wanted)
