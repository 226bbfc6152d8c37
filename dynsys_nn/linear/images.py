"""Layers between images of different sizes: channels that are added or dropped, windows that become pixels."""

import numpy as np

from ..maps import Map, dimension
from .convolution import pixels
from .lift import Lift
from .map import LinearMap, given


class ChannelLift(Lift):
    """Channels of zeros behind those of an image: an isometry, the Lift of flattened images.

    (..., channels_in · H · W) → (..., channels_out · H · W); image: (H, W).
    """

    def __init__(self, channels_out, channels_in, image):
        self.channels_out, self.channels_in = dimension(channels_out, "channels_out"), dimension(channels_in, "channels_in")
        self.image = pixels(image)
        super().__init__(*(channels * self.image[0] * self.image[1] for channels in (self.channels_out, self.channels_in)))


class ChannelRestriction(LinearMap):
    """The first channels of an image: undoes ChannelLift, whose adjoint it is.

    (..., channels_in · H · W) → (..., channels_out · H · W); image: (H, W). ValueError where channels_out > channels_in.
    """

    formula = "(x₁, …, x_k)"

    def __init__(self, channels_out, channels_in, image):
        self.channels_out, self.channels_in = dimension(channels_out, "channels_out"), dimension(channels_in, "channels_in")
        self.image = pixels(image)
        if self.channels_out > self.channels_in:
            raise ValueError(f"ChannelRestriction needs channels_out ≤ channels_in, got {channels_out} > {channels_in}")
        self.dim_out, self.dim_in = (
            dimension(channels * self.image[0] * self.image[1], "the dimension of the images")
            for channels in (self.channels_out, self.channels_in)
        )

    def __call__(self, x):
        return self.state(x)[..., : self.dim_out]

    def adjoint(self, w):
        w = self._image(w)
        return np.concatenate([w, np.zeros((*w.shape[:-1], self.dim_in - self.dim_out), w.dtype)], axis=-1)

    def singular_range(self):
        return float(self.dim_out == self.dim_in), 1.0


class Standardisation(Map):
    """y = (x − mean)/scale, channel by channel: pre-processing, which counts in a certificate like any other layer.

    mean, scale: a number a channel, or one for all; image: (H, W). Without parameters. ValueError where a number is not finite, or
    a scale not positive.
    """

    formula = "(x − m)/s"

    def __init__(self, channels, image, mean=0.0, scale=1.0):
        self.channels, self.image = dimension(channels, "channels"), pixels(image)
        self.dim_in = self.dim_out = dimension(self.channels * self.image[0] * self.image[1], "the dimension of the images")
        self.mean, self.scale = (
            given([number] * self.channels if np.ndim(number) == 0 else number, (self.channels,), f"{name} of Standardisation", float)
            for number, name in ((mean, "mean"), (scale, "scale"))
        )
        if not (self.scale > 0).all():
            raise ValueError(f"scale of Standardisation must be positive, got {scale}")

    def _over_pixels(self, numbers, x):
        return np.repeat(numbers, self.image[0] * self.image[1]).astype(x.dtype)

    def __call__(self, x):
        x = self.state(x)
        return (x - self._over_pixels(self.mean, x)) / self._over_pixels(self.scale, x)

    def vjp(self, x):
        x = self.state(x)
        return self(x), lambda w: (self.covector(w, x) / self._over_pixels(self.scale, x), np.zeros(0, x.dtype))

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        self.unpack(dtheta)
        return self(x), self.tangent(v, x) / self._over_pixels(self.scale, x)

    def inverse(self, y):
        y = self.state(y)
        return y * self._over_pixels(self.scale, y) + self._over_pixels(self.mean, y)

    def lipschitz(self):
        """1/min scale."""
        return 1 / float(self.scale.min())


class Windows:
    """Images that are cut into windows of size × size pixels, which must divide them."""

    def _cut(self, channels, image, size):
        self.channels, self.image, self.size = dimension(channels, "channels"), pixels(image), dimension(size, "size")
        H, W = self.image
        if H % self.size or W % self.size:
            raise ValueError(f"windows of {size} × {size} pixels do not divide an image of {H} × {W}")
        self.dim_in = dimension(self.channels * H * W, "the dimension of the images")
        self.dim_out = self.dim_in // self.size**2

    def windows(self, x):
        """(..., channels · H · W) → (..., channels, H/size, W/size, size²): a window in the last axis."""
        (H, W), s = self.image, self.size
        x = x.reshape(*x.shape[:-1], self.channels, H // s, s, W // s, s).swapaxes(-3, -2)
        return x.reshape(*x.shape[:-2], s * s)

    def pixels(self, windows):
        """Back from windows to flattened images."""
        s = self.size
        x = windows.reshape(*windows.shape[:-1], s, s).swapaxes(-3, -2)
        return x.reshape(*x.shape[:-5], self.dim_in)


class AveragePooling(Windows, LinearMap):
    """y = (1/s) Σ over each window of s × s pixels: s times the mean, so that PPᵀ = I and all that Pᵀ brings back has its norm.

    (..., channels · H · W) → (..., channels · H/s · W/s); image: (H, W); size: s. ValueError where windows do not divide the image.
    """

    formula = "(1/s) Σ window"

    def __init__(self, channels, image, size=2):
        self._cut(channels, image, size)

    def __call__(self, x):
        x = self.state(x)
        return self.windows(x).sum(axis=-1).reshape(*x.shape[:-1], self.dim_out) / self.size

    def adjoint(self, w):
        w, (H, W), s = self._image(w), self.image, self.size
        w = w.reshape(*w.shape[:-1], self.channels, H // s, W // s, 1) / s
        return self.pixels(np.repeat(w, s * s, axis=-1))

    def singular_range(self):
        return float(self.size == 1), 1.0


class MaxPooling(Windows, Map):
    """y = max over each window: 1-Lipschitz, since windows are disjoint. Not linear; where two pixels tie, the first one counts.

    (..., channels · H · W) → (..., channels · H/s · W/s); image: (H, W); size: s. ValueError where windows do not divide the image.
    TypeError for complex images, which have no order.
    """

    formula = "max window"

    def __init__(self, channels, image, size=2):
        self._cut(channels, image, size)

    def __call__(self, x):
        return self._largest(self.state(x))[1]

    def _largest(self, x):
        windows = self.windows(x)
        if np.iscomplexobj(windows):
            raise TypeError("MaxPooling compares pixels and takes real images only, got complex ones")
        place = windows.argmax(axis=-1)[..., None]
        return place, np.take_along_axis(windows, place, axis=-1).reshape(*x.shape[:-1], self.dim_out)

    def vjp(self, x):
        x = self.state(x)
        place, y = self._largest(x)

        def pullback(w):
            w = self.covector(w, x)
            windows = np.zeros((*place.shape[:-1], self.size**2), w.dtype)
            np.put_along_axis(windows, place, w.reshape(place.shape), axis=-1)
            return self.pixels(windows), np.zeros(0)

        return y, pullback

    def jvp(self, x, v, dtheta=None):
        x = self.state(x)
        self.unpack(dtheta)
        place, y = self._largest(x)
        return y, np.take_along_axis(self.windows(self.tangent(v, x)), place, axis=-1).reshape(y.shape)

    def lipschitz(self):
        """1: |max a − max b| ≤ max |a − b| ≤ ‖a − b‖ in each window."""
        return 1.0
