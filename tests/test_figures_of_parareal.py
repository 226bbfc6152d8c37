"""What the figure of Parareal says, against its formula in a loop and Runge's steps by hand."""

import re

import matplotlib.pyplot as plt
import numpy as np

from figures import parareal as figure


def fine(x, beta, gamma):
    """Three days of an epidemic: 15 classical steps of Runge and Kutta, letter by letter."""

    def rates(x):
        s, i, _ = x
        return np.array([-beta * s * i, beta * s * i - gamma * i, gamma * i])

    h = 3 / 15
    for _ in range(15):
        k1 = rates(x)
        k2 = rates(x + h / 2 * k1)
        k3 = rates(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + rates(x + h * k3))
    return x


def coarse(x, X):
    """One Euler step of three days for ẏ = (M − Mᵀ)1, the entries of M from the network."""
    M = X.arrange(X.C @ X.sigma(X.A @ x + X.b)) if hasattr(X, "arrange") else None
    return x if M is None else x + 3 * (M - M.T) @ np.ones(3)
