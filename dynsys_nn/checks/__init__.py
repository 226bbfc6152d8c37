"""What a student runs on a map, a field or a method of their own: is the adjoint right, the order,
the structure?

Each check measures one number and compares it with a limit; `print(check)` gives one aligned line
and `check.require()` raises with that line. What returns something that cannot be right, a list,
None or another shape, fails with the sentence that says so. Difference quotients appear here, as
the independent measurement, and nowhere else in the package.
"""

from .activations import activation
from .check import Check
from .compare import compared, foretold, predicted
from .derivatives import adjoint, duality, gradient, loss, tangent, taylor, value
from .sheet import Question, Result, Results, run
from .structure import (
    curl_free,
    invariant,
    inverse,
    lipschitz,
    order,
    orthogonal_to_x,
    symplectic,
    volume,
)
from .symmetry import equivariance

__all__ = [
    "Check", "Question", "Result", "Results", "activation", "adjoint", "compared", "curl_free",
    "duality", "equivariance", "foretold", "gradient", "invariant", "inverse", "lipschitz", "loss",
    "order", "orthogonal_to_x", "predicted", "run", "symplectic", "tangent", "taylor", "value",
    "volume",
]  # fmt: skip
