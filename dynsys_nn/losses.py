"""Losses J(y, target), each with ∂J/∂y beside its value, and penalties P(θ), each with ∂P/∂θ."""

import numpy as np

from .activations import Softplus
from .arguments import Described, array, instance, logits_and_labels, numbers, positive, refuse
from .linear import Affine, Convolution, Weighted
from .maps import Map, inner, place_of

__all__ = [
    "BinaryCrossEntropy",
    "Loss",
    "MeanSquaredError",
    "MulticlassHinge",
    "OrthogonalityPenalty",
    "Penalty",
    "Smoothness",
    "SoftmaxCrossEntropy",
    "psnr",
]


class Loss(Described):
    """`loss(y, target)` is the value; `loss.vjp(y, target)` gives value and ∂J/∂y, the covector
    that starts backprop.

    A new one writes `vjp`. `mean` is True if J is a mean over samples, so that it may be computed
    block by block.

    Examples
    --------
    >>> class MeanAbsoluteError(dnn.Loss):
    ...     mean = True
    ...
    ...     def vjp(self, y, target):
    ...         r = y - target
    ...         return np.abs(r).mean(), np.sign(r) / r.size
    >>> loss, y, target = MeanAbsoluteError(), np.array([[1.0], [4.0]]), np.array([[3.0], [1.0]])
    >>> print(loss(y, target))
    2.5
    >>> dnn.checks.loss(loss, y, target).passed
    True
    """

    mean = False

    def __call__(self, y, target):
        return self.vjp(y, target)[0]

    def vjp(self, y, target):
        """J(y, target), a number, and ∂J/∂y, of the shape of y."""
        raise NotImplementedError(f"{type(self).__name__} has no value: write vjp(self, y, target)")


class MeanSquaredError(Loss):
    """J = (1/N) Σ (y − target)², the mean over all N entries.

    ValueError if the shapes differ or are empty; TypeError if the target is not real.

    Examples
    --------
    >>> y, target = np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]])
    >>> J, dy = dnn.MeanSquaredError().vjp(y, target)
    >>> print(J, dy)  # (1 + 4)/2, and 2(y − target)/2
    2.5 [[1. 2.]]
    """

    mean = True

    def vjp(self, y, target):
        y = numbers(y, "MeanSquaredError needs")
        target = array(target, "MeanSquaredError needs a target")
        if y.shape != target.shape:
            raise ValueError(
                f"MeanSquaredError needs a target of the shape of y, {y.shape}, got {target.shape}"
            )
        if target.dtype.kind not in "fiub":
            raise TypeError(
                f"MeanSquaredError needs a target of real numbers, got dtype {target.dtype}"
            )
        if not y.size:
            raise ValueError(f"the mean over an empty batch is not defined: y has shape {y.shape}")
        r = y - target.astype(y.dtype, copy=False)
        value = inner(r, r) / r.size
        r *= 2 / r.size
        return value, r


class SoftmaxCrossEntropy(Loss):
    """J = mean over the batch of log Σ_j exp z_j − z_k, z: logits (..., K), k: integer labels (...)
    in 0, …, K − 1.

    ∂J/∂z = (softmax(z) − e_k)/n. ValueError if shapes differ or a label is out of range; TypeError
    if labels are not integers.

    Examples
    --------
    >>> loss = dnn.SoftmaxCrossEntropy()
    >>> J, dz = loss.vjp(np.zeros((1, 4)), np.array([2]))
    >>> print(J.round(4), dz)  # log 4: nothing is known yet
    1.3863 [[ 0.25  0.25 -0.75  0.25]]
    >>> print(loss(np.array([[0.0, 1000.0]]), np.array([0])))  # e¹⁰⁰⁰ does not overflow
    1000.0
    """

    mean = True

    def vjp(self, z, labels):
        z, k = logits_and_labels(z, labels)
        z = z - z.real.max(axis=-1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=-1, keepdims=True)
        value = (np.log(total) - np.take_along_axis(z, k, axis=-1)).sum() / k.size
        p /= total  # softmax(z)
        p -= np.arange(z.shape[-1]) == k
        p /= k.size
        return value, p


class BinaryCrossEntropy(Loss):
    """J = mean over the batch of log(1 + eᶻ) − yz, z: one logit for each sample, (..., 1) or (...),
    y: labels (...), 0 or 1, or False and True.

    ∂J/∂z = (1/(1 + e⁻ᶻ) − y)/n. Label 1 is predicted where z > 0. ValueError if shapes differ or a
    label is neither 0 nor 1; TypeError if labels are neither integers nor bools.

    Examples
    --------
    >>> loss, y = dnn.BinaryCrossEntropy(), np.array([1, 0])
    >>> J, dz = loss.vjp(np.array([[0.0], [0.0]]), y)
    >>> print(J.round(4), dz.ravel())  # log 2: nothing is known yet
    0.6931 [-0.25  0.25]
    >>> print(loss(np.array([1000.0, 1000.0]), y))  # (0 + 1000)/2: e¹⁰⁰⁰ does not overflow
    500.0

    What takes logits of two classes, attacks, certificates and decision regions, takes (0, z):

    >>> net, x = dnn.Affine(1, 2, W=[[3, 4]]), np.array([[1.0, 0.5], [-1.0, 0.0]])
    >>> float(((net(x)[..., 0] > 0) == y).mean())  # the accuracy
    1.0
    >>> two = dnn.Network(net, dnn.Dense(2, 1, W=[[0], [1]]))
    >>> dnn.attacks.accuracy(two, None, x, y)
    1.0
    >>> dnn.lipschitz.certified_radius(two, x).round(9)  # |z|/‖W‖
    array([1. , 0.6])
    """

    mean = True

    def vjp(self, z, labels):
        z = numbers(z, "logits must be")
        y = array(labels, "labels must be an array of integers or bools")
        refuse(
            y.dtype.kind not in "iub",
            f"labels must be integers 0 and 1, or bools, got an array of dtype {y.dtype}"
            f"{': write y.astype(int)' if y.dtype.kind == 'f' else ''}",
            TypeError,
        )
        refuse(
            z.shape not in (y.shape, (*y.shape, 1)),
            f"one logit for each label is needed, of shape {(*y.shape, 1)} or {y.shape}, "
            f"got logits of shape {z.shape}",
        )
        refuse(not y.size, f"the mean over an empty batch is not defined: y has shape {y.shape}")
        if ((y != 0) & (y != 1)).any():
            raise ValueError(f"labels must be 0 or 1, got {y.min()} … {y.max()}")
        sign = np.where(y.reshape(z.shape), -1, 1).astype(z.real.dtype)
        J, slope = Softplus()._value_and_slope(sign * z)  # log(1 + eᶻ) − z = log(1 + e⁻ᶻ)
        return J.sum() / y.size, sign * slope / y.size


class MulticlassHinge(Loss):
    """J = mean over the batch of Σ_{j≠k} max(0, margin − (z_k − z_j)), z: logits (..., K), k:
    integer labels (...).

    Zero as soon as the logit of the label is ahead of all others by the margin, a float > 0,
    default 1.0: with a margin of √2 ℓ ε, ℓ the network's Lipschitz constant, no perturbation below
    ε then changes the label. At its kink a term has the slope 0. ValueError if shapes differ, a
    label is out of range or the margin is not positive; TypeError if labels are not integers.

    Examples
    --------
    >>> z, k = np.array([[5.0, 3.0, 0.0], [1.0, 0.0, 4.0]]), np.array([0, 0])
    >>> J, dz = dnn.MulticlassHinge(margin=2.0).vjp(z, k)
    >>> print(J)  # (0 + (1 + 5))/2
    3.0
    >>> dz
    array([[ 0. ,  0. ,  0. ],
           [-1. ,  0.5,  0.5]])
    """

    mean = True

    def __init__(self, margin=1.0):
        self.margin = positive(margin, "margin")

    def vjp(self, z, labels):
        z, k = logits_and_labels(z, labels)
        e_k = np.arange(z.shape[-1]) == k
        gap = np.where(e_k, 0, self.margin - (np.take_along_axis(z, k, axis=-1) - z))
        ahead = (gap.real > 0).astype(z.dtype)
        dz = ahead - e_k * ahead.sum(axis=-1, keepdims=True)
        return (gap * ahead).sum() / k.size, dz / k.size


# ---- penalties


class Penalty(Described):
    """P(θ), a number that joins the loss: `value()` is P, `gradient(net)` is ∂P/∂θ, flat like the θ
    of the network.

    `maps` are those whose parameters it looks at: parts of the network that is trained.

    Examples
    --------
    >>> class Decay(dnn.Penalty):  # ½‖θ‖² of the whole network
    ...     def __init__(self, net):
    ...         self.maps = (net,)
    ...
    ...     def value(self):
    ...         return (self.maps[0].theta ** 2).sum() / 2
    ...
    ...     def gradient(self, net):
    ...         return net.theta.copy()
    >>> A, zero = dnn.Dense(1, 2, W=[[3, 4]]), np.zeros((1, 2))
    >>> J, g = dnn.value_and_grad(  # of a loss that is 0, and the penalty
    ...     A, dnn.MeanSquaredError(), zero, A(zero), penalties=[Decay(A)]
    ... )
    >>> print(J, g)
    12.5 [3. 4.]
    """

    maps = ()

    def value(self):
        """P, a number."""
        raise NotImplementedError(f"{type(self).__name__} has no value: write value(self)")

    def gradient(self, net):
        """∂P/∂θ, flat like net.theta."""
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient: write gradient(self, net)"
        )


class OrthogonalityPenalty(Penalty):
    """P = weight · Σ_A ‖AᵀA − I‖²/n, n the number of pixels (1 for a matrix), AAᵀ if A has fewer
    rows.

    For convolutions, which have no nearest orthogonal stencil: their singular values are drawn
    towards 1, and no theorem follows; what is certified is the singular range that they have. With
    the symbol Ŵ of A and E = Ŵ*Ŵ − I (ŴŴ* − I) the gradient is 4 weight ŴE/n (EŴ) at each
    frequency.

    linear_maps: Dense, Affine and Convolution maps, TypeError for others or none; weight: float,
    default 1.0, ValueError if it is not positive. Source: Wang et al., Orthogonal convolutional
    neural networks, arXiv:1911.12207.

    Examples
    --------
    >>> A = dnn.Dense(2, 2, W=[[2, 0], [0, 2]])
    >>> P = dnn.OrthogonalityPenalty(A)
    >>> P.value()  # ‖4I − I‖²
    18.0
    >>> P.gradient(A)  # 4A(AᵀA − I), row by row
    array([24.,  0.,  0., 24.])
    >>> A.orthogonalise()
    >>> round(P.value(), 9)
    0.0
    """

    def __init__(self, *linear_maps, weight=1.0):
        self.linear_maps, self.weight = linear_maps, positive(weight, "weight")
        self.maps = matrices(linear_maps, "OrthogonalityPenalty")

    def value(self):
        return self.weight * sum(
            float(np.sum(np.abs(defect(S)) ** 2)) / n for S, n in map(symbols, self.maps)
        )

    def gradient(self, net):
        g = np.zeros_like(net.theta)
        for A in self.maps:
            g[place_of(A, net)] += 4 * self.weight * stretch(A).ravel()
        return g


class Smoothness(Penalty):
    """P = weight · Σ_j ‖θ_{j+1} − θ_j‖², θ_j the parameters of the j-th of the layers given: they
    change little from layer to layer, as those of an equation whose field changes smoothly in time.

    ∂P/∂θ_j = 2 weight (2θ_j − θ_{j−1} − θ_{j+1}), but for the first and the last layer. Learned
    steps count as parameters. layers: Maps, two or more, in order, with parameters of the same
    names and shapes, TypeError or ValueError for others; weight: float, default 1.0, ValueError if
    it is not positive. Source: Haber and Ruthotto, arXiv:1705.03341.

    Examples
    --------
    >>> net = dnn.Network(*[dnn.Dense(1, 1, W=[[w]]) for w in (1.0, 2.0, 5.0)])
    >>> P = dnn.Smoothness(*net.maps, weight=0.5)
    >>> P.value()  # (1² + 3²)/2
    5.0
    >>> P.gradient(net)  # −1, 1 − 3, 3
    array([-1., -2.,  3.])
    """

    def __init__(self, *layers, weight=1.0):
        shapes = [
            {name: view.shape for name, view in F._named().items()}
            for F in layers
            if instance(F, Map, "Smoothness takes the layers of a network, such as *net.maps[1:-1]")
        ]
        refuse(len(layers) < 2, f"Smoothness needs two layers or more, got {len(layers)}")
        for j, found in enumerate(shapes):
            refuse(
                found != shapes[0] or not found,
                "Smoothness needs layers with parameters of the same names and shapes, got "
                f"{shapes[0]} in layer 0 and {found} in layer {j}",
            )
        self.layers = self.maps = layers
        self.weight = positive(weight, "weight")

    def value(self):
        return self.weight * sum(float(inner(d, d)) for d in differences(self.layers))

    def gradient(self, net):
        g = np.zeros_like(net.theta)
        for j, d in enumerate(differences(self.layers)):
            g[place_of(self.layers[j], net)] -= 2 * self.weight * d
            g[place_of(self.layers[j + 1], net)] += 2 * self.weight * d
        return g


def differences(layers):
    """θ_{j+1} − θ_j, one vector after the other."""
    thetas = [F._gathered() for F in layers]
    return [b - a for a, b in zip(thetas, thetas[1:], strict=False)]


def matrices(maps, name):
    """What has the weights of the linear maps given: an Affine has a matrix A. TypeError for other
    maps, or none."""
    needs = f"{name} constrains Dense, Affine and Convolution maps, such as field.A"
    refuse(not maps, f"{name} needs at least one linear map, such as field.A, got none", TypeError)
    return tuple(A.A if isinstance(A, Affine) else instance(A, Weighted, needs) for A in maps)


def symbols(A):
    """The symbols of a convolution and its number of pixels; a matrix is its own symbol, of one
    pixel."""
    return (A.symbols(), A.image[0] * A.image[1]) if isinstance(A, Convolution) else (A.W, 1)


def defect(S):
    """S*S − I, or SS* − I if S has fewer rows."""
    S = S if S.shape[-2] >= S.shape[-1] else S.conj().swapaxes(-1, -2)
    return S.conj().swapaxes(-1, -2) @ S - np.eye(S.shape[-1], dtype=S.dtype)


def stretch(A):
    """A(AᵀA − I), or (AAᵀ − I)A, cut off to the weight of A, per pixel: a quarter of the gradient
    of ‖AᵀA − I‖²/n."""
    S, n = symbols(A)
    G = S @ defect(S) if S.shape[-2] >= S.shape[-1] else defect(S) @ S
    return A.stencil(G / n) if isinstance(A, Convolution) else G


def psnr(y, target, peak=1.0):
    """The peak signal-to-noise ratio of images, 10 log₁₀(peak²/mean (y − target)²), in decibels: 10
    more are a tenth of the mean squared error.

    y, target: real arrays of one shape; peak: the largest value that a pixel may have, a float > 0,
    default 1.0. ∞ if they are equal. ValueError if the shapes differ, or they are empty.

    Examples
    --------
    >>> clean = np.zeros((8, 8))
    >>> print(dnn.psnr(clean + 0.1, clean))  # 10 log₁₀(1/0.01)
    20.0
    """
    peak, error = positive(peak, "peak"), MeanSquaredError()(y, target)
    return float(20 * np.log10(peak) - 10 * np.log10(error)) if error else np.inf
