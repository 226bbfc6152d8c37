"""A slope σ′ that is forgotten or wrong, and what follows from it in a pullback."""

import numpy as np

from .check import Truth, parameters_of, places
from .words import near

MISSING = "the slope σ′ is missing, as if σ were linear"
WRONG = "off by a factor that depends on x, and not on w: look at the slope σ′ and its z"


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
    return (MISSING if missing else WRONG), known if biases else []
