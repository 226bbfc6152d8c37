"""sirModel: β = γ = 0.1, from (0.3, 0.5, 0.2) to T = 100 by four methods; S(100), and S + I + R."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import plotting

X, x0, t = dnn.systems.sir(0.1, 0.1), np.array([0.3, 0.5, 0.2]), np.linspace(0, 100, 1000)
paths = {
    "explicit Euler": dnn.trajectory(X, x0, t, dnn.Euler()),
    "implicit Euler": dnn.trajectory(X, x0, t, dnn.ImplicitEuler()),
    "RK45": solve_ivp(X.rhs, (0, 100), x0, t_eval=t, atol=1e-2).y.T,
    "implicit midpoint": dnn.trajectory(X, x0, t, dnn.ImplicitMidpoint()),
}
fig, axes = plt.subplots(2, 4, figsize=(16, 8), layout="constrained")
for (name, x), (components, total) in zip(paths.items(), axes.T, strict=True):
    plotting.components(t, x, components, names=list("SIR"))
    plotting.invariant_drift(X.invariants["mass"], x, t, total)
    components.set(title=name)
plotting.show()
found = {f"S(100), {name}": x[-1, 0] for name, x in paths.items()}
found["S + I + R - 1"] = max(abs(x.sum(axis=-1) - 1).max() for x in paths.values())
print(found)
