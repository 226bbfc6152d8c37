"""What a Butcher tableau (A, b) says of its method: the order, the adjoint, and how it treats the
distance of two solutions.

Sources: Butcher, Numerical Methods for Ordinary Differential Equations (2016); Sanz-Serna, SIAM
Review 58 (2016); Dahlquist and Jeltsch, Generalized disks of contractivity for explicit and
implicit Runge–Kutta methods (1979).
"""

import math

import numpy as np
from numpy.polynomial.legendre import legder, leggauss, legroots, legval, legvander

from ..arguments import refuse
from ..linear import eigenvalues

ROUNDING = 1e-14  # of the coefficients of a tableau


def square(A):
    """Rows of any length up to s as a matrix (s, s), with zeros behind them."""
    return np.array([[*row, *[0.0] * (len(A) - len(row))] for row in A])


def adjoint_tableau(A, b):
    """(Â, b), â_ij = b_j − b_j a_ji/b_i: the pair of methods keeps λᵀδ, as symplectic partitioned
    methods keep quadratic invariants.

    Run forward in time Â is implicit; backward from λ_{n+1}, as an adjoint runs it, explicit.
    ValueError if a weight b_i is zero.
    """
    refuse(
        not all(b),
        f"the tableau has the weights b = {b}: the adjoint tableau divides by each of them",
    )
    A, b = square(A), np.asarray(b, float)
    return (b - (b[:, None] * A).T / b[:, None]).tolist(), b.tolist()


def stability_matrix(A, b):
    """M = BA + AᵀB − bbᵀ, B = diag(b), of a Runge–Kutta method. With differences Δ of two
    solutions, and K_i = X(Y_i),

    ‖Δy‖² = ‖Δx‖² + 2hΣ_i b_i⟨ΔY_i, ΔK_i⟩ − h²Σ_ij m_ij⟨ΔK_i, ΔK_j⟩ ≤ ‖Δx‖² − h²⟨ΔK, (M +
    (2ν/h)B)ΔK⟩

    for b ≥ 0 and a field of cocoercivity ν.
    """
    b = np.asarray(b, float)
    BA = b[:, None] * square(A)
    return BA + BA.T - np.outer(b, b)


def is_symplectic(A, b):
    """True if M = 0, to rounding: the method keeps quadratic invariants and the symplectic form."""
    return bool(np.abs(stability_matrix(A, b)).max() <= ROUNDING)


def is_symmetric(A, b):
    """True if a_ij + a_{s+1−i, s+1−j} = b_j, to rounding: Ψ^{−h} ∘ Ψ^h is the identity."""
    A, b = square(A), np.asarray(b, float)
    return bool(np.abs(A + A[::-1, ::-1] - b).max() <= ROUNDING)


def collocation_tableau(c):
    """(A, b), a_ij = ∫₀^{c_i} ℓ_j, b_j = ∫₀¹ ℓ_j, ℓ_j the Lagrange polynomials of the nodes c (s,).

    With P_m the Legendre polynomials on [0, 1], and V_km = P_m(c_k), ℓ_j = Σ_m (V⁻¹)_mj P_m, and
    ∫₀^c P_m = (P_{m+1}(c) − P_{m−1}(c))/(4m + 2), which is c for m = 0 and 0 for m ≥ 1 and c = 1.
    """
    s, P = len(c), legvander(2 * c - 1, len(c))
    before = np.concatenate([-np.ones((s, 1)), P[:, : s - 1]], axis=1)
    integrals = (P[:, 1:] - before) / (4 * np.arange(s) + 2)
    inverse = np.linalg.inv(P[:, :s])
    return (integrals @ inverse).tolist(), inverse[0].tolist()


def gauss_nodes(s):
    """The zeros of P_s on [0, 1]."""
    return (leggauss(s)[0] + 1) / 2


def radau_nodes(s):
    """The zeros of P_s − P_{s−1} on [0, 1], the last of which is 1."""
    p = np.array([*[0.0] * (s - 1), -1.0, 1.0])
    x = legroots(p).real  # NumPy 2.5 has them as complex numbers
    x[:-1] -= legval(x[:-1], p) / legval(x[:-1], legder(p))  # one step of Newton's method
    return np.array([*(x[:-1] + 1) / 2, 1.0])


def stability_function(A, b, z):
    """R(z) = 1 + z bᵀ(I − zA)⁻¹𝟙 = det(I − zA + z𝟙bᵀ)/det(I − zA): one step of ẏ = λy multiplies y
    by R(hλ).

    z: complex, any shape, which R(z) has too; ∞ at a pole. R(∞) = 1 − bᵀA⁻¹𝟙 = det(𝟙bᵀ − A)/det(−A)
    if A is invertible, otherwise ∞ or NaN. Source: Hairer and Wanner, Solving Ordinary Differential
    Equations II (1996), IV.3.
    """
    z, A, b = np.asarray(z, complex)[..., None, None], square(A), np.asarray(b, float)
    size = np.where(np.abs(z) < 1e8, 1, np.abs(z))  # by which both matrices are divided
    with np.errstate(divide="ignore", invalid="ignore"):
        I, z = np.eye(len(b)) / size, np.where(np.isinf(z), 1, z / size)
        return np.linalg.det(I + z * (b - A)) / np.linalg.det(I - z * A)


def contractivity_radius(A, b):
    """The r of a Runge–Kutta method: a step h ≤ 2rν of a field with cocoercivity ν is
    non-expansive. 0 if there is none.

    It is the largest r with M + B/r positive semidefinite, and b ≥ 0: 1 for Euler, Heun and RK4, ½
    for Kutta's third-order method, none for the explicit midpoint rule, ∞ for the implicit one.
    With more than one stage it is rounded down. A: the rows of the tableau, or a matrix (s, s); b:
    the weights (s,).

    Examples
    --------
    >>> radius = dnn.integrators.contractivity_radius
    >>> [round(radius(m.A, m.b), 6) for m in (dnn.RK4(), dnn.Kutta3(), dnn.ExplicitMidpoint())]
    [1.0, 0.5, 0.0]
    >>> radius([[1 / 2]], [1.0])  # the implicit midpoint rule
    inf
    """
    b = np.asarray(b, float)
    M, used = stability_matrix(A, b), b > 0
    if (b < 0).any() or M[~used].any():
        return 0.0
    root = np.sqrt(b[used])
    scaled = M[np.ix_(used, used)] / np.outer(root, root)
    lowest = eigenvalues(scaled)[0]
    rounding = 4 * (len(root) - 1) * np.finfo(float).eps * np.linalg.norm(scaled)
    return math.inf if lowest > -1e-14 else 1 / float(rounding - lowest)


def tableau_order(A, b, highest=6):
    """The largest p ≤ `highest` for which Σ_i b_i φ_i(t) = 1/γ(t) holds for all rooted trees t with
    at most p nodes.

    A tree is the tuple of its branches; φ(t) = Π A φ(branch), γ(t) = |t| Π γ(branch). A: the rows
    of the tableau, or a matrix (s, s); b: the weights (s,); highest: int, default 6. Source:
    Butcher, Numerical Methods for Ordinary Differential Equations (2016).

    Examples
    --------
    RK4, and what is left of it if stage three starts from K₁, not from K₂:

    >>> A, b = [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]
    >>> dnn.integrators.tableau_order(A, b)
    4
    >>> A[2] = [1 / 2, 0]
    >>> dnn.integrators.tableau_order(A, b)
    2
    """
    A = square(A)
    one = np.ones(len(b))
    forests = {0: [((), one, 1.0)]}  # nodes → [(branches, Π A φ, Π γ)]
    trees = []  # (tree, A φ, γ, nodes), as they are found
    for p in range(1, highest + 1):
        for branches, phi, gamma in forests[p - 1]:
            if abs(b @ phi - 1 / (p * gamma)) > 1e-12:
                return p - 1
            trees.append((branches, A @ phi, p * gamma, p))
        forests[p] = list({
            key: (key, phi * A_phi, gamma * gamma_t)
            for tree, A_phi, gamma_t, nodes in trees
            for branches, phi, gamma in forests[p - nodes]
            for key in [tuple(sorted((*branches, tree)))]
        }.values())  # fmt: skip
    return highest
