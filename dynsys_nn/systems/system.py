"""How a system is made of its formulas: its fields, its invariants, its recipe."""

from functools import partial

import numpy as np

from ..arguments import refuse
from ..fields import Invariant, KnownField, PartitionedField


def at(formula, dim, constants, *states):
    """formula(*constants, x₁, …, x_d, …), a number, a list or rows, as an array (..., *shape)."""
    refuse(
        states[0].shape[-1] != dim,
        f"states of dimension {dim} are needed, got an array of shape {states[0].shape}",
    )
    x = [state[..., k] for state in states for k in range(dim)]
    found = np.array(formula(*constants, *x))
    inner = found.ndim - x[0].ndim  # the axes of lists and rows, which come first
    return found.transpose(*range(inner, found.ndim), *range(inner)).copy()[()]


def known(dim, formula, jacobian, *constants, **facts):
    return KnownField(
        partial(at, formula, dim, constants), dim, partial(at, jacobian, dim, constants), **facts
    )


def invariant(dim, value, gradient, hvp, *constants):
    return Invariant(*[partial(at, f, dim, constants) for f in (value, gradient, hvp)])


def newton(n, force, jacobian):
    """q̇ = p, ṗ = force(q), force a gradient."""
    return PartitionedField(
        KnownField(np.positive, n, partial(multiple, 1.0), gradient=True),
        KnownField(force, n, jacobian, gradient=True),
    )


def multiple(c, q):
    """The Jacobian of q ↦ c q."""
    return np.broadcast_to(c * np.eye(q.shape[-1]), (*q.shape, q.shape[-1]))


def kinetic(p):
    return (p * p).sum(axis=-1) / 2


def system(field, x0, recipe, **invariants):
    field.x0, field.invariants, field.recipe = np.array(x0), invariants, recipe
    for name, I in invariants.items():
        I.recipe = {"invariant": name, "of": field}
    for name in field._pieces:
        vars(field)[name].recipe = {"part": name, "of": field}
    return field
