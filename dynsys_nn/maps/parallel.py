"""Maps side by side: the other way, beside composition, to make a map of several."""

import numpy as np

from ..arguments import refuse
from .constants import require_finite
from .map import Map
from .parameters import place_of


class Parallel(Map):
    """(x₁, …, x_K) ↦ (F₁(x₁), …, F_K(x_K)): maps side by side, each on a block of the state.

    `Parallel(F₁, …, F_K)` takes maps; the blocks have their dimensions and stand one behind the
    other. The Jacobian is block diagonal, and so the Lipschitz constant is the largest of theirs.
    A map that appears twice shares its parameters. TypeError for what is not a Map, ValueError for
    no map, or a Rollout, whose value is a sequence.

    Examples
    --------
    >>> F = dnn.Parallel(dnn.MaxMin(2), dnn.Dense(1, 2, W=[[0.6, 0.8]]))
    >>> F(np.array([3.0, 7.0, 1.0, 1.0]))  # the first two sorted, ⟨(0.6, 0.8), ·⟩ of the others
    array([7. , 3. , 1.4])
    >>> round(F.lipschitz(), 9)
    1.0
    """

    formula = "(F₁(x₁), …, F_K(x_K))"
    naming = "part.key"

    def __init__(self, *maps):
        refuse(not maps, "Parallel needs at least one map, got none")
        for k, F in enumerate(maps):
            if not isinstance(F, Map):
                raise TypeError(f"Parallel is made of maps, got a {type(F).__name__} at place {k}")
            refuse(
                F.sequence or not isinstance(F.dim_out, int),
                f"Parallel is made of maps from states to states, got {F!r} at place {k}",
            )
        self.maps = maps
        self.dim_in, self.dim_out = sum(F.dim_in for F in maps), sum(F.dim_out for F in maps)
        self.own(**{str(k): F for k, F in enumerate(maps)})
        self.parts = [place_of(F, self) for F in maps]  # of θ
        self.starts_in = np.cumsum([F.dim_in for F in maps[:-1]])  # of all blocks but the first
        self.starts_out = np.cumsum([F.dim_out for F in maps[:-1]])

    def blocks_in(self, x):
        """x₁, …, x_K."""
        return np.split(x, self.starts_in, axis=-1)

    def blocks_out(self, y):
        """y₁, …, y_K."""
        return np.split(y, self.starts_out, axis=-1)

    def __call__(self, x):
        blocks = zip(self.maps, self.blocks_in(x), strict=True)
        return np.concatenate([F._value(x_k) for F, x_k in blocks], axis=-1)

    def vjp(self, x):
        blocks = zip(self.maps, self.blocks_in(x), strict=True)
        y, pullbacks = zip(*[F._vjp(x_k) for F, x_k in blocks], strict=True)

        def pullback(w):
            dx, dtheta = [], np.zeros(self._size, np.result_type(self._dtype or w, w, x))
            for part, pullback_k, w_k in zip(
                self.parts, pullbacks, self.blocks_out(w), strict=True
            ):
                dx_k, dtheta_k = pullback_k(w_k)
                dx.append(dx_k)
                dtheta[part] = dtheta[part] + dtheta_k
            return np.concatenate(dx, axis=-1), dtheta

        return np.concatenate(y, axis=-1), pullback

    def jvp(self, x, v, dtheta=None):
        blocks = zip(self.maps, self.parts, self.blocks_in(x), self.blocks_in(v), strict=True)
        found = [
            F._jvp(x_k, v_k, None if dtheta is None else dtheta[part])
            for F, part, x_k, v_k in blocks
        ]
        y, dy = zip(*found, strict=True)
        return np.concatenate(y, axis=-1), np.concatenate(dy, axis=-1)

    def inverse(self, y):
        blocks = zip(self.maps, self.blocks_out(y), strict=True)
        return np.concatenate([F._inverse(y_k) for F, y_k in blocks], axis=-1)

    def lipschitz(self):
        """The largest of the maps' constants."""
        require_finite(self)
        return max(F.lipschitz() for F in self.maps)

    @property
    def keeps(self):
        """Sum, norm and volume, if every map keeps them."""
        kept = [frozenset() if F.is_field else F.facts()[0] for F in self.maps]
        return frozenset({"mass", "norm", "volume"}).intersection(*kept)
