"""whyGeometricIntegration: the harmonic oscillator to T = 40, in 999 steps by four methods; E = q² + p²."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import plotting

X, t = dnn.systems.harmonic_oscillator(), np.linspace(0, 40, 1000)


def E(x):
    return (x**2).sum(axis=-1)


paths = {
    "explicit Euler": dnn.trajectory(X, X.x0, t, dnn.Euler()),
    "implicit Euler": dnn.trajectory(X, X.x0, t, dnn.ImplicitEuler()),
    "RK45": solve_ivp(X.rhs, (0, 40), X.x0, t_eval=t, atol=1e-2).y.T,
    "implicit midpoint": dnn.trajectory(X, X.x0, t, dnn.ImplicitMidpoint()),
}
fig, axes = plt.subplots(3, 4, figsize=(16, 10), layout="constrained")
for (name, x), (components, orbit, energy) in zip(paths.items(), axes.T, strict=True):
    plotting.components(t, x, components, names=["q", "p"])
    plotting.trajectories(x, orbit)
    plotting.energy(E, x, t, energy)
    components.set(title=name)
    orbit.set(aspect="equal")
plotting.show()
found = {name: abs(E(x) - E(x[0])).max() for name, x in paths.items()}
print(found)
