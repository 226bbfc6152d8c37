"""Maps y = F(x; θ), the one idea of the package, and their composition.

Data flow forward through maps, covectors flow back through the same maps in reverse:

    x₀ ──F₁──▶ x₁ ──F₂──▶ ⋯ ──F_L──▶ x_L ──loss──▶ J
    w₀ ◀─F₁ᵀ── w₁ ◀─F₂ᵀ── ⋯ ◀─F_Lᵀ── w_L ◀──────── ∂J/∂x_L

A state is the last axis of an array; all axes before it are batch: a point (d,), a batch (n, d), a
grid (m, n, d).
"""

from .complex_point import (
    complex_point,
    epsilon,
    over_epsilon,
    require_analytic,
    require_complex,
    size_of,
)
from .constants import (
    down,
    hull,
    inward,
    not_finite,
    outward,
    power,
    product,
    require_finite,
    root,
    up,
)
from .frozen import Frozen
from .map import Map
from .network import Network, flattened, is_among, kept_by_all, lipschitz_product
from .parallel import Parallel
from .parameters import Parameters, every_map, inner, over_batch, place_of
from .tables import Table, html, table

__all__ = ["Frozen", "Map", "Network", "Parallel"]
