"""What the courses' notebooks and other experiments state, and what makes our numbers as good."""

import numpy as np


def near(value, tolerance):
    """Ours is this number, as far as the notebook shows it."""
    return f"{value:g}", lambda found: abs(found - value) <= tolerance


def at_most(value):
    """A loss, or what should be 0: ours is no larger."""
    return f"{value:g}", lambda found: found <= value


def rounding(value):
    """What is kept to rounding: ours is at most ten times as much."""
    return f"{value:g}", lambda found: found <= 10 * value


def at_least(value, noise=0.0):
    """An accuracy, whose noise is some of its points, or what a theorem bounds from below, without noise."""
    return f"{value:g}", lambda found: found >= value - noise


def only(words="–"):
    """The notebook has no such number; ours is shown."""
    return words, lambda found: True


#: notebook → name in `found` → the notebook's number, and what makes ours as good
NUMBERS = {
    "why_geometric_integration": {
        "explicit Euler": near(3.95461, 1e-5),
        "implicit Euler": near(0.798168, 1e-6),
        "RK45": near(0.27, 0.01),
        "implicit midpoint": rounding(2e-15),
    },
    "free_rigid_body": {
        "Euler, casimir": near(0.32, 0.02),
        "Euler, energy": near(0.28, 0.02),
        "midpoint, casimir": rounding(2e-15),
        "midpoint, energy": rounding(2e-15),
    },
    "sir_model": {
        "S(100), explicit Euler": near(0.158, 5e-4),
        "S(100), implicit Euler": near(0.158, 5e-4),
        "S(100), RK45": near(0.171, 5e-4),
        "S(100), implicit midpoint": near(0.15787, 1e-5),
        "S + I + R - 1": rounding(1e-15),
    },
    "symplectic_hamiltonian": {
        "symplectic Euler, least": near(-0.1, 0.005),
        "symplectic Euler, most": near(0.1, 0.005),
        "Strang, least": near(-7.231e-4, 1e-7),
        "Strang, most": near(3.011e-3, 1e-6),
        "RK45, least": near(-0.64, 0.005),
        "symplectic": rounding(1e-16),
    },
    "sympnet": {
        "SympNet, loss": at_most(9.86e-7),
        "ResNet, loss": at_most(6.82e-7),
        "SympNet, |E/E0 - 1|": at_most(0.04),
        "ResNet, |E/E0 - 1|": at_least(0.14),
        "SympNet, seconds": only("7"),
        "ResNet, seconds": only("5"),
    },
    "hamiltonian_neural_networks": {
        "symplectic, accuracy": at_least(1.0, 0.002),
        "residual, accuracy": at_least(1.0, 0.002),
        "plain, accuracy": near(0.51, 0.06),
        "symplectic, least norm": at_least(1.0),
        "residual, least norm": at_least(1.0, 0.05),
        "plain, least norm": only(),
    },
    "adversarial_robustness": {
        "ResNet, accuracy at 0": at_least(0.89),
        "ResNet, accuracy at 0.3": only("0.187"),
        "ResNet, accuracy at 0.8": only("0"),
        "non-expansive, accuracy at 0": at_least(0.876),
        "non-expansive, accuracy at 0.3": at_least(0.629),
        "non-expansive, accuracy at 0.8": only("0.224"),
        "non-expansive, certified at 0.14": only(),
        "largest constant of a layer": near(1.0, 1e-9),
    },
    "point_separation": {"accuracy": at_least(0.995, 0.002), "seconds": only("8.6")},
    "learning_hamiltonian": {
        "K11": near(4.9997, 6e-4),
        "K12": near(-0.9999, 6e-4),
        "K22": near(5.0, 6e-4),
        "test MSE": at_most(3.02e-7),
    },
    "discrete_gradient": {
        "ItohAbe()": at_most(1e-14),
        "Gonzalez()": only(),
        "MeanValue()": only(),
        "explicit Euler": near(0.14, 0.005),
        "implicit Euler": near(0.13, 0.005),
        "RK45": near(0.05, 0.007),
        "implicit midpoint": near(5e-5, 5e-6),
    },
}  # fmt: skip

#: experiment → name in `found`, as README shows it, → the number, and what makes ours as good
EXPERIMENTS = {
    "contractivity": {
        "Ralston": near(0.791, 5e-4),
        "Kutta, order 3": near(0.5, 1e-12),
        "Kutta, 3/8": near(0.4641, 5e-5),
        "longest step of Euler, times ‖A‖²/2": near(1.0, 1e-12),
    },
    "neural_ode": {
        "moons": at_least(1.0, 0.005),
        "moons, with time": at_least(0.995),
        "spiral, error": at_most(1.3e-6),
        "adjoints differ by": at_most(1e-7),
    },
    "lie_group_methods": {
        "commutator-free 4, error": at_most(2.931e-7),
        "commutator-free 4, order": near(3.99, 0.1),
        "commutator-free 4, ‖x‖": at_most(5e-15),
        "Lie–Euler, ‖x‖": at_most(5e-15),
    },
    "oscillator_by_its_residual": {
        "E − E₀ to T = 100": at_most(6e-3),
        "E − E₀ to T = 500": at_most(3e-2),
    },
    "mass_preserving_sir": {
        "constrained, MSE": at_most(9.8e-9),
        "constrained, mass": rounding(1e-15),
        "constrained, states": at_most(3e-3),
        "unconstrained, mass": at_least(3.5e-3, 3.49e-3),
    },
    "parareal": {
        "iterations to 1e-4": at_most(3),
        "mass of the iterates": at_most(1e-13),
        "seconds, sequential": only("0.94"),
        "seconds, at once": only("0.06"),
    },
    "lipschitz_moons": {
        "accuracy, 8 layers": at_least(1.0, 0.005),
        "Lipschitz": at_most(1.0),
        "measured": only("0.986"),
        "mean radius": only("0.44"),
    },
    "theorem_4_1": {
        "accuracy": at_least(0.9975, 0.01),
        "product of the norms": only("3.55"),
        "certified": at_most(1.0),
        "measured": only("0.8"),
    },
    "sympflow": {
        "MSE of the flow": only("2.8e-9"),
        "H − H₀ to T = 500": at_most(4.1e-4),
        "symplectic": rounding(1e-15),
    },
    "sympflow_supervised": {
        "SympFlow, noise 0, most": at_most(1.007),
        "SympFlow, noise 0.02, most": only("1.009"),
        "unstructured, noise 0, most": only("1.74"),
        "unstructured, noise 0.02, most": only("3.92"),
    },
    "henon_heiles": {
        "off at t = 20": at_most(1e-12),
        "energy": at_most(3.7e-8),
    },
    "pixel_data": {
        "heat, error of a step": at_most(2e-5),
        "Fisher, error of a step": at_most(1e-6),
        "advection, error after 10": at_most(0.056),
        "advection, norm kept, error after 10": at_most(0.046),
        "advection, norm kept, norm": rounding(2e-16),
    },
    "known_stencils": {
        "longest step / CFL": near(1.0, 1e-14),
        "decay of mode (2, 3)": near(0.9241902594320904, 1e-13),
        "wave, Störmer–Verlet": at_most(6e-3),
    },
    "denoiser": {
        "noisy": near(16.6, 0.3),
        "Euler": only("20.55"),
        "Heun": only("20.50"),
        "RK4": only("20.53"),
        "plug and play, last step": at_most(1e-14),
    },
    "regression": {
        "abs x + sin x + x², error": at_most(1.4e-4),
        "sin³x + x³, error": at_most(1.4e-4),
        "field": at_most(8.5e-3),
        "its part": at_most(5.5e-3),
    },
    "collocation": {
        "order, s = 2": near(4.0, 0.05),
        "order, s = 3": near(6.0, 0.05),
        "energy, s = 2": near(7.1e-5, 1e-6),
        "energy, s = 3": near(1.6e-6, 5e-8),
    },
    "a_stability": {
        "RK4, R − Taylor": rounding(4e-15),
        "Gauss, R − Padé": rounding(4e-15),
        "explicit Euler, largest R": near(np.sqrt(1.9), 1e-12),  # of 1 + hλ, h = 1: 1 − γ + 1
    },
    "pinn": {"T = 10, RMS": at_most(6.8e-3), "T = 40, RMS": at_least(0.45, 0.35)},
    "driven_systems": {
        "pendulum, RK4": at_most(3e-8),
        "Mathieu, trace": at_most(1e-9),
        "Mathieu, det": at_most(1e-13),
    },
    "constrained_pendulum": {
        "RATTLE, constraints": at_most(1e-15),
        "RATTLE, order": near(2.0, 0.005),
        "RATTLE, energy, least": near(-2.0e-3, 5e-5),
        "RATTLE, energy, most": near(2.7e-7, 5e-9),
        "learned, MSE": at_most(5e-6),
    },
    "koopman": {
        "EDMD, after 20 steps": at_most(7.7e-5),
        "mpEDMD, off the unit circle": rounding(2e-15),
    },
    "switching": {
        "RK4, order": near(1.0, 0.3),
        "ended, order": near(4.0, 0.1),
    },
}  # fmt: skip

#: notebook → name in `found` → in README's words
SHOWN = {
    "why_geometric_integration": {"explicit Euler": "E − E₀, Euler", "implicit Euler": "implicit", "implicit midpoint": "midpoint"},
    "free_rigid_body": {"Euler, casimir": "change of m², Euler", "midpoint, casimir": "midpoint"},
    "sir_model": {"S(100), implicit midpoint": "S(100)", "S + I + R - 1": "change of the mass"},
    "symplectic_hamiltonian": {"Strang, most": "H − H₀, Strang", "RK45, least": "RK45"},
    "sympnet": {"SympNet, loss": "loss", "SympNet, |E/E0 - 1|": "E/E₀ − 1 to T = 100"},
    "hamiltonian_neural_networks": {"symplectic, accuracy": "accuracy", "symplectic, least norm": "least ‖∂y_N/∂y_j‖, at least"},
    "adversarial_robustness": {"non-expansive, accuracy at 0": "accuracy", "non-expansive, accuracy at 0.3": "ε = 0.3", "non-expansive, accuracy at 0.8": "ε = 0.8"},
    "point_separation": {"accuracy": "accuracy"},
    "learning_hamiltonian": {"K11": "K₁₁", "test MSE": "error"},
    "discrete_gradient": {"ItohAbe()": "change of I, Itoh–Abe", "implicit midpoint": "midpoint"},
}  # fmt: skip
