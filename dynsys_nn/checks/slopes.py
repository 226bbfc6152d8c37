"""A slope σ′ that is forgotten or wrong, and what follows from it in a pullback."""

import itertools

import numpy as np

from .check import Truth, parameters_of, places
from .words import like, near

MISSING = "the slope σ′ is missing, as if σ were linear"
WRONG = "off by a factor that depends on x, and not on w: look at the slope σ′ and its z"

#: what stands in place of σ′ → its quotient by σ′, a function of z
KNOWN = {
    "1 − tanh z stands for σ′ = 1 − tanh² z": lambda z: 1 / (1 + np.tanh(z)),
    "1 + tanh² z stands for σ′ = 1 − tanh² z": lambda z: np.cosh(2 * z),
    "1 − z² stands for σ′ = 1 − tanh² z": lambda z: (1 - z**2) * np.cosh(z) ** 2,
    "tanh z stands for σ′ = 1 − tanh² z": lambda z: np.tanh(z) * np.cosh(z) ** 2,
    "tanh is taken twice: σ′ = 1 − tanh² z": lambda z: (np.cosh(z) / np.cosh(np.tanh(z))) ** 2,
    "σ′ = 1 − tanh² z is missing": lambda z: np.cosh(z) ** 2,
    "σ′ = cos z is missing": lambda z: 1 / np.cos(z),
    "sin is taken twice: σ′ = cos z": lambda z: np.cos(np.sin(z)) / np.cos(z),
    "sin z stands for σ′ = cos z": lambda z: np.tan(z),
    "−sin z stands for σ′ = cos z": lambda z: -np.tan(z),
}


def places_of_a_slope(F, x, size):
    """words → z = Px + b or Px, for a batch of one state, where x may be F(x) or a half of either;
    P a matrix and b a bias of F."""
    named, z = parameters_of(F), {}
    for name, a in {"x": x[0], "F(x)": F(x)[0]}.items():
        first, last = np.split(a, [len(a) // 2])
        parts = {name: a, f"({name}'s first half)": first, f"({name}'s last half)": last}
        for (P, A), (of, part) in itertools.product(named.items(), parts.items()):
            if A.shape == (size, part.size):
                z[P + of] = A @ part
                z |= {
                    f"{P}{of} + {c}": A @ part + b for c, b in named.items() if b.shape == (size,)
                }
    return z


def known_slope(F, x, quotient):
    """What stands in place of σ′(z), by its quotient by σ′, for a batch of one state; None if it is
    not known."""
    places = places_of_a_slope(F, x, quotient.size)
    with np.errstate(all="ignore"):
        made = [(words, f(z)) for z in places.values() for words, f in KNOWN.items()]
        for (right, z), (wrong, another) in itertools.permutations(places.items(), 2):
            words = f"σ′ is taken at {wrong}, and not at {right}"
            made += [(words, f(another) / f(z)) for f in (np.cos, lambda z: 1 / np.cosh(z) ** 2)]
    made = [(words, other) for words, other in made if np.isfinite(other).all()]
    return like(quotient, made, quotient)


def of_the_slope(truth, wrong, unknown):
    """(words, pieces): those of the unknown pieces that are off by a factor in each entry, which
    depends on the state and not on w, and those that follow from them; none unless the gradient of
    a bias is among them, since that is the covector u = σ′ ⊙ … itself.

    A bias whose gradient does not depend on the state at all is one without σ′. Of the others, the
    error of a matrix is that of u times xᵀ, and the error of dx is Aᵀ times that of u.
    """
    F, n, at = truth.F, truth.samples, places(truth.F)
    biases = [name for name in unknown if name and len(wrong[name][2]) == 1]
    if not biases or truth.w.shape[:-1] != truth.x.shape[:-1]:
        return "", []
    x, w = truth.x.reshape(n, -1), truth.w.reshape(n, -1)
    x, w = (x, w) if n > 1 else (np.concatenate([x, 0.7 * x + 0.3]), np.concatenate([w, w]))
    here, there, w = x[[0]], x[[-1]], w[[0]]
    both, v = Truth(F, np.concatenate([here, there]), np.zeros(2)), np.roll(w, 1) + 0.5
    (f_dx, f), (_, g), (_, f_there) = (
        F.vjp(state)[1](covector) for state, covector in ((here, w), (here, v), (there, w))
    )
    (r, r_there), (s, _) = both.of_samples(w), both.of_samples(v)

    def is_off_by_a_factor(name):
        k = at[name]
        of_x = near(f[k] * s[k], g[k] * r[k], g[k] * r[k])
        constant = near(f[k] * r_there[k], f_there[k] * r[k], f[k] * r_there[k])
        return wrong[name][1].size > 1 and np.abs(r[k]).min() > 0 and of_x and not constant

    factors = [name for name in unknown if name and is_off_by_a_factor(name)]
    biases = [name for name in biases if name in factors]
    errors = [f[at[name]] - r[at[name]] for name in biases]  # of u, each
    dx = np.ravel(f_dx) - Truth(F, here, w).gradient("in x")
    some = np.abs(dx) > 1e-7 * np.abs(dx).max()  # it may be a part of the state that is wrong

    def follows(name, u):
        if name:
            its = f[at[name]] - r[at[name]]
            return wrong[name][2] == (u.size, here.size) and near(its, np.outer(u, here).ravel(), u)
        matrices = [P for P in parameters_of(F).values() if P.shape == (u.size, some.sum())]
        return any(near(dx[some], u @ P, dx) for P in matrices)

    known = [p for p in unknown if p in factors or any(follows(p, u) for u in errors)]
    missing = any(near(f[at[name]], f_there[at[name]], r) for name in biases)
    if not biases:
        return "", []
    k = at[biases[0]]
    return MISSING if missing else known_slope(F, here, f[k] / r[k]) or WRONG, known
