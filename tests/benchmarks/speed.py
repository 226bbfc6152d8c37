"""Whole-gradient time beside torch, jax and the bare matrix products: `python tests/benchmarks/speed.py [kind …] [--cold] [--float32]`.

One run, one pinned core, one thread each; medians of repetitions that take turns. Value and gradient in all parameters of a
network of L layers, mean squares. Sizes are (state, width, layers, batch); kinds:

    residual   Euler steps of Bσ(Ax + b), σ = tanh
    gradient   Euler steps of −Aᵀσ(Ax + b), σ = LeakyReLU(½)
    rk4        RK4 steps of Bσ(Ax + b), σ = tanh
    volume     symplectic Euler steps of (f(v), g(x)), f and g as in `residual`

--cold: whole processes, from start to first gradient, import and compilation included. --float32: beside float64. --memory:
the peak of a gradient beyond θ's, by tracemalloc, over what the way forward keeps: the states x₀, …, x_L with the σ(z), σ′(z) between
them. torch and jax (`pip install ".[bench]"`) are left out,
and said to be, where they are absent.
"""

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
os.environ.setdefault("JAX_ENABLE_X64", "1")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402

import dynsys_nn as dnn  # noqa: E402

SIZES = (
    (2, 16, 20, 256),
    (4, 32, 10, 100),
    (64, 64, 16, 256),
    (64, 128, 16, 1024),
    (256, 256, 16, 1024),
)
KINDS = "residual", "gradient", "rk4", "volume"
H = 0.1


def arrays(kind, size, dtype=float):
    """Layers of weights, x and y."""
    d, k, layers, n = size
    rng = np.random.default_rng(0)

    def part(d):
        A, B = rng.normal(size=(k, d)) / d**0.5, rng.normal(size=(d, k)) / k**0.5
        return [
            a.astype(dtype)
            for a in ((A, np.zeros(k)) if kind == "gradient" else (A, np.zeros(k), B))
        ]

    parts = [part(d // 2) + part(d // 2) if kind == "volume" else part(d) for _ in range(layers)]
    return parts, rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(n, d)).astype(dtype)


def network(kind, parts):
    """The network of dynsys_nn with these weights."""

    def dense(W):
        return dnn.Dense(*W.shape, W=W, dtype=W.dtype)

    def residual(A, b, B):
        return dnn.ResidualField(dense(A), dnn.Tanh(), dense(B))

    def layer(part):
        if kind == "gradient":
            return dnn.Flow(dnn.GradientField(dense(part[0]), dnn.LeakyReLU(0.5)), H)
        if kind == "volume":
            return dnn.Flow(
                dnn.PartitionedField(residual(*part[:3]), residual(*part[3:])),
                H,
                dnn.SymplecticEuler(),
            )
        return dnn.Flow(residual(*part), H, dnn.RK4() if kind == "rk4" else dnn.Euler())

    return dnn.Network(*map(layer, parts))


def objective(kind, tanh, where, concatenate):
    """The same network and loss in an array library with automatic differentiation."""

    def residual(x, A, b, B):
        return tanh(x @ A.T + b) @ B.T

    def step(x, part):
        if kind == "residual":
            return x + H * residual(x, *part)
        if kind == "gradient":
            z = x @ part[0].T + part[1]
            return x - H * where(z < 0, 0.5 * z, z) @ part[0]
        if kind == "rk4":
            k1 = residual(x, *part)
            k2 = residual(x + H / 2 * k1, *part)
            k3 = residual(x + H / 2 * k2, *part)
            k4 = residual(x + H * k3, *part)
            return x + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        n = x.shape[-1] // 2
        q, p = x[:, :n], x[:, n:]
        q = q + H * residual(p, *part[:3])
        p = p + H * residual(q, *part[3:])
        return concatenate([q, p], 1)

    def J(parts, x, y):
        for part in parts:
            x = step(x, part)
        return ((x - y) ** 2).mean()

    return J


def ours(kind, parts, x, y):
    net, loss = network(kind, parts), dnn.MeanSquaredError()
    return lambda: dnn.value_and_grad(net, loss, x, y)


def theirs_torch(kind, parts, x, y):
    import torch

    torch.set_num_threads(1)
    J = objective(kind, torch.tanh, torch.where, torch.cat)
    parts = [[torch.tensor(a, requires_grad=True) for a in part] for part in parts]
    x, y, flat = torch.tensor(x), torch.tensor(y), [a for part in parts for a in part]

    def gradient():
        value = J(parts, x, y)
        return value.item(), torch.cat(
            [g.ravel() for g in torch.autograd.grad(value, flat)]
        ).numpy()

    return gradient


def theirs_jax(kind, parts, x, y):
    import jax
    import jax.numpy as jnp

    compiled = jax.jit(jax.value_and_grad(objective(kind, jnp.tanh, jnp.where, jnp.concatenate)))
    parts, x, y = jax.tree.map(jnp.asarray, (parts, x, y))

    def gradient():
        value, g = jax.block_until_ready(compiled(parts, x, y))
        return float(value), np.concatenate([np.ravel(a) for part in g for a in part])

    def timed():
        return jax.block_until_ready(compiled(parts, x, y))

    gradient.timed = timed
    return gradient


def products(kind, parts, x, y):
    """The matrix products of the gradient alone, into arrays that are there already."""
    work, stages = [], 4 if kind == "rk4" else 1
    rng = np.random.default_rng(1)
    for part in parts:
        for j in range(0, len(part), 3):
            A, n = part[j], len(x)
            z, s = rng.normal(size=(2, n, A.shape[0])).astype(x.dtype)
            u, w = rng.normal(size=(2, n, A.shape[1])).astype(x.dtype)
            B, dA = np.ascontiguousarray(A.T), np.empty_like(A)
            six = [
                (u, A.T, z),
                (s, B.T, w),
                (u, B, z),
                (w.T, s, np.empty_like(B)),
                (s, A, u),
                (z.T, w, dA),
            ]
            work += six * stages
    return lambda: [np.matmul(a, b, out=c) for a, b, c in work]


ENGINES = {"ours": ours, "jax": theirs_jax, "torch": theirs_torch, "products": products}


def medians(functions, seconds=4.0):
    """Median time of each, in turn, over at least seven rounds; in a round as many calls of each as take 10 ms."""
    calls, times = {}, {name: [] for name in functions}
    for name, f in functions.items():
        f(), f()
        calls[name] = 1 + int(0.01 / seconds_of(f, 1))
    rounds = max(
        7, min(200, int(seconds / sum(seconds_of(f, calls[name]) for name, f in functions.items())))
    )
    for _ in range(rounds):
        for name, f in functions.items():
            times[name].append(seconds_of(f, calls[name]) / calls[name])
    return {name: float(np.median(t)) for name, t in times.items()}


def seconds_of(f, calls):
    start = time.perf_counter()
    for _ in range(calls):
        f()
    return time.perf_counter() - start


def present():
    """The engines that can be imported here."""
    found = dict(ENGINES)
    for name in ("jax", "torch"):
        try:
            __import__(name)
        except ImportError:
            print(f'{name} is absent and left out: pip install ".[bench]"')
            del found[name]
    return found


def compare(kinds):
    engines = present()
    print(f"{'kind':9} {'size':>22} {'ms':>9}   time over that of {', '.join(list(engines)[1:])}")
    for kind in kinds:
        for size in SIZES:
            functions = {name: make(kind, *arrays(kind, size)) for name, make in engines.items()}
            value, g = functions["ours"]()
            for name in ("jax", "torch"):
                if name in functions:
                    other, h = functions[name]()
                    assert abs(value - other) < 1e-12 * abs(value) and np.linalg.norm(
                        g - h
                    ) < 1e-10 * np.linalg.norm(g)
            t = medians({name: getattr(f, "timed", f) for name, f in functions.items()})
            ratios = "".join(f"{t['ours'] / t[name]:10.2f}" for name in list(engines)[1:])
            print(f"{kind:9} {size!s:>22} {1e3 * t['ours']:9.2f}   {ratios}", flush=True)


def float32():
    for kind in KINDS:
        for size in SIZES[2:]:
            t = medians(
                {
                    dtype: ours(kind, *arrays(kind, size, dtype))
                    for dtype in (np.float64, np.float32)
                }
            )
            print(
                f"{kind:9} {size!s:>22}   float32 is {t[np.float64] / t[np.float32]:.2f} times as fast as float64",
                flush=True,
            )


def memory():
    for kind in KINDS:
        for size in SIZES:
            parts, x, y = arrays(kind, size)
            net, loss = network(kind, parts), dnn.MeanSquaredError()
            dnn.value_and_grad(net, loss, x, y)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            kept = net.vjp(x), tracemalloc.get_traced_memory()[0] - before
            stored = kept[1]
            del kept
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            _, g = dnn.value_and_grad(net, loss, x, y)
            peak = tracemalloc.get_traced_memory()[1] - before - g.nbytes
            tracemalloc.stop()
            states = (len(parts) + 1) * x.nbytes
            print(
                f"{kind:9} {size!s:>22}   {peak / 1e6:8.2f} MB, {peak / stored:.2f} of all that is kept, {peak / states:.2f} of x₀, …, x_L alone",
                flush=True,
            )


def cold(repetitions=7):
    size, here = SIZES[1], str(Path(__file__).resolve().parent)
    engines = [name for name in present() if name != "products"]
    times = {name: [] for name in engines}
    for _ in range(repetitions):
        for name in engines:
            code = (
                f"import sys; sys.path.insert(0, {here!r}); import speed; "
                f"speed.ENGINES[{name!r}]('residual', *speed.arrays('residual', {size}))()"
            )
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - start)
    t = {name: np.median(times[name]) for name in engines}
    ratios = ", ".join(f"{t['ours'] / t[name]:.3f} of {name}" for name in engines[1:])
    print(f"from start to first gradient, {size}: {t['ours']:.3f} s, {ratios}")


def main():
    words = sys.argv[1:]
    for option, run in (("--cold", cold), ("--float32", float32), ("--memory", memory)):
        if option in words:
            run()
    kinds = [word for word in words if not word.startswith("--")]
    if kinds or not words:
        compare(kinds or KINDS)


if __name__ == "__main__":
    main()
