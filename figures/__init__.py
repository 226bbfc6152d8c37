"""Lecture figures, one script each: put a script here, and it is drawn.

Its docstring's first paragraph is the figure's message; make(quick=False, **options)
draws it, and animate(quick=False, **options), if there is one, moves it. The options,
each with its range, and the words, LABELS, are those of `drawing.figure`. `live` has
figures with sliders.
"""

import os
import sys
from pathlib import Path

if sys.platform == "emscripten":
    CORES = 1  # a process is another program, which a browser has not
elif hasattr(os, "sched_getaffinity"):
    CORES = len(os.sched_getaffinity(0))  # those that we may use
else:
    CORES = os.cpu_count() or 1

#: the order of the lecture; a script that is not named here comes after these
LECTURE = (
    "resnet_is_euler",
    "switching_parameters",
    "point_separation",
    "neural_ode",
    "volume_preservation",
    "four_methods",
    "rigid_body",
    "lotka_volterra",
    "symplectic_energy",
    "learned_orbits",
    "learned_hamiltonian",
    "residual_energy",
    "learned_valley",
    "poincare_section",
    "spherical_pendulum",
    "mass_preservation",
    "sir_learned",
    "parareal",
    "vanishing_gradients",
    "leaky_slopes",
    "stability_regions",
    "circle_contractivity",
    "denoiser",
    "cfl",
    "pixel_pdes",
    "contractive_and_expansive_steps",
    "contraction_region",
    "moons_by_depth",
    "adversarial_example",
    "growing_attack",
    "robust_accuracy",
    "tighter_certificates",
    "presnov",
    "universal_approximation",
    "adjoint_check",
    "memory",
)
#: figures that share trainings, so that one process draws them
TOGETHER = (("robust_accuracy", "adversarial_example", "growing_attack"),)
#: those that take longest: begun first, so that no core waits for one at the end
SLOW = (
    "robust_accuracy",
    "universal_approximation",
    "point_separation",
    "symplectic_energy",
    "memory",
    "vanishing_gradients",
)
_scripts = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")}
NAMES = (
    *[name for name in LECTURE if name in _scripts],
    *sorted(_scripts.difference(LECTURE)),
)
