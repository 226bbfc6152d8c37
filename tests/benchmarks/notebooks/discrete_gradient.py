"""discreteGradient: Lotka and Volterra's equations, (2, 1, 1, 1), from (0.1, 1.9), 1999 steps to T = 10; the first integral."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import plotting

X, x0, t = dnn.systems.lotka_volterra(2, 1, 1, 1), np.array([0.1, 1.9]), np.linspace(0, 10, 2000)
I, K = X.invariants["cycle"], np.array([[0.0, -1.0], [1.0, 0.0]])


def S(x):
    return (x[..., 0] * x[..., 1])[..., None, None] * K


def dS(x):
    return K[:, :, None] * x[..., None, None, ::-1]


Y = dnn.KnownSkewField(S, I, 2, dS)
ways = dnn.ItohAbe(), dnn.Gonzalez(), dnn.MeanValue()
paths = {f"{way}": dnn.trajectory(Y, x0, t, dnn.DiscreteGradient(gradient=way)) for way in ways}
paths |= {
    "explicit Euler": dnn.trajectory(X, x0, t, dnn.Euler()),
    "implicit Euler": dnn.trajectory(X, x0, t, dnn.ImplicitEuler()),
    "RK45": solve_ivp(X.rhs, (0, 10), x0, t_eval=t, atol=1e-13).y.T,
    "implicit midpoint": dnn.trajectory(X, x0, t, dnn.ImplicitMidpoint()),
}
fig, (orbits, drift) = plt.subplots(1, 2, figsize=(14, 6), layout="constrained")
for name, x in paths.items():
    plotting.trajectories(x, orbits, label=name)
    plotting.invariant_drift(I, x, t, drift, label=name)
drift.legend()
plotting.show()
found = {name: abs(I(x) - I(x0)).max() for name, x in paths.items()}
print(found)
