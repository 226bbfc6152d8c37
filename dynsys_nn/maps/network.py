"""Composition, written once: a loop forward through the maps, and a loop back."""

import numpy as np

from .map import Map


class Network(Map):
    """𝒩 = F_L ∘ … ∘ F_1, the composition of maps, with one contiguous θ.

    `Network(F_1, …, F_L)` applies F_1 first. A map that appears twice shares its parameters (tied weights). Networks
    nest. A field as a map is its value X(x), not a step: wrap it in a Flow. ValueError where neighbours do not fit.
    """

    formula = "F_L ∘ ⋯ ∘ F₁"

    def __init__(self, *maps):
        if not maps:
            raise ValueError("Network needs at least one map, got none")
        for k, F in enumerate(maps):
            if not isinstance(F, Map):
                raise TypeError(f"Network is made of maps, got a {type(F).__name__} at place {k}")
            if k and maps[k - 1].dim_out != F.dim_in:
                raise ValueError(
                    f"map {k} ({F!r}) needs states of dimension {F.dim_in}, but map {k - 1} gives {maps[k - 1].dim_out}"
                )
        self.maps = maps
        self.dim_in, self.dim_out = maps[0].dim_in, maps[-1].dim_out
        self.own(**{str(k): F for k, F in enumerate(maps)})

    def label(self, part, key, count):
        return f"{part}.{key}"

    def __call__(self, x):
        x = self.state(x)
        for F in self.maps:
            x = F(x)
        return x

    def states(self, x):
        """All states x₀ = x, x₁, …, x_L, as a list (their dimensions may differ)."""
        states = [self.state(x)]
        for F in self.maps:
            states.append(F(states[-1]))
        return states

    def vjp(self, x):
        x = x0 = self.state(x)
        pullbacks = []
        for F in self.maps:
            x, pullback = F.vjp(x)
            pullbacks.append(pullback)

        def back(w):
            w = self.covector(w, x0)
            dtheta = np.zeros(self.theta.shape, np.result_type(self.theta, w, x))
            for k in reversed(range(len(pullbacks))):
                w, d = pullbacks[k](w)
                dtheta[self.slices[str(k)]] += d
            return w, dtheta

        return x, back

    def jvp(self, x, v, dtheta=None):
        x, d = self.state(x), self.unpack(dtheta)
        v = self.tangent(v, x)
        for k, F in enumerate(self.maps):
            x, v = F.jvp(x, v, d[str(k)])
        return x, v

    def inverse(self, y):
        for F in reversed(self.maps):
            y = F.inverse(y)
        return y

    def lipschitz(self):
        """The product of the maps' constants."""
        return lipschitz_product(self.maps)

    @property
    def keeps(self):
        """What every map keeps (each its own energy or invariant is not one of the composition)."""
        kept = frozenset.intersection(*[frozenset(F.keeps) for F in self.maps])
        return kept if len(set(map(id, self.maps))) == 1 else kept - {"energy", "invariant"}

    def summary(self):
        """A table, a row a map: what it computes, shape, number of parameters, Lipschitz constant, what it keeps."""
        rows = [("", "map", "formula", "shape", "parameters", "Lipschitz", "keeps")]
        for k, F in enumerate([*self.maps, self]):
            total = F is self
            try:
                bound = f"{F.lipschitz():.4g}"
            except NotImplementedError:
                bound = "–"
            rows.append((
                "Σ" if total else str(k), type(F).__name__, F.formula, f"{F.dim_in} → {F.dim_out}",
                str(F.theta.size) + (" (shared)" if not total and F in self.maps[:k] else ""), bound, ", ".join(sorted(F.keeps)) or "–",
            ))  # fmt: skip
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )


def lipschitz_product(maps):
    """Π F.lipschitz(). NotImplementedError that names the first map without a constant, TypeError for one that is no number ≥ 0."""
    product = 1.0
    for k, F in enumerate(maps):
        try:
            L = F.lipschitz()
        except NotImplementedError as error:
            raise NotImplementedError(f"map {k}, {F!r}: {error}") from None
        if not isinstance(L, float | int | np.number) or not L >= 0:
            raise TypeError(f"map {k}, {F!r}: lipschitz() must return one number ≥ 0, but returned {L!r}")
        product *= float(L)
    return product


def flattened(F):
    """The maps of a network, nested ones opened; a map that is no network is the only one."""
    return [part for G in F.maps for part in flattened(G)] if isinstance(F, Network) else [F]
