"""A map y = F(x; θ): its contract, and how the parameters of its parts are views into one flat θ."""

import copy
import weakref

import numpy as np

from . import storage
from .given import array, numbers


class Unset:
    """A dimension that a map of one's own has not set yet."""

    def __set_name__(self, cls, name):
        self.name = name

    def __get__(self, F, cls):
        raise AttributeError(f"{cls.__name__} has no {self.name}: a map of your own sets dim_in and dim_out")


class Map:
    """y = F(x; θ) with its hand-written adjoint and tangent.

    A map of your own sets `dim_in` and `dim_out`, gives its parameters to `own`, and writes

        F(x)                 the value, (..., dim_in) → (..., dim_out)
        F.vjp(x)             y, pullback;  pullback(w) = (∂F/∂x)ᵀw, (∂F/∂θ)ᵀw summed over the batch (flat, like θ)
        F.jvp(x, v, dtheta)  y, dy;        dy = (∂F/∂x) v + (∂F/∂θ) dtheta

    None of the three stores anything on the object or changes an argument.
    """

    keeps = frozenset()
    formula = "F(x)"
    dim_in, dim_out = Unset(), Unset()
    sequence = False  # True where F(x) is a sequence of states, (..., n, dim_out), as for a Rollout
    _theta, _pieces, slices, _shares = np.zeros(0), {}, {}, False

    # ---- what a map of one's own provides
    def __call__(self, x):
        raise NotImplementedError(f"{type(self).__name__} has no value: write __call__(self, x)")

    def vjp(self, x):
        """F(x) and its pullback w ↦ ((∂F/∂x)ᵀw, (∂F/∂θ)ᵀw), the second summed over the batch; valid until θ or x changes."""
        raise NotImplementedError(f"{type(self).__name__} has no hand-written adjoint: write vjp(self, x)")

    def jvp(self, x, v, dtheta=None):
        """F(x) and its tangent (∂F/∂x) v + (∂F/∂θ) dtheta.

        `d = self.unpack(dtheta)` cuts the direction into the pieces given to `own`: arrays d["b"] (0.0 where dtheta
        is None), and what a part's own jvp takes, as in `z, dz = self.A.jvp(x, v, d["A"])`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no hand-written tangent: write jvp(self, x, v, dtheta)")

    def lipschitz(self):
        """A certified L with ‖F(x) − F(y)‖ ≤ L‖x − y‖; NotImplementedError where none is known."""
        raise NotImplementedError(f"no Lipschitz constant of {type(self).__name__} is known")

    def inverse(self, y):
        """The x with F(x) = y; NotImplementedError where it has no explicit formula."""
        raise NotImplementedError(f"{type(self).__name__} has no explicit inverse")

    def jacobian(self, x):
        """∂F/∂x, shape (..., dim_out, dim_in): the tangents of the unit vectors, one a column."""
        x = self.state(x)
        points = np.repeat(x[..., None, :], self.dim_in, axis=-2)
        _, columns = self.jvp(points, np.broadcast_to(np.eye(self.dim_in, dtype=x.dtype), points.shape))
        return np.moveaxis(columns, x.ndim - 1, -1)

    def hvp(self, loss, x, y, v):
        """∂²J/∂θ² v of J(θ) = loss(F(x), y): the complex step of the hand-written gradient, Im ∇J(θ + iεv)/ε.

        There is no subtraction in it, so ε is 1e-100 and nothing is lost. x, y: the data; v: a direction (p,). TypeError where
        an activation is not analytic. For Newton–CG by `scipy.optimize`.
        """
        copied, eps = copy.deepcopy(self), 1e-100
        v = numbers(v, f"{type(self).__name__} needs a direction in θ of")
        if v.dtype.kind == "c":
            raise TypeError(f"{type(self).__name__} needs a direction in θ of real numbers, got an array of dtype {v.dtype}")
        self.unpack(v)  # refuses a wrong shape
        copied._bind(self.theta.astype(complex) + 1j * eps * np.asarray(v, float))
        z, pullback = copied.vjp(x)
        return pullback(loss.vjp(z, y)[1])[1].imag / eps

    # ---- files
    def save(self, path):
        """Write the map to one npz file without pickle: how it was built, as JSON, and θ. `Map.load(path)` gives it back, with the
        same values to the last bit.

        All or nothing: if it fails, or is killed on the way, an old file at `path` is as it was. TypeError, and no file, for
        a map that is made of something besides the classes of dynsys_nn: functions, as in a KnownField, or classes of your own.
        """
        storage.save(self, path)

    @staticmethod
    def load(path):
        """The map that `save` wrote. ValueError that names the file where it is truncated, damaged, pickled, of another program,
        or does not fit its own architecture; classes that are not in `dynsys_nn.__all__` are refused by name."""
        return storage.load(path)

    # ---- parameters
    @property
    def theta(self):
        """All parameters as one flat vector, shape (p,). Assigning to it copies into place.

        It is the live vector, which training changes: `net.theta.copy()` keeps a state, to be assigned again later.
        """
        return self._theta

    @theta.setter
    def theta(self, value):
        _copy_into(self._theta, value, f"θ of {type(self).__name__}", scalar=False)

    @property
    def parameters(self):
        """dict name → view into `theta`, in order: "A" and "b" in a field, "2.A" in a network. Write into a view in place,
        `net.parameters["2.b"][:] = 0`."""
        named, seen = {}, set()
        for name, piece in self._pieces.items():
            if isinstance(piece, np.ndarray):
                named[name] = piece
            elif id(piece) not in seen:
                seen.add(id(piece))
                inner = piece.parameters
                named.update((self.label(name, key, len(inner)), view) for key, view in inner.items())
        return named

    def label(self, part, key, count):
        """The name that a part's parameter has here: "A" for the one weight of A, "f.b" where f has several."""
        return part if count == 1 else f"{part}.{key}"

    def own(self, **pieces):
        """Lay arrays and maps end to end in one flat θ; each becomes an attribute, a view into it.

        Arrays are copied. Maps are adopted: from here on their parameters are views into this θ, so a map with
        parameters has one owner, and a second one is a ValueError. A map given twice shares its parameters. Called
        once, with all pieces.
        """
        if self._pieces:
            raise ValueError(f"{type(self).__name__} has its parameters already: own is called once, with all pieces")
        for name, piece in pieces.items():
            if name in ("dim_in", "dim_out") or hasattr(Map, name) or callable(getattr(type(self), name, None)):
                raise ValueError(
                    f"{name} is a name that {type(self).__name__} uses already: give the piece another one"
                )
            if isinstance(piece, Map):
                piece._refuse_second_owner(self)
            else:
                pieces[name] = _floats(piece, f"{name} of {type(self).__name__}")
        once = {id(piece): piece for piece in pieces.values()}.values()
        flat = [piece.theta if isinstance(piece, Map) else piece.ravel() for piece in once]
        dtype = np.result_type(*[part.dtype for part in flat if part.size] or [float])
        self._pieces = pieces
        self._bind(np.concatenate([*flat, []]).astype(dtype))

    def pack(self, **gradients):
        """The pieces' gradients as one flat vector aligned with θ; shared pieces add up. ValueError for a name that was not
        given to `own` or a gradient of another shape than its piece."""
        for name, gradient in gradients.items():
            place = self.slices.get(name)
            if place is None:
                known = ", ".join(self.slices) or "none"
                raise ValueError(
                    f"{type(self).__name__} has no piece {name} (it has {known}): give it to own({name}=…)"
                )
            if np.size(gradient) != place.stop - place.start:
                piece = self._pieces[name]
                shape = piece.theta.shape if isinstance(piece, Map) else piece.shape
                batch = np.ndim(gradient) > len(shape) and np.shape(gradient)[-len(shape) :] == shape
                raise ValueError(
                    f"the gradient of {name} has shape {np.shape(gradient)}, but {name} has {shape}"
                    + ": sum it over the batch axes" * batch
                )
        if list(gradients) == list(self.slices) and not self._shares:  # all of them, in order
            return np.concatenate([np.ravel(gradient) for gradient in gradients.values()])
        dtheta = np.zeros(self.theta.shape, np.result_type(self.theta, *gradients.values()))
        for name, gradient in gradients.items():
            dtheta[self.slices[name]] += np.ravel(gradient)
        return dtheta

    def unpack(self, dtheta):
        """A direction in θ, cut into the pieces' names and shapes. Without one (None) nothing moves."""
        if dtheta is None:
            return {name: None if isinstance(piece, Map) else 0.0 for name, piece in self._pieces.items()}
        dtheta = numbers(dtheta, f"{type(self).__name__} needs a direction in θ of")
        if dtheta.dtype.kind == "f":
            dtheta = dtheta.astype(self.theta.dtype, copy=False)
        if dtheta.shape != self.theta.shape:
            raise ValueError(
                f"{type(self).__name__} needs a direction in θ of shape {self.theta.shape}, got {dtheta.shape}"
            )
        return {
            name: dtheta[self.slices[name]]
            if isinstance(piece, Map)
            else dtheta[self.slices[name]].reshape(piece.shape)
            for name, piece in self._pieces.items()
        }

    def place(self, theta):
        """The slice of `theta` that belongs to this map: θ, or a gradient, of this map or of one that holds it, however
        deep. ValueError where no holder has a θ of that shape."""
        if not self.theta.size:
            return slice(0, 0)
        start, holder = 0, self
        while holder.theta.shape != np.shape(theta):
            owner = holder.__dict__.get("_owner", lambda: None)()
            if owner is None:
                raise ValueError(
                    f"{self!r} has no place in a θ of shape {np.shape(theta)}: it is in no map with such parameters"
                )
            start += next(owner.slices[name].start for name, piece in owner._pieces.items() if piece is holder)
            holder = owner
        return slice(start, start + self.theta.size)

    def state(self, x):
        """x as an array of states: the last axis is `dim_in`, the dtype is θ's (complex passes). ValueError otherwise."""
        if type(x) is np.ndarray and x.dtype == self._theta.dtype and x.shape[-1:] == (self.dim_in,):
            return x
        x = numbers(x, f"{type(self).__name__} acts on")
        if x.ndim == 0 or x.shape[-1] != self.dim_in:
            raise ValueError(
                f"{type(self).__name__} acts on states of dimension {self.dim_in}, got an array of shape {x.shape}"
            )
        return x.astype(self._theta.dtype, copy=False) if self._theta.size and x.dtype.kind == "f" else x

    def covector(self, w, x):
        """w as an array of covectors at F(x): shape (..., dim_out) with the batch of x, θ's dtype. ValueError otherwise."""
        return self._beside(w, x, (*x.shape[:-1], self.dim_out), "a covector w")

    def tangent(self, v, x):
        """v as an array of tangents at x: the shape of x, θ's dtype. ValueError otherwise."""
        return self._beside(v, x, x.shape, "a tangent v")

    def _beside(self, w, x, shape, what):
        if type(w) is np.ndarray and w.dtype == self._theta.dtype and w.shape == shape:
            return w
        w = numbers(w, f"{type(self).__name__} needs {what} of")
        if w.shape != shape:
            raise ValueError(f"{type(self).__name__} needs {what} of shape {shape}, got {w.shape}")
        like = self.theta.dtype if self.theta.size else x.dtype
        return w.astype(like, copy=False) if w.dtype.kind == like.kind == "f" else w

    # ---- how views stay views
    def _bind(self, theta):
        self._theta, self.slices, seen, start = theta, {}, {}, 0
        for name, piece in self._pieces.items():
            size = piece.theta.size if isinstance(piece, Map) else piece.size
            if id(piece) not in seen:
                seen[id(piece)] = slice(start, start + size)
                start += size
            self.slices[name] = seen[id(piece)]
            if isinstance(piece, Map):
                piece._bind(theta[self.slices[name]])
                piece.__dict__["_owner"] = weakref.ref(self)
            else:
                self._pieces[name] = piece = theta[self.slices[name]].reshape(piece.shape)
            self.__dict__[name] = piece
        self._shares = len(seen) < len(self._pieces)

    def _refuse_second_owner(self, new):
        owner = self.__dict__.get("_owner", lambda: None)()
        if owner is not None and owner is not new and self.theta.size:
            raise ValueError(
                f"this {type(self).__name__} has an owner already, a {type(owner).__name__}; a second one, a "
                f"{type(new).__name__}, would take its parameters away. Shared weights: use the same Flow object twice, or "
                f"steps=n. Independent ones: copy.deepcopy. To compare methods: method.step(field, x, h). When a notebook "
                f"cell runs again: make the field in the same cell, or del its old owner"
            )

    def __setattr__(self, name, value):
        piece = self._pieces.get(name)
        if piece is None:
            object.__setattr__(self, name, value)
        elif isinstance(piece, Map):
            raise AttributeError(
                f"{name} of {type(self).__name__} is a part for good: build a new {type(self).__name__}"
            )
        else:
            _copy_into(piece, value, f"{name} of {type(self).__name__}", scalar=True)

    def __getstate__(self):
        """The pieces, but neither their views nor the owner: a copy is free, and `__setstate__` binds it again."""
        views = {"_theta", "slices", "_owner", *self._pieces}
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state):
        pieces = state.pop("_pieces", {})
        self.__dict__.update(state)
        if pieces:
            self.own(**pieces)

    def __copy__(self):
        return copy.deepcopy(self)  # a shallow copy would share θ and become a second owner

    def __repr__(self):
        return f"{type(self).__name__}({getattr(self, 'dim_in', '?')} → {getattr(self, 'dim_out', '?')})"


def every_map(F):
    """F and the maps that it is made of, however deep."""
    yield F
    for piece in {id(piece): piece for piece in F._pieces.values() if isinstance(piece, Map)}.values():
        yield from every_map(piece)


def over_batch(u):
    """Σ over all batch axes, (..., k) → (k,): the adjoint of broadcasting is summing."""
    return np.einsum("ij->j", u.reshape(-1, u.shape[-1]))


def inner(u, v):
    """⟨u, v⟩ = Σ u v over all entries, without conjugation."""
    return np.einsum("i,i->", u.ravel(), v.ravel())


def _floats(value, what):
    floats = array(value, f"{what} must be an array")
    if floats.dtype.kind not in "fciub":
        raise TypeError(f"{what} must be an array of numbers or a map, got {value!r}")
    return floats if floats.dtype.kind in "fc" else floats.astype(float)


def _copy_into(target, value, what, scalar):
    value = array(value, f"{what} must be an array")
    if value.shape != target.shape and not (scalar and value.ndim == 0):
        raise ValueError(f"{what} has shape {target.shape}, got {value.shape}")
    if not np.can_cast(value.dtype, target.dtype, casting="same_kind"):
        raise TypeError(f"{what} is {target.dtype}, got {value.dtype}")
    if value.dtype != target.dtype:
        with np.errstate(over="ignore"):
            given, value = value, value.astype(target.dtype)
        if (np.isinf(value) & np.isfinite(given)).any():
            too_large = given[np.isinf(value) & np.isfinite(given)][0]
            raise ValueError(f"{what} is {target.dtype}, got {too_large}, which is too large for it")
    target[...] = value
