"""Methods on Lie groups, for ẋ = a(x)·x: x moves by exponentials of the algebra only, and so stays
on its orbit under the group, a sphere for so(d).

A method is data, a list of exponentials: with Y₀ = x,

    Y_{k+1} = e^{M_k} Y_s,   M_k = h Σ_j c_kj a(Y_j),   and the last Y is the step

With L(M, ·) the derivative of the exponential at M, tangent and adjoint of one are

    dY = L(M, dM)Y_s + e^M dY_s,   ⟨w, dY⟩ = ⟨L(Mᵀ, wY_sᵀ), dM⟩ + ⟨(e^M)ᵀw, dY_s⟩

and L is a block of one exponential more: exp [[M, N], [0, M]] = [[e^M, L(M, N)], [0, e^M]].
Sources: Iserles, Munthe-Kaas, Nørsett and Zanna, Acta Numerica 9 (2000); Celledoni, Marthinsen and
Owren, Future Generation Computer Systems 19 (2003).
"""

import numpy as np

from ..fields import LieField, times
from ..maps import inner, is_among
from .method import Method


class LieMethod(Method):
    """A list `exponentials` of pairs (s, c): Y_{k+1} = e^M Y_s, M = h Σ_j c_j a(Y_j)."""

    exponentials, dtypes = (), "fdFD"

    def require(self, field):
        super().require(field)
        if not isinstance(field, LieField):
            raise TypeError(
                f"{type(self).__name__} needs ẋ = a(x)·x, a LieField(a), got {type(field).__name__}"
            )

    def keeps_invariant(self, field, I):
        """True for what every element of the group keeps."""
        return is_among(I, field.of_the_group)

    def step(self, field, x, h):
        Y, U = [x], []
        for s, c in self.exponentials:
            for j in range(len(U), len(c)):
                U.append(field.a._value(Y[j]))
            Y.append(times(exponential(h * field.matrix(combined(c, U))), Y[s]))
        return Y[-1]

    def vjp(self, field, x, h):
        Y, U, pullbacks, kept = [x], [], [], []
        for s, c in self.exponentials:
            for j in range(len(U), len(c)):
                u, pullback_a = field.a._vjp(Y[j])
                U.append(u)
                pullbacks.append(pullback_a)
            u = combined(c, U)
            M = h * field.matrix(u)
            E = exponential(M)
            Y.append(times(E, Y[s]))
            kept.append((s, c, u, M, E))

        def pullback(w):
            dY, dU = [np.zeros_like(w) for _ in kept] + [w], [0.0] * len(U)
            dtheta, dh = 0.0, 0.0
            for k in reversed(range(len(Y))):
                if k < len(U):  # Y_k has a slope a(Y_k)
                    dx, dtheta_k = pullbacks[k](dU[k])
                    dY[k], dtheta = dY[k] + dx, dtheta + field.pack(a=dtheta_k)
                if k > 0:
                    s, c, u, M, E = kept[k - 1]
                    wY = dY[k][..., :, None] * Y[s][..., None, :]
                    du = field.coordinates(derivative(M.swapaxes(-1, -2), wY)[1])
                    for j, c_j in enumerate(c):
                        dU[j] = dU[j] + h * c_j * du
                    dh += inner(du, u)
                    dY[s] = dY[s] + times(E.swapaxes(-1, -2), dY[k])
            return dY[0], dtheta, dh

        return Y[-1], pullback

    def jvp(self, field, x, h, v, dtheta=None, dh=0.0):
        d = field.unpack(dtheta)
        Y, dY, U, dU = [x], [v], [], []
        for s, c in self.exponentials:
            for j in range(len(U), len(c)):
                for values, value in zip((U, dU), field.a._jvp(Y[j], dY[j], d["a"]), strict=True):
                    values.append(value)
            M, dM = (field.matrix(combined(c, values)) for values in (U, dU))
            E, L = derivative(h * M, h * dM + dh * M)
            Y.append(times(E, Y[s]))
            dY.append(times(L, Y[s]) + times(E, dY[s]))
        return Y[-1], dY[-1]


def combined(c, U):
    """Σ_j c_j U_j."""
    return sum(c_j * U_j for c_j, U_j in zip(c, U, strict=False) if c_j)


def exponential(M):
    """e^M of matrices, (..., d, d)."""
    from scipy.linalg import expm

    return expm(M).astype(M.dtype, copy=False)


def derivative(M, N):
    """e^M and L(M, N), the blocks of one exponential: N is scaled to entries of size one."""
    d, size = M.shape[-1], np.abs(N).max(axis=(-2, -1), keepdims=True)
    size = np.where(size > 0, size, 1)
    block = np.zeros((*M.shape[:-2], 2 * d, 2 * d), np.result_type(M, N))
    block[..., :d, :d] = block[..., d:, d:] = M
    block[..., :d, d:] = N / size
    E = exponential(block)
    return E[..., :d, :d], size * E[..., :d, d:]


class LieEuler(LieMethod):
    """y = e^{h a(x)}·x, order one: Euler's method that stays on the orbit of the group.

    On so(d) the step is a rotation, and ‖y‖ = ‖x‖ to rounding; it is the exact flow where a is
    constant. For a LieField, TypeError on other fields.

    Examples
    --------
    A quarter of a turn, in one step:

    >>> X = dnn.LieField(dnn.Affine(1, 2, W=[[0, 0]], b=[1]))  # ẋ = (−x₂, x₁)
    >>> dnn.LieEuler().step(X, np.array([1.0, 0.0]), h=np.pi / 2).round(12)
    array([0., 1.])
    """

    order, stages = 1, 1
    exponentials = ((0, (1,)),)


class CommutatorFree4(LieMethod):
    """Order four with four values of a and five exponentials, and no commutator of two of them:
    the RK4 of Lie groups.

    With a_j = a(Y_j) and Y₁ = x it is

        Y₂ = e^{½ha₁}x,   Y₃ = e^{½ha₂}x,   Y₄ = e^{h(a₃ − ½a₁)}Y₂
        y = e^{(h/12)(−a₁ + 2a₂ + 2a₃ + 3a₄)} e^{(h/12)(3a₁ + 2a₂ + 2a₃ − a₄)}x

    For a LieField, TypeError on other fields; on so(d) ‖y‖ = ‖x‖ to rounding. Source: Celledoni,
    Marthinsen and Owren, Future Generation Computer Systems 19 (2003).

    Examples
    --------
    >>> X, x = dnn.LieField(dnn.Dense(3, 3, W=-np.diag([0.5, 1.0, 1.5]))), np.array([0.6, 0.0, 0.8])
    >>> method, exact = dnn.CommutatorFree4(), dnn.exact_flow(X, x, 4.0)
    >>> ends = [dnn.Flow(X, 4 / n, method, steps=n)(x) for n in (40, 80)]
    >>> errors = np.linalg.norm(ends - exact, axis=-1)
    >>> bool(errors[0] / errors[1] > 14)  # nearly 2⁴
    True
    >>> bool(abs(np.linalg.norm(ends, axis=-1) - 1).max() < 1e-14)
    True
    """

    order, stages = 4, 4
    exponentials = (
        (0, (1 / 2,)),
        (0, (0, 1 / 2)),
        (1, (-1 / 2, 0, 1)),
        (0, (1 / 4, 1 / 6, 1 / 6, -1 / 12)),
        (4, (-1 / 12, 1 / 6, 1 / 6, 1 / 4)),
    )
