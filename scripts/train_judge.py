"""Train the fashion judge on Fashion-MNIST and write it to src/danqing/models/fashion-judge (a minute per epoch).

    python scripts/train_judge.py --idx /usr/share/datasets/fashion-mnist
    python scripts/train_judge.py --go-on --epochs 4 --rate 0.0025 --seed 1

AdamW with a cosine rate, warmly restarted by the second command (Loshchilov and Hutter 2017, arXiv 1608.03983);
mirrored and shifted pictures; the test pictures are looked at once per command, after the last step.
"""

import argparse
import gzip
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy, pad

from danqing.evaluate.judge import FashionJudge
from danqing.nn.chance import derive, generator

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
HOME = Path(__file__).parent.parent / "src/danqing/models/fashion-judge"
SHIFT = 1  # pixels


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of bytes (Y. LeCun, MNIST page): 2 zero bytes, type 8, number of axes, big-endian sizes, values."""
    raw = gzip.decompress(path.read_bytes())
    sizes = np.frombuffer(raw, ">i4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def load(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """(N, 1, 28, 28) float in [-1, 1] and (N,) int64; part is 'train' or 't10k'."""
    pictures = torch.from_numpy(read_idx(folder / f"{part}-images-idx3-ubyte.gz").copy())
    labels = torch.from_numpy(read_idx(folder / f"{part}-labels-idx1-ubyte.gz").copy())
    return pictures[:, None].float() / 127.5 - 1, labels.long()


def augment(pictures: Tensor, chance: Generator) -> Tensor:
    """Mirror half of the pictures and shift each by up to SHIFT pixels, black coming in: (B, 1, 28, 28), same shape."""
    count, _, height, width = pictures.shape
    down, right = torch.randint(2 * SHIFT + 1, (2, count, 1), generator=chance)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    mirror = torch.rand(count, 1, generator=chance) < 0.5
    columns = torch.where(mirror, columns.flip(1), columns)
    wide = pad(pictures, (SHIFT,) * 4, value=-1.0)
    return wide[torch.arange(count)[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


def train(model: FashionJudge, pictures: Tensor, labels: Tensor, args: argparse.Namespace) -> None:
    chance = generator("judge", args.seed)
    steps = args.epochs * (len(pictures) // args.batch)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=args.decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=steps, pct_start=0.15)
    start, step = time.time(), 0
    for _ in range(args.epochs):
        for rows in torch.randperm(len(pictures), generator=chance).split(args.batch):
            if len(rows) < args.batch:
                continue
            loss = cross_entropy(model(augment(pictures[rows], chance)), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            rate.step()
            step += 1
            if step % 100 == 0:
                print(f"{step}/{steps}  loss {loss.item():.3f}  {time.time() - start:.0f} s", flush=True)


@torch.inference_mode()
def accuracy(model: FashionJudge, pictures: Tensor, labels: Tensor) -> float:
    answers = torch.cat([model(part).argmax(1) for part in pictures.split(500)])
    return (answers == labels).double().mean().item()


def runs(model: FashionJudge) -> list[dict[str, object]]:
    """Fill the model with the weights that are there; the runs that made them."""
    model.load_state_dict(load_file(HOME / "weights.safetensors"))
    return json.loads((HOME / "card.json").read_text())["train"]


def write(model: FashionJudge, facts: dict[str, object]) -> None:
    blob = save({key: value.contiguous() for key, value in model.state_dict().items()})
    card = {
        "name": "fashion-judge",
        "family": "features",
        "licence": "Apache-2.0",
        "source": "scripts/train_judge.py, from the 60,000 training pictures of Fashion-MNIST (MIT, Zalando SE)",
        "input": "(N, 1, 28, 28) in [-1, 1]",
        "dims": model.head.in_features,
        "sha256": hashlib.sha256(blob).hexdigest(),
        **facts,
        "software": {"torch": torch.__version__},
    }
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "weights.safetensors").write_bytes(blob)
    (HOME / "card.json").write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idx", type=Path, default=DEBIAN, help="folder of IDX files")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--go-on", action="store_true", help="start from the weights that are there")
    args = parser.parse_args()
    torch.manual_seed(derive("judge weights", args.seed))
    model, start = FashionJudge(), time.time()
    before = runs(model) if args.go_on else []
    train(model.train(), *load(args.idx, "train"), args)
    pictures, labels = load(args.idx, "t10k")
    score = accuracy(model.eval(), pictures, labels)
    settings = {key: value for key, value in vars(args).items() if key != "idx"}
    seconds = round(time.time() - start)
    run = {**settings, "seconds": seconds, "test_accuracy": score}
    write(model, {"test_accuracy": score, "test_count": len(labels), "train": [*before, run]})
    print(f"test accuracy {score:.4f}, {seconds} s")


if __name__ == "__main__":
    main()
