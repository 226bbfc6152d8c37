"""ẋ = a(x)·x with a(x) in a Lie algebra of matrices: the flow turns x by elements of the group."""

import numpy as np

from ..arguments import array, instance, refuse
from ..maps import Map
from .field import Field
from .invariants import Mass, SquaredNorm


class LieField(Field):
    """X(x) = a(x)·x = Σ_k a_k(x) E_k x, with a: ℝᵈ → ℝᵐ any map and E₁, …, E_m a basis of a Lie
    algebra of matrices.

    Every function that all e^{tE_k} keep is kept, whatever a is: the norm if all E_k are skew, as
    in so(d), and the mass if all their columns sum to zero. LieEuler and CommutatorFree4 move x by
    exponentials of the algebra, and so keep the same, to rounding.
    Parameters: those of "a".

    Parameters
    ----------
    a : Map, d → m
        The coordinates of a(x) in the basis: Dense(m, d), a Network, a KnownField with m = d, …
    basis : array, shape (m, d, d), default None
        E₁, …, E_m. None: so(d), m = d(d − 1)/2, the skew matrices; for d = 3 a(x)·x = a(x) × x.

    Raises
    ------
    ValueError
        If a and the basis do not fit together.

    Examples
    --------
    Euler's equations of the free rigid body, ṁ = m × (m/I) = a(m) × m with a(m) = −m/I:

    >>> body = dnn.systems.rigid_body(inertia=(2.0, 1.0, 0.5))
    >>> X = dnn.LieField(dnn.Dense(3, 3, W=-np.diag([0.5, 1.0, 2.0])))
    >>> np.allclose(X(body.x0), body(body.x0))
    True
    >>> X.keeps
    frozenset({'norm'})
    >>> x = dnn.Flow(X, 0.5, dnn.LieEuler(), steps=100)(body.x0)
    >>> bool(abs(np.linalg.norm(x) - 1) < 1e-14)
    True
    """

    formula = "a(x)·x"

    def __init__(self, a, basis=None):
        instance(a, Map, "a of LieField must be a Map such as Dense(3, 3)")
        d = a.dim_in
        basis = so(d) if basis is None else matrices(basis)
        refuse(
            a.sequence or basis.shape != (a.dim_out, d, d),
            f"LieField needs a: ℝᵈ → ℝᵐ and a basis of m matrices d × d, got a: {d} → {a.dim_out} "
            f"and a basis of shape {basis.shape}",
        )
        self.dim_in = self.dim_out = d
        self.basis = basis
        skew = (basis == -basis.swapaxes(-1, -2)).all()
        kept = {"norm": skew, "mass": (basis.sum(axis=1) == 0).all()}
        known = {"norm": SquaredNorm(), "mass": Mass()}
        self.of_the_group = {word: known[word] for word in known if kept[word]}
        self.invariants = dict(self.of_the_group)
        self.own(a=a)

    def matrix(self, u):
        """û = Σ_k u_k E_k, (..., m) → (..., d, d)."""
        return np.tensordot(u, self._basis(u), 1)

    def coordinates(self, G):
        """The adjoint of u ↦ û: ⟨E_k, G⟩, (..., d, d) → (..., m)."""
        return np.einsum("...ij,kij->...k", G, self._basis(G))

    def _basis(self, u):
        """E₁, …, E_m in the precision of u."""
        return self.basis.astype(u.real.dtype, copy=False)

    def __call__(self, x):
        return times(self.matrix(self.a._value(x)), x)

    def vjp(self, x):
        u, pullback_a = self.a._vjp(x)
        M = self.matrix(u)

        def pullback(w):
            dx, dtheta = pullback_a(self.coordinates(w[..., :, None] * x[..., None, :]))
            return times(M.swapaxes(-1, -2), w) + dx, self.pack(a=dtheta)

        return times(M, x), pullback

    def jvp(self, x, v, dtheta=None):
        u, du = self.a._jvp(x, v, self.unpack(dtheta)["a"])
        M = self.matrix(u)
        return times(M, x), times(M, v) + times(self.matrix(du), x)


def times(M, x):
    """M x, (..., d, d) and (..., d)."""
    return (M @ x[..., None])[..., 0]


def so(d):
    """A basis of the skew matrices, shape (d(d − 1)/2, d, d): ±(e_i e_jᵀ − e_j e_iᵀ), i > j, with +
    for i + j odd, and the last pair first, so that û x = u × x for d = 3."""
    i, j = np.tril_indices(d, -1)
    i, j = i[::-1], j[::-1]
    E, k = np.zeros((len(i), d, d)), np.arange(len(i))
    sign = np.where((i + j) % 2, 1.0, -1.0)
    E[k, i, j], E[k, j, i] = sign, -sign
    return E


def matrices(basis):
    """`basis` as an array of square matrices, (m, d, d); ValueError or TypeError otherwise."""
    needs = "basis of LieField must be finite real matrices, an array of shape (m, d, d)"
    basis = array(basis, needs)
    refuse(basis.dtype.kind not in "fiub", f"{needs}, got dtype {basis.dtype}", TypeError)
    refuse(
        basis.ndim != 3 or basis.shape[1] != basis.shape[2] or not np.isfinite(basis).all(),
        f"{needs}, got shape {basis.shape}",
    )
    return basis.astype(float)
