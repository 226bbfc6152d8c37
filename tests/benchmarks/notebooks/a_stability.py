"""A-stability explorer: R(z), regions, and the damped oscillator by explicit Euler, RK4, implicit Euler and Gauss 2."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

X, h = dnn.systems.damped_oscillator(0.1), 1.0
hlambda = h * np.linalg.eigvals(X.jacobian(X.x0))
methods = {
    "explicit Euler": dnn.Euler(), "RK4": dnn.RK4(),
    "implicit Euler": dnn.ImplicitEuler(), "Gauss 2": dnn.Gauss(2),
}  # fmt: skip
fig, axes = plt.subplots(2, 4, figsize=(16, 8), layout="constrained")
found, t = {}, h * np.arange(41)
for (name, method), (plane, orbit) in zip(methods.items(), axes.T, strict=True):
    R = method.stability_function
    plotting.stability_region(R, (-4, 4), (-4, 4), plane)
    plane.plot(hlambda.real, hlambda.imag, "k.")
    x = dnn.trajectory(X, X.x0, t, method)
    plotting.trajectories(x, orbit)
    plane.set(title=name)
    orbit.set(xlim=(-2, 2), ylim=(-2, 2))
    grows = abs(R(hlambda)).max() > 1
    assert grows == (np.linalg.norm(x[-1]) > np.linalg.norm(x[0])), name
    found[f"{name}, largest R"] = abs(R(hlambda)).max()
plotting.show()
z = np.random.default_rng(0).normal(size=(100, 2)) @ [3, 3j]
padé = (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12)
taylor = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
found["RK4, R − Taylor"] = abs(dnn.RK4().stability_function(z) / taylor - 1).max()
found["Gauss, R − Padé"] = abs(dnn.Gauss(2).stability_function(z) / padé - 1).max()
left = -np.exp(np.linspace(-5, 10, 200)) + 1j * np.linspace(-50, 50, 200)
assert abs(dnn.Gauss(2).stability_function(left)).max() <= 1  # A-stable
print(found)
