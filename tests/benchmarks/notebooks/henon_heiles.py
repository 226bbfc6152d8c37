"""Hénon and Heiles' star: Poincaré section q₁ = 0, p₁ > 0, and the energy of its points."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, h, method = dnn.systems.henon_heiles(), 0.04, dnn.Yoshida()
H = X.invariants["energy"]
end = dnn.trajectory(X, X.x0, np.linspace(0, 20, 2001), dnn.Gauss(3))[-1]
known = [0.3819825523901797, -0.1275612566661502, 0.0231608090061473, 0.3600310479885994]
q2 = np.linspace(-0.3, 0.45, 8)  # eight orbits of the energy of x0, through q₁ = 0 at p₂ = 0
rest = q2**2 / 2 - q2**3 / 3
x0 = np.stack([0 * q2, q2, np.sqrt(2 * (H(X.x0) - rest)), 0 * q2], axis=-1)
t = np.arange(0, 1000, h)
times, points = dnn.poincare_section(X, x0, t, lambda x: x[..., 0], method)
fig, ax = plt.subplots(figsize=(7, 6), layout="constrained")
plotting.section(points, ax, components=(1, 3))
ax.set(xlabel="$q_2$", ylabel="$p_2$")
plotting.show()
points = np.concatenate(points)
found = {
    "off at t = 20": abs(end - known).max(),
    "points": len(points),
    "energy": abs(H(points) - H(X.x0)).max(),
    "q1 of the points": abs(points[:, 0]).max(),
}
print(found)
