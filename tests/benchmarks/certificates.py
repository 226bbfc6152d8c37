"""How far certified constants are from what is found, before and after: `python tests/benchmarks/certificates.py [trained] [random [n]] [exact [n]]`.

trained: networks of the five kinds of figures/study, with dense layers, on the 8×8 digits and on two moons. A line each: clean
accuracy; the constant from pixels to logits as it is measured, by `joint` and as a product; the median of the radii and the
certified accuracy at ε before and after; what survives PGD with 50 steps; how many right labels PGD changes at 0.999 of
their joint radius.
random: n = 10 000 networks of random steps, of which the largest measured/joint is printed.
exact: n = 300 networks of width ≤ 6, joint and the semidefinite program alone over the largest constant of all corners.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path += [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import numpy as np
from zoo import ACTIVATIONS, random_step

import dynsys_nn as dnn
from dynsys_nn import attacks, lipschitz
from dynsys_nn.constraints import weights
from dynsys_nn.lipschitz import slopes

RELU, LEAKY = dnn.ReLU(), dnn.LeakyReLU(0.5)


def residual(rng, d, h):
    return dnn.Flow(dnn.ResidualField.random(d, d, RELU, rng=rng), h)


def contractive(rng, d, h, sigma=LEAKY, **options):
    return dnn.Flow(dnn.GradientField.random(d, d, sigma, rng=rng), h, **options)


def unconstrained(rng, d, pairs):
    flows = [residual(rng, d, 1.0) for _ in range(2 * pairs)]
    for F in flows:
        F.field.B.theta *= 0.3
    return flows, None


def naive(rng, d, pairs):
    return [residual(rng, d, 0.5) for _ in range(2 * pairs)], []


def non_expansive(rng, d, pairs):
    return [contractive(rng, d, 2.0, RELU) for _ in range(2 * pairs)], []


def prescribed(rng, d, pairs):
    flows, steps = [], []
    for _ in range(pairs):
        X = dnn.ResidualField(dnn.Dense(d, d, rng=rng), LEAKY)
        E, C = dnn.Flow(X, 1.5, learn_h=True), contractive(rng, d, 4 / 3, learn_h=True)
        flows, steps = [*flows, E, C], [*steps, dnn.StepSizes(C, E)]
    return flows, steps


def flexible(rng, d, pairs):
    flows, steps = [], []
    for _ in range(pairs):
        both = [contractive(rng, d, h, learn_h=True) for h in (-1.5, 4 / 3)]
        flows, steps = [*flows, *both], [*steps, dnn.SignedSteps(*both)]
    return flows, steps


KINDS = (unconstrained, naive, non_expansive, prescribed, flexible)


def digits():
    x, y = dnn.datasets.digits()
    order = np.random.default_rng(0).permutation(len(x))
    return x[order[:1400]], y[order[:1400]], x[order[1400:]], y[order[1400:]]


def moons():
    x, y = dnn.datasets.moons(1400, 0.1, 0)
    return x[:1000], y[:1000], x[1000:], y[1000:]


#: data, dimension, pairs of layers, labels, margin, epochs of each rate, ε
TASKS = {"digits": (digits, 64, 2, 10, 0.7, 12, 0.3), "moons": (moons, 16, 2, 2, 0.4, 30, 0.2)}


def trained(kind, task, seed=0):
    """A network of that kind, and the test data."""
    data, d, pairs, K, margin, epochs, _ = TASKS[task]
    x, y, *test = data()
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    flows, constraints = kind(rng, d, pairs)
    net = dnn.Network(dnn.Lift(d, x.shape[1]), *flows, dnn.Affine(K, d, rng=rng))
    if constraints is None:
        constraints, margin = [], 1.0
    else:
        ball = dnn.SpectralBall if kind is naive else dnn.Orthogonal
        constraints = [ball(*weights(net)), *constraints]
    for rate in (1e-2, 3e-3, 1e-3):
        rate = rate / 5 if kind in (unconstrained, naive) else rate
        adam = dnn.Adam(rate, beta2=0.99)
        options = dict(batch_size=100, constraints=constraints, rng=rng, progress=False)
        dnn.fit(net, dnn.MulticlassHinge(margin), x, y, adam, epochs, **options)
    return net, *test


def row(kind, task):
    """The numbers of one network."""
    net, x, y = trained(kind, task)
    eps, start = TASKS[task][-1], time.perf_counter()
    after, radius = lipschitz.joint(net), lipschitz.certified_radius(net, x, joint=True)
    seconds = time.perf_counter() - start
    right = net(x).argmax(axis=-1) == y
    inside = right & (radius > 1e-3)
    attack = dnn.PGD(0.999 * radius[inside], steps=50)
    changed = net(attack(net, x[inside], y[inside])).argmax(axis=-1) != y[inside]
    plain, found = lipschitz.certified_radius(net, x), lipschitz.measured(net, x[:100])
    return {
        "clean": 100 * right.mean(),
        "measured": found, "joint": after, "product": net.lipschitz(),
        "before/measured": net.lipschitz() / found, "after/measured": after / found,
        "radius before": np.median(plain), "after": np.median(radius),
        "certified before": 100 * (right & (plain > eps)).mean(),
        "certified after": 100 * (right & (radius > eps)).mean(),
        "attacked": 100 * attacks.accuracy(net, dnn.PGD(eps, steps=50), x, y),
        "violations": int(changed.sum()), "seconds": seconds,
    }  # fmt: skip


def table():
    for task in TASKS:
        for kind in KINDS:
            numbers = "  ".join(f"{key} {value:.4g}" for key, value in row(kind, task).items())
            print(f"{task:6}  {kind.__name__:13}  {numbers}", flush=True)


def random_networks(n=10_000):
    """How many are measured above their joint constant. Few corners and one split, for speed."""
    slopes.CORNERS, slopes.SPLITS = 10, 1
    rng, ratios, gains = np.random.default_rng(5), [], []
    for k in range(n):
        flows = [random_step(rng) for _ in range(1 + k % 3)]
        net = dnn.Network(*flows, dnn.Dense(2, 4, rng=rng))
        L = lipschitz.joint(net)
        found = lipschitz.measured(net, 2 * rng.normal(size=(2, 4)), 5, rng)
        ratios.append(found / L)
        gains.append(net.lipschitz() / L)
        if (k + 1) % 1000 == 0:
            print(f"{k + 1}: largest measured/joint {max(ratios):.13f}", flush=True)
    print(
        f"{sum(ratio > 1 + 1e-12 for ratio in ratios)} of {n} joint constants exceeded; measured/joint: "
        f"median {np.median(ratios):.4f}, largest {max(ratios):.13f}; product/joint: median "
        f"{np.median(gains):.3f}, largest {max(gains):.3g}"
    )


def exact_networks(n=300):
    """joint, and the semidefinite program alone, over the exact constant."""
    rng, of_joint, alone = np.random.default_rng(6), [], {0: [], 8: []}
    for k in range(n):
        steps, d, flows = 1 + k % 3, int(rng.integers(1, 6)), []
        for _ in range(steps):
            width, h = int(rng.integers(1, 7)), rng.choice([-1, 1]) * rng.uniform(0.1, 2)
            sigma = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]
            kind = dnn.ResidualField if rng.integers(2) else dnn.GradientField
            flows.append(dnn.Flow(kind.random(d, width, sigma, rng=rng), h))
        net = dnn.Network(*flows, dnn.Dense(3, d, rng=rng))
        whole = slopes.Group(list(slopes.pieces_of(net)))
        exact = max(map(slopes.norm, whole.at_corners()))
        for splits, ratios in alone.items():
            ratios.append(whole.by_program(slice(None), splits) / exact)
        of_joint.append(lipschitz.joint(net) / exact)
    for name, ratios in ("joint", of_joint), *((f"program, {k} splits", alone[k]) for k in alone):
        print(
            f"{name:16} over exact: median {np.median(ratios):.6f}, smallest − 1 {min(ratios) - 1:.1e}, "
            f"largest {max(ratios):.4f}, above 1.02: {sum(r > 1.02 for r in ratios)} of {len(ratios)}"
        )


def main(words):
    parts = {"trained": table, "random": random_networks, "exact": exact_networks}
    while words:
        part = parts[words.pop(0)]
        part(int(words.pop(0))) if words and words[0].isdigit() else part()


if __name__ == "__main__":
    main(sys.argv[1:] or ["trained", "exact", "random"])
