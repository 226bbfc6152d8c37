"""Koopman: EDMD of a pendulum with 21 monomials, and mpEDMD, whose matrix is unitary, by the polar factor of `orthogonalise`."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, h, rng = dnn.systems.pendulum(), 0.1, np.random.default_rng(0)
x, H = rng.uniform(-0.8, 0.8, (3000, 2)), X.invariants["energy"]
x = x[H(x) < -np.cos(0.8)]  # the flow keeps this set, and its area
y = dnn.exact_flow(X, x, h)


def monomials(x):
    """qⁱpʲ, i + j ≤ 5."""
    q, p = np.moveaxis(x, -1, 0)
    return np.stack([q**i * p**j for i in range(6) for j in range(6 - i)], axis=-1)


Q, R = np.linalg.qr(monomials(x))
K = np.linalg.solve(R, Q.T @ monomials(y))  # Ψ(y) ≈ Ψ(x)K
polar = dnn.Dense(21, 21, W=Q.T @ np.linalg.solve(R.T, monomials(y).T).T)
polar.orthogonalise()
unitary = np.linalg.solve(R, polar.W @ R)  # the same, orthogonal in L² of the data
x0, n = np.array([0.5, 0.3]), 20
right = dnn.exact_flow(X, x0, h * np.arange(n + 1))
names = ["q", "p"]
fig, axes = plt.subplots(1, 3, figsize=(16, 5), layout="constrained")
found, at = {"observables": len(R)}, [6, 1]  # where q and p stand among the monomials
for name, matrix, ax in (("EDMD", K, axes[0]), ("mpEDMD", unitary, axes[1])):
    states = [monomials(x0) @ np.linalg.matrix_power(matrix, k) for k in range(n + 1)]
    path = np.array(states)[:, at]
    plotting.components(h * np.arange(n + 1), path, ax, names=names)
    plotting.components(h * np.arange(n + 1), right, ax, color="k", linestyle=":")
    ax.set(title=name)
    eigenvalues = np.linalg.eigvals(matrix)
    axes[2].plot(eigenvalues.real, eigenvalues.imag, "o", label=name)
    found[f"{name}, after 20 steps"] = abs(path[-1] - right[-1]).max()
    found[f"{name}, off the unit circle"] = abs(abs(eigenvalues) - 1).max()
axes[2].set(aspect="equal", title="eigenvalues", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
axes[2].legend()
plotting.show()
print(found)
