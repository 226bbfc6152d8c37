"""A driven pendulum and Mathieu's swing: fields that depend on time; the monodromy matrix, and where the swing goes up."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, found = dnn.systems.driven_pendulum(), {}
t = np.linspace(0, 20, 2401)
path = dnn.trajectory(X, X.x0, t, dnn.RK4())
known = np.array([0.3481358340301309, 2.2235205583605544])
found["pendulum, RK4"] = abs(path[-1, :2] - known).max()


def monodromy(delta, n=100, method=dnn.Yoshida()):
    flow = dnn.Flow(dnn.systems.mathieu(delta, 0.3), 2 * np.pi / n, method, steps=n)
    return dnn.StartedAt(flow).jacobian(np.zeros(2))


M = monodromy(1.0, 800)
found["Mathieu, trace"] = abs(np.trace(M) - 2.0027709702616794)
found["Mathieu, det"] = abs(np.linalg.det(M) - 1)
deltas = np.linspace(0, 1.3, 53)
traces = np.array([np.trace(monodromy(delta, 40)) for delta in deltas])
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
plotting.components(t, path[:, :2], left, names=["q", "q̇"])
right.plot(deltas, traces)
right.axhspan(-2, 2, alpha=0.2)
right.set(xlabel="δ", ylabel="trace of the monodromy matrix")
plotting.show()
up = deltas[abs(traces) > 2]
found["it goes up for a δ of"] = up[abs(up - 0.25).argmin()]
print(found)
