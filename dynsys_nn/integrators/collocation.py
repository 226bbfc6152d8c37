"""Collocation methods: y = p(h) of the polynomial p of degree s with p(0) = x whose slope is X(p)
at the nodes c₁h, …, c_sh. As Runge–Kutta methods they are implicit, with a_ij = ∫₀^{c_i} ℓ_j and
b_j = ∫₀¹ ℓ_j, ℓ_j the Lagrange polynomials of the nodes.

The nodes decide. Those of Gauss give the highest order, 2s, and M = 0. Those of Radau end at c_s =
1, so that y = Y_s and R(∞) = 0: what is stiff is damped at once. Both are A-stable and B-stable.
Source: Hairer and Wanner, Solving Ordinary Differential Equations II (1996), IV.5 and IV.12.
"""

from ..arguments import dimension, refuse
from .runge_kutta import RungeKutta
from .tableaus import collocation_tableau, gauss_nodes, radau_nodes

MOST = 32  # stages: up to there the coefficients are known to rounding


class ImplicitEuler(RungeKutta):
    """y = x + hX(y), order one: B-stable, and R(z) = 1/(1 − z), so that what is stiff is damped at
    once. It has its own A, b and order: write ImplicitEuler().

    Examples
    --------
    >>> X = dnn.KnownField(np.negative, 1, jacobian=lambda x: -np.ones((*x.shape, 1)))  # ẋ = −x
    >>> dnn.ImplicitEuler().step(X, np.ones(1), h=9.0).round(12)  # 1/(1 + h)
    array([0.1])
    >>> dnn.Euler().step(X, np.ones(1), h=9.0)  # 1 − h
    array([-8.])
    """

    A = [[1]]
    b = [1]
    order = 1


class ImplicitMidpoint(RungeKutta):
    """y = x + hX(m), m = (x + y)/2: order two, symmetric, and the Runge–Kutta method of one stage
    that keeps all quadratic invariants. It is Gauss(1), and has its own A, b and order: write
    ImplicitMidpoint().

    Symplectic for Hamiltonian fields; keeps volume for those and for partitioned ones, where
    det(I + ½hX′) = det(I − ½hX′). R(z) = (1 + z/2)/(1 − z/2) is of modulus ≤ 1 just where Re z ≤ 0.

    Examples
    --------
    >>> X, method = dnn.systems.harmonic_oscillator(), dnn.ImplicitMidpoint()
    >>> I, x = X.invariants["energy"], np.array([1.0, 0.0])
    >>> bool(abs(I(method.step(X, x, h=0.5)) - I(x)) < 1e-14)
    True
    >>> bool(abs(method.stability_function(-1000.0)) < 1)  # ẋ = −x decays with any step
    True
    """

    A = [[1 / 2]]
    b = [1]
    order = 2


class Collocation(RungeKutta):
    """The method with s nodes, nodes(s), whose order is 2s − less by a theorem."""

    def __init__(self, s, nodes, less):
        s = dimension(s, "s")
        refuse(s > MOST, f"{type(self).__name__} has at most {MOST} stages, got s = {s}")
        self.A, self.b = collocation_tableau(nodes(s))
        theorem = 2 * s - less
        super().__init__(order=min(theorem, 6))  # the order conditions are looked at up to six
        self.order = theorem

    def arguments(self):
        """What builds it again."""
        return {"s": len(self.b)}


class Gauss(Collocation):
    """The method of order 2s whose nodes are those of Gauss: the highest order with s stages, and
    with any s it keeps all quadratic invariants and the symplectic form. Symmetric.

    s: int, default 2, how many stages, at most 32.

    Examples
    --------
    >>> dnn.Gauss(3).order
    6
    >>> X, x = dnn.systems.rigid_body(), dnn.systems.rigid_body().x0
    >>> y = dnn.Flow(X, 0.5, dnn.Gauss(), steps=100)(x)
    >>> all(abs(I(y) - I(x)) < 1e-13 for I in X.invariants.values())  # both are quadratic
    True
    >>> z = 1j  # R(z) is the diagonal Padé approximation of eᶻ
    >>> R = (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12)
    >>> np.allclose(dnn.Gauss(2).stability_function(z), R, rtol=1e-14)
    True
    """

    def __init__(self, s=2):
        super().__init__(s, gauss_nodes, less=0)


class RadauIIA(Collocation):
    """The method of order 2s − 1 whose nodes are those of Radau, c_s = 1: y is its last stage, and
    R(∞) = 0. For stiff equations. RadauIIA(1) is the implicit method of Euler.

    s: int, default 2, how many stages, at most 32.

    Examples
    --------
    >>> dnn.RadauIIA(3).order
    5
    >>> np.multiply(12, dnn.RadauIIA(2).A).round(12)
    array([[ 5., -1.],
           [ 9.,  3.]])

    A state far from the slow solution cos t of ẋ = −10⁶(x − cos t) is back on it after one step:

    >>> def fun(z):  # z = (x, t)
    ...     x, t = z[..., 0], z[..., 1]
    ...     return np.stack([-1e6 * (x - np.cos(t)), 1 + 0 * t], axis=-1)
    >>> def jacobian(z):
    ...     zero = 0 * z[..., 1]
    ...     rows = [[zero - 1e6, -1e6 * np.sin(z[..., 1])], [zero, zero]]
    ...     return np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    >>> X = dnn.KnownField(fun, 2, jacobian)
    >>> x, t = dnn.RadauIIA().step(X, np.array([5.0, 0.0]), h=0.1)
    >>> bool(abs(x - np.cos(t)) < 1e-4)
    True
    """

    def __init__(self, s=2):
        super().__init__(s, radau_nodes, less=1)
