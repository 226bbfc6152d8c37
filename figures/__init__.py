"""Lecture figures: one script each, whose docstring's first line is the figure's message and whose make(quick=False) draws it."""

#: in the order of the lecture
NAMES = (
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
