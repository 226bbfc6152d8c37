"""Two fields and a line between them, 20 solutions: RK4 falls to order one, and is of order four again if its steps end on the line."""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import dynsys_nn as dnn
from dynsys_nn import plotting

minus = dnn.KnownField(lambda x: np.stack([x[..., 1], -np.sin(x[..., 0])], -1), 2, "complex step")
plus = dnn.KnownField(lambda x: np.stack([x[..., 1], -4 * x[..., 0]], -1), 2, "complex step")
line = dnn.Affine(1, 2, W=[[1.0, 0.5]], b=[-0.2])
X, T = dnn.SwitchedField(minus, plus, line), 2.0
x0 = np.stack([np.full(20, -0.5), np.linspace(0.8, 1.2, 20)], axis=-1)


def by_events(x, t=0.0, field=minus):
    """scipy's way: a solution up to the line, then one of the other field, and so on."""
    while t < T:
        event = lambda t, x: line(x)[0]  # noqa: E731
        event.terminal, event.direction = True, 1 if field is minus else -1
        s = solve_ivp(field.rhs, (t, T), x, "DOP853", events=event, rtol=1e-13, atol=1e-15)
        x, t, field = s.y[:, -1], s.t[-1], plus if field is minus else minus
    return x


exact = np.array([by_events(x) for x in x0])
n, found = np.array([20, 40, 80, 160, 320]), {}
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for name, method, order in (("RK4", dnn.RK4(), 1), ("ended", dnn.Switching(dnn.RK4()), 4)):
    paths = [dnn.trajectory(X, x0, np.linspace(0, T, k + 1), method) for k in n]
    errors = np.array([np.linalg.norm(path[:, -1] - exact) for path in paths])
    plotting.convergence(T / n, errors, order, left, label=name)
    found[f"{name}, order"] = np.polyfit(np.log(n), -np.log(errors), 1)[0]
    found[f"{name}, error"] = errors[-1]
plotting.trajectories(paths[-1], right, alpha=0.5)
left.legend()
plotting.show()
print(found)
