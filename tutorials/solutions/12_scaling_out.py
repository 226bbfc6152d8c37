# %% [markdown]
# # 12. Scaling out: solutions

# %%
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights

if sys.platform == "emscripten":
    print("No threads and no processes in a browser: these answers are for at home.")
    sys.exit()

# %% [markdown]
# The tutorial's experiment, at one $\varepsilon$ and with epochs to choose.


# %%
def experiment(kind, seed, epochs=3):
    """Accuracy at ε = 0.3 of one network, certified and under attack."""
    rng = np.random.default_rng(seed)
    x, y = dnn.datasets.digits()
    train, test = np.split(rng.permutation(len(x)), [1400])
    family, h, rates = {
        "flow": (dnn.GradientField, 2.0, (2e-2, 2e-3)),
        "resnet": (dnn.ResidualField, 0.5, (3e-3, 3e-4)),
    }[kind]
    fields = [family.random(64, width=64, sigma=dnn.ReLU(), rng=rng) for _ in range(2)]
    layers = [dnn.Flow(X, h) for X in fields]
    net = dnn.Network(*layers, dnn.Affine(10, 64, rng=rng))
    orthogonal = [dnn.Orthogonal(*weights(net), bjorck=True)] if kind == "flow" else []
    data = dnn.MulticlassHinge(0.8), x[train], y[train]
    options = dict(batch_size=100, constraints=orthogonal, rng=rng, progress=False)
    for rate in rates:
        dnn.fit(net, *data, dnn.Adam(rate, beta2=0.99), epochs, **options)
    attack = dnn.PGD(0.3, steps=10, restarts=1)
    return dict(
        certified=lipschitz.certified_accuracy(net, x[test], y[test], 0.3),
        attacked=attacks.accuracy(net, attack, x[test], y[test]),
    )


def run(script, folder):
    """A script in a process of its own, since processes must find its functions."""
    Path(folder, "study.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "study.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


# %% [markdown]
# ## Exercise 1
# By $\sqrt{20/4} = 2.2$, if the deviation is the same, which four seeds know badly: so
# we take the mean over five groups of four. The deviation of one training does not fall
# at all. (One epoch a stage, the gradient flow alone.)

# %%
script = f"""
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights

{inspect.getsource(experiment)}

if __name__ == "__main__":
    settings = dict(kind=["flow"], seed=range(20), epochs=[1])
    found, failures = dnn.sweep(experiment, settings, ProcessPoolExecutor())
    np.save("found.npy", found)
    print(len(found), "rows,", len(failures), "failures")
"""
with tempfile.TemporaryDirectory() as folder:
    done = run(script, folder)
    assert done.returncode == 0, done.stderr
    print(done.stdout.strip())
    certified = 100 * np.load(Path(folder, "found.npy"))["certified"]
error_20 = certified.std(ddof=1) / 20**0.5
error_4 = certified.reshape(5, 4).std(axis=1, ddof=1).mean() / 4**0.5
print(f"standard error of the mean of 4 seeds {error_4:.2f} %, of 20 {error_20:.2f} %")
assert 1.5 < error_4 / error_20 < 3

# %% [markdown]
# ## Exercise 2
# A `ProcessPoolExecutor` is broken once a worker has died: what was finished by then is
# in the results, and all the rest, the innocent with the guilty, is in `failures` with
# a `BrokenProcessPool`. Here one setting kills its worker (as a lack of memory would).
#
# Dask gives the work of a dead worker to the others, and since all that is random comes
# from the seed, nobody can tell from the results. Nothing is in `failures`, unless a
# setting kills several workers, one after the other:
# ```python
# from distributed import Client, LocalCluster
#
# client = Client(LocalCluster(2, threads_per_worker=1))
# found, failures = dnn.sweep(experiment, settings, client.get_executor())
# ```

# %%
script = """
import os, time
from concurrent.futures import ProcessPoolExecutor
import dynsys_nn as dnn

def experiment(seed):
    if seed == 4:
        time.sleep(0.2)  # the others have time to finish
        os._exit(1)
    time.sleep(0.01)
    return seed ** 2

if __name__ == "__main__":
    settings = dict(seed=range(10))
    found, failures = dnn.sweep(experiment, settings, ProcessPoolExecutor(2))
    assert (found["value"] == found["seed"] ** 2).all()
    print(*found["seed"])
    print(*[setting["seed"] for setting, _ in failures])
    print(*{type(error).__name__ for _, error in failures})
"""
with tempfile.TemporaryDirectory() as folder:
    done = run(script, folder)
print(done.stdout.strip())
finished, lost, kinds = done.stdout.splitlines()
assert "4" in lost.split() and "0" in finished.split() and kinds == "BrokenProcessPool"
assert sorted(map(int, (finished + " " + lost).split())) == [*range(10)]

# %% [markdown]
# ## Exercise 3
# A new process imports the script to find the function, comes to the line that starts
# processes, and would start its own, which would start theirs. Python stops it there:
# *an attempt has been made to start a new process before the current process has
# finished its bootstrapping phase*. The workers die, and the pool is broken. (A short
# script shows it.)

# %%
script = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def square(x):
    return x * x

pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
print(list(pool.map(square, range(4))))
"""
with tempfile.TemporaryDirectory() as folder:
    done = run(script, folder)
print(done.stderr.strip().splitlines()[-1])
assert done.returncode != 0 and "BrokenProcessPool" in done.stderr
assert "finished its bootstrapping phase" in " ".join(done.stderr.split())

# %% [markdown]
# ## Exercise 4
# It is, and larger: 13.1, 15.6, 16.6 and 13.9 points for the seeds 0 to 3, in place of
# 9.3, 4.8, 9.3 and 10.6. The flow becomes better by training, and its certificate with
# it; what the ResNet learns more helps it less against an attack. (Here one seed,
# and 6 epochs a stage.)

# %%
settings = dict(kind=["flow", "resnet"], seed=[1], epochs=[6])
found, failures = dnn.sweep(experiment, settings)
assert not failures
flow, resnet = found[found["kind"] == "flow"], found[found["kind"] == "resnet"]
gain = 100 * (flow["certified"] - resnet["attacked"])
print("seed 1, 6 epochs a stage: gain", gain.round(1))
assert (gain > 0).all()
