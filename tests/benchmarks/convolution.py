"""Forward pass and full gradient of a convolutional gradient layer beside torch: `python tests/benchmarks/convolution.py`.

x − h Aᵀσ(Ax + b), A a 3×3 convolution of 32 channels on 32×32 images, batch 64, float32, σ = ReLU; one pinned core, one thread
each, medians of repetitions that take turns. The gradient is that of ½‖y‖² in all weights, biases and the images.
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
sys.path.append(str(Path(__file__).resolve().parent))
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import speed

import dynsys_nn as dnn

CHANNELS, SIZE, BATCH, H = 32, 32, 64, 0.5


def main():
    try:
        import torch
        import torch.nn.functional as F
    except ImportError:
        sys.exit('torch is absent: pip install ".[bench]"')
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    A = dnn.Convolution(CHANNELS, CHANNELS, (SIZE, SIZE), rng=rng, dtype=np.float32)
    A.W = A.W + 0.05 * rng.normal(size=A.W.shape)
    layer = dnn.Flow(dnn.GradientField(A, dnn.ReLU()), H)
    layer.field.b = 0.1 * rng.normal(size=A.dim_out)
    x = rng.normal(size=(BATCH, A.dim_in)).astype(np.float32)

    def ours():
        y, pullback = layer.vjp(x)
        return y, *pullback(y)

    W, b = (
        torch.tensor(a.copy(), requires_grad=True)
        for a in (A.W, layer.field.b.reshape(1, CHANNELS, SIZE, SIZE))
    )
    images = torch.tensor(x.reshape(BATCH, CHANNELS, SIZE, SIZE), requires_grad=True)

    def forward():
        s = torch.relu(F.conv2d(F.pad(images, (1, 1, 1, 1), mode="circular"), W) + b)
        turned = W.transpose(0, 1).flip(2, 3)
        return images - H * F.conv2d(F.pad(s, (1, 1, 1, 1), mode="circular"), turned)

    def theirs():
        y = forward()
        gradients = torch.autograd.grad(y.square().sum() / 2, [images, W, b])
        return y.detach().numpy().reshape(x.shape), *(g.numpy() for g in gradients)

    y, dx, dtheta = ours()
    z, dz, dW, db = theirs()
    for a, c in ((y, z), (dx, dz), (dtheta, np.concatenate([dW.ravel(), db.ravel()]))):
        assert np.linalg.norm(a.ravel() - c.ravel()) < 1e-5 * np.linalg.norm(a)
    with torch.no_grad():
        t = speed.medians({"ours": lambda: layer(x), "torch": forward}, 10)
    print(f"forward:  {1e3 * t['ours']:.0f} ms, {t['ours'] / t['torch']:.2f} of torch")
    t = speed.medians({"ours": ours, "torch": theirs}, 30)
    print(f"gradient: {1e3 * t['ours']:.0f} ms, {t['ours'] / t['torch']:.2f} of torch")


if __name__ == "__main__":
    main()
