"""Random mixed networks beside an independent copy in jax: value and gradients, in float64.

    python tests/benchmarks/jax_networks.py [seed] [--networks 50] [--only k …]

Each network composes 2 to 6 maps: matrices, convolutions, Hénon maps, flows of all families of
fields by explicit, implicit, partitioned, splitting and projected methods, with learned steps,
nested networks, roll-outs, and arrays that are met more than once (ties). The copy knows the
formulas y = F(x; θ) alone, written from the mathematics: it has no adjoint, jax differentiates it.
Named tableaus are written down again; a transpose is jax's; an implicit midpoint step is Newton's
method, the last step of which jax differentiates with a frozen Jacobian (by the implicit function
theorem that is the derivative of the solution); Cayley's step is the solution of a linear system;
a projection has a closed form. DiscreteGradient is left out: its quotient divides the rounding of
I(y) − I(x) by ‖y − x‖, which no fixed bound allows for.

Each array is a jax array of its own, met as (owner, name). Where it lies in θ is found without the
package's bookkeeping: distinct marks are written into all arrays, and looked for in net.theta. Each
entry of θ must hold exactly one mark. Then θ is drawn anew, and the copy takes its arrays from it.

With J = ⟨w, net(x)⟩, w random, a of the package, b of jax, norms over the whole array:

    value          ‖a − b‖/max(1, ‖b‖)   ≤ 1e-13
    ∂J/∂x, ∂J/∂θ   ‖a − b‖/‖b‖           ≤ 1e-12

Relative to the whole array, because one entry may be what is left of a sum of larger numbers, and
has their rounding: entry by entry two right answers may differ by any factor. A value may be small
as a whole, near 0, and then has the rounding of the states before it, which are of size one: hence
max(1, ·). A gradient has no such scale, it is as large as w makes it. Faults (a sign, an index, a
forgotten share) are errors of 1e-5 and more. Kinks need no care: z = Ax + b of a LeakyReLU, b
random, lies within rounding of 0 with a probability of some 1e-10 in a run.

One line per network: number, ties, shape of the batch, p, errors, maps (* learned step, ×n steps).
The exit status is 0 if all errors are within these bounds. --only k compares network k alone.
"""

import argparse
import os
import sys
import time
from collections import Counter
from functools import partial, singledispatch
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault(  # each operation is compiled once per shape, and run a few times
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false "
    "intra_op_parallelism_threads=1",
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402

import dynsys_nn as dnn  # noqa: E402

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    sys.exit('jax is absent, and it is what is compared with: pip install ".[bench]"')

jax.config.update("jax_enable_x64", True)

BOUNDS = {"value": 1e-13, "∂x": 1e-12, "∂θ": 1e-12}


# ---- the copy: y = F(x; θ), where p(owner, name) is an array of θ
@singledispatch
def value(F, p, x):
    raise NotImplementedError(f"the copy has no formula of {type(F).__name__}")


@value.register(dnn.Network)
def composition(F, p, x):
    for G in F.maps:
        x = value(G, p, x)
    return x


@value.register(dnn.Rollout)
def iterates(F, p, x):
    states = [x]
    for _ in range(F.n):
        states.append(value(F.network, p, states[-1]))
    return jnp.stack(states[1:], axis=-2)


@value.register(dnn.Flow)
def flow(F, p, x):
    h = p(F, "h") if F.learn_h else F.h
    for _ in range(F.steps):
        x = step(F.method, F.field, p, x, h)
    return x


# linear maps
@value.register(dnn.Dense)
def matrix(F, p, x):
    return jnp.einsum("oi,...i->...o", p(F, "W"), x)


@value.register(dnn.Affine)
def affine(F, p, x):
    return value(F.A, p, x) + p(F, "b")


@value.register(dnn.Lift)
def lift(F, p, x):
    return jnp.concatenate([x, jnp.zeros((*x.shape[:-1], F.dim_out - F.dim_in))], axis=-1)


@value.register(dnn.Restriction)
def restriction(F, p, x):
    k = F.dim_out
    return x[..., :k] + jnp.sum(x[..., k:], axis=-1, keepdims=True) / k


@value.register(dnn.Convolution)
def convolution(F, p, x):
    """jax's convolution, of an image that was continued periodically."""
    c = F.kernel // 2
    images = x.reshape(-1, F.channels_in, *F.image)
    images = jnp.pad(images, ((0, 0), (0, 0), (c, c), (c, c)), mode="wrap")
    y = jax.lax.conv_general_dilated(
        images, p(F, "W"), (1, 1), "VALID", feature_group_count=F.groups
    )
    return y.reshape(*x.shape[:-1], F.dim_out)


def transposed(A, p, w):
    """Aᵀw, the derivative of ⟨w, Ax⟩ in x."""
    origin = jnp.zeros((*w.shape[:-1], A.dim_in))
    return jax.vjp(lambda x: value(A, p, x), origin)[1](w)[0]


# fields
SIGMA = {
    dnn.Tanh: lambda sigma, z: jnp.tanh(z),
    dnn.Sigmoid: lambda sigma, z: 1 / (1 + jnp.exp(-z)),
    dnn.Softplus: lambda sigma, z: jnp.logaddexp(z, 0.0),
    dnn.Sine: lambda sigma, z: jnp.sin(z),
    dnn.LeakyReLU: lambda sigma, z: jnp.where(z >= 0, z, sigma.a * z),
}


def activated(F, p, x):
    """σ(Ax + b), b for all pixels of a channel."""
    b, z = p(F, "b"), value(F.A, p, x)
    channels = z.reshape(*z.shape[:-1], b.size, -1) + b[:, None]
    return SIGMA[type(F.sigma)](F.sigma, channels.reshape(z.shape))


@value.register(dnn.ResidualField)
def resnet(F, p, x):
    return value(F.B, p, activated(F, p, x))


@value.register(dnn.GradientField)
def gradient(F, p, x):
    alpha = 1.0 if np.ndim(F.alpha) == 0 else p(F, "alpha")
    return F.sign * transposed(F.A, p, alpha * activated(F, p, x))


@value.register(dnn.HamiltonianField)
def hamiltonian(F, p, z):
    """(q, p)′ = (∂H/∂p, −∂H/∂q)."""
    dq, dp = jnp.split(value(F.dH, p, z), 2, axis=-1)
    return jnp.concatenate([dp, -dq], axis=-1)


def skew(F, p, x):
    """S(x) = M − Mᵀ, M row by row, or its strict upper triangle."""
    m, d = value(F.C, p, activated(F, p, x)), F.dim
    if m.shape[-1] == d * d:
        M = m.reshape(*x.shape, d)
    else:
        M = jnp.zeros((*x.shape, d)).at[(..., *np.triu_indices(d, 1))].set(m)
    return M - jnp.swapaxes(M, -1, -2)


def hessian(I, d):
    """Q of I(x) = ½ xᵀQx."""
    return jnp.eye(d) if isinstance(I, dnn.SquaredNorm) else jnp.asarray(I.Q)


def slope(I, x):
    """∇I(x)."""
    if isinstance(I, dnn.Mass):
        return jnp.ones_like(x)
    return jnp.einsum("ij,...j->...i", hessian(I, x.shape[-1]), x)


@value.register(dnn.InvariantField)
def invariant(F, p, x):
    return jnp.einsum("...ij,...j->...i", skew(F, p, x), slope(F.invariant, x))


@value.register(dnn.PartitionedField)
def partitioned(F, p, z):
    x, v = jnp.split(z, [F.f.dim_out], axis=-1)
    return jnp.concatenate([value(F.f, p, v), value(F.g, p, x)], axis=-1)


@value.register(dnn.SumField)
def total(F, p, x):
    return sum(value(X, p, x) for X in F.parts)


@value.register(dnn.HenonMap)
def henon(F, p, z):
    q, v = jnp.split(z, 2, axis=-1)
    return jnp.concatenate([v + p(F, "eta"), -q + value(F.dV, p, v)], axis=-1)


# methods: one step of size h
TABLEAUS = {
    dnn.Euler: ([[]], [1]),
    dnn.Heun: ([[], [1]], [1 / 2, 1 / 2]),
    dnn.ExplicitMidpoint: ([[], [1 / 2]], [0, 1]),
    dnn.Ralston: ([[], [2 / 3]], [1 / 4, 3 / 4]),
    dnn.Kutta3: ([[], [1 / 2], [-1, 2]], [1 / 6, 4 / 6, 1 / 6]),
    dnn.RK4: ([[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 2 / 6, 2 / 6, 1 / 6]),
}


@singledispatch
def step(method, X, p, x, h):
    raise NotImplementedError(f"the copy has no formula of {type(method).__name__}")


@step.register(dnn.RungeKutta)
def runge_kutta(method, X, p, x, h):
    A, b = TABLEAUS.get(type(method)) or (method.A, method.b)
    K = []
    for row in A:
        K.append(value(X, p, x + h * sum(a * k for a, k in zip(row, K, strict=False))))
    return x + h * sum(b_i * k for b_i, k in zip(b, K, strict=True))


@step.register(dnn.SymplecticEuler)
def symplectic_euler(method, X, p, z, h):
    x, v = jnp.split(z, [X.f.dim_out], axis=-1)
    x = x + h * value(X.f, p, v)
    return jnp.concatenate([x, v + h * value(X.g, p, x)], axis=-1)


@step.register(dnn.StormerVerlet)
def stormer_verlet(method, X, p, z, h):
    x, v = jnp.split(z, [X.f.dim_out], axis=-1)
    v = v + h / 2 * value(X.g, p, x)
    x = x + h * value(X.f, p, v)
    return jnp.concatenate([x, v + h / 2 * value(X.g, p, x)], axis=-1)


@step.register(dnn.LieTrotter)
def lie_trotter(method, X, p, x, h):
    for part, inner in zip(X.parts, inner_methods(method, X), strict=True):
        x = step(inner, part, p, x, h)
    return x


@step.register(dnn.Strang)
def strang(method, X, p, x, h):
    *first, last = zip(X.parts, inner_methods(method, X), strict=True)
    for part, inner in first:
        x = step(inner, part, p, x, h / 2)
    x = step(last[1], last[0], p, x, h)
    for part, inner in reversed(first):
        x = step(inner, part, p, x, h / 2)
    return x


def inner_methods(method, X):
    return method.inner if isinstance(method.inner, list) else [method.inner] * len(X.parts)


@step.register(dnn.Yoshida)
def yoshida(method, X, p, x, h):
    """Of a method of order two."""
    outer = 1 / (2 - 2 ** (1 / 3))
    for c in (outer, 1 - 2 * outer, outer):
        x = step(method.inner, X, p, x, c * h)
    return x


@step.register(dnn.ImplicitMidpoint)
def implicit_midpoint(method, X, p, x, h):
    """r(y) = y − x − hX((x + y)/2) = 0, sample by sample, by ten steps of Newton's method and one
    more, y − r′(y)⁻¹r(y) with fixed y and r′, whose derivative −r′⁻¹∂r is that of the solution."""

    def r(p, h, x, y):
        return y - x - h * value(X, p, (x + y) / 2)

    def p_fixed(owner, name):
        return jax.lax.stop_gradient(p(owner, name))

    def solve(K, r):
        return jnp.linalg.solve(K, r[..., None])[..., 0]

    points = x.reshape(-1, x.shape[-1])
    fixed = p_fixed, jax.lax.stop_gradient(h), jax.lax.stop_gradient(points)
    r_and_tangent = jax.vmap(partial(jax.jvp, partial(r, *fixed)), (None, 0), (None, -1))
    unit = jnp.broadcast_to(jnp.eye(X.dim)[:, None], (X.dim, *points.shape))  # one at a time
    y = fixed[-1]
    for _ in range(10):
        r_y, K = r_and_tangent((y,), (unit,))
        y = y - solve(K, r_y)
    y = y - solve(K, r(p, h, points, y))
    return y.reshape(x.shape)


@step.register(dnn.Cayley)
def cayley(method, X, p, x, h):
    """y = x + hS(x)∇I((x + y)/2): y = x + hS1 for ∇I = 1, (1 − ½hSQ)y = (1 + ½hSQ)x for ∇I = Qx."""
    hS = h * skew(X, p, x)
    if isinstance(X.invariant, dnn.Mass):
        return x + jnp.sum(hS, axis=-1)
    half = hS @ hessian(X.invariant, X.dim) / 2
    right = x + jnp.einsum("...ij,...j->...i", half, x)
    return jnp.linalg.solve(jnp.eye(X.dim) - half, right[..., None])[..., 0]


@step.register(dnn.Projected)
def projected(method, X, p, x, h):
    """y = ỹ + λ∇I(ỹ) with I(y) = I(x), an equation for λ of degree one, or two: the root near 0."""
    I, y = method.invariant, step(method.method, X, p, x, h)
    if isinstance(I, dnn.Mass):
        return y + jnp.mean(x - y, axis=-1, keepdims=True)
    if isinstance(I, dnn.SquaredNorm):
        return y * jnp.sqrt((x**2).sum(-1, keepdims=True) / (y**2).sum(-1, keepdims=True))
    Qy = slope(I, y)
    a, b = jnp.sum(Qy * slope(I, Qy), axis=-1) / 2, jnp.sum(Qy * Qy, axis=-1)
    c = jnp.sum(y * Qy, axis=-1) / 2 - jnp.sum(x * slope(I, x), axis=-1) / 2
    lam = -2 * c / (b + jnp.sqrt(b * b - 4 * a * c))
    return y + lam[..., None] * Qy


# ---- random networks
class Deck:
    """Cards in random order, each once before any is dealt again, but for those that do not fit."""

    def __init__(self, rng, cards):
        self.rng, self.cards, self.left, self.dealt = rng, list(cards), [], Counter()

    def deal(self, fits=lambda card: True):
        if not any(map(fits, self.left)):
            self.left += [self.cards[k] for k in self.rng.permutation(len(self.cards))]
        card = next(filter(fits, self.left))
        self.left.remove(card)
        self.dealt[str(card)] += 1
        return card


IMAGE = 3, 4  # not square: height and width cannot be exchanged
PIXELS = 12
EVEN = {"Hamiltonian", "Hamiltonian α", "Partitioned, gradients"}
FIELDS = [
    "Residual", "Residual, B = 1", "Gradient −", "Gradient +", "Gradient − α", "Gradient + α",
    "Hamiltonian", "Hamiltonian α", "Mass", "Sphere", "Invariant", "Partitioned, residual",
    "Partitioned, gradients", "Partitioned, maps", "Sum",
]  # fmt: skip
EXPLICIT = ["Euler", "Heun", "ExplicitMidpoint", "Ralston", "Kutta3", "RK4", "tableau"]
CARDS = {
    "field": FIELDS,
    "any": [*EXPLICIT, "ImplicitMidpoint", "Projected", "Yoshida of ImplicitMidpoint"],
    "explicit": EXPLICIT,
    "partitioned": ["SymplecticEuler", "StormerVerlet", "Yoshida", "any"],
    "sum": ["LieTrotter", "Strang", "any"],
    "skew": ["Cayley", "any"],
    "sigma": [dnn.Tanh(), dnn.Sigmoid(), dnn.Softplus(), dnn.Sine(), dnn.LeakyReLU(0.3)],
    "invariant": ["Mass", "SquaredNorm", "Quadratic"],
    "triangle": [True, False],
    "steps": [1, 2, 1, 3],
    "learned": [False, True, False],
    "tie": [
        "none", "field", "matrix", "flow", "one f", "f = g", "sum", "nested", "slice", "∇H",
        "rollout",
    ],
    "layer": ["Flow"] * 5 + ["HenonMap", "Dense", "Affine", "Convolution"],
    "first": ["Dense", "Affine", "Lift", "Restriction", "Convolution"],
    "last": ["Dense", "Affine", "Lift", "Restriction", "Convolution", "Rollout"],
    "dim": [3, 4, 4, 6, PIXELS],
    "batch": [(), (5,), (2, 3)],
}  # fmt: skip


class Draw:
    """Random networks, all from one seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.decks = {name: Deck(self.rng, cards) for name, cards in CARDS.items()}

    def deal(self, name, *fits):
        return self.decks[name].deal(*fits)

    def rarest(self):
        """How often the kind was drawn that was drawn least, and its name."""
        drawn = sum([deck.dealt for deck in self.decks.values()], Counter())
        every = {str(card) for deck in self.decks.values() for card in deck.cards}
        return min((drawn[card], card) for card in every)

    def coin(self):
        return self.rng.integers(2) == 1

    def size(self, low, high):
        return int(self.rng.integers(low, high + 1))

    # ---- linear maps
    def dense(self, dim_out, dim_in):
        return dnn.Dense(dim_out, dim_in, rng=self.rng)

    def linear(self, dim_in, dim_out=None):
        """A linear map: on images, every second time a convolution."""
        sizes = {PIXELS, 2 * PIXELS}
        if dim_in in sizes and (dim_out is None or dim_out in sizes) and self.coin():
            return self.convolution(dim_in, dim_out or PIXELS * self.size(1, 2))
        return self.dense(dim_out or self.size(3, 6), dim_in)

    def convolution(self, dim_in, dim_out):
        channels = dim_out // PIXELS, dim_in // PIXELS
        groups = 2 if channels == (2, 2) and self.coin() else 1
        kernel = 1 if self.size(1, 4) == 1 else 3
        return dnn.Convolution(*channels, IMAGE, kernel, groups, rng=self.rng)

    # ---- fields
    def field(self, d, fits=lambda kind: True):
        kind = self.deal("field", lambda kind: fits(kind) and (d % 2 == 0 or kind not in EVEN))
        return self.field_of(kind, d)

    def field_of(self, kind, d):
        name = kind.split(",")[0].split(" ")[0]
        if name == "Partitioned":
            return dnn.PartitionedField(*self.halves(kind, d))
        if name == "Sum":
            parts = [self.field(d, lambda kind: kind != "Sum") for _ in range(self.size(2, 3))]
            return dnn.SumField(*parts)
        if name in ("Mass", "Sphere", "Invariant"):
            return self.skew_field(name, self.linear(d), d)
        if kind == "Residual, B = 1":
            return dnn.ResidualField(self.linear(d, d), self.deal("sigma"))
        return self.field_with(self.linear(d), name, "+" in kind, "α" in kind)

    def field_with(self, A, name, ascending=False, weighted=False):
        """A field of that kind, with this A."""
        sigma = self.deal("sigma")
        alpha = self.rng.normal(size=A.dim_out) if weighted else None
        if name == "Residual":
            return dnn.ResidualField(A, sigma, self.linear(A.dim_out, A.dim_in))
        if name == "Gradient":
            return dnn.GradientField(A, sigma, 1 if ascending else -1, alpha)
        if name == "Hamiltonian":
            return dnn.HamiltonianField(A, sigma, alpha)
        return self.skew_field(name, A, A.dim_in)

    def skew_field(self, name, A, d):
        rows = d * (d - 1) // 2 if self.deal("triangle") else d * d
        C, sigma = self.dense(rows, A.dim_out), self.deal("sigma")
        if self.size(1, 3) == 1:
            A, C = self.dense(rows, d), None
        if name == "Mass":
            return dnn.MassPreservingField(A, sigma, C)
        if name == "Sphere":
            return dnn.SpherePreservingField(A, sigma, C)
        return dnn.InvariantField(A, sigma, dnn.Quadratic(self.positive(d)), C)

    def positive(self, d):
        """A positive definite matrix, whose symmetric part is meant."""
        return np.eye(d) + 0.3 * self.rng.normal(size=(d, d)) / d**0.5

    def halves(self, kind, d):
        """f: ℝᵐ → ℝⁿ and g: ℝⁿ → ℝᵐ, n + m = d."""
        if "gradients" in kind:
            A, B = (self.dense(self.size(3, 6), d // 2) for _ in range(2))
            return self.field_with(A, "Gradient", True, True), self.field_with(B, "Gradient")
        n = d // 2 if d % 2 == 0 and self.coin() else self.size(1, d - 1)
        half = self.composed if "maps" in kind else self.shear
        return half(n, d - n), half(d - n, n)

    def shear(self, dim_out, dim_in):
        k = self.size(3, 6)
        return dnn.ResidualField(self.dense(k, dim_in), self.deal("sigma"), self.dense(dim_out, k))

    def composed(self, dim_out, dim_in):
        """A network as a half: any map will do."""
        k = self.size(3, 6)
        affine = [dnn.Affine(k, dim_in, rng=self.rng), dnn.Affine(dim_out, k, rng=self.rng)]
        return dnn.Network(affine[0], self.flow(k, simple=True), affine[1])

    # ---- methods, flows
    def method(self, X, name="any"):
        """A method that fits the field."""
        if isinstance(X, dnn.PartitionedField):
            name = self.deal("partitioned")
        elif isinstance(X, dnn.SumField):
            name = self.deal("sum")
        elif isinstance(X, dnn.InvariantField):
            name = self.deal("skew")
        name = self.deal("any") if name == "any" else name
        if name in ("LieTrotter", "Strang"):
            one = [self.explicit(), dnn.ImplicitMidpoint()][self.size(0, 3) // 3]
            several = [self.method(part) for part in X.parts]
            return getattr(dnn, name)(several if self.coin() else one)
        if name == "Projected":
            return dnn.Projected(self.explicit(), self.invariant(X.dim))
        if name == "Yoshida of ImplicitMidpoint":
            return dnn.Yoshida(dnn.ImplicitMidpoint())
        return self.tableau() if name == "tableau" else getattr(dnn, name)()

    def explicit(self):
        name = self.deal("explicit")
        return self.tableau() if name == "tableau" else getattr(dnn, name)()

    def tableau(self):
        """A random explicit one, with zeros here and there."""
        s = self.size(2, 4)
        A = [self.rng.uniform(-1, 1, i) * (self.rng.random(i) < 0.8) for i in range(s)]
        b = self.rng.uniform(-0.5, 1, s)
        return dnn.RungeKutta([row.tolist() for row in A], (b + (1 - b.sum()) / s).tolist())

    def invariant(self, d):
        name = self.deal("invariant")
        return dnn.Quadratic(self.positive(d)) if name == "Quadratic" else getattr(dnn, name)()

    def flow(self, d, simple=False):
        kinds = {"Residual", "Gradient −"} if simple else FIELDS
        return self.flow_of(self.field(d, lambda kind: kind in kinds))

    def flow_of(self, X):
        """A flow of X, with |h| up to a half of 1/‖X′‖: steep layers would magnify rounding errors."""
        slopes = np.linalg.norm(X.jacobian(self.rng.normal(size=(5, X.dim))), 2, axis=(-2, -1))
        h = self.rng.choice([1, 1, -1]) * self.rng.uniform(0.1, 0.5) / max(1, slopes.max())
        return dnn.Flow(X, h, self.method(X), self.deal("steps"), self.deal("learned"))

    # ---- layers
    def layer(self, d):
        """A map ℝᵈ → ℝᵈ."""
        fits = {"HenonMap": d % 2 == 0, "Convolution": d == PIXELS}
        kind = self.deal("layer", lambda kind: fits.get(kind, True))
        if kind == "Flow":
            return self.flow(d)
        if kind == "HenonMap":
            return dnn.HenonMap(
                self.field(d // 2, lambda kind: kind[:8] in ("Gradient", "Residual"))
            )
        return self.end(kind, d, d)

    def end(self, kind, dim_in, dim_out):
        if kind == "Convolution":
            return self.convolution(dim_in, dim_out)
        random = {"rng": self.rng} if kind in ("Dense", "Affine") else {}
        return getattr(dnn, kind)(dim_out, dim_in, **random)

    def first(self, d):
        """A map to ℝᵈ."""
        kind = self.deal("first", lambda kind: kind != "Convolution" or d == PIXELS)
        return self.end(kind, self.other(kind, d, "Lift", "Restriction"), d)

    def last(self, d, body):
        """A map from ℝᵈ, or a Rollout of the last maps once more."""
        kind = self.deal("last", lambda kind: kind != "Convolution" or d == PIXELS)
        if kind == "Rollout":
            return dnn.Rollout(dnn.Network(*body)[-self.size(1, 2) :], self.size(2, 3))
        return self.end(kind, d, self.other(kind, d, "Restriction", "Lift"))

    def other(self, kind, d, lower, higher):
        """A dimension for the other side of such a map: at most d, at least d, or any."""
        if kind == "Convolution":
            return PIXELS * self.size(1, 2)
        return self.size(*{lower: (2, d), higher: (d, d + 3)}.get(kind, (2, 6)))

    # ---- ties
    def tied(self, tie, d):
        """Two maps ℝᵈ → ℝᵈ, or three, that share arrays in this way."""
        if tie == "none":
            return [self.layer(d), self.layer(d)]
        if tie == "field":  # in two flows, of other step and method
            X = self.field(d)
            return [self.flow_of(X), self.flow_of(X)]
        if tie == "matrix":
            return self.one_matrix(d)
        if tie == "flow":
            return [self.flow(d)] * self.size(2, 3)
        if tie == "one f":  # in two fields, with two g
            f, g = self.halves("residual", d)
            other = self.shear(g.dim_out, g.dim_in)
            return [self.flow_of(dnn.PartitionedField(f, g)) for g in (g, other)]
        if tie == "f = g":
            f = self.halves("gradients", d)[0]
            return [self.flow_of(dnn.PartitionedField(f, f)), self.layer(d)]
        if tie == "sum":  # one field twice in a sum
            X, Y = self.field(d), self.field(d)
            return [self.flow_of(dnn.SumField(X, Y, X)), self.layer(d)]
        if tie == "∇H":  # of a Hamiltonian field, which is a gradient field, too
            X = self.field(d, lambda kind: kind.startswith("Hamiltonian"))
            return [self.flow_of(X), self.flow_of(X.dH)]
        if tie == "nested":  # a network twice, or one of its maps once more
            F, G = self.layer(d), self.flow(d)
            net = dnn.Network(dnn.Network(F), G)
            return [net, net if self.coin() else G]
        if tie == "slice":
            net = dnn.Network(*[self.flow(d) for _ in range(3)])
            j = self.size(0, 1)
            return [net, net[j : j + 2]]
        F = self.layer(d)
        return [F, self.flow(d), dnn.Rollout(F, self.size(2, 3))]

    def one_matrix(self, d):
        """One A in two fields; as a layer and in a field; as A and B of one field."""
        variant = self.size(1, 3)
        if variant == 1:
            A = self.linear(d)
            kinds = ["Residual", "Gradient", "Mass", "Sphere", *["Hamiltonian"] * (d % 2 == 0)]
            two = self.rng.choice(kinds, 2, replace=False)
            return [self.flow_of(self.field_with(A, name)) for name in two]
        A, sigma = self.linear(d, d), self.deal("sigma")
        if variant == 2:
            return [self.flow_of(dnn.GradientField(A, sigma)), A]
        return [self.flow_of(dnn.ResidualField(A, sigma, A)), self.layer(d)]

    def network(self):
        """A network of 2 to 6 maps, and the names of its ties."""
        n, d = self.size(2, 6), self.deal("dim")
        ties, body = [], []
        while not ties or (len(ties) < 2 and len(body) + 2 <= n):
            tie = self.deal("tie", lambda tie: self.fits(tie, d, ties))
            ties.append(tie)
            body += self.tied(tie, d)
        last = [F for F in body if isinstance(F, dnn.Rollout)]
        body = [F for F in body if not isinstance(F, dnn.Rollout)]
        first = [self.first(d)] if len(body + last) < n and self.coin() else []
        end = len(first + body + last) < n and not last and self.coin()
        while len(first + body + last) + end < n:
            body.append(self.layer(d))
        body = [body[k] for k in self.rng.permutation(len(body))]
        if end:
            last = [self.last(d, body)]
            ties += ["rollout"] * isinstance(last[0], dnn.Rollout)
        return dnn.Network(*first, *body, *last), [tie for tie in ties if tie != "none"]

    def fits(self, tie, d, ties):
        return (d % 2 == 0 or tie not in ("f = g", "∇H")) and tie not in ties


# ---- θ, leaf by leaf
def arrays_of(net):
    """(owner, name) of all arrays that the copy meets on its way, each once."""
    met = {}

    def p(owner, name):
        met[id(owner), name] = owner, name
        return np.array(getattr(owner, name))

    jax.eval_shape(lambda x: value(net, p, x), np.zeros(net.dim_in))
    return list(met.values())


def places_in_theta(net):
    """(id of the owner, name) → where in θ the entries of that array lie: where their marks are."""
    arrays, marks, n = arrays_of(net), {}, 1
    kept = [np.array(getattr(owner, name)) for owner, name in arrays]
    for (owner, name), array in zip(arrays, kept, strict=True):
        marks[id(owner), name] = np.arange(n, n + array.size, dtype=float).reshape(array.shape)
        setattr(owner, name, marks[id(owner), name])
        n += array.size
    at = {mark: place for place, mark in enumerate(net.theta)}
    for (owner, name), array in zip(arrays, kept, strict=True):
        setattr(owner, name, array)
    if len(net.theta) != n - 1 or set(at) != set(range(1, n)):
        raise AssertionError(f"θ of {net!r} has {len(net.theta)} entries, and {n - 1} are met")
    return {leaf: np.vectorize(at.get, otypes=[int])(marked) for leaf, marked in marks.items()}


# ---- comparison
def errors(net, rng, batch):
    """Relative errors of value, ∂⟨w, net(x)⟩/∂x and ∂⟨w, net(x)⟩/∂θ."""
    places = places_in_theta(net)
    theta = net.theta.copy()
    for (_, name), place in places.items():
        if name != "h":  # no bias is zero, and nothing symmetric
            theta[place] += 0.3 * rng.normal(size=place.shape) / place.shape[-1] ** 0.5
    net.theta = theta
    arrays = {leaf: jnp.array(theta[place]) for leaf, place in places.items()}
    x = rng.normal(size=(*batch, net.dim_in))
    y, pullback = net.vjp(x)
    w = rng.normal(size=y.shape)
    dx, dtheta = pullback(w)

    def objective(arrays, x):
        y = value(net, lambda owner, name: arrays[id(owner), name], x)
        return (w * y).sum(), y

    gradient_of = jax.grad(objective, argnums=(0, 1), has_aux=True)
    (d_arrays, dx_copy), y_copy = gradient_of(arrays, jnp.array(x))
    dtheta_copy = np.full(theta.shape, np.nan)
    for leaf, place in places.items():
        dtheta_copy[place] = d_arrays[leaf]
    return {
        "value": max(gap(y, y_copy, 1.0), gap(net(x), y_copy, 1.0)),
        "∂x": gap(dx, dx_copy),
        "∂θ": gap(dtheta, dtheta_copy),
    }


def gap(a, b, least=0.0):
    """‖a − b‖/max(least, ‖b‖), over the whole array."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return np.inf
    return float(np.linalg.norm(a - b) / max(least, np.linalg.norm(b)))


# ---- the table
SHORT = {"MassPreserving": "Mass", "SpherePreserving": "Sphere", "RungeKutta": "tableau"}


def described(F):
    """A map, a field or a method in a few characters."""
    short = type(F).__name__.removesuffix("Field")
    short = SHORT.get(short, short)
    if isinstance(F, dnn.Network):
        return f"[{', '.join(map(described, F.maps))}]"
    if isinstance(F, dnn.Rollout):
        return f"Rollout{F.n} {described(F.network)}"
    if isinstance(F, dnn.SumField):
        return f"({' + '.join(map(described, F.parts))})"
    if isinstance(F, dnn.GradientField):
        return short + ("−" if F.sign < 0 else "+") + "α" * np.ndim(F.alpha)
    if isinstance(F, dnn.HenonMap | dnn.Projected):
        return f"{short} {described(F.dV if isinstance(F, dnn.HenonMap) else F.method)}"
    if isinstance(F, dnn.LieTrotter | dnn.Strang | dnn.Yoshida):
        inner = F.inner if isinstance(F.inner, list) else [F.inner]
        return f"{short}({', '.join(map(described, inner))})"
    if isinstance(F, dnn.Flow):
        steps = "" if F.steps == 1 else f" ×{F.steps}"
        return f"{described(F.field)}/{described(F.method)}{'*' * F.learn_h}{steps}"
    return short


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--only", type=int, nargs="*")
    options = parser.parse_args()
    start, draw = time.perf_counter(), Draw(options.seed)
    largest, missed = dict.fromkeys(BOUNDS, 0.0), []
    heads = "".join(f"{name:>9}" for name in BOUNDS)
    print(f"{'':3} {'ties':22} {'batch':7}{'p':>5}{heads}  maps")
    for k in range(options.networks):
        net, ties = draw.network()
        batch = draw.deal("batch")
        if options.only is not None and k not in options.only:
            continue
        found = errors(net, np.random.default_rng([options.seed, k]), batch)
        largest = {name: np.maximum(largest[name], error) for name, error in found.items()}
        failed = not all(found[name] <= bound for name, bound in BOUNDS.items())
        missed += [k] * failed
        print(
            f"{k:3} {', '.join(ties) or '–':22} {batch!s:7}{net.theta.size:5}",
            "".join(f"{error:9.1e}" for error in found.values()),
            f"{' !' if failed else '  '}{', '.join(map(described, net.maps))}",
            sep="", flush=True,
        )  # fmt: skip
    least, kind = draw.rarest()
    print(f"{least} draws or more of each kind of map, field, method, activation and tie ({kind})")
    maxima = ", ".join(f"{name} {largest[name]:.1e} (≤ {BOUNDS[name]:.0e})" for name in BOUNDS)
    verdict = f"FAILED: {missed}" if missed else "passed"
    print(f"seed {options.seed}, {time.perf_counter() - start:.0f} s, largest: {maxima}, {verdict}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
