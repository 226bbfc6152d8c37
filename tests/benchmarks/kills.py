"""Kill a checkpointed training with SIGKILL at random moments, resume, compare to the last bit: `python tests/benchmarks/kills.py [resumptions] [seed]`.

The training is one of the digits: gradient flow, Orthogonal weights, a learned step, Adam, shuffled batches, validation. After
each epoch it prints a checksum of θ. One run is left alone; another is killed, resumed, killed again, …, and begun anew
when it is done. Each line that a resumed run prints must be the line of the run that was left alone.
"""

import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np

import dynsys_nn as dnn
from dynsys_nn.constraints import weights

EPOCHS = 12


def train(path):
    """The run; prints "epoch checksum loss" after each epoch, before its checkpoint."""
    rng = np.random.default_rng(0)
    x, y = dnn.datasets.digits()
    flows = [
        dnn.Flow(dnn.GradientField(dnn.Dense(64, 64, rng=rng), dnn.ReLU()), 1.0, learn_h=k == 1)
        for k in range(2)
    ]
    net = dnn.Network(*flows, dnn.Affine(10, 64, rng=rng))

    def show(epoch, history):
        print(
            epoch,
            f"{zlib.crc32(net.theta.tobytes()):08x}",
            history.loss[-1],
            history.validation[-1],
            flush=True,
        )

    print("ready", flush=True)
    dnn.fit(
        net, dnn.MulticlassHinge(), x[:1400], y[:1400], dnn.Adam(1e-2), EPOCHS, batch_size=100, checkpoint=path, rng=rng,
        constraints=[dnn.Orthogonal(*weights(net))], validation=(x[1400:], y[1400:]), callback=show,
    )  # fmt: skip


def start(path):
    return subprocess.Popen(
        [sys.executable, __file__, "--train", path], stdout=subprocess.PIPE, text=True
    )


def lines_until(process, delay):
    """What the process prints in `delay` seconds after it is ready, when it is killed; all of it for delay=None."""
    assert process.stdout.readline() == "ready\n"
    if delay is not None:
        time.sleep(delay)
        process.kill()
    lines = process.communicate()[0].splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n")]


def main(resumptions=50, seed=0):
    rng, kills, resumed, exact, going = np.random.default_rng(seed), 0, 0, 0, False
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        expected = lines_until(start(os.path.join(folder, "alone.npz")), None)
        length = time.perf_counter() - began
        assert len(expected) == EPOCHS
        path = os.path.join(folder, "killed.npz")
        while resumed < resumptions:
            lines = lines_until(start(path), rng.uniform(0, length / 2))
            first = int(lines[0].split()[0]) if lines else 0
            if (
                going and lines
            ):  # else it was killed before its first epoch was over, and shows nothing
                resumed += 1
                exact += lines == expected[first : first + len(lines)]
            going = not (lines and lines[-1] == expected[-1])
            kills += going
            if not going and os.path.exists(path):
                os.remove(path)
    print(f"{kills} kills, {exact} of {resumed} resumptions bit-exact")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
