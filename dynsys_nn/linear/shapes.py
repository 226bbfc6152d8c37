"""Maps without parameters that change the dimension, of states or of images: zeros are appended, a
tail is distributed over its head, windows become pixels."""

from fractions import Fraction

import numpy as np

from ..arguments import array, dimension, parameter, pixels, refuse
from ..maps import Map, outward, root
from .convolution import size_of
from .map import LinearMap


class Lift(LinearMap):
    """x ↦ (x, 0): pads zeros. An isometry that keeps the sum; with equal dimensions the identity,
    which returns x itself. A Selection behind it puts the zeros elsewhere.

    dim_out, dim_in: dimensions of (x, 0) and of x. ValueError if dim_out < dim_in.

    Examples
    --------
    >>> A = dnn.Lift(3, 2)
    >>> y = A(np.array([3.0, 4.0]))
    >>> y
    array([3., 4., 0.])
    >>> print(y.sum(), np.linalg.norm(y))  # those of x
    7.0 5.0
    """

    formula = "(x, 0)"
    keeps = frozenset({"mass", "norm"})

    def __init__(self, dim_out, dim_in):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        refuse(
            self.dim_out < self.dim_in,
            f"Lift needs dim_out ≥ dim_in, got {self.dim_out} < {self.dim_in}",
        )

    def __call__(self, x):
        return padded(x, self.dim_out)

    def adjoint(self, w):
        return w[..., : self.dim_in]

    def singular_range(self):
        return 1.0, 1.0


class Restriction(LinearMap):
    """y_j = x_j + (1/k) Σ_{i>k} x_i for j = 1, …, k = dim_out: keeps the sum, and undoes Lift.

    dim_out, dim_in: dimensions of y and of x. ValueError if dim_out > dim_in.

    Examples
    --------
    >>> R = dnn.Restriction(2, 3)
    >>> R(np.array([1.0, 2.0, 6.0]))  # the sum is 9 before and after
    array([4., 5.])
    >>> R(dnn.Lift(3, 2)(np.array([4.0, 5.0])))  # R undoes a Lift
    array([4., 5.])
    >>> round(R.lipschitz() ** 2, 9)  # ‖R‖² = dim_in/dim_out
    1.5
    """

    formula = "xⱼ + (1/k) Σᵢ₌ₖ₊₁ xᵢ"
    keeps = frozenset({"mass"})

    def __init__(self, dim_out, dim_in):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")
        refuse(
            self.dim_out > self.dim_in,
            f"Restriction needs dim_out ≤ dim_in, got {self.dim_out} > {self.dim_in}",
        )

    def __call__(self, x):
        k = self.dim_out
        return x[..., :k] + x[..., k:].sum(axis=-1, keepdims=True) / k

    def adjoint(self, w):
        tail = w.sum(axis=-1, keepdims=True) / self.dim_out
        return np.concatenate([w, np.repeat(tail, self.dim_in - self.dim_out, axis=-1)], axis=-1)

    def singular_range(self):
        """(s_min, s_max): R = [I, 11ᵀ/k] has RRᵀ = I + (n − k)/k² 11ᵀ, whose largest eigenvalue is
        n/k.
        """
        k, n = self.dim_out, self.dim_in
        return float(k == n), root(Fraction(n, k))


class Selection(LinearMap):
    """x ↦ (x_i, x_j, …), some of the components, in this order: the way from (x, t) back to x, or
    to the one that is a logit. Aᵀ puts them back, among zeros. Of all components it is a
    permutation: behind a Lift it makes (x, 0, 0, y).

    indices: different ints in −dim_in, …, dim_in − 1, negative ones from the end; dim_in: dimension
    of x. ValueError if one is out of range, or met twice.

    Examples
    --------
    >>> S = dnn.Selection([0, 1], 3)
    >>> S(np.array([3.0, 4.0, 0.5]))
    array([3., 4.])
    >>> np.array([3.0, 4.0]) @ S  # its adjoint
    array([3., 4., 0.])
    >>> into = dnn.Network(dnn.Lift(4, 2), dnn.Selection([0, 2, 3, 1], 4))
    >>> into(np.array([3.0, 4.0]))  # of (3, 4, 0, 0)
    array([3., 0., 0., 4.])
    """

    formula = "(xᵢ, xⱼ, …)"

    def __init__(self, indices, dim_in):
        self.dim_in = dimension(dim_in, "dim_in")
        try:
            given = [dimension(k, "an index", least=-self.dim_in) for k in indices]
        except TypeError:
            raise TypeError(
                f"Selection needs indices, a list of integers, got {indices!r}"
            ) from None
        self.indices = tuple(k % self.dim_in for k in given)
        refuse(
            not given or max(given) >= self.dim_in or len(set(self.indices)) < len(given),
            f"Selection needs different indices below {self.dim_in}, got {given}",
        )
        self.dim_out = len(self.indices)

    def __call__(self, x):
        return x[..., self.indices]

    @property
    def keeps(self):
        """Sum and norm, if it is a permutation."""
        return frozenset({"mass", "norm"} if self.dim_out == self.dim_in else ())

    def adjoint(self, w):
        x = np.zeros((*w.shape[:-1], self.dim_in), w.dtype)
        x[..., self.indices] = w
        return x

    def singular_range(self):
        return float(self.dim_out == self.dim_in), 1.0


class Zero(LinearMap):
    """x ↦ 0: what one half of a PartitionedField does if the other moves alone.

    dim_out, dim_in: dimensions of 0 and of x.

    Examples
    --------
    >>> f = dnn.Dense(1, 1, W=[[1]])
    >>> X = dnn.PartitionedField(f, dnn.Zero(1, 1))  # (x, v)′ = (v, 0): v stays
    >>> dnn.Flow(X, 2.0)(np.array([0.0, 3.0]))  # a shear: one Euler step is exact
    array([6., 3.])
    """

    formula = "0"

    def __init__(self, dim_out, dim_in):
        self.dim_out, self.dim_in = dimension(dim_out, "dim_out"), dimension(dim_in, "dim_in")

    def __call__(self, x):
        return np.zeros((*x.shape[:-1], self.dim_out), x.dtype)

    def adjoint(self, w):
        return np.zeros((*w.shape[:-1], self.dim_in), w.dtype)

    def singular_range(self):
        return 0.0, 0.0


class ChannelLift(Lift):
    """Appends channels of zeros to an image: an isometry, the Lift of flattened images.

    (..., channels_in · H · W) → (..., channels_out · H · W); image: (H, W). ValueError if
    channels_out < channels_in.

    Examples
    --------
    >>> A = dnn.ChannelLift(2, 1, image=(1, 3))
    >>> A(np.array([1.0, 2.0, 2.0]))
    array([1., 2., 2., 0., 0., 0.])
    >>> A.singular_range()
    (1.0, 1.0)
    """

    def __init__(self, channels_out, channels_in, image):
        self.channels_out, self.channels_in = (
            dimension(channels_out, "channels_out"),
            dimension(channels_in, "channels_in"),
        )
        self.image = pixels(image)
        super().__init__(
            size_of(self.channels_out, self.image), size_of(self.channels_in, self.image)
        )


class ChannelRestriction(LinearMap):
    """The first channels of an image: undoes ChannelLift, whose adjoint it is.

    (..., channels_in · H · W) → (..., channels_out · H · W); image: (H, W). ValueError if
    channels_out > channels_in.

    Examples
    --------
    >>> R, A = dnn.ChannelRestriction(1, 2, image=(1, 3)), dnn.ChannelLift(2, 1, image=(1, 3))
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> R(A(x))
    array([1., 2., 3.])
    >>> bool((x @ R == A(x)).all())  # Rᵀ = A
    True
    """

    formula = "(x₁, …, x_k)"

    def __init__(self, channels_out, channels_in, image):
        self.channels_out, self.channels_in = (
            dimension(channels_out, "channels_out"),
            dimension(channels_in, "channels_in"),
        )
        self.image = pixels(image)
        refuse(
            self.channels_out > self.channels_in,
            f"ChannelRestriction needs channels_out ≤ channels_in, got {channels_out} > "
            f"{channels_in}",
        )
        self.dim_out, self.dim_in = (
            size_of(self.channels_out, self.image),
            size_of(self.channels_in, self.image),
        )

    def __call__(self, x):
        return x[..., : self.dim_out]

    def adjoint(self, w):
        return padded(w, self.dim_in)

    def singular_range(self):
        return float(self.dim_out == self.dim_in), 1.0


class Standardisation(Map):
    """y = (x − mean)/scale, channel by channel: pre-processing, which counts in a certificate like
    any other layer.

    Nothing of it is learned: it has no θ.

    Parameters
    ----------
    channels : int
        Channels of x and of y.
    image : pair of int
        (H, W), the pixels of a channel.
    mean : float, or array, shape (channels,), default 0.0
        One number for all channels, or one for each.
    scale : float > 0, or array, shape (channels,), default 1.0
        As mean.

    Raises
    ------
    ValueError
        If a number is not finite, or a scale is not positive.

    Examples
    --------
    >>> F = dnn.Standardisation(2, (1, 1), mean=0.5, scale=[0.25, 1.0])
    >>> F(np.array([1.0, 1.0]))
    array([2. , 0.5])
    >>> F.lipschitz()  # the network behind it sees perturbations up to four times as large
    4.0
    """

    formula = "(x − m)/s"

    def __init__(self, channels, image, mean=0.0, scale=1.0):
        self.channels, self.image = dimension(channels, "channels"), pixels(image)
        self.dim_in = self.dim_out = size_of(self.channels, self.image)
        self.mean, self.scale = (
            parameter(
                [c] * self.channels if array(c, f"{name} must be an array").ndim == 0 else c,
                (self.channels,),
                f"{name} of Standardisation",
                float,
            )
            for c, name in ((mean, "mean"), (scale, "scale"))
        )
        refuse(
            not (self.scale > 0).all(), f"scale of Standardisation must be positive, got {scale}"
        )

    def over_pixels(self, numbers, x):
        """One number per channel as one per pixel, of the dtype of x."""
        return np.repeat(numbers, self.image[0] * self.image[1]).astype(x.dtype)

    def __call__(self, x):
        return (x - self.over_pixels(self.mean, x)) / self.over_pixels(self.scale, x)

    def vjp(self, x):
        return self._value(x), lambda w: (w / self.over_pixels(self.scale, x), np.zeros(0, x.dtype))

    def jvp(self, x, v, dtheta=None):
        return self._value(x), v / self.over_pixels(self.scale, x)

    def inverse(self, y):
        return y * self.over_pixels(self.scale, y) + self.over_pixels(self.mean, y)

    def lipschitz(self):
        """1/min scale, for scales as they are in float64 or in float32, whichever are smaller."""
        smallest = min(self.scale.min(), self.scale.min().astype(np.float32))
        return outward(lambda s: 1 / s, smallest) if smallest > 0 else np.inf


class Windows:
    """How images of `channels` channels and (H, W) pixels are cut into windows of size × size
    pixels, which must divide them."""

    def __init__(self, channels, image, size):
        self.channels, self.image, self.size = (
            dimension(channels, "channels"),
            pixels(image),
            dimension(size, "size"),
        )
        H, W = self.image
        refuse(
            H % self.size or W % self.size,
            f"windows of {size} × {size} pixels do not divide an image of {H} × {W}",
        )
        self.dim = size_of(self.channels, self.image)

    def cut(self, x):
        """(..., channels · H · W) → (..., channels, H/size, W/size, size²): a window in the last
        axis."""
        (H, W), s = self.image, self.size
        x = x.reshape(*x.shape[:-1], self.channels, H // s, s, W // s, s).swapaxes(-3, -2)
        return x.reshape(*x.shape[:-2], s * s)

    def joined(self, windows):
        """Back from windows to flattened images."""
        s = self.size
        x = windows.reshape(*windows.shape[:-1], s, s).swapaxes(-3, -2)
        return x.reshape(*x.shape[:-5], self.dim)


class AveragePooling(LinearMap):
    """y = (1/s) Σ over each window of s × s pixels: s times the mean, so that PPᵀ = I and Pᵀ
    preserves norms.

    (..., channels · H · W) → (..., channels · H/s · W/s); image: (H, W); size: s, an int, default
    2. ValueError if windows do not divide the image.

    Examples
    --------
    >>> P = dnn.AveragePooling(1, image=(2, 4))
    >>> P(np.arange(8.0))  # rows 0 1 2 3 and 4 5 6 7: (0 + 1 + 4 + 5)/2 is the first
    array([5., 9.])
    >>> P(np.array([5.0, 9.0]) @ P)  # PPᵀ = I
    array([5., 9.])
    """

    formula = "(1/s) Σ window"

    def __init__(self, channels, image, size=2):
        self.windows = Windows(channels, image, size)
        self.channels, self.image, self.size = (
            self.windows.channels,
            self.windows.image,
            self.windows.size,
        )
        self.dim_in, self.dim_out = self.windows.dim, self.windows.dim // self.size**2

    def __call__(self, x):
        (H, W), s = self.image, self.size
        windows = x.reshape(*x.shape[:-1], self.channels, H // s, s, W // s, s)
        y = sum(windows[..., i, :, j] for i, j in np.ndindex(s, s)) / s
        return y.reshape(*x.shape[:-1], self.dim_out)

    def adjoint(self, w):
        (H, W), s = self.image, self.size
        pixels = w.reshape(*w.shape[:-1], self.channels, H // s, 1, W // s, 1) / s
        windows = np.broadcast_to(pixels, (*pixels.shape[:-3], s, W // s, s))
        return windows.reshape(*w.shape[:-1], self.dim_in)

    def singular_range(self):
        return float(self.size == 1), 1.0


class MaxPooling(Map):
    """y = max over each window: 1-Lipschitz, since windows are disjoint. Not linear; of tied pixels
    the first one counts.

    (..., channels · H · W) → (..., channels · H/s · W/s); image: (H, W); size: s, an int, default
    2. ValueError if windows do not divide the image. TypeError for complex images, which have no
    order.

    Examples
    --------
    >>> y, pullback = dnn.MaxPooling(1, image=(2, 2)).vjp(np.array([1.0, 7.0, 3.0, 5.0]))
    >>> y
    array([7.])
    >>> dx, _ = pullback(np.array([10.0]))
    >>> dx  # the covector goes where the largest pixel was
    array([ 0., 10.,  0.,  0.])
    """

    formula, analytic = "max window", False

    def __init__(self, channels, image, size=2):
        self.windows = Windows(channels, image, size)
        self.channels, self.image, self.size = (
            self.windows.channels,
            self.windows.image,
            self.windows.size,
        )
        self.dim_in, self.dim_out = self.windows.dim, self.windows.dim // self.size**2

    def largest(self, x):
        """Where in each window the largest pixel is, and the pixels, (..., dim_out)."""
        windows = self.windows.cut(x)
        refuse(
            np.iscomplexobj(windows),
            "MaxPooling compares pixels and takes real images only, got complex ones",
            TypeError,
        )
        place = windows.argmax(axis=-1)[..., None]
        return place, np.take_along_axis(windows, place, axis=-1).reshape(
            *x.shape[:-1], self.dim_out
        )

    def __call__(self, x):
        return self.largest(x)[1]

    def vjp(self, x):
        place, y = self.largest(x)

        def pullback(w):
            windows = np.zeros((*place.shape[:-1], self.size**2), w.dtype)
            np.put_along_axis(windows, place, w.reshape(place.shape), axis=-1)
            return self.windows.joined(windows), np.zeros(0)

        return y, pullback

    def jvp(self, x, v, dtheta=None):
        place, y = self.largest(x)
        return y, np.take_along_axis(self.windows.cut(v), place, axis=-1).reshape(y.shape)

    def lipschitz(self):
        """1: |max a − max b| ≤ max |a − b| ≤ ‖a − b‖ in each window."""
        return 1.0


def padded(x, dim):
    """x with zeros appended up to dimension `dim`; x itself if it has that."""
    missing = dim - x.shape[-1]
    if missing == 0:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], missing), x.dtype)], axis=-1)
