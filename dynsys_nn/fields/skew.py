"""ẋ = S(x)∇I(x) with S skew keeps I: mass, the norm, any other invariant, and with S = J the
energy."""

import numpy as np

from ..activations import Tanh
from ..arguments import generator, refuse
from ..linear import Dense, Lift, singular_values
from ..maps import Parameters, over_batch, product
from .field import Field, activation_part, linear_part, with_bias, words_of, zero_bias
from .gradient import GradientField, Potential, random_weights
from .invariants import GradientOf, Mass, SquaredNorm, ValueOf, given_invariant, looked_at


def forwarded(part, name):
    """An attribute that is that of a part."""
    return property(
        lambda self: getattr(getattr(self, part), name),
        lambda self, value: setattr(getattr(self, part), name, value),
        doc=f"`{part}.{name}`",
    )


class SkewGradientField(Field):
    """X(x) = S(x)∇I(x) with S(x)ᵀ = −S(x): then İ = ∇IᵀS∇I = 0.

    Its factors are objects, each with adjoint and tangent: the maps `I`, (..., d) → (...), and `dI`
    = ∇I, and the map `S` of a pair,

        S(p, n)                        S(p)n
        S.vjp(p, n)                    S(p)n, pullback;  pullback(w) = dp, dn, dθ
        S.jvp(p, n, dp, dn, dtheta)    S(p)n, its tangent

    The field follows from them here, and so does every method that takes S and ∇I at different
    points. A subclass makes S and dI known by `own(S=…, dI=…)`, and sets I, which has the
    parameters of dI, if DiscreteGradient is to step it.

    Examples
    --------
    >>> class BothLearned(dnn.SkewGradientField):  # the S of a field, and the ∇I of another
    ...     def __init__(self, S, dI):
    ...         self.dim_in = self.dim_out = dI.dim
    ...         self.own(S=S, dI=dI)
    >>> S = dnn.MassPreservingField.random(3, width=8, rng=0).S
    >>> X = BothLearned(S, dnn.GradientField.random(3, width=5, sign=1, rng=1))
    >>> x = np.array([1.0, -2.0, 0.5])
    >>> bool(abs(X.dI(x) @ X(x)) < 1e-14)
    True
    >>> dnn.checks.adjoint(X, x).passed  # nothing had to be written for it
    True
    """

    naming = "inner"

    def __call__(self, x):
        return self.S(x, self.dI._value(x))

    def vjp(self, x):
        n, pullback_n = self.dI._vjp(x)
        y, pullback_S = self.S.vjp(x, n)

        def pullback(w):
            dp, dn, dtheta_S = pullback_S(w)
            dx, dtheta_n = pullback_n(dn)
            return dp + dx, self.pack(S=dtheta_S, dI=dtheta_n)

        return y, pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        n, dn = self.dI._jvp(x, v, d["dI"])
        return self.S.jvp(x, n, v, dn, d["S"])


class SkewMatrix(Parameters):
    """S(p)n = (M − Mᵀ)n = Σ_k m_k (e_i n_j − e_j n_i), vec M = m = C σ(A p + b), (i, j) the place
    of the k-th entry of M."""

    def __init__(self, A, sigma, C, places):
        self.sigma, (self.i, self.j) = sigma, places
        self.own(A=A, b=zero_bias(A), C=C)
        unit = np.eye(A.dim_in, dtype=self._dtype)
        self.E_i, self.E_j = unit[self.i], unit[self.j]  # row k is the unit vector e_{i_k}, e_{j_k}

    def entries(self, p):
        """m = C σ(A p + b)."""
        return self.C @ self.sigma._value(self.A @ p + self.A.spread(self.b))

    def times(self, m, n):
        """Σ_k m_k (e_i n_j − e_j n_i)."""
        return (m * n[..., self.j]) @ self.E_i - (m * n[..., self.i]) @ self.E_j

    def __call__(self, p, n):
        return self.times(self.entries(p), n)

    def vjp(self, p, n):
        """S(p)n and its pullback w ↦ dp, dn, dθ."""
        s, pullback_sigma = self.sigma._vjp(self.A @ p + self.A.spread(self.b))
        m = self.C @ s

        def pullback(w):
            dm = w[..., self.i] * n[..., self.j] - w[..., self.j] * n[..., self.i]
            u = pullback_sigma(dm @ self.C)  # the covector at z = A p + b
            db = self.A.gather(over_batch(u))
            dtheta = self.pack(A=self.A.outer(u, p), b=db, C=self.C.outer(dm, s))
            return u @ self.A, -self.times(m, w), dtheta  # Sᵀ = −S

        return self.times(m, n), pullback

    def jvp(self, p, n, dp, dn, dtheta=None):
        """S(p)n and its tangent."""
        d = self.unpack(dtheta)
        z, dz = self.A._jvp(p, dp, d["A"])
        s, slope = self.sigma._value_and_slope(z + self.A.spread(self.b))
        m, dm = self.C._jvp(s, slope * (dz + self.A.spread(d["b"])), d["C"])
        return self.times(m, n), self.times(dm, n) + self.times(m, dn)

    def matrix(self, p):
        """S(p) = M − Mᵀ, shape (..., d, d)."""
        m = self.entries(p)
        M = np.zeros((*p.shape, p.shape[-1]), m.dtype)
        M[..., self.i, self.j] = m
        return M - M.swapaxes(-1, -2)


class Symplectic(Parameters):
    """S(p)n = Jn, whatever p is: J(a, b) = (b, −a)."""

    def __call__(self, p, n):
        return J(n)

    def vjp(self, p, n):
        """Jn and its pullback w ↦ 0, Jᵀw = −Jw, and nothing."""
        return J(n), lambda w: (np.zeros_like(w), -J(w), np.zeros(0))

    def jvp(self, p, n, dp, dn, dtheta=None):
        """Jn and its tangent."""
        return J(n), J(dn)

    def matrix(self, p):
        """J, shape (..., 2n, 2n)."""
        return np.broadcast_to(J(np.eye(p.shape[-1], dtype=p.dtype)).T, (*p.shape, p.shape[-1]))


class InvariantField(SkewGradientField):
    """X(x) = S(x)∇I(x), S = M − Mᵀ, vec M = σ(A x + b), or C σ(A x + b): then İ = ∇IᵀS∇I = 0.

    A (or C) has d² rows for vec M, row by row, or d(d − 1)/2 for its strict upper triangle alone.
    Prefer C: without it, with the triangle and σ ≥ 0 (Sigmoid, ReLU), every S_ij, i < j, is ≥ 0,
    and for mass the first coordinate can only grow, the last only shrink. Parameters θ: "A", "b",
    "C". Source: arXiv:2210.02373.

    Parameters
    ----------
    A : LinearMap, d → k
        Such as Dense(k, d).
    sigma : Activation
        σ.
    invariant : object with I(x), I.gradient(x) and I.hvp(x, v)
        I, without parameters: Mass(), SquaredNorm(), Quadratic(Q), Invariant(value, gradient, hvp).
    C : LinearMap, k → d² or d(d − 1)/2, default None
        None: the identity.

    Raises
    ------
    ValueError
        If A (or C) has another number of rows.

    Examples
    --------
    >>> I = dnn.Quadratic(np.diag([1.0, 2.0, 3.0]))  # ellipsoids
    >>> X = dnn.InvariantField.random(3, 8, I, rng=0)
    >>> x = np.array([1.0, 1.0, 1.0])
    >>> bool(abs(I.gradient(x) @ X(x)) < 1e-14)  # X is tangent to them
    True
    >>> y = dnn.Flow(X, 0.1, dnn.ImplicitMidpoint(), steps=10)(x)
    >>> print(I(x), I(y).round(9))
    3.0 3.0
    """

    A, b, C, sigma = (forwarded("S", name) for name in ("A", "b", "C", "sigma"))

    def __init__(self, A, sigma, invariant, C=None):
        A, sigma = linear_part(A, "A"), activation_part(sigma)
        C, name = (Lift(A.dim_out, A.dim_out), "A") if C is None else (linear_part(C, "C"), "C")
        refuse(
            C.dim_in != A.dim_out,
            f"C must act on the {A.dim_out} values of A, got C: {C.dim_in} → {C.dim_out}",
        )
        d = A.dim_in
        if C.dim_out == d * d:
            places = np.divmod(np.arange(d * d), d)
        elif C.dim_out == d * (d - 1) // 2:
            places = np.triu_indices(d, 1)
        else:
            raise ValueError(
                f"{name} must have d² = {d * d} rows for vec M, or d(d − 1)/2 = "
                f"{d * (d - 1) // 2} for its strict upper triangle, got {C.dim_out}"
            )
        self.dim_in = self.dim_out = d
        self.invariant = given_invariant(invariant)
        self.invariants = {min(words_of(invariant)): invariant}
        self.I = ValueOf(looked_at(invariant), d)
        self.own(S=SkewMatrix(A, sigma, C, places), dI=GradientOf(looked_at(invariant), d))

    @classmethod
    def random(cls, dim, width, *invariant, sigma=Tanh(), bias=0.0, rng=None, dtype=float):
        """A field with vec M = C σ(A x + b), the strict upper triangle, A: ℝᵈ → ℝᵏ and C dense, and
        b ~ N(0, bias²).

        Parameters
        ----------
        dim, width : int
            d and k.
        *invariant : object
            For InvariantField the I that it keeps; nothing for fields that have their own.
        sigma : Activation, default Tanh()
            σ.
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, C and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng = generator(rng)
        A = Dense(width, dim, rng=rng, dtype=dtype)
        C = Dense(max(1, A.dim_in * (A.dim_in - 1) // 2), width, rng=rng, dtype=dtype)
        return with_bias(cls(A, sigma, *invariant, C=C), bias, rng)

    @property
    def formula(self):
        return {Mass: "(M − Mᵀ)1", SquaredNorm: "(M − Mᵀ)x"}.get(
            type(self.invariant), "(M − Mᵀ)∇I(x)"
        )

    def skew(self, x):
        """S(x) = M − Mᵀ, shape (..., d, d)."""
        return self.S.matrix(x)


class MassPreservingField(InvariantField):
    """X(x) = (M − Mᵀ)1 with vec M = σ(A x + b), or C σ(A x + b): 1ᵀX = 0, so the sum of the
    components stays.

    The InvariantField of I(x) = 1ᵀx, where A, sigma and C (default None) are explained. Every
    Runge–Kutta method keeps it.

    Examples
    --------
    >>> X = dnn.MassPreservingField.random(3, width=8, rng=0)
    >>> x = np.array([[0.5, 0.25, 0.25], [3.0, -2.0, 1.0]])
    >>> y = dnn.Flow(X, 0.5, dnn.RK4(), steps=10)(x)
    >>> y.sum(axis=-1).round(9)
    array([1., 2.])
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, Mass(), C)

    def lipschitz(self):
        """‖P‖‖C‖ max|σ′| ‖A‖ where P m = (M − Mᵀ)1."""
        P = self.S.times(np.eye(len(self.S.i)), np.ones((1, self.dim)))
        C, sigma, A = self.C.lipschitz(), self.sigma.lipschitz, self.A.lipschitz()
        return product(singular_values(P)[1], C, sigma, A)


class SpherePreservingField(InvariantField):
    """X(x) = (M − Mᵀ)x with vec M = σ(A x + b), or C σ(A x + b): xᵀX = 0, so ‖x‖ stays.

    The InvariantField of I(x) = ½‖x‖², where A, sigma and C (default None) are explained. Cayley
    and ImplicitMidpoint keep it; no explicit Runge–Kutta method does.

    Examples
    --------
    >>> X = dnn.SpherePreservingField.random(3, width=8, rng=0)
    >>> x = np.array([1.0, 2.0, 2.0])
    >>> y = dnn.Flow(X, 0.5, dnn.Cayley(), steps=10)(x)
    >>> print(np.linalg.norm(y).round(9))
    3.0
    >>> z = dnn.Flow(X, 0.5, dnn.Euler(), steps=10)(x)
    >>> bool(np.linalg.norm(z) > 3)  # a step of Euler's method adds h²‖X‖² to ‖x‖²
    True
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, SquaredNorm(), C)


class Energy(Potential):
    """H(z) = Σᵢ αᵢγ(A z + b)ᵢ of a HamiltonianField: its θ is that of ∇H. An invariant, too, with
    gradient and Hessian."""

    keeps, degree = frozenset({"energy"}), None

    def gradient(self, z):
        """∇H(z), shape (..., 2n)."""
        return self.field(z)

    def hvp(self, z, v):
        """∇²H(z)v, shape (..., 2n)."""
        return self.field.jvp(z, v)[1]


class HamiltonianField(SkewGradientField):
    """X(z) = J Aᵀdiag(α)σ(A z + b) = J∇H(z), H(z) = Σᵢ αᵢγ(A z + b)ᵢ, γ′ = σ, with z = (q, p) and
    J(a, b) = (b, −a).

    Keeps H (`hamiltonian(z)`), the symplectic form and volume. Without alpha and with σ increasing,
    H is convex: to represent one that is not (a pendulum's, say), give alpha entries of both signs.

    A: LinearMap 2n → k; sigma: Activation σ; alpha: array, shape (k,), of learned weights, default
    None: ones, which are not learned. ValueError if the dimension is odd. Parameters: "A", "b"
    (k,), which starts at 0, "alpha" if given; `dH` is ∇H as a GradientField. Source:
    arXiv:2210.02373.

    Examples
    --------
    >>> X = dnn.HamiltonianField.random(2, width=6, alpha=1.0, rng=0)
    >>> z = np.array([1.0, 0.5])
    >>> bool(abs(X.dH(z) @ X(z)) < 1e-14)  # Ḣ = ∇HᵀJ∇H = 0
    True
    >>> y = dnn.Flow(X, 0.5, dnn.DiscreteGradient(), steps=2)(z)
    >>> bool(abs(X.hamiltonian(y) - X.hamiltonian(z)) < 1e-12)
    True
    >>> dnn.checks.symplectic(dnn.Flow(X, 0.5, dnn.ImplicitMidpoint()), z).passed
    True
    """

    geometry = frozenset({"symplectic", "volume"})
    A, b, alpha, sigma = (forwarded("dI", name) for name in ("A", "b", "alpha", "sigma"))

    def __init__(self, A, sigma, alpha=None):
        refuse(
            linear_part(A, "A").dim_in % 2,
            "a Hamiltonian system has states (q, p) of even dimension, got A with dim_in = "
            f"{A.dim_in}",
        )
        self.dim_in = self.dim_out = A.dim_in
        dH = GradientField(A, sigma, sign=1, alpha=alpha)
        self.I = Energy(dH)
        self.invariants = {"energy": self.I}
        self.own(S=Symplectic(), dI=dH)

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), alpha=None, bias=0.0, rng=None, dtype=float):
        """A HamiltonianField with A: ℝ²ⁿ → ℝᵏ dense, and b ~ N(0, bias²).

        Parameters
        ----------
        dim, width : int
            2n and k.
        sigma : Activation, default Tanh()
            σ.
        alpha : float, default None
            α ~ N(0, alpha²), shape (k,); None: no weights.
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, α and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng = generator(rng)
        A = Dense(width, dim, rng=rng, dtype=dtype)
        return with_bias(cls(A, sigma, random_weights(alpha, A.dim_out, rng)), bias, rng)

    dH = property(lambda self: self.dI, doc="∇H, a GradientField")
    formula = property(lambda self: f"J{self.dH.formula}")

    def arguments(self):
        """What builds it again, but for θ."""
        return {key: value for key, value in self.dH.arguments().items() if key != "sign"}

    def hamiltonian(self, z):
        """H(z), (..., 2n) → (...)."""
        return self.I._value(z)

    def skew(self, z):
        """J, shape (..., 2n, 2n)."""
        return self.S.matrix(z)

    def jacobian(self, z):
        """J∇²H(z), shape (..., 2n, 2n); ∇²H is symmetric, so its rows are its columns."""
        return J(self.dH._jacobian(z)).swapaxes(-1, -2)

    def divergence(self, z):
        """0: tr(J∇²H) = 0, since J is skew and ∇²H symmetric."""
        return np.zeros(z.shape[:-1], z.dtype)

    def lipschitz(self):
        """That of ∇H, since J is orthogonal."""
        return self.dH.lipschitz()


def J(n):
    """(a, b) ↦ (b, −a), the matrix [[0, I], [−I, 0]]."""
    a, b = np.split(n, 2, axis=-1)
    return np.concatenate([b, -a], axis=-1)
