"""Mean activation of each layer of VGG-19 over photos: the numbers in families/style/eyes.py.

python scripts/measure_vgg19.py FOLDER
"""

import sys
from pathlib import Path

import torch

from danqing.evaluate.shipped import vgg19
from danqing.images.reading import read
from danqing.images.resizing import fit_square

SIDE = 256


@torch.no_grad()
def measured(folder: Path) -> dict[str, float]:
    net, totals, count = vgg19(), {}, 0
    for path in sorted(folder.rglob("*.jpg")):
        x = torch.from_numpy(fit_square(read(path), SIDE).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        for name, h in net(x).items():
            totals[name] = totals.get(name, 0.0) + float(h.mean())
        count += 1
    return {name: round(value / count, 1) for name, value in totals.items()}


if __name__ == "__main__":
    for name, value in measured(Path(sys.argv[1])).items():
        print(f'    "{name}": {value},')
