"""θ and its views: the parameters of a map, and of all maps that it is made of, as one flat vector.

An array belongs to the map that gave it to `own`. A map that is made of others *looks at* theirs:
its θ is the list of all arrays below it, each once however often it is met, so that shared weights
are one weight, and a gradient in them is a sum. These arrays are laid end to end in memory, and
each is a view of its stretch: an optimiser does one vector operation for the whole network. Any
number of flows and networks may look at one field. If the θ of one cannot be a stretch of the θ of
another, as for two heads on one body, the shared arrays lie in the θ that was asked for last.
"""

import copy

import numpy as np

from ..arguments import array, is_ours, refuse

#: how deep maps may nest: half of Python's stack, or less, is then enough for everything
DEEPEST = 40


class Parameters:
    """What has parameters: arrays of its own, and parts whose parameters it looks at. `own`
    registers both."""

    #: what a part's parameters are called here: "part.key", or "inner", as there;
    #: None: "part" for its only one, else "part.key"
    naming = None
    _pieces = _missing = _leaves = ()
    _offsets = _places = {}
    _size, _shares, _theta = 0, False, (None, 0, np.zeros(0))
    _depth = 1  # of maps, one in the other

    def own(self, **pieces):
        """Register the parameters of this map: arrays, which are copied, and maps, whose parameters
        it looks at.

        Each becomes an attribute; None stands for a parameter that this map does without. Called
        once, with all pieces. ValueError for a name that is in use, TypeError for what is neither
        an array of numbers nor a map, and ValueError if maps nest too deep for Python's stack.
        """
        refuse(
            self._pieces,
            f"{type(self).__name__} called own() already: pass all parameters in a single call",
        )
        for name, piece in pieces.items():
            if is_taken(name, type(self)):
                raise ValueError(
                    f"{name} is a name that {type(self).__name__} uses already: choose another one"
                )
            if not isinstance(piece, Parameters) and piece is not None:
                pieces[name] = floats(piece, f"{name} of {type(self).__name__}")
        self._missing = tuple(name for name, piece in pieces.items() if piece is None)
        self.__dict__.update((name, piece) for name, piece in pieces.items() if piece is not None)
        self._pieces = tuple(name for name in pieces if name not in self._missing)
        self._look()

    def _look(self):
        """Find all arrays below this map, and where each lies in θ: leaf (owner, name) → slice."""
        self._depth = 1 + max((part._depth for part in self._maps()), default=0)
        refuse(
            self._depth > DEEPEST,
            f"maps nest at most {DEEPEST} deep, got a {type(self).__name__} {self._depth} deep: "
            "put its parts side by side, Network(*net.maps, F) or SumField(*field.parts, X)",
        )
        below = {name: leaves_of(self, name) for name in self._pieces}
        leaves = {
            (id(owner), key): (owner, key) for found in below.values() for owner, key in found
        }
        self._leaves, self._home, self._offsets, self._size = tuple(leaves.values()), {}, {}, 0
        for leaf, (owner, key) in leaves.items():
            start, self._size = self._size, self._size + owner.__dict__[key].size
            self._offsets[leaf] = slice(start, self._size)
        self._places = {
            name: joined([self._offsets[id(owner), key] for owner, key in found])
            for name, found in below.items()
        }
        self._sizes = [
            sum(owner.__dict__[key].size for owner, key in found) for found in below.values()
        ]
        self._shares = sum(map(len, below.values())) > len(leaves)
        dtypes = {owner.__dict__[key].dtype for owner, key in self._leaves}
        if len(dtypes) > 1:
            self._bind(self._gathered().astype(np.result_type(*dtypes)))
        elif self._has_all_of_their_homes():
            self._lay_end_to_end()

    def _maps(self):
        """The pieces that are maps."""
        return [part for part in map(vars(self).get, self._pieces) if isinstance(part, Parameters)]

    def _has_all_of_their_homes(self):
        """Whether nothing else lies where these arrays lie: then they may move as the map is built,
        and otherwise when θ is asked for."""
        homes = {}
        for owner, name in self._leaves:
            home, _ = owner._home.get(name, (None, 0))
            size = owner.__dict__[name].size
            if home is not None:
                homes[id(home)] = homes.get(id(home), home.size) - size
        return not any(homes.values())

    # ---- θ
    @property
    def theta(self):
        """All parameters as one flat vector, shape (p,). Assigning to it copies into place.

        It is the live vector, which training changes: `net.theta.copy()` keeps a state, to be
        assigned again later. It stays so until a map is asked for its θ that joins a part of this
        one with others.
        """
        self._lay_end_to_end()
        return self._theta[2]

    @theta.setter
    def theta(self, value):
        copy_into(self.theta, value, f"θ of {type(self).__name__}", scalar=False)

    def _lies_at(self):
        """The vector in which the arrays lie end to end, and where they start; None, 0 if they do
        not."""
        home = start = None
        for (owner, name), place in zip(self._leaves, self._offsets.values(), strict=True):
            its_home, its_start = owner._home.get(name, (None, 0))
            home, start = (its_home, its_start) if start is None else (home, start)
            if its_home is not home or its_start != start + place.start:
                return None, 0
        return home, start or 0

    def _lay_end_to_end(self):
        """Move the arrays, unless they lie so already; `_theta` is the vector, the start, and the
        stretch that is θ."""
        home, start = self._lies_at()
        if home is None and self._leaves:
            self._bind(self._gathered())
        elif home is not self._theta[0] or start != self._theta[1]:
            self._theta = home, start, home[start : start + self._size]

    def _gathered(self):
        return np.concatenate([owner.__dict__[name].ravel() for owner, name in self._leaves])

    def _bind(self, theta):
        """Make all arrays views of the vector `theta`, whose values they take."""
        for (owner, name), place in zip(self._leaves, self._offsets.values(), strict=True):
            owner.__dict__[name] = theta[place].reshape(owner.__dict__[name].shape)
            owner._home[name] = theta, place.start
        self._theta = theta, 0, theta

    @property
    def _dtype(self):
        """The dtype of θ, or None without parameters."""
        for owner, name in self._leaves:
            return owner.__dict__[name].dtype

    @property
    def parameters(self):
        """dict name → view into `theta`, in order: "A" and "b" in a field, "2.A" in a network.
        Write into a view in place, `net.parameters["2.b"][:] = 0`."""
        self._lay_end_to_end()
        return self._named()

    def _named(self):
        """The parameters where they are: an array by its own name, that of a part by `_name`."""
        named, seen = {}, set()
        for part in self._pieces:
            piece = self.__dict__[part]
            inner = piece._named() if isinstance(piece, Parameters) else {None: piece}
            for key, view in inner.items():
                if id(view) not in seen:  # shared arrays have the name by which they are met first
                    name = part if key is None else self._name(part, key, len(inner))
                    named[f"{part}.{key}" if name in named else name] = view
                    seen.add(id(view))
        return named

    def _name(self, part, key, count):
        """The name that a part's parameter has here, one of `count`."""
        if self.naming == "inner":
            return key
        return part if count == 1 and self.naming is None else f"{part}.{key}"

    # ---- gradients and directions
    def pack(self, **gradients):
        """The pieces' gradients as one flat vector aligned with θ; shared pieces add up. ValueError
        for a name that was not given to `own`, or a gradient of another shape than its piece."""
        if self._missing:
            gradients = {
                name: gradient for name, gradient in gradients.items() if name not in self._missing
            }
        if tuple(gradients) == self._pieces and not self._shares:  # all of them, in order
            pieces = [np.asarray(gradient) for gradient in gradients.values()]
            if [piece.size for piece in pieces] == self._sizes and self._size:
                return np.concatenate([piece for piece in pieces if piece.size], axis=None)
        for name, gradient in gradients.items():
            self._refuse(name, gradient)
        dtheta = np.zeros(self._size, np.result_type(self._dtype or float, *gradients.values()))
        for name, gradient in gradients.items():
            dtheta[self._places[name]] += np.ravel(gradient)
        return dtheta

    def _refuse(self, name, gradient):
        """ValueError for a gradient that does not fit its piece."""
        if name not in self._pieces:
            known = ", ".join(self._pieces) or "none"
            raise ValueError(
                f"{type(self).__name__} has no piece {name} (it has {known}): register it, "
                f"own({name}=…)"
            )
        piece = self.__dict__[name]
        shape = (piece._size,) if isinstance(piece, Parameters) else piece.shape
        if np.shape(gradient) != shape and np.size(gradient) != np.prod(shape, dtype=int):
            batch = np.ndim(gradient) > len(shape) and np.shape(gradient)[-len(shape) :] == shape
            remark = ": sum it over the batch axes" if batch else ""
            if len(shape) == np.ndim(gradient) == 2:
                (m, n), (M, N) = shape, np.shape(gradient)
                if m < M and M * n == N * m and M % m == 0:
                    remark = ": np.outer is for one state, and u.T @ x is a sum over rows"
            raise ValueError(
                f"the gradient of {name} has shape {np.shape(gradient)}, but {name} has "
                f"{shape}{remark}"
            )

    def unpack(self, dtheta):
        """A direction in θ, cut into the pieces' names and shapes. None stands for the zero
        direction."""
        missing = dict.fromkeys(self._missing, 0.0)
        if dtheta is None:
            return missing | {
                name: None if isinstance(self.__dict__[name], Parameters) else 0.0
                for name in self._pieces
            }
        cut = {name: dtheta[place] for name, place in self._places.items()}
        for name in self._pieces:
            if not isinstance(self.__dict__[name], Parameters):
                cut[name] = cut[name].reshape(self.__dict__[name].shape)
        return missing | cut

    # ---- attributes, copies
    def __setattr__(self, name, value):
        if isinstance(getattr(type(self), name, None), property) or name not in (
            *self._pieces,
            *self._missing,
        ):
            object.__setattr__(self, name, value)
        elif name in self._missing:
            raise AttributeError(
                f"this {type(self).__name__} was built without {name}: build it with {name}=…, "
                f"got {value!r}"
            )
        elif isinstance(self.__dict__[name], Parameters):
            raise AttributeError(
                f"{name} of {type(self).__name__} cannot be replaced: build a new "
                f"{type(self).__name__}"
            )
        else:
            copy_into(self.__dict__[name], value, f"{name} of {type(self).__name__}", scalar=True)

    def __getstate__(self):
        """The pieces, but not where they lie: `__setstate__` looks again."""
        found = {
            "_leaves",
            "_home",
            "_offsets",
            "_size",
            "_sizes",
            "_places",
            "_shares",
            "_theta",
            "_depth",
        }
        return {name: value for name, value in self.__dict__.items() if name not in found}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self._pieces:
            self._look()

    def __copy__(self):
        return copy.deepcopy(self)  # a shallow copy would share its arrays, and then lose them


def is_taken(name, cls):
    """Whether a class has a method, or one of its bases in this package anything, by a name."""
    found = getattr(cls, name, None)
    bases = filter(is_ours, cls.__mro__[1:])
    settable = getattr(found, "fset", None) is not None and not hasattr(Parameters, name)
    return callable(found) or not settable and any(name in vars(C) for C in bases)


def leaves_of(F, name):
    """The arrays of a piece of F, as pairs (owner, name): its own, or all below a part."""
    piece = F.__dict__[name]
    return piece._leaves if isinstance(piece, Parameters) else [(F, name)]


def joined(slices):
    """Slices as one index: a slice if they lie end to end, else an array of integers."""
    if all(a.stop == b.start for a, b in zip(slices, slices[1:], strict=False)):
        return slice(slices[0].start, slices[-1].stop) if slices else slice(0, 0)
    return np.concatenate([np.arange(place.start, place.stop) for place in slices])


def place_of(part, net, name=None):
    """Where the θ of a part, or its array `name`, lies in the θ of a map that it is part of: an
    index. ValueError if it is not."""
    leaves = part._leaves if name is None else [(part, name)]
    try:
        return joined([net._offsets[id(owner), key] for owner, key in leaves])
    except KeyError:
        raise ValueError(f"{part!r} is not a part of {net!r}") from None


def every_map(F):
    """F and the maps that it is made of, however deep, each once."""
    found = {id(F): F}
    for part in F._maps():
        found |= {id(G): G for G in every_map(part)}
    return list(found.values())


def over_batch(u):
    """Σ over all batch axes, (..., k) → (k,): the adjoint of broadcasting is summing, 1ᵀu."""
    rows = u.reshape(-1, u.shape[-1])
    return np.ones(len(rows), u.dtype) @ rows


def inner(u, v):
    """⟨u, v⟩ = Σ u v over all entries, without conjugation."""
    return np.dot(u.ravel(), v.ravel())


def floats(value, what):
    """A copy of `value` as an array of floating-point numbers."""
    found = array(value, f"{what} must be an array")
    if found.dtype.kind not in "fciub":
        raise TypeError(f"{what} must be an array of numbers or a map, got {value!r}")
    return np.array(found, found.dtype if found.dtype.kind in "fc" else float)


def copy_into(target, value, what, scalar):
    """target[...] = value; ValueError or TypeError if it does not fit."""
    value = array(value, f"{what} must be an array")
    refuse(
        value.shape != target.shape and not (scalar and value.ndim == 0),
        f"{what} has shape {target.shape}, got {value.shape}",
    )
    if not np.can_cast(value.dtype, target.dtype, casting="same_kind"):
        raise TypeError(f"{what} is {target.dtype}, got {value.dtype}")
    with np.errstate(over="ignore"):
        cast = value.astype(target.dtype, copy=False)
    lost = np.isinf(cast) & np.isfinite(value)
    if lost.any():
        raise ValueError(
            f"{what} is {target.dtype}, got {value[lost][0]}, which is too large for it"
        )
    target[...] = cast
