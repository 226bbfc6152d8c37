"""Thesis: Parareal for SIR on 100 intervals, the coarse solver a network that keeps the mass."""

import time

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng, n, h = np.random.default_rng(0), 100, 1.0
X, x0 = dnn.systems.sir(0.1, 0.1), np.array([0.3, 0.5, 0.2])
fine = dnn.Flow(X, h / 200, dnn.RK4(), steps=200)
coarse = dnn.Flow(dnn.MassPreservingField.random(3, 20, bias=1.0, rng=rng), h)
x = rng.dirichlet(np.ones(3), 500)
dnn.fit(coarse, dnn.MeanSquaredError(), x, dnn.exact_flow(X, x, h), dnn.LBFGS(), epochs=300)

begin = time.process_time()
sequential = np.vstack([x0, dnn.Rollout(fine, n)(x0)])
middle = time.process_time()
iterates = dnn.parareal(coarse, fine, x0, n, iterations=6)
end = time.process_time()
change = abs(np.diff(iterates, axis=0)).max(axis=(1, 2))
needed = int((change > 1e-4).sum()) + 1  # the iteration that changes less than the tolerance
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
plotting.components(h * np.arange(n + 1), iterates[needed], left, names=list("SIR"))
right.semilogy(abs(iterates - sequential).max(axis=-1).T, label=range(len(iterates)))
right.set(xlabel="interval", ylabel="off")
right.legend(title="iteration")
plotting.show()
found = {
    "iterations to 1e-4": needed,
    "off": abs(iterates[needed] - sequential).max(),
    "mass of the iterates": abs(iterates.sum(axis=-1) - 1).max(),
    "seconds, sequential": middle - begin,
    "seconds, at once": (end - middle) * needed / 6,
}
print(found)
