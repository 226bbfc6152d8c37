"""Composition, written once: a loop forward through the maps, and a loop back."""

import numpy as np

from ..arguments import refuse, same
from .constants import product, require_finite
from .map import Map
from .parameters import place_of
from .tables import summary


class Network(Map):
    """𝒩 = F_L ∘ … ∘ F_1, the composition of maps, with one contiguous θ.

    `Network(F_1, …, F_L)` takes maps, and applies F_1 first. A map that appears twice shares its
    parameters (tied weights). Networks nest; net[k] is a map, and net[j:k] a network of some of
    them, which looks at the same parameters. A field as a map is its value X(x), not a step: wrap
    it in a Flow. TypeError for what is not a Map, ValueError if neighbours do not fit.

    Examples
    --------
    >>> layer = dnn.Flow(dnn.GradientField.random(4, width=8, rng=0), 0.1)
    >>> net = dnn.Network(dnn.Lift(4, 2), layer, layer)
    >>> [x.shape for x in net.states(np.ones((5, 2)))]
    [(5, 2), (5, 4), (5, 4), (5, 4)]
    >>> net.theta.size == layer.theta.size  # two layers, one weight
    True
    """

    formula = "F_L ∘ ⋯ ∘ F₁"
    naming = "part.key"

    def __init__(self, *maps):
        refuse(not maps, "Network needs at least one map, got none")
        for k, F in enumerate(maps):
            if not isinstance(F, Map):
                raise TypeError(f"Network is made of maps, got a {type(F).__name__} at place {k}")
            if k and maps[k - 1].dim_out != F.dim_in:
                raise ValueError(
                    f"map {k} ({F!r}) needs states of dimension {F.dim_in}, but map {k - 1} gives "
                    f"{maps[k - 1].dim_out}"
                )
        self.maps = maps
        self.dim_in, self.dim_out = maps[0].dim_in, maps[-1].dim_out
        self.own(**{str(k): F for k, F in enumerate(maps)})
        self.parts = [place_of(F, self) for F in maps]  # of θ

    def __getitem__(self, k):
        return Network(*self.maps[k]) if isinstance(k, slice) else self.maps[k]

    def __len__(self):
        return len(self.maps)

    def __call__(self, x):
        for F in self.maps:
            x = F._value(x)
        return x

    def states(self, x):
        """All states x₀ = x, x₁, …, x_L of x, (..., dim_in), as a list of L + 1 arrays (their
        dimensions may differ).
        """
        states = [x]
        for F in self.maps:
            states.append(F._value(states[-1]))
        return states

    def vjp(self, x):
        pullbacks = []
        for F in self.maps:
            x, pullback = F._vjp(x)
            pullbacks.append(pullback)

        def pullback(w):
            dtheta = np.zeros(self._size, np.result_type(self._dtype or w, w, x))
            for part, pullback_k in zip(reversed(self.parts), reversed(pullbacks), strict=True):
                w, dtheta_k = pullback_k(w)
                dtheta[part] = dtheta[part] + dtheta_k if self._shares else dtheta_k
            return w, dtheta

        return x, pullback

    def jvp(self, x, v, dtheta=None):
        for part, F in zip(self.parts, self.maps, strict=True):
            x, v = F._jvp(x, v, None if dtheta is None else dtheta[part])
        return x, v

    def inverse(self, y):
        for F in reversed(self.maps):
            y = F._inverse(y)
        return y

    def lipschitz(self):
        """The product of the maps' constants."""
        return lipschitz_product(self.maps)

    keeps = property(lambda self: self.facts()[0], doc="The words for what every map keeps.")
    invariants = property(lambda self: self.facts()[1], doc="name → I: what every map keeps.")

    def facts(self):
        """What every map keeps: the words, and the invariants, name → I, those that are built alike
        in all. A field keeps nothing: its flow does."""
        once = {id(F): F for F in self.maps}.values()
        return kept_by_all([((), {}) if F.is_field else F.facts() for F in once])

    def summary(self):
        """A table with one row per map: what it computes, shape, number of parameters, Lipschitz
        constant, what it keeps."""
        return summary(self)


def kept_by_all(kept):
    """What all keep, of pairs (words, name → I): the common words, and the common invariants,
    compared by how they were built. An energy is a common one only if it is the same invariant."""
    words = frozenset.intersection(*[frozenset(its_words) for its_words, _ in kept])
    first, *rest = [invariants for _, invariants in kept]
    if not rest:
        return words, first
    common = {name: I for name, I in first.items() if all(is_among(I, other) for other in rest)}
    shared = {word for I in common.values() for word in getattr(I, "keeps", {"invariant"})}
    return words & (shared | words - {"energy", "invariant"}), common


def is_among(I, invariants):
    """Whether an invariant is one of those, name → J, compared by how they were built."""
    return any(same(I, J) for J in invariants.values())


def lipschitz_product(maps):
    """Π F.lipschitz(). ValueError for a parameter that is not finite, NotImplementedError that
    names the first map without a constant, TypeError for one that is not a number ≥ 0."""
    for k, F in enumerate(maps):
        require_finite(F, "Network", f"{k}.")
    constants = []
    for k, F in enumerate(maps):
        try:
            L = F.lipschitz()
        except NotImplementedError as error:
            raise NotImplementedError(f"map {k}, {F!r}: {error}") from None
        if not isinstance(L, float | int | np.number) or not L >= 0:
            raise TypeError(
                f"map {k}, {F!r}: lipschitz() must return one number ≥ 0, but returned {L!r}"
            )
        constants.append(float(L))
    return product(*constants)


def flattened(F):
    """The maps of a network, nested networks flattened; any other map as a list of one."""
    return [part for G in F.maps for part in flattened(G)] if is_plain(F) else [F]


def is_plain(F):
    """Whether F is a Network that computes as this class does, of which a subclass changed
    nothing."""
    return isinstance(F, Network) and all(
        getattr(type(F), name) is getattr(Network, name)
        for name in ("_value", "_vjp", "_jvp", "_inverse", "lipschitz")
    )
