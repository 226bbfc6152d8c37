"""Vector fields X_θ, the families of the recipe: a property → the fields whose flows have it → an integrator that keeps it.

    ẋ = Bσ(Ax + b)                           nothing in particular: Euler steps of it are a ResNet
    ẋ = ∓Aᵀσ(Ax + b) = ∓∇V(x)                contraction (σ increasing, sign −)
    (x, v)′ = (f(v), g(x))                   volume; the symplectic form too, when f and g are gradients
    ẋ = S(x)∇I(x), S = M − Mᵀ                the invariant I, since İ = ∇Iᵀ S ∇I = 0

A field is a Map ℝᵈ → ℝᵈ. What is known of it (L, μ, the spectrum of a symmetric Jacobian) decides how large the Lipschitz
constant of one step can be; `integrators` does the sums. Source: Celledoni et al., arXiv:2210.02373.
"""

import numpy as np

from .activations import Activation
from .linear import Affine, Lift, LinearMap, given
from .maps import Map, dimension, over_batch


class Field(Map):
    """X: ℝᵈ → ℝᵈ, the right-hand side of ẋ = X(x). `keeps` is what its exact flow keeps, out of mass, norm, invariant,
    energy, volume, symplectic."""

    formula = "X(x)"
    is_gradient = False

    @property
    def dim(self):
        """d. ValueError where the map does not return to the space it starts from, and so is no vector field."""
        if self.dim_in != self.dim_out:
            raise ValueError(f"a vector field returns to the space it starts from, but {self!r} does not: give it a B that does")
        return self.dim_in

    def divergence(self, x):
        """div X(x) = tr X′(x), shape (...)."""
        return np.trace(self.jacobian(x), axis1=-2, axis2=-1)

    def rhs(self, t, y):
        """X(y), in the form that `scipy.integrate.solve_ivp` takes."""
        return self(y)

    def one_sided_lipschitz(self):
        """A certified μ with ⟨X(x) − X(y), x − y⟩ ≤ μ‖x − y‖². Always true of μ = L; sharper where more is known."""
        return self.lipschitz()

    def spectrum(self):
        """(λ_min, λ_max) that hold all eigenvalues of the symmetric Jacobian of a gradient field."""
        raise NotImplementedError(f"{type(self).__name__} is not known to have a symmetric Jacobian")


class ResidualField(Field):
    """X(x) = B σ(A x + b). Explicit Euler steps of it are the layers of a ResNet, x + hBσ(Ax + b).

    A: linear map d → k; B: linear map k → d, or None for the identity. Parameters: "A", "b" (k,), "B".
    """

    formula = "Bσ(Ax + b)"

    def __init__(self, A, sigma, B=None):
        A, sigma = _linear(A, "A"), _activation(sigma)
        B = Lift(A.dim_out, A.dim_out) if B is None else _linear(B, "B")
        if B.dim_in != A.dim_out:
            raise ValueError(f"B must act on the {A.dim_out} values of A, got B: {B.dim_in} → {B.dim_out}")
        self.dim_in, self.dim_out, self.sigma = A.dim_in, B.dim_out, sigma
        self.own(A=A, b=_bias(A), B=B)

    def __call__(self, x):
        return self.B(self.sigma(self.A(self.state(x)) + self.b))

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)

        def pullback(w):
            w = self.covector(w, x)
            u = slope * self.B.adjoint(w)  # the covector at z = A x + b
            return self.A.adjoint(u), self.pack(A=self.A.outer(u, x), b=over_batch(u), B=self.B.outer(w, s))

        return self.B(s), pullback

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        z, dz = self.A.jvp(x, self.tangent(v, x), d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        return self.B.jvp(s, slope * (dz + d["b"]), d["B"])

    def lipschitz(self):
        """‖B‖ max|σ′| ‖A‖."""
        return self.B.lipschitz() * self.sigma.lipschitz * self.A.lipschitz()


class GradientField(Field):
    """X(x) = ∓Aᵀdiag(α)σ(A x + b) = ∓∇V(x) with V(x) = Σᵢ αᵢγ(A x + b)ᵢ, γ′ = σ.

    With sign −1, σ increasing and α ≥ 0, V is convex, and two solutions of ẋ = X(x) never move apart.

    A: linear map d → k; sign: −1 (descent) or +1 (ascent); alpha: array (k,) of learned weights, or None for ones.
    Parameters: "A", "b" (k,), "alpha" where given.
    """

    is_gradient = True

    def __init__(self, A, sigma, sign=-1, alpha=None):
        A, sigma = _linear(A, "A"), _activation(sigma)
        if sign not in (-1, 1):
            raise ValueError(f"sign must be −1 (descent) or +1 (ascent), got {sign!r}")
        self.dim_in = self.dim_out = A.dim_in
        self.sigma, self.sign, b = sigma, int(sign), _bias(A)
        if alpha is None:
            self.alpha = 1.0
            self.own(A=A, b=b)
        else:
            self.own(A=A, b=b, alpha=given(alpha, b.shape, "alpha of GradientField", b.dtype))

    @property
    def formula(self):
        return f"{'−' if self.sign < 0 else ''}Aᵀ{'' if np.ndim(self.alpha) == 0 else 'diag(α)'}σ(Ax + b)"

    def potential(self, x):
        """V(x), shape (...); X = −∇V for sign −1 and X = +∇V for sign +1."""
        return (self.alpha * self.sigma.primitive(self.A(self.state(x)) + self.b)).sum(axis=-1)

    def __call__(self, x):
        return self.A.adjoint(self.sign * self.alpha * self.sigma(self.A(self.state(x)) + self.b))

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)
        a = self.sign * self.alpha

        def pullback(w):
            w = self.covector(w, x)
            Aw = self.A(w)
            u = a * slope * Aw  # the covector at z = A x + b
            dtheta = dict(A=self.A.outer(u, x) + self.A.outer(a * s, w), b=over_batch(u))  # A acts twice, so it is paid twice
            if "alpha" in self.slices:
                dtheta["alpha"] = self.sign * over_batch(s * Aw)
            return self.A.adjoint(u), self.pack(**dtheta)

        return self.A.adjoint(a * s), pullback

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        z, dz = self.A.jvp(x, v, d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        ds = self.alpha * slope * (dz + d["b"]) + d.get("alpha", 0.0) * s
        return self.A.adjoint_jvp(self.sign * self.alpha * s, self.sign * ds, d["A"])

    def spectrum(self):
        """sign · α_i[σ′_min, σ′_max] · [s_min², s_max²]: the hull over i, times the eigenvalues of AᵀA."""
        slopes = self.sign * np.outer(np.atleast_1d(self.alpha), [self.sigma.slope_min, self.sigma.slope_max])
        eigenvalues = np.square(self.A.singular_range())
        ends = np.outer([slopes.min(), slopes.max()], eigenvalues)
        return float(ends.min()), float(ends.max())

    def lipschitz(self):
        """max |λ| over the spectrum: for the slides' field max|σ′| s_max²."""
        return max(map(abs, self.spectrum()))

    def one_sided_lipschitz(self):
        """μ = λ_max: −aᵀs_min² for slopes ≥ a ≥ 0 and sign −1."""
        return self.spectrum()[1]


class PartitionedField(Field):
    """(x, v)′ = (f(v), g(x)): divergence zero, and each half alone is a shear that a splitting step solves exactly.

    f: map ℝᵐ → ℝⁿ; g: map ℝⁿ → ℝᵐ, any maps; the state is (x, v), dimension n + m, x first. Keeps volume; where f and g are gradients
    of T and −V, it is the Hamiltonian system of H = T(v) + V(x), and keeps the energy and the symplectic form with
    J = [[0, I], [−I, 0]]. ValueError where f and g do not fit together. Parameters: those of "f", then of "g".
    """

    formula = "(f(v), g(x))"

    def __init__(self, f, g):
        for F, name in ((f, "f"), (g, "g")):
            if not isinstance(F, Map):
                raise TypeError(f"{name} of PartitionedField must be a Map, got a {type(F).__name__}")
        if f.dim_in != g.dim_out or f.dim_out != g.dim_in:
            raise ValueError(
                f"(x, v)′ = (f(v), g(x)) needs f: ℝᵐ → ℝⁿ and g: ℝⁿ → ℝᵐ, "
                f"got f: {f.dim_in} → {f.dim_out} and g: {g.dim_in} → {g.dim_out}"
            )
        self.dim_in = self.dim_out = f.dim_out + f.dim_in
        self.own(f=f, g=g)

    @property
    def keeps(self):
        hamiltonian = all(F.dim_in == F.dim_out and (F.dim_in == 1 or getattr(F, "is_gradient", False)) for F in (self.f, self.g))
        return frozenset({"volume", "symplectic", "energy"} if hamiltonian else {"volume"})

    def split(self, z):
        """z = (x, v) → x, v, two views."""
        n = self.f.dim_out
        return z[..., :n], z[..., n:]

    def __call__(self, z):
        x, v = self.split(self.state(z))
        return np.concatenate([self.f(v), self.g(x)], axis=-1)

    def vjp(self, z):
        z = self.state(z)
        x, v = self.split(z)
        fv, pullback_f = self.f.vjp(v)
        gx, pullback_g = self.g.vjp(x)

        def pullback(w):
            wx, wv = self.split(self.covector(w, z))
            (dv, df), (dx, dg) = pullback_f(wx), pullback_g(wv)
            return np.concatenate([dx, dv], axis=-1), self.pack(f=df, g=dg)

        return np.concatenate([fv, gx], axis=-1), pullback

    def jvp(self, z, dz, dtheta=None):
        z, d = self.state(z), self.unpack(dtheta)
        (x, v), (dx, dv) = self.split(z), self.split(self.tangent(dz, z))
        fv, dfv = self.f.jvp(v, dv, d["f"])
        gx, dgx = self.g.jvp(x, dx, d["g"])
        return np.concatenate([fv, gx], axis=-1), np.concatenate([dfv, dgx], axis=-1)

    def divergence(self, z):
        """0: f does not depend on x, nor g on v."""
        return np.zeros(self.state(z).shape[:-1])

    def lipschitz(self):
        """max(L_f, L_g): the Jacobian is block anti-diagonal."""
        return max(self.f.lipschitz(), self.g.lipschitz())

    def one_sided_lipschitz(self):
        """(L_f + L_g)/2: the norm of the off-diagonal blocks of the symmetric part."""
        return (self.f.lipschitz() + self.g.lipschitz()) / 2


class Mass:
    """I(x) = 1ᵀx, the sum of the components."""

    keeps = frozenset({"mass"})

    def __call__(self, x):
        return np.sum(x, axis=-1)

    def gradient(self, x):
        """∇I = 1, shape (..., d)."""
        return np.ones_like(x)

    def hvp(self, x, v):
        """∇²I v = 0, shape (..., d)."""
        return np.zeros_like(v)


class InvariantField(Field):
    """X(x) = S(x)∇I(x) with S = M − Mᵀ and vec M = σ(A x + b), or C σ(A x + b): then İ = ∇IᵀS∇I = 0.

    invariant: an object with I(x), I.gradient(x) and I.hvp(x, v). A (or C) has d² rows for vec M, row by row, or d(d − 1)/2 for
    its strict upper triangle alone. Without C the signs of bounded activations are those of M's entries: with Sigmoid or
    ReLU a layer can move each coordinate one way only, so prefer C. Parameters: "A", "b", "C". Source: arXiv:2210.02373.
    """

    def __init__(self, A, sigma, invariant, C=None):
        A, sigma = _linear(A, "A"), _activation(sigma)
        C, name = (Lift(A.dim_out, A.dim_out), "A") if C is None else (_linear(C, "C"), "C")
        if C.dim_in != A.dim_out:
            raise ValueError(f"C must act on the {A.dim_out} values of A, got C: {C.dim_in} → {C.dim_out}")
        for member in ("__call__", "gradient", "hvp"):
            if not hasattr(invariant, member):
                raise TypeError(f"invariant must have I(x), I.gradient(x) and I.hvp(x, v), but {invariant!r} has no {member}")
        d = A.dim_in
        if C.dim_out == d * d:
            i, j = np.divmod(np.arange(d * d), d)
        elif C.dim_out == d * (d - 1) // 2:
            i, j = np.triu_indices(d, 1)
        else:
            raise ValueError(
                f"{name} must have d² = {d * d} rows for vec M, or d(d − 1)/2 = {d * (d - 1) // 2} for its strict upper triangle, "
                f"got {C.dim_out}"
            )
        self.dim_in = self.dim_out = d
        self.sigma, self.invariant, self.i, self.j = sigma, invariant, i, j
        self.own(A=A, b=_bias(A), C=C)
        self.E_i, self.E_j = (np.eye(d, dtype=self.theta.dtype)[k] for k in (i, j))  # row k is the unit vector e_{i_k}, e_{j_k}

    @property
    def keeps(self):
        return getattr(self.invariant, "keeps", frozenset({"invariant"}))

    @property
    def formula(self):
        return "(M − Mᵀ)1" if isinstance(self.invariant, Mass) else "(M − Mᵀ)∇I(x)"

    def _S(self, m, n):
        """S n = Σ_k m_k (e_i n_j − e_j n_i), since S = M − Mᵀ = Σ_k m_k (e_i e_jᵀ − e_j e_iᵀ)."""
        return (m * n[..., self.j]) @ self.E_i - (m * n[..., self.i]) @ self.E_j

    def _S_adjoint(self, w, n):
        """∂⟨w, S n⟩/∂m_k = w_i n_j − w_j n_i."""
        return w[..., self.i] * n[..., self.j] - w[..., self.j] * n[..., self.i]

    def skew(self, x):
        """S(x) = M − Mᵀ, shape (..., d, d)."""
        x = self.state(x)
        m = self.C(self.sigma(self.A(x) + self.b))
        M = np.zeros((*x.shape[:-1], self.dim, self.dim), m.dtype)
        M[..., self.i, self.j] = m
        return M - M.swapaxes(-1, -2)

    def __call__(self, x):
        x = self.state(x)
        return self._S(self.C(self.sigma(self.A(x) + self.b)), self.invariant.gradient(x))

    def vjp(self, x):
        x = self.state(x)
        s, slope = self.sigma.value_and_slope(self.A(x) + self.b)
        m, n = self.C(s), self.invariant.gradient(x)

        def pullback(w):
            w = self.covector(w, x)
            dm = self._S_adjoint(w, n)
            u = slope * self.C.adjoint(dm)  # the covector at z = A x + b
            dx = self.A.adjoint(u) + self.invariant.hvp(x, -self._S(m, w))  # Sᵀ = −S
            return dx, self.pack(A=self.A.outer(u, x), b=over_batch(u), C=self.C.outer(dm, s))

        return self._S(m, n), pullback

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        z, dz = self.A.jvp(x, v, d["A"])
        s, slope = self.sigma.value_and_slope(z + self.b)
        m, dm = self.C.jvp(s, slope * (dz + d["b"]), d["C"])
        n = self.invariant.gradient(x)
        return self._S(m, n), self._S(dm, n) + self._S(m, self.invariant.hvp(x, v))


class MassPreservingField(InvariantField):
    """X(x) = (M − Mᵀ)1 with vec M = σ(A x + b), or C σ(A x + b): 1ᵀX = 0, so the sum of the components stays.

    The InvariantField of I(x) = 1ᵀx. Every Runge–Kutta method keeps it.
    """

    def __init__(self, A, sigma, C=None):
        super().__init__(A, sigma, Mass(), C)

    def lipschitz(self):
        """‖P‖‖C‖ max|σ′| ‖A‖ where P m = (M − Mᵀ)1."""
        P = self._S(np.eye(len(self.i)), np.ones((1, self.dim)))
        return float(np.linalg.norm(P, 2)) * self.C.lipschitz() * self.sigma.lipschitz * self.A.lipschitz()


class SumField(Field):
    """X = X₁ + … + X_n. Its `parts` are what LieTrotter and Strang compose. Parameters: "0.A", "1.A", …"""

    formula = "Σ Xᵢ(x)"

    def __init__(self, *fields):
        if not fields:
            raise ValueError("SumField needs at least one field, got none")
        for k, X in enumerate(fields):
            if not isinstance(X, Field):
                raise TypeError(f"SumField adds vector fields, got a {type(X).__name__} at place {k}")
            if X.dim != fields[0].dim:
                raise ValueError(f"SumField needs fields of one dimension, got {[X.dim for X in fields]}")
        self.parts = fields
        self.dim_in = self.dim_out = fields[0].dim
        self.own(**{str(k): X for k, X in enumerate(fields)})

    def label(self, part, key, count):
        return f"{part}.{key}"

    @property
    def is_gradient(self):
        return all(X.is_gradient for X in self.parts)

    @property
    def keeps(self):
        """What all parts keep, but for energy and invariant, of which each part may have its own."""
        return frozenset.intersection(*[frozenset(X.keeps) for X in self.parts]) - {"energy", "invariant"}

    def __call__(self, x):
        return sum(X(x) for X in self.parts)

    def vjp(self, x):
        values, pullbacks = zip(*[X.vjp(x) for X in self.parts], strict=True)

        def pullback(w):
            dx, dtheta = zip(*[back(w) for back in pullbacks], strict=True)
            return sum(dx), self.pack(**{str(k): d for k, d in enumerate(dtheta)})

        return sum(values), pullback

    def jvp(self, x, v, dtheta=None):
        d = self.unpack(dtheta)
        y, dy = zip(*[X.jvp(x, v, d[str(k)]) for k, X in enumerate(self.parts)], strict=True)
        return sum(y), sum(dy)

    def lipschitz(self):
        """Σ L_i."""
        return sum(X.lipschitz() for X in self.parts)

    def one_sided_lipschitz(self):
        """Σ μ_i."""
        return sum(X.one_sided_lipschitz() for X in self.parts)

    def spectrum(self):
        """The sum of the intervals (Weyl's inequality)."""
        low, high = zip(*[X.spectrum() for X in self.parts], strict=True)
        return sum(low), sum(high)


class KnownField(Field):
    """X(x) = fun(x), a given ODE without parameters.

    fun: (..., d) → (..., d), vectorised over the batch; jacobian: (..., d) → (..., d, d), without which `vjp`, `jvp` and `jacobian`
    raise NotImplementedError; keeps: what its exact flow keeps; gradient: True where fun is the gradient of a function, which makes
    PartitionedField(f, g) Hamiltonian.
    """

    def __init__(self, fun, dim, jacobian=None, keeps=(), gradient=False):
        for f, name in ((fun, "fun"), (jacobian, "jacobian")):
            if not callable(f) and not (f is None and name == "jacobian"):
                raise TypeError(f"{name} of KnownField must be a function of the state, got {f!r}")
        self.dim_in = self.dim_out = dimension(dim, "dim")
        self.fun, self.dfun, self.keeps, self.is_gradient = fun, jacobian, frozenset(keeps), gradient

    def __call__(self, x):
        x = self.state(x)
        y = np.asarray(self.fun(x))
        if y.shape != x.shape:
            raise ValueError(f"fun of KnownField must keep the shape of its states, {x.shape}, but returned {y.shape}")
        return y

    def jacobian(self, x):
        if self.dfun is None:
            raise NotImplementedError("this KnownField was made without its jacobian, and derivatives are never guessed: give jacobian=")
        x = self.state(x)
        J = np.asarray(self.dfun(x))
        if J.shape != (*x.shape, self.dim):
            raise ValueError(f"jacobian of KnownField must have shape {(*x.shape, self.dim)}, but has {J.shape}")
        return J

    def vjp(self, x):
        x = self.state(x)
        J = self.jacobian(x)

        def pullback(w):
            return (self.covector(w, x)[..., None, :] @ J)[..., 0, :], np.zeros(0)

        return self(x), pullback

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        return self(x), (self.jacobian(x) @ self.tangent(v, x)[..., None])[..., 0]


def _linear(A, name):
    if not isinstance(A, LinearMap) or isinstance(A, Affine):
        raise TypeError(f"{name} must be a linear map such as Dense(dim_out, dim_in), got {A!r}")
    return A


def _activation(sigma):
    if isinstance(sigma, type) and issubclass(sigma, Activation):
        raise TypeError(f"sigma must be an activation object: write {sigma.__name__}(), not {sigma.__name__}")
    if not (callable(sigma) and hasattr(sigma, "value_and_slope")):
        raise TypeError(f"sigma must be an activation such as Tanh(), got {sigma!r}")
    return sigma


def _bias(A):
    return np.zeros(A.dim_out, A.theta.dtype)
