"""How long a frame of each live figure takes: `python tests/benchmarks/live_frames.py [name …] [--moves 50]`.

One process, one thread, Agg, a window's own size; a frame is a slider moved, its picture and its
caption drawn. Beside the blitted frame stands a full drawing of the same figure. Pin it to one core.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib as mpl
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
mpl.use("Agg")
from figures import live


def milliseconds(action):
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=live.NAMES)
    parser.add_argument("--moves", type=int, default=50)
    options = parser.parse_args()
    print(
        f"{'live figure':32} {'moved':12} {'frame: median':>14} {'90 %':>7} {'drawn anew':>11}   ms"
    )
    for name in options.names:
        window = live.window(name, show=False)
        anew = np.median([milliseconds(window.fig.canvas.draw) for _ in range(5)])
        every = []
        for slider in window.sliders:
            positions = np.linspace(slider.valmin, slider.valmax, options.moves)
            frames = [milliseconds(lambda p=p: slider.set_val(p)) for p in positions]  # noqa: B023
            every += frames
            middle, late = np.quantile(frames, [0.5, 0.9])
            print(f"{name:32} {slider.control.name:12} {middle:14.1f} {late:7.1f} {anew:11.0f}")
            slider.reset()
        print(f"{name:32} {'all':12} {np.median(every):14.1f} {np.quantile(every, 0.9):7.1f}")
        mpl.pyplot.close("all")


if __name__ == "__main__":
    main()
