"""Lecture figures, one script each: put a script here, and it is drawn.

Its docstring's first paragraph is the figure's message; make(quick=False) draws it, and
animate(quick=False), if there is one, moves it.
"""

from pathlib import Path

#: the order of the lecture; a script that is not named here comes after these
LECTURE = (
    "resnet_is_euler",
    "switching_parameters",
    "point_separation",
    "volume_preservation",
    "symplectic_energy",
    "mass_preservation",
    "sir_learned",
    "leaky_slopes",
    "contractive_and_expansive_steps",
    "contraction_region",
    "adversarial_example",
    "robust_accuracy",
    "presnov",
    "universal_approximation",
    "adjoint_check",
    "memory",
)
_scripts = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")}
NAMES = (
    *[name for name in LECTURE if name in _scripts],
    *sorted(_scripts.difference(LECTURE)),
)
