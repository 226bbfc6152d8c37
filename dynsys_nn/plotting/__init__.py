"""Figures on a given Axes. Helpers draw on `ax` (default: the current one), return the artists, and
never save; `show` alone shows.

Styles are the caller's: `with plt.style.context(plotting.STYLE):` gives the lecture style, and
`plotting.STYLES["dark"]` and `["print"]` the others; sizes are in units of the text (`em`), greys
and areas between the style's ground, grid and text (`shade`, `tint`). matplotlib is imported when a
helper runs.
"""

from .curves import (
    certified_accuracy,
    components,
    convergence,
    energy,
    invariant_drift,
    lipschitz_profile,
)
from .images import adversarial_example, image
from .looks import STYLE, STYLES, contrast, diverging, em, ink, look, shade, show, tint
from .planes import (
    decision_regions,
    deformed_grid,
    phase_portrait,
    skew_and_gradient,
    stability_region,
    step_size_region,
)
from .states import animate_flow, layer_states, on_sphere, section, trajectories

__all__ = [
    "STYLE", "STYLES", "adversarial_example", "animate_flow", "certified_accuracy", "components",
    "contrast", "convergence", "decision_regions", "deformed_grid", "diverging", "em", "energy",
    "image", "ink", "invariant_drift", "layer_states", "lipschitz_profile", "look", "on_sphere",
    "phase_portrait", "section", "shade", "show", "skew_and_gradient", "stability_region",
    "step_size_region", "tint", "trajectories",
]  # fmt: skip
