"""A convolutional gradient layer beside torch: `python tests/benchmarks/convolution.py`.

x − h Aᵀσ(Ax + b), A a circular 3×3 convolution, σ = ReLU, float32; sizes are (channels, rows and columns, batch). One run, one core,
one thread each, in turns: milliseconds, and the median of the ratios of a round with its quartiles, as in `speed.py`.

    forward    the layer
    gradient   the layer, and the gradient of ½‖y‖² in all weights, biases and images
    A @ x      beside conv2d of images that are padded already, so that the torus is not paid for
    w @ A      beside the way back of conv2d to the images, which stay padded
    outer      beside the way back of conv2d to the weights

A layer is two, a gradient six of the last three: what is left is σ, sums, and the memory of new arrays.
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

SIZES = (32, 32, 64), (8, 32, 64), (16, 16, 128)
H = 0.5


def pairs(size):
    """name → (ours, torch's), functions of nothing that return lists of arrays or one."""
    import torch
    import torch.nn.functional as F

    (channels, rows, batch), rng = size, np.random.default_rng(0)
    A = dnn.Convolution(channels, channels, (rows, rows), rng=rng, dtype=np.float32)
    A.W = A.W + 0.05 * rng.normal(size=A.W.shape)
    layer = dnn.Flow(dnn.GradientField(A, dnn.ReLU()), H)
    layer.field.b = 0.1 * rng.normal(size=channels)
    x, w = rng.normal(size=(2, batch, A.dim_in)).astype(np.float32)

    def leaf(a):
        return torch.tensor(a, requires_grad=True)

    def padded(images):
        return F.pad(images, (1, 1, 1, 1), mode="circular")

    def as_images(a):
        return a.reshape(-1, channels, rows, rows)

    W, b, images = leaf(A.W), leaf(layer.field.b[:, None, None]), leaf(as_images(x))
    covectors, around = torch.tensor(as_images(w)), padded(images.detach())

    def forward():
        s = torch.relu(F.conv2d(padded(images), W) + b)
        return images - H * F.conv2d(padded(s), W.transpose(0, 1).flip(2, 3))

    def forward_only():
        with torch.no_grad():
            return forward()

    def gradient():
        y = forward()
        return y.detach(), *torch.autograd.grad(y.square().sum() / 2, [images, W, b])

    def ours():
        y, pullback = layer.vjp(x)
        dx, dtheta = pullback(y)
        return y, dx, *np.split(dtheta, [A.W.size])

    def way_back(to_images):
        rest = [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [to_images, not to_images, False]

        def back():
            found = torch.ops.aten.convolution_backward(covectors, around, W, None, *rest)
            return found[0 if to_images else 1]

        return back

    return {
        "forward": (lambda: layer(x), forward_only),
        "gradient": (ours, gradient),
        "A @ x": (lambda: A @ x, lambda: F.conv2d(around, W.detach())),
        "w @ A": (lambda: w @ A, way_back(True)),
        "outer": (lambda: A.outer(w, x), way_back(False)),
    }


def agree(ours, theirs):
    """Whether arrays are torch's to float32's rounding."""
    if isinstance(ours, tuple):
        return all(map(agree, ours, theirs))
    gap = ours.ravel() - theirs.detach().numpy().ravel()
    return np.linalg.norm(gap) < 1e-5 * np.linalg.norm(ours)


def main():
    try:
        import torch
    except ImportError:
        sys.exit('torch is absent: pip install ".[bench]"')
    torch.set_num_threads(1)
    speed.say_where(["torch"])
    print(f"{'size':>14} {'':10} {'ours':>8} {'torch':>8}   ours over torch")
    for size in SIZES:
        for name, (ours, theirs) in pairs(size).items():
            if name != "w @ A" and not agree(ours(), theirs()):  # torch's images are padded there
                sys.exit(f"torch computes something else: {name} of {size}")
            t = speed.rounds({"ours": ours, "torch": theirs})
            ms = [1e3 * np.median(t[engine]) for engine in ("ours", "torch")]
            ratio = speed.spread(t["ours"] / t["torch"])
            print(f"{size!s:>14} {name:10} {ms[0]:8.2f} {ms[1]:8.2f}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
