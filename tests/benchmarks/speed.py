"""Whole-gradient time beside jax, torch and the bare matrix products: `python tests/benchmarks/speed.py [kind …] [--float32]`.

One run, one core, one thread: the highest core, or the one that the process is bound to (`taskset -c 0`). The engines take turns, and
of each round the ratio of their times is taken, since noise comes in phases: printed are the median of the ratios and their quartiles,
`0.98 [0.95, 1.02]`. Value and gradient in all parameters of a network of L layers, mean squares, in float64 or, with --float32, in
float32. Sizes are (state, width, layers, batch); kinds:

    residual   Euler steps of Bσ(Ax + b), σ = tanh
    gradient   Euler steps of −Aᵀσ(Ax + b), σ = LeakyReLU(½)
    rk4        RK4 steps of Bσ(Ax + b), σ = tanh
    volume     symplectic Euler steps of (f(v), g(x)), f and g as in `residual`

What is timed:

    ours       `value_and_grad` as anybody calls it: it looks at its arguments, and lays the gradients end to end
    jax        jit of value_and_grad, compiled before, of arrays that are there already, until the result is there; the gradients
               stay a list, and nothing is pulled back to x
    torch      eager, as it comes; the gradients stay a list, and nothing is pulled back to x
    products   the gradient's matrix products by NumPy, into arrays that are there already (the same ones for the four stages of
               RK4), and nothing else: what is left to gain

Before they are timed, values and gradients are compared. All share one process, and so the allocator's settings, those of dynsys_nn
included.

--cold: whole processes instead, from start to first gradient, import and compilation included. --memory: the peak of a gradient beyond
θ's, by tracemalloc, over what the way forward keeps: the states x₀, …, x_L with the σ(z), σ′(z) between them. torch and jax
(`pip install ".[bench]"`) are left out, and said to be, where they are absent.
"""

import ctypes
import os
import platform
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
    (16, 48, 30, 400),
    (64, 64, 16, 256),
    (64, 128, 16, 1024),
    (256, 256, 16, 1024),
)
KINDS = "residual", "gradient", "rk4", "volume"
H = 0.1
#: relative errors of value and gradient that rounding explains
AGREE = {np.float64: (1e-12, 1e-10), np.float32: (1e-6, 1e-5)}


def arrays(kind, size, dtype=np.float64):
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

    def timed():
        value = J(parts, x, y)
        return value.item(), torch.autograd.grad(value, flat)

    def gradient():
        value, g = timed()
        return value, torch.cat([a.ravel() for a in g]).numpy()

    gradient.timed = timed
    return gradient


def theirs_jax(kind, parts, x, y):
    import jax
    import jax.numpy as jnp

    compiled = jax.jit(jax.value_and_grad(objective(kind, jnp.tanh, jnp.where, jnp.concatenate)))
    parts, x, y = jax.tree.map(jnp.asarray, (parts, x, y))

    def timed():
        return jax.block_until_ready(compiled(parts, x, y))

    def gradient():
        value, g = timed()
        return float(value), np.concatenate([np.ravel(a) for part in g for a in part])

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


def rounds(functions, seconds=4.0):
    """Times of each, (rounds,), in turn and back: at least seven rounds, in each as many calls as take 10 ms."""
    calls, once = {}, 0.0
    for name, f in functions.items():
        f()
        calls[name] = 1 + int(0.01 / seconds_of(f, 1))
        once += seconds_of(f, calls[name])
    order, times = list(functions), {name: [] for name in functions}
    for _ in range(max(7, min(200, int(seconds / once)))):
        for name in order:
            times[name].append(seconds_of(functions[name], calls[name]) / calls[name])
        order.reverse()
    return {name: np.array(t) for name, t in times.items()}


def medians(functions, seconds=4.0):
    """Median time of each, of `rounds`."""
    return {name: float(np.median(t)) for name, t in rounds(functions, seconds).items()}


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


def kernel():
    """The name of the processor that OpenBLAS has taken this one for, if it came with NumPy."""
    home = Path(np.__file__).parent
    for path in [*home.parent.glob("numpy.libs/*openblas*"), *home.glob(".dylibs/*openblas*")]:
        name = getattr(ctypes.CDLL(str(path)), "scipy_openblas_get_corename64_", None)
        if name:
            name.restype = ctypes.c_char_p
            return name().decode()
    return "unknown"


def tanh():
    """The instructions that NumPy's tanh uses, which is most of what is not a matrix product."""
    if not hasattr(np.lib, "introspect"):
        return "unknown"
    return np.lib.introspect.opt_func_info("^tanh$")["tanh"]["dd"]["current"]


def processor():
    """Its name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def say_where(others=()):
    """What the numbers depend on: the machine, NumPy's and BLAS's instructions, versions."""
    config = np.show_config("dicts")  # without what is empty
    blas = config.get("Build Dependencies", {}).get("blas", {})
    simd = config.get("SIMD Extensions", {})
    simd = ", ".join(simd.get("baseline", []) + simd.get("found", []))
    bound = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "any"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = [f"{name} {sys.modules[name].__version__}" for name in ("numpy", *others)]
    print(f"{processor()}, core {bound} of {os.cpu_count()}{load}")
    print(f"NumPy has {simd or 'unknown'}, tanh {tanh()}", end="; ")
    print(f"{blas.get('name', 'unknown')} {blas.get('version', '')}, kernel {kernel()}")
    print(f"python {platform.python_version()}, {', '.join(versions)}")
    for variable in ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"):
        if variable in os.environ:
            print(f"CAUTION: {variable}={os.environ[variable]} is set, and concerns NumPy alone")
    print()


def compare(kinds, dtype):
    engines = present()
    others = list(engines)[1:]
    say_where([name for name in others if name in sys.modules])
    print(f"{np.dtype(dtype)}, time over that of {', '.join(others)}: median of rounds [quartiles]")
    heads = "".join(f"{name:>20}" for name in others)
    print(f"{'kind':9} {'size':>22} {'ms':>9}{heads}")
    for kind in kinds:
        for size in SIZES:
            functions = {
                name: make(kind, *arrays(kind, size, dtype)) for name, make in engines.items()
            }
            for name in others:
                if name != "products":
                    check(name, functions["ours"](), functions[name](), *AGREE[dtype])
            t = rounds({name: getattr(f, "timed", f) for name, f in functions.items()})
            ratios = "".join(f"{spread(t['ours'] / t[name]):>20}" for name in others)
            print(f"{kind:9} {size!s:>22} {1e3 * np.median(t['ours']):9.2f}{ratios}", flush=True)


def check(name, ours, theirs, of_value, of_gradient):
    """Exit unless another engine computes the same."""
    (J, g), (K, k) = ours, theirs
    off = abs(J - K) / abs(J), np.linalg.norm(g - k) / np.linalg.norm(g)
    if not (g.dtype == k.dtype and off[0] < of_value and off[1] < of_gradient):
        sys.exit(f"{name} computes something else: value and gradient are off by {off}")


def spread(ratios):
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


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
    kinds = [word for word in words if word in KINDS] or KINDS
    options = [word for word in words if word not in KINDS]
    if unknown := set(options) - {"--float32", "--cold", "--memory"}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; kinds are {', '.join(KINDS)}")
    if "--cold" in options:
        cold()
    if "--memory" in options:
        memory()
    if options in ([], ["--float32"]):
        compare(kinds, np.float32 if options else np.float64)


if __name__ == "__main__":
    main()
