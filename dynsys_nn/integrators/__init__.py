"""One step Ψ^h of a numerical method as a map, x ↦ Ψ^h(x), with adjoint, tangent and ∂/∂h written
by hand.

A method is data: a Runge–Kutta class is its Butcher tableau, a partitioned method its list of
shears, a composition its list of substeps, one on a Lie group its list of exponentials, and one
that is implicit in another way its increment Φ in y = x + hΦ(x, y); step, adjoint and tangent are
written once for each kind. With stages Y_i = x + hΣ_j a_ij K_j, K_i = X(Y_i), the adjoint of a
Runge–Kutta step is

    κ_i = b_i w + Σ_j a_ji η_j,   η_i = X′(Y_i)ᵀ(h κ_i),   dx = w + Σ_i η_i,   dh = Σ_i ⟨κ_i, K_i⟩

If the tableau is explicit, it runs backwards through the stages; if not, this is a linear system.
It is the exact derivative of the discrete map. Sources: Hager, Numer. Math. 87 (2000); Sanz-Serna,
SIAM Review 58 (2016); Hairer, Lubich and Wanner, Geometric Numerical Integration (2006).
"""

from .bounds import cocoercivity, euler_lipschitz, one_sided_bound, plain_bound, spectral_bound
from .collocation import Gauss, ImplicitEuler, ImplicitMidpoint, RadauIIA
from .composition import Composition, LieTrotter, Splitting, Strang, Yoshida
from .discrete_gradient import DiscreteGradient
from .exact import ExactFlow
from .implicit import Cayley, ImplicitMethod, Increment
from .lie import CommutatorFree4, LieEuler
from .method import Method
from .newton import NotConverged
from .projected import Projected
from .rattle import Rattle
from .runge_kutta import RK4, Euler, ExplicitMidpoint, Heun, Kutta3, Ralston, RungeKutta, advance
from .shears import HenonMap, PartitionedMethod, StormerVerlet, SymplecticEuler
from .switching import Slides, Switching, crossing
from .tableaus import contractivity_radius, tableau_order
from .two_point_gradients import Gonzalez, ItohAbe, MeanValue, TwoPointGradient

__all__ = [
    "RK4",
    "Cayley",
    "CommutatorFree4",
    "Composition",
    "DiscreteGradient",
    "Euler",
    "ExactFlow",
    "ExplicitMidpoint",
    "Gonzalez",
    "Gauss",
    "HenonMap",
    "Heun",
    "ImplicitEuler",
    "ImplicitMethod",
    "ImplicitMidpoint",
    "Increment",
    "ItohAbe",
    "Kutta3",
    "LieEuler",
    "LieTrotter",
    "MeanValue",
    "Method",
    "NotConverged",
    "PartitionedMethod",
    "Projected",
    "RadauIIA",
    "Ralston",
    "Rattle",
    "RungeKutta",
    "Splitting",
    "StormerVerlet",
    "Strang",
    "Switching",
    "SymplecticEuler",
    "TwoPointGradient",
    "Yoshida",
    "cocoercivity",
    "contractivity_radius",
    "euler_lipschitz",
    "one_sided_bound",
    "plain_bound",
    "spectral_bound",
    "tableau_order",
]
