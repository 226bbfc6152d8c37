"""Answers to lab 1."""

import math

import numpy as np

quiet = np.errstate(all="ignore")


def with_(**methods):
    return lambda Answer: type("Wrong", (Answer,), methods)()


def right_slope(self, z):
    return (1 / np.hypot(1, z)) ** 3


def in_place(self, z):
    z /= np.hypot(1, z)
    return z


def returns_nothing(self, z):
    s = z / np.hypot(1, z)  # noqa: F841


def a_list(self, z):
    return [float(t) for t in np.ravel(z / np.hypot(1, z))]


def one_sided(self, z):
    if z > 0:
        return z / np.hypot(1, z)
    return -z / np.hypot(1, z)


WRONG = [
    ("another function", "1.1", "F(x) is [ 0.6351 -0.8701  1.    ], needed is [ 0.6 -0.8  1. ]", with_(__call__=lambda self, z: np.tanh(z))),
    ("√(1 + z²) overflows", "1.1", "a warning on the way: overflow encountered in multiply", with_(__call__=lambda self, z: z / np.sqrt(1 + z * z))),
    ("the absolute value", "1.1", "σ is odd, and this is even", with_(__call__=lambda self, z: np.abs(z) / np.hypot(1, z))),
    ("in place", "1.1", "an argument is changed: write x = x + …, not x += …\n    z /= np.hypot(1, z)", with_(__call__=in_place)),
    ("no return", "1.1", "of Wrong must be an array, got None: is there a return?", with_(__call__=returns_nothing)),
    ("a list", "1.1", "must be an array, got one list\n    return [float(t) for t in np.ravel(z / np.hypot(1, z))]", with_(__call__=a_list)),
    ("math.sqrt of an array", "1.1", "one number is needed, and got an array: np.exp(z) and not math.exp(z)?", with_(__call__=lambda self, z: z / math.sqrt(1 + z**2))),
    ("if for an array", "1.1", "take one number, not an array: write np.where(…), np.maximum(…), &, or |\n    if z > 0:", with_(__call__=one_sided)),
    ("self forgotten", "1.1", "arguments: is self the first of a method?", with_(__call__=lambda z: z / np.hypot(1, z))),
    ("z squared is a method of nothing", "1.1", "ndarray has no sqrt: write np.sqrt(…)", with_(__call__=lambda self, z: z / (1 + z**2).sqrt())),
    # written without looking
    ("the root is missing", "1.1", "F(x) is [ 0.48 -0.48  0.  ], needed is [ 0.6 -0.8  1. ]: the root is missing", with_(__call__=quiet(lambda self, z: z / (1 + z**2)))),
    ("a root of the root", "1.1", "`np.hypot(1, z)` is the root already", with_(__call__=lambda self, z: z / np.sqrt(np.hypot(1, z)))),
    ("a plus in the quotient rule", "2.1", "the quotient rule has a minus", with_(slope=lambda self, z: 1 / np.hypot(1, z) + z**2 / np.hypot(1, z) ** 3)),
    ("**-3/2", "2.1", "it is 0.5 times the power 2 of what it should be", with_(slope=lambda self, z: (1 + np.minimum(abs(z), 1e100) ** 2) ** -3 / 2)),
    ("as for tanh", "2.1", "it is 1/(1 + z²), or 1 − σ², as for tanh", with_(slope=lambda self, z: 1 - self(z) ** 2)),
    ("σ′ is σ", "2.1", "it is σ itself", with_(slope=lambda self, z: self(z))),
    ("σ′ with the wrong sign", "2.1", "the sign is wrong", with_(slope=lambda self, z: -right_slope(self, z))),
    ("σ′ with the wrong power", "2.1", "the quotient rule is (u′v − uv′)/v²: it is u′/v, or v² is missing", with_(slope=lambda self, z: 1 / np.hypot(1, z))),
    ("twice σ′", "2.1", "it is 2 times what it should be", with_(slope=lambda self, z: 2 * right_slope(self, z))),
    ("σ′ is a number", "2.1", "must be an array, got one float", with_(slope=lambda self, z: 1.0)),
    ("σ′ with np.sech", "2.1", "NumPy has no sech", with_(slope=lambda self, z: np.sech(z) ** 2)),
    ("γ is γ²/2", "3.1", "γ′ against σ; it is γ of z", with_(primitive=lambda self, z: np.hypot(1, z) ** 2 / 2)),
    ("the inner derivative of the root", "2.1", "the inner derivative 2z of the root is missing", with_(slope=lambda self, z: 1 / np.hypot(1, z) - z / np.hypot(1, z) ** 3 / 2)),
    ("no ½ of the root", "2.1", "here ½ is missing", with_(slope=lambda self, z: 1 / np.hypot(1, z) - 2 * z**2 / np.hypot(1, z) ** 3)),
    ("another σ′", "2.1", "worst at z = ", with_(slope=lambda self, z: np.cos(z))),
    ("γ of z/(1 + z²)", "3.1", "it is γ of z/(1 + z²): the root is missing", with_(primitive=lambda self, z: np.log(1 + z**2) / 2)),
    ("γ of 1/√(1 + z²)", "3.1", "the numerator z is missing", with_(primitive=lambda self, z: np.arcsinh(z))),
    ("γ of a product", "3.1", "it is γ of z√(1 + z²)", with_(primitive=lambda self, z: (1 + z**2) ** 1.5 / 3)),
    ("half of γ", "3.1", "it is 0.5 times what it should be", with_(primitive=lambda self, z: np.hypot(1, z) / 2)),
    ("γ is σ′", "3.1", "γ′ against σ; it is σ′ itself", with_(primitive=right_slope)),
    ("γ returns nothing", "3.1", "must be an array, got None: is there a return?", with_(primitive=lambda self, z: None)),
    ("slope_min is a guess", "4.1", "slope_min is not sharp: slopes from 1e-06 to 1 are found for |z| ≤ 100", with_(slope_min=-1.0)),
    ("slope_min is what was found", "4.1", "σ grows by less than slope_min = 1e-06 says", with_(slope_min=1e-6)),
    ("slope_min is too large", "4.1", "slope_min = 0.2 ≤ σ′ ≤ slope_max = 1, found from", with_(slope_min=0.2)),
    ("slope_max is too small", "4.1", "≤ σ′ ≤ slope_max = 0.5, found from", with_(slope_max=0.5)),
    ("slope_max is not sharp", "4.1", "slope_max is not sharp: slopes from 1e-06 to 1 are found", with_(slope_max=2.0)),
]  # fmt: skip

RIGHT = [
    ("σ by the angle, sin arctan z", with_(__call__=lambda self, z: np.sin(np.arctan(z)))),
    ("σ′ by powers of 1 + z², which may overflow to 0", with_(slope=quiet(lambda self, z: (1 + z**2) ** -1.5))),
    ("γ is right up to a constant", with_(primitive=lambda self, z: np.hypot(1, z) - 7)),
    ("both at once", with_(value_and_slope=lambda self, z: (self(z), right_slope(self, z)))),
]  # fmt: skip
