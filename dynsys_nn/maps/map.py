"""A map y = F(x; θ): its contract. How its parameters lie in one flat θ stands in `parameters`."""

import numpy as np

from ..arguments import MAP, Guarded, guard, is_ours, states
from .parameters import Parameters


class Unset:
    """Placeholder for a dimension that a map of your own has not set."""

    def __set_name__(self, cls, name):
        self.name = name

    def __get__(self, F, cls):
        built = any("__init__" in vars(C) for C in filter(is_ours, cls.__mro__))
        raise AttributeError(
            f"{cls.__name__} has no {self.name}: "
            + (
                "was super().__init__(…) called?"
                if built and not is_ours(cls)
                else "a map of your own sets dim_in and dim_out"
            )
        )


class Map(Parameters, metaclass=Guarded):
    """y = F(x; θ) with its hand-written adjoint and tangent.

    A map of your own sets `dim_in` and `dim_out`, registers its parameters with `own`, and
    implements

        F(x)                 the value, (..., dim_in) → (..., dim_out)
        F.vjp(x)             y, pullback;  pullback(w) = (∂F/∂x)ᵀw, (∂F/∂θ)ᵀw, flat like θ, the
                             second summed over the batch
        F.jvp(x, v, dtheta)  y, dy;        dy = (∂F/∂x) v + (∂F/∂θ) dtheta

    None of the three stores anything on the object or changes an argument. Each gets its arguments
    as arrays that fit: they are looked at on the way in. Inside the package a map calls its parts
    by F._value(x), F._vjp(x) and F._jvp(x, v, dtheta), which are the same without that look.

    Every map has `theta`, all its parameters as one flat vector, `parameters`, name → view into it,
    `keeps` and `invariants`, what it keeps, and a `formula` for tables.

    Examples
    --------
    >>> class Scaling(dnn.Map):  # y = c x, with one parameter c
    ...     dim_in = dim_out = 2
    ...
    ...     def __init__(self, c):
    ...         self.own(c=c)
    ...
    ...     def __call__(self, x):
    ...         return self.c * x
    ...
    ...     def vjp(self, x):
    ...         return self.c * x, lambda w: (self.c * w, self.pack(c=(w * x).sum()))
    >>> F, x = Scaling(3.0), np.array([[1.0, 2.0], [0.0, 1.0]])
    >>> y, pullback = F.vjp(x)
    >>> dx, dtheta = pullback(np.ones((2, 2)))
    >>> dtheta  # ∂/∂c: Σ w x over the batch
    array([4.])
    >>> dnn.checks.adjoint(F, x).passed
    True
    """

    keeps = frozenset()  # what F keeps, out of mass, norm, invariant, energy, volume, symplectic
    # the same as facts: name → I with I(F(x)) = I(x); out of volume and symplectic
    invariants, geometry = {}, frozenset()
    formula = "F(x)"
    doors, operators = MAP, {}  # methods that look at their arguments; those that have an operator
    dim_in, dim_out = Unset(), Unset()
    sequence = False  # True if F(x) is a sequence of states, (..., n, dim_out), as for a Rollout
    is_field = (
        False  # True if F is a vector field: what it keeps is kept by its flow, and not by F itself
    )

    def __call__(self, x):
        raise NotImplementedError(f"{type(self).__name__} has no value: write __call__(self, x)")

    def vjp(self, x):
        """F(x) and its pullback w ↦ ((∂F/∂x)ᵀw, (∂F/∂θ)ᵀw), w of the shape of F(x), the second flat
        like θ and summed over the batch; valid until θ or x changes.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written adjoint: write vjp(self, x)"
        )

    def jvp(self, x, v, dtheta=None):
        """F(x) and its tangent (∂F/∂x) v + (∂F/∂θ) dtheta: v of the shape of x; dtheta flat like θ,
        None for 0.

        `d = self.unpack(dtheta)` cuts the direction into the pieces given to `own`: arrays d["b"]
        (0.0 if dtheta is None), and what a part's own jvp takes, as in `z, dz = self.A.jvp(x, v,
        d["A"])`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no hand-written tangent: write jvp(self, x, v, dtheta)"
        )

    def lipschitz(self):
        """A certified L with ‖F(x) − F(y)‖ ≤ L‖x − y‖; NotImplementedError if none is known."""
        raise NotImplementedError(f"no Lipschitz constant of {type(self).__name__} is known")

    def inverse(self, y):
        """The x with F(x) = y; NotImplementedError if it has no explicit formula."""
        raise NotImplementedError(f"{type(self).__name__} has no explicit inverse")

    def jacobian(self, x):
        """∂F/∂x, shape (..., dim_out, dim_in): the tangents of the unit vectors, one per column."""
        points = np.repeat(x[..., None, :], self.dim_in, axis=-2)
        _, columns = self._jvp(
            points, np.broadcast_to(np.eye(self.dim_in, dtype=x.dtype), points.shape)
        )
        return np.moveaxis(columns, x.ndim - 1, -1)

    def facts(self):
        """What F keeps: the words, and the invariants, name → I."""
        return frozenset(self.keeps), self.invariants

    def state(self, x):
        """x as an array of states: the last axis is `dim_in`, the dtype is θ's (complex passes).
        ValueError otherwise."""
        return states(self, x)

    def save(self, path):
        """Write the map to one npz file without pickle: how it was built, as JSON, and θ.
        `Map.load(path)` gives it back, with the same values to the last bit.

        The write is atomic: if it fails or is interrupted, an existing file at `path` is left
        untouched. TypeError, and no file, for a map that is made of something besides the classes
        and systems of dynsys_nn: functions of your own, as in a KnownField, or classes.
        """
        from ..files import save

        save(self, path)

    @staticmethod
    def load(path):
        """The map that `save` wrote. ValueError that names the file if it is truncated, damaged,
        pickled, of another program, or does not fit its own architecture; classes that are not in
        `dynsys_nn.__all__` are refused by name."""
        from ..files import load

        return load(path)

    def __repr__(self):
        dims = [getattr(self, name, "?") for name in ("dim_in", "dim_out")]
        return f"{type(self).__name__}({dims[0]} → {dims[1]})"


guard(Map, "jacobian")
