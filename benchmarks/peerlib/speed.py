"""Training speed: pictures per second, the median of several windows after a warm-up."""

import argparse
import json
import resource
import statistics
import time

import torch

THREADS = 2


def start(description: str, batch: int, window: float = 4.0, **texts: str) -> argparse.Namespace:
    """Read the options, further ones of text with their defaults among them; fix the threads and the seed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--window-seconds", type=float, default=window, help="shortest window; it ends with a step")
    parser.add_argument("--threads", type=int, default=THREADS)
    for name, default in texts.items():
        parser.add_argument(f"--{name}", default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    return arguments


class Meter:
    """Times training steps in windows. The first window is the warm-up and does not count."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._batch: int = arguments.batch
        self._windows: int = arguments.windows
        self._seconds: float = arguments.window_seconds
        self._threads: int = arguments.threads
        self._wall_rates: list[float] = []
        self._cpu_rates: list[float] = []
        self._open()

    def _open(self) -> None:
        self._steps = 0
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def done(self) -> bool:
        """Call after every training step: True once all windows are full."""
        self._steps += 1
        wall = time.perf_counter() - self._wall
        if wall < self._seconds:
            return False
        pictures = self._steps * self._batch
        self._wall_rates.append(pictures / wall)
        self._cpu_rates.append(pictures / (time.process_time() - self._cpu))
        self._open()
        return len(self._wall_rates) > self._windows

    def report(self, name: str, size: int) -> None:
        """Print one JSON line. The rate per CPU second hardly depends on what else the machine does."""
        line = {
            "name": name,
            "pictures_per_second": round(statistics.median(self._wall_rates[1:]), 2),
            "pictures_per_cpu_second": round(statistics.median(self._cpu_rates[1:]), 2),
            "windows": self._windows,
            "batch": self._batch,
            "size": size,
            "threads": self._threads,
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }
        print(json.dumps(line))
