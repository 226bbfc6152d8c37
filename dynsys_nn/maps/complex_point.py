"""Derivatives of derivatives: a map at a complex point x + iεv, ε so small that ε² is lost.

For F that is analytic, and real on the reals, Taylor's formula is, with F′ = ∂F/∂x,

    F(x + iεv)    =  F(x)    + iε F′(x)v               so that Im F/ε is the tangent,
    F′(x + iεv)ᵀw =  F′(x)ᵀw + iε ∂⟨w, F′(x)v⟩/∂x      and Im dx/ε of one pullback the
    ∂⟨w, F⟩/∂θ    =  …       + iε ∂⟨w, F′(x)v⟩/∂θ      derivative of the tangent, in x and in θ.

Nothing is subtracted, and so nothing is lost: these are no difference quotients. It needs maps that
take complex states, and pullbacks that never conjugate, as those of this package do. Of a scalar V,
whose covector is 1, it is the Hessian: Re dx = ∇V(x), Im dx/ε = ∇²V(x)v, Im dθ/ε = ∂⟨v, ∇V(x)⟩/∂θ.
Source: Squire and Trapp, SIAM Review 40 (1998), for the value.
"""

import numpy as np

from .parameters import every_map


def epsilon(dtype):
    """ε, a power of two: 2⁻³⁴⁰ = 4e-103, and 2⁻⁴² = 2e-13 in single precision, whose exponents are
    few."""
    return 2.0 ** max(np.finfo(dtype).minexp // 3, -340)


def size_of(*vectors):
    """The largest power of two up to max |vᵢ| of all, by which a vector is divided first and its
    derivative multiplied after, so that εv is as small as it should be; 1 if there is none."""
    most = max((np.abs(v).max(initial=0) for v in vectors), default=0)
    return 2.0 ** float(np.frexp(most)[1] - 1) if 0 < most < np.inf else 1.0


def complex_point(F, x, v):
    """x + iεv, a state of the map F, for v of size 1. TypeError if x, v or θ is complex already: a
    derivative that was found at a complex point has no such derivative itself."""
    given = [a for a in (x.dtype, v.dtype, F._dtype) if a is not None]
    if any(dtype.kind == "c" for dtype in given):
        raise TypeError(
            f"the derivative of {F!r} is found at a complex point, and so it is known for real "
            f"states, vectors and parameters only, got {', '.join(map(str, given))}"
        )
    z = x.astype(np.result_type(*given, np.complex64))
    z.imag = v
    z.imag *= epsilon(z.dtype)  # in the precision of z
    return z


def over_epsilon(y, z):
    """Im y/ε: the derivative along v of what is y at z = x + iεv. The precision of y may be another
    one: ε is that of z."""
    return y.imag / epsilon(z.dtype)


def require_complex(F, y):
    """TypeError if y, the value of F at a complex point, is real, so that no derivative can be
    found."""
    if not np.iscomplexobj(y):
        raise TypeError(
            f"{F!r} has real values at complex states, as abs, real, norm or an array of floats "
            "make of them: without them it may be analytic"
        )


def require_analytic(F, so):
    """TypeError that says so if a map in F, or its activation, is not analytic."""
    for G in every_map(F):
        for part in G, getattr(G, "sigma", None):
            if not getattr(part, "analytic", True):
                raise TypeError(f"{part!r} is not analytic: {so}")
