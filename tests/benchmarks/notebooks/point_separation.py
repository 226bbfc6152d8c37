"""gif2dPointSeparation: two rings, lifted to ℝ³ and moved by 15 layers until the sign of z₃ is the label; a GIF."""

import matplotlib.pyplot as plt
import numpy as np

import dynsys_nn as dnn
from dynsys_nn import plotting

rng = np.random.default_rng(0)
x, y = dnn.datasets.rings(4000, rng=rng)
layers = [dnn.Flow(dnn.ResidualField.random(3, 20, rng=rng), 1 / 15) for _ in range(15)]
net = dnn.Network(dnn.Lift(3, 2), *layers, dnn.Selection([2], 3))
rate = dnn.OneCycle(1e-3, 2e-2)
history = dnn.fit(
    net, dnn.BinaryCrossEntropy(), x[:2000], y[:2000], dnn.Adam(rate), 50, batch_size=50, rng=rng
)
accuracy = ((net(x[2000:])[:, 0] > 0) == y[2000:]).mean()

fig = plt.figure(figsize=(6, 6))
ax = fig.add_subplot(projection="3d")
film = plotting.animate_flow(net[:-1].states(x[:300])[1:], y[:300], fig, ax, between=3)
film.save("point_separation.gif")
found = {"accuracy": accuracy, "seconds": history.seconds[-1]}
print(found)
