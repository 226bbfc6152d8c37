"""A slope σ′ that is forgotten or wrong, and what follows from it in a pullback."""

import numpy as np

from .check import columns, parameters_of, places
from .words import near

MISSING = "the slope σ′ is missing, it is as if σ′ were 1"
WRONG = "off by a factor that depends on x, and not on w: look at the slope σ′"


def of_the_slope(F, x, w, wrong, unknown):
    """(words, pieces): those of the unknown pieces that are off by a factor in each entry, which
    depends on the state and not on w, and those that follow from them; none unless the gradient of
    a bias is among them, since that is the covector u = σ′ ⊙ … itself.

    A bias whose gradient does not depend on the state at all is one without σ′. Of the others, the
    error of a matrix is that of u times xᵀ, and the error of dx is Aᵀ times that of u.
    """
    biases = [name for name in unknown if name and len(wrong[name][2]) == 1]
    if not biases or w.shape[:-1] != x.shape[:-1]:
        return "", []
    x, w, at = x.reshape(-1, x.shape[-1]), w.reshape(-1, w.shape[-1]), places(F)
    here, there = x[[0]], 0.7 * x[[0]] + 0.3
    w, v = w[[0]], np.roll(w[[0]], 1) + 0.5
    (f_dx, f), (_, g), (_, f_there) = (
        F.vjp(state)[1](covector) for state, covector in ((here, w), (here, v), (there, w))
    )
    J, J_there = (columns(F, state, "in θ") for state in (here, there))
    r, s, r_there = (
        np.array([(covector * column).sum() for column in K])
        for K, covector in ((J, w), (J, v), (J_there, w))
    )

    def is_off_by_a_factor(name):
        k = at[name]
        of_x = near(f[k] * s[k], g[k] * r[k], g[k] * r[k])
        constant = near(f[k] * r_there[k], f_there[k] * r[k], f[k] * r_there[k])
        return wrong[name][1].size > 1 and np.abs(r[k]).min() > 0 and of_x and not constant

    factors = [name for name in unknown if name and is_off_by_a_factor(name)]
    biases = [name for name in biases if name in factors]
    errors = [f[at[name]] - r[at[name]] for name in biases]  # of u, each
    dx = np.ravel(f_dx) - [(w * column).sum() for column in columns(F, here, "in x")]
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
