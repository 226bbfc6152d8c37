# %% [markdown]
# # 12. Scaling out
#
# Tutorial 7 compared networks by *one* training each. Another seed gives other weights,
# other batches, other test images, and other numbers. Is the difference between two
# kinds of network larger than the one between two seeds? That takes many trainings, and
# soon more than one processor. Here is how to go from one to a cluster and keep every
# digit.

# %%
import os

# before numpy is imported: one thread per worker in matrix products
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import inspect
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz, plotting
from dynsys_nn.constraints import weights

plt.style.use(plotting.STYLE)
EPS = np.linspace(0, 0.6, 5)

# %% [markdown]
# ## The experiment is a function
# From a setting to numbers: a kind of network and a seed give the accuracy on 397 test
# images, certified and under attack, for perturbations $\|\delta\|_2 \le \varepsilon$.
# All that is random comes from the seed, and nothing else is asked of it.


# %%
def experiment(kind, seed):
    """Accuracy against EPS of one network, after a short training."""
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
        dnn.fit(net, *data, dnn.Adam(rate, beta2=0.99), epochs=3, **options)

    def attack(eps):
        return dnn.PGD(eps, steps=10, restarts=1)

    return dict(
        certified=lipschitz.certified_accuracy(net, x[test], y[test], EPS),
        attacked=attacks.attacked_accuracy(net, x[test], y[test], EPS, attack),
    )


# %% [markdown]
# `sweep` calls it for each combination, and returns a structured array, with one row
# per combination and one column per name, and a list of failures. On a terminal it
# shows how far it is.
#
# **Before you run the cell:** at $\varepsilon = 0.3$ about 77 % of the test images are
# certified for the gradient flow. By how many points will two seeds differ? And by how
# many would 397 images differ from another 397, if the network stayed the same?

# %%
found, failures = dnn.sweep(experiment, dict(kind=["flow", "resnet"], seed=range(4)))
assert not failures and found.dtype.names == ("kind", "seed", "certified", "attacked")
fig, ax = plt.subplots()
bars = {}
drawn = (
    ("flow", "certified", "C0-"),
    ("flow", "attacked", "C0:"),
    ("resnet", "attacked", "C1:"),
)
for kind, accuracy, line in drawn:
    curves = 100 * found[accuracy][found["kind"] == kind]  # one row per seed
    mean, std = curves.mean(axis=0), curves.std(axis=0, ddof=1)
    bars[kind, accuracy] = mean[2], std[2]
    ax.errorbar(EPS, mean, std, fmt=line, capsize=4, label=f"{kind}, {accuracy}")
    print(f"{kind:6} {accuracy:9} at ε = {EPS[2]:.1f}: {mean[2]:.1f} ± {std[2]:.1f} %")
ax.set(xlabel=r"size of the perturbation $\varepsilon$", ylabel="accuracy (%)")
ax.set(title="mean ± deviation over 4 seeds")
ax.legend()
p = bars["flow", "certified"][0] / 100
print(f"397 images alone: ± {100 * np.sqrt(p * (1 - p) / 397):.1f} %")
assert all(std < 6 for _, std in bars.values())

# %% [markdown]
# A few points, of which the choice of the test images alone makes two: do not believe a
# second digit of one run.
#
# The bar is the standard deviation, what *one* training may be off by. The mean of $n$
# is known better, to $\mathrm{std}/\sqrt n$, its standard error: say which of the two
# you draw. And better still is a pair. Both kinds had the same test images for the same
# seed, so what is easy about them cancels in the difference.

# %%
flow, resnet = found[found["kind"] == "flow"], found[found["kind"] == "resnet"]
gain = 100 * (flow["certified"] - resnet["attacked"])[:, 2]
print("certified for the flow − survived by the ResNet, seed by seed:", gain.round(1))
assert (flow["seed"] == resnet["seed"]).all() and (gain > 0).all()

# %% [markdown]
# What is *certain* for one kind is more than what an attack leaves of the other, for
# every seed.
#
# The long trainings of the figure `robust_accuracy`, over 20 seeds: the gradient flow
# has 90.5 ± 1.9 % certified at $\varepsilon = 0.3$, the alternation of steps 87.9 ± 1.9
# %. The bars overlap, but the difference of the pairs is 2.5 ± 1.0, and positive in all
# 20. (`tests/benchmarks/robust_seeds.py`)
#
# ## Who does the work
# A third argument says who: any `concurrent.futures.Executor`. Its threads and
# processes are those of an operating system, and Python in a browser has neither. If
# that is where you are, the tutorial ends with the next cell, and the script goes on at
# home.

# %%
if sys.platform == "emscripten":
    print("No threads and no processes in a browser: go on with the script at home.")
    sys.exit()

# %% [markdown]
# **Before you run the cell:** two threads, which finish in any order. Which digits of
# the results change? And what happens to the others if one setting has a spelling
# mistake?

# %%
with ThreadPoolExecutor(2) as executor:
    settings = dict(kind=["flow", "resent"], seed=[0, 1])
    again, failures = dnn.sweep(experiment, settings, executor)
for setting, error in failures:
    print("failed:", setting, repr(error))
assert again["certified"].tobytes() == flow["certified"][:2].tobytes()
assert again["attacked"].tobytes() == flow["attacked"][:2].tobytes()
assert [setting["kind"] for setting, _ in failures] == ["resent", "resent"]

# %% [markdown]
# None, to the last bit, in the order of the settings; and a failure is a line in a
# list, not the end of the night.
#
# Threads share one Python, which runs one line at a time; they overlap inside numpy, on
# large arrays. Processes share nothing, but each has to *find* the function. On Windows
# and macOS, and on Linux from Python 3.14 on, a new process imports your script to get
# it. So the lines that start processes stand under `if __name__ == "__main__":`, or
# every process would start more of them; and a function in a notebook's cell must first
# move to a module. Here is the whole script, made of the function above, written to a
# file and run.

# %%
script = f"""
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights

EPS = np.linspace(0, 0.6, 5)

{inspect.getsource(experiment)}

if __name__ == "__main__":
    executor = ProcessPoolExecutor(2)
    found, failures = dnn.sweep(experiment, dict(kind=["flow"], seed=[0, 1]), executor)
    np.save("found.npy", found)
    print(len(found), "rows from processes,", len(failures), "failures")
"""
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "study.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "study.py"]
    done = subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout.strip())
    again = np.load(Path(folder, "found.npy"))
assert again["certified"].tobytes() == flow["certified"][:2].tobytes()

# %% [markdown]
# ## From one laptop to a cluster
# One line changes, and no digit, on machines of one kind:
# ```python
# executor = ProcessPoolExecutor()  # all processors of this machine
# executor = Client("scheduler:8786").get_executor()  # from distributed import Client
# ```
# | executor | where | needs | when a worker dies |
# |---|---|---|---|
# | `None` | here, one after the other | nothing | |
# | `ThreadPoolExecutor()` | this machine | large arrays, to gain | it is your process |
# | `ProcessPoolExecutor()` | this machine | a script as above | the rest are failures |
# | `get_executor()` of Dask | a cluster | the extra `cluster` | others do its work |
# | `MPIPoolExecutor()` | a cluster with a queue | mpi4py, see below | the job ends |
#
# (`mpiexec python -m mpi4py.futures study.py`. Dask works in notebooks, too.)
#
# Dask gives each worker one thread in matrix products, as the first cell does. More
# threads add up in another order, and the last digits may differ.
#
# ## One gradient, in blocks
# A single data set may be large, too. The loss is a mean, so value and gradient are
# weighted sums over blocks, and `value_and_grad` takes the same executors.
#
# **Before you run the cell:** three gradients: in blocks of 100 here, the same blocks
# by three threads, all 1797 images at once. Which of them agree to the last bit?

# %%
x, y = dnn.datasets.digits()
flow = dnn.Flow(dnn.ResidualField.random(64, 64, rng=0), 0.2, dnn.RK4(), steps=4)
net, loss = dnn.Network(flow, dnn.Affine(10, 64, rng=1)), dnn.SoftmaxCrossEntropy()
value, g = dnn.value_and_grad(net, loss, x, y, block=100)
with ThreadPoolExecutor(3) as executor:
    value_threads, g_threads = dnn.value_and_grad(net, loss, x, y, executor, block=100)
_, g_whole = dnn.value_and_grad(net, loss, x, y, block=len(x))
print(f"threads: off by {np.abs(g_threads - g).max()}")
print(f"other blocks: off by {np.abs(g_whole - g).max():.0e}")
assert value_threads == value and g_threads.tobytes() == g.tobytes()
np.testing.assert_allclose(g_whole, g, rtol=0, atol=1e-12)
plotting.show()  # where there is a display, all figures in windows

# %% [markdown]
# The first two. Rounding depends on which numbers are added in which order, and so on
# the blocks; but not on who takes a block, since the sums are added up in the blocks'
# order. Without `block` its size follows from the network and the data, never from the
# number of workers: you may debug on a laptop what happened on a cluster.
#
# ## Exercises
# 1. Make the script run 20 seeds on all processors of your machine. By which factor
#    does the standard *error* fall against 4 seeds?
# 2. `LocalCluster(2)` of Dask is a cluster on your own machine. Run the sweep on it,
#    kill one of its workers on the way, and compare the results to the last bit. Do the
#    same to a `ProcessPoolExecutor`. What is in `failures`?
# 3. Remove the line `if __name__ == "__main__":` from the script, and start processes
#    by `ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))`. Read what is
#    said.
# 4. Is the gain of the gradient flow at $\varepsilon = 0.3$ still positive for every
#    seed after 20 epochs a stage?
