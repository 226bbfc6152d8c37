"""Fields that depend on time: it is one more state, a clock that runs.

    (x, t)′ = (N(x, t), 1)                       ẋ = N(x, t), t(τ) = t₀ + τ
    (q, s, p, t)′ = (f(p, t), 1, g(q, s), 1)     each half of a partitioned field has its own clock

So no method knows of time, and none is changed: a stage Y_i = z + hΣ_j a_ij Z(Y_j) has the time
t + c_i h by itself, c_i = Σ_j a_ij. In the second line a shear that moves q moves its clock s, too,
so that the next kick is g(q, s) at the time that q has reached. Adjoints are those of any field.
"""

import copy
from functools import partial

import numpy as np

from ..activations import Tanh
from ..arguments import (
    Given,
    argument_names,
    dimension,
    finite,
    flag,
    function,
    generator,
    refuse,
)
from ..linear import Dense, Selection
from ..maps import Map, Network
from .complex_step import ComplexStep
from .field import Field
from .gradient import GradientField
from .partitioned import PartitionedField
from .residual import ResidualField, with_bias


class TimeDependent(Field):
    """(x, t)′ = (N(x, t), 1), a field on ℝᵈ⁺¹ whose last component is the time: ẋ = N(x, t).

    As PartitionedField(TimeDependent(f), TimeDependent(g)) it is (q, s, p, t)′ = (f(p, t), 1,
    g(q, s), 1), with a clock in each half, for the methods of partitioned fields. `lipschitz()` is
    for states (x, t): two of different times never meet. What holds for two x at the same time is
    known of `at(t)`, and of StartedAt(flow, t0). A SumField of two has t′ = 2: add the N instead.

    Parameters
    ----------
    N : Map ℝᵈ⁺¹ → ℝᵈ, or a function of t and x
        A Map takes the state (x, t), as Network(…) or ResidualField(A, sigma, B) with A: d + 1 → k
        and B: k → d. A function is N(t, x), in scipy's order, for t of shape (...) and x (..., d):
        a number t times a state x is t[..., None] * x.
    dim : int, default None
        d, for a function.
    jacobian : function of t and x, (...) and (..., d) → (..., d, d + 1), default None
        Of a function: its derivatives by x₁, …, x_d and t, or "complex step", as in KnownField;
        None: vjp, jvp and jacobian raise NotImplementedError.
    gradient : bool, default False
        Of a function: True if at each t it is the gradient in x of a function of x, so that a
        partitioned field of two is Hamiltonian, with an H that depends on time; whether it is one,
        checks.curl_free(X.at(t), x) tells.

    Raises
    ------
    TypeError
        If N is neither a Map nor a function of t and x, a function without dim, or a Map with dim,
        jacobian or gradient.
    ValueError
        If the dimensions of N do not fit.

    Examples
    --------
    ẋ = 4t³: RK4 integrates a polynomial of degree 3 exactly, from 0 to h in one step,

    >>> X = dnn.TimeDependent(lambda t, x: 4 * t[..., None] ** 3 + 0 * x, 1)
    >>> dnn.Flow(X, 0.5, dnn.RK4())(np.array([0.0, 0.0]))  # (h⁴, h)
    array([0.0625, 0.5   ])

    and a Neural ODE, whose layers differ as its field changes with time:

    >>> X = dnn.TimeDependent.random(2, width=8, rng=0)
    >>> net = dnn.Network(dnn.StartedAt(dnn.Flow(X, 0.1, dnn.RK4(), steps=10)), dnn.Affine(2, 2))
    >>> net(np.ones((5, 2))).shape
    (5, 2)
    """

    formula = "(N(x, t), 1)"

    def __init__(self, N, dim=None, jacobian=None, gradient=False):
        if not isinstance(N, Map):
            refuse(
                dim is None,
                f"TimeDependent needs a Map, or a function of t and x and dim, got {N!r} alone",
                TypeError,
            )
            N = KnownInTime(N, dim, jacobian, gradient)
        else:
            declared = flag(gradient, "gradient") or None
            given = {"dim": dim, "jacobian": jacobian, "gradient": declared}
            known = [f"{name} = {value!r}" for name, value in given.items() if value is not None]
            refuse(
                known,
                "TimeDependent takes dim, jacobian and gradient for a function N, and not for "
                f"{N!r}: got {', '.join(known)}",
                TypeError,
            )
        refuse(
            N.dim_in - 1 != N.dim_out or N.sequence,
            f"TimeDependent needs N: ℝᵈ⁺¹ → ℝᵈ, of states (x, t), got {N!r}",
        )
        self.dim_in = self.dim_out = N.dim_in
        self.own(N=N)

    def arguments(self):
        """What builds it again, but for θ."""
        N = self.N
        if isinstance(N, KnownInTime):
            return dict(N=N.fun, dim=N.dim_out, jacobian=N.dfun, gradient=N.is_gradient)
        return dict(N=N, dim=None, jacobian=None, gradient=False)

    @classmethod
    def random(cls, dim, width, sigma=Tanh(), gradient=False, bias=0.0, rng=None, dtype=float):
        """A TimeDependent field with N(x, t) = Bσ(Ax + at + b), or −Aᵀσ(Ax + at + b), A and a, and
        B, dense.

        Parameters
        ----------
        dim, width : int
            d, and k, the number of rows of A and a.
        sigma : Activation, default Tanh()
            σ.
        gradient : bool, default False
            True for −Aᵀσ(Ax + at + b) = −∇V(x, t): with σ increasing two solutions never move
            apart. It is Network(GradientField(…), Selection(range(d), d + 1)).
        bias : float, default 0.0
            Standard deviation of b.
        rng : Generator or int, default None
            What A, a, B and b are drawn with; None: anew each time.
        dtype : dtype, default float
            That of θ, float64 or float32.
        """
        rng, d, options = generator(rng), dimension(dim, "dim"), dict(rng=rng, dtype=dtype)
        if flag(gradient, "gradient"):
            G = GradientField.random(d + 1, width, sigma, bias=bias, **options)
            return cls(Network(G, Selection(range(d), d + 1)))
        A, B = Dense(width, d + 1, **options), Dense(d, width, **options)
        return cls(with_bias(ResidualField(A, sigma, B), bias, rng))

    def __call__(self, z):
        return np.concatenate([self.N._value(z), np.ones_like(z[..., :1])], axis=-1)

    def vjp(self, z):
        k, pullback_N = self.N._vjp(z)
        return (
            np.concatenate([k, np.ones_like(z[..., :1])], axis=-1),
            lambda w: pullback_N(w[..., :-1]),
        )

    def jvp(self, z, v, dtheta=None):
        k, dk = self.N._jvp(z, v, dtheta)
        clock = z[..., :1]
        return (
            np.concatenate([k, np.ones_like(clock)], axis=-1),
            np.concatenate([dk, np.zeros_like(clock)], axis=-1),
        )

    def lipschitz(self):
        """That of N, in (x, t)."""
        return self.N.lipschitz()

    def at(self, t):
        """x ↦ N(x, t) at the time t, a number, as a Field on ℝᵈ. Its Lipschitz constants do not
        depend on t: they are for all pairs of states of one time.

        Of a ResidualField, and of Network(GradientField(…), Selection(range(d), d + 1)), it is a
        field of the same kind, with a copy of its parameters and the bias b + at.
        """
        N, t = self.N, finite(t, "t")
        if type(N) is ResidualField:
            A, b = without_time(N.A, N.b, t)
            X = ResidualField(A, N.sigma, copy.deepcopy(N.B))
        elif is_gradient_in_x(N):
            G = N[0]
            A, b = without_time(G.A, G.b, t)
            X = GradientField(A, **{k: v for k, v in G.arguments().items() if k != "A"})
            if "alpha" not in G._missing:
                X.alpha = G.alpha
        else:
            return AtTime(N, t)
        X.b = b
        return X


class KnownInTime(Map):
    """(x, t) ↦ fun(t, x), given, with its derivatives by (x, t), (..., d, d + 1), or without."""

    formula = "fun(t, x)"

    def __init__(self, fun, dim, jacobian, gradient):
        self.dim_out, self.is_gradient = dimension(dim, "dim"), flag(gradient, "gradient")
        self.dim_in, self.fun, self.dfun = self.dim_out + 1, fun, jacobian
        self.N = time_first(fun, "fun of TimeDependent", rows_of_x)
        if isinstance(jacobian, str):
            refuse(
                jacobian != "complex step",
                f'jacobian of TimeDependent must be a function or "complex step", got {jacobian!r}',
            )
            self.dN = ComplexStep(partial(with_clock, fun), "fun of TimeDependent")
        elif jacobian is None:
            self.dN = None
        else:
            self.dN = time_first(jacobian, "jacobian of TimeDependent", matrix_of_x_and_t)

    def __call__(self, z):
        return self.N(z)

    def jacobian(self, z):
        if self.dN is None:
            raise NotImplementedError(
                "this TimeDependent field was built without a Jacobian, and dynsys_nn never "
                'approximates one: give jacobian=, a function, or "complex step" if fun is analytic'
            )
        return self.dN(z)[..., : self.dim_out, :]  # without the row of the clock, by complex steps

    def vjp(self, z):
        J = self._jacobian(z)
        return self.N(z), lambda w: ((w[..., None, :] @ J)[..., 0, :], np.zeros(0))

    def jvp(self, z, v, dtheta=None):
        return self.N(z), (self._jacobian(z) @ v[..., None])[..., 0]


def time_first(fun, name, entries):
    """A given fun(t, x) as a function of (x, t); TypeError unless it takes two arguments, and if
    they are x and t."""
    of = "t and x, in this order"
    function(fun, name, of, 2)
    told = f"{name} must be a function of {of}, got one of x and t"
    refuse(argument_names(fun)[:2] == ["x", "t"], told, TypeError)
    return Given(partial(at_state, fun), name, entries)


def at_state(fun, z):
    """fun(t, x) at z = (x, t)."""
    return fun(z[..., -1], z[..., :-1])


def with_clock(fun, z):
    """(fun(t, x), 1) at z = (x, t), of as many components as z."""
    return np.concatenate([at_state(fun, z), np.ones_like(z[..., :1])], axis=-1)


def rows_of_x(d):
    """The shape of N(x, t), for states of dimension d."""
    return (d - 1,)


def matrix_of_x_and_t(d):
    """The shape of ∂N/∂(x, t), for states of dimension d."""
    return (d - 1, d)


class AtTime(Field):
    """x ↦ N(x, t) at one time t. Its parameters are those of N."""

    formula, naming = "N(x, t)", "inner"

    def __init__(self, N, t):
        self.dim_in = self.dim_out = N.dim_out
        self.t, self.is_gradient = t, getattr(N, "is_gradient", False)
        self.own(N=N)

    def z(self, x):
        """(x, t)."""
        return np.concatenate([x, np.full_like(x[..., :1], self.t)], axis=-1)

    def __call__(self, x):
        return self.N._value(self.z(x))

    def vjp(self, x):
        k, pullback_N = self.N._vjp(self.z(x))

        def pullback(w):
            dz, dtheta = pullback_N(w)
            return dz[..., :-1], dtheta

        return k, pullback

    def jvp(self, x, v, dtheta=None):
        return self.N._jvp(self.z(x), np.concatenate([v, np.zeros_like(v[..., :1])], -1), dtheta)

    def lipschitz(self):
        """That of N, in (x, t)."""
        return self.N.lipschitz()


def is_gradient_in_x(N):
    """Whether N is Network(GradientField(…), Selection(range(d), d + 1)): the gradient in x of the
    potential at that time."""
    return (
        type(N) is Network
        and len(N) == 2
        and type(N[0]) is GradientField
        and type(N[1]) is Selection
        and N[1].indices == tuple(range(N[1].dim_in - 1))
    )


def without_time(A, b, t):
    """A(x, t) + b = A_x x + b_t: a Dense map A_x, and the bias b_t = b + at."""
    columns = A @ np.eye(A.dim_in, dtype=b.dtype)
    A_x = Dense(A.dim_out, A.dim_in - 1, columns[:-1].T, dtype=b.dtype)
    return A_x, A.spread(b) + t * columns[-1]


def clocks(field):
    """Which components of a state are times: indices, none for a field without time."""
    if isinstance(field, TimeDependent):
        return (field.dim_in - 1,)
    if isinstance(field, PartitionedField) and clocks(field.f) and clocks(field.g):
        return *clocks(field.f), *(field.f.dim_out + k for k in clocks(field.g))
    return ()


def at_time(field, t):
    """A field with time at the time t, as a Field of the other components; its constants and what
    it keeps do not depend on t."""
    if isinstance(field, PartitionedField):
        return PartitionedField(at_time(field.f, t), at_time(field.g, t))
    return field.at(t)
