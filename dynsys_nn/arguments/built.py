"""How was it built? One answer, what its constructor was given, from which repr, equality, files
and a run's identity follow."""

import dis
import functools
import hashlib
import inspect
import types

import numpy as np


def arguments(thing):
    """name → value: what builds `thing` again. Attributes bear the names of the constructor's
    arguments, unless the class has a method `arguments` that says otherwise; those of an object of
    any other class are what it keeps on itself."""
    if hasattr(thing, "arguments"):
        return thing.arguments()
    try:
        names = inspect.signature(type(thing)).parameters
        return {name: getattr(thing, name) for name in names}
    except (AttributeError, ValueError):
        # the names are not those of its attributes, or it is C code without a signature
        if hasattr(thing, "_pieces"):
            return thing.__getstate__()  # without its book-keeping of where θ lies
        return vars(thing) if hasattr(thing, "__dict__") else {}


class Described:
    """An object that is known by what its constructor was given: repr and equality follow from its
    arguments.

    Examples
    --------
    >>> class Ball(dnn.arguments.Described):
    ...     def __init__(self, radius, centre=0.0):
    ...         self.radius, self.centre = radius, centre
    >>> Ball(2.0, centre=1.0)
    Ball(2.0, 1.0)
    >>> Ball(2.0, centre=0.0)  # a default is not shown
    Ball(2.0)
    >>> Ball(2.0) == Ball(2.0, 0.0)
    True
    """

    def arguments(self):
        """name → value, what builds the object again."""
        parameters = inspect.signature(type(self)).parameters
        if not all(hasattr(self, name) for name in parameters):
            return dict(vars(self))
        return {name: getattr(self, name) for name in parameters}

    def __repr__(self):
        """All arguments that are not the default, with all digits."""
        parameters, shown, named = inspect.signature(type(self)).parameters, [], False
        for name, value in self.arguments().items():
            parameter = parameters.get(
                name, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            )
            named |= parameter.kind is parameter.KEYWORD_ONLY
            if parameter.kind is parameter.VAR_POSITIONAL:
                shown += map(repr, value)
            elif same(value, parameter.default):
                named = True
            else:
                text = getattr(value, "__qualname__", None) or repr(value)  # a function by its name
                shown.append(f"{name}={text}" if named else text)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other):
        return type(self) is type(other) and same(kept_by(self), kept_by(other))

    def __hash__(self):
        # equal objects have equal classes, and their arguments may be arrays
        return hash(type(self))


def same(a, b, met=()):
    """Whether two arguments are equal: arrays entry by entry, functions by their code and what it
    uses, maps by how they were built and their θ, somebody's own by all that they keep. A
    pair that was met before is not looked at again."""
    if a is b or (id(a), id(b)) in met:
        return True
    if type(a) is not type(b):
        return bool(np.isscalar(a) and np.isscalar(b) and a == b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    met = {*met, (id(a), id(b))}
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(*pair, met) for pair in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], met) for key in a)
    if isinstance(a, types.FunctionType | types.MethodType | functools.partial):
        return same(pieces_of(a), pieces_of(b), met)
    if hasattr(a, "theta"):
        return same(a.theta, b.theta) and same(kept_by(a), kept_by(b), met)
    if isinstance(a, Described) and type(a).__eq__ is Described.__eq__:
        return same(kept_by(a), kept_by(b), met)
    if type(a).__eq__ is object.__eq__ and getattr(a, "__dict__", None):
        return same(vars(a), vars(b), met)
    return bool(a == b)


def kept_by(thing):
    """name → value: what builds an object again; with all that it keeps on itself, if its class is
    somebody's own."""
    if is_ours(type(thing)):
        return arguments(thing)
    own = thing.__getstate__() if hasattr(thing, "_pieces") else getattr(thing, "__dict__", {})
    slots = [name for C in type(thing).__mro__ for name in listed(vars(C).get("__slots__", ()))]
    return arguments(thing) | own | {n: getattr(thing, n) for n in slots if hasattr(thing, n)}


def listed(names):
    """`__slots__`, one name or several, as a list without Python's own."""
    return [n for n in ([names] if isinstance(names, str) else names) if n[:2] != "__"]


def pieces_of(function):
    """What a function does: its code, defaults, the values that it closes over, and the globals
    that it names, but for modules; or what it is bound to."""
    if isinstance(function, functools.partial):
        return [function.func, function.args, function.keywords]
    if isinstance(function, types.MethodType):
        return [function.__func__, function.__self__]
    cells = [contents(cell) for cell in function.__closure__ or ()]
    named = {n: function.__globals__.get(n) for n in names_in(function.__code__)}
    used = {n: v for n, v in named.items() if not isinstance(v, types.ModuleType | type(None))}
    used = used if not is_ours(function) else {}  # ours do not change
    return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, used]


def contents(cell):
    """What a closure holds; None if its variable is not set yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def names_in(code):
    """The global names that a function's code, and that of functions in it, looks up, in order."""
    own = [line.argval for line in dis.get_instructions(code) if line.opname == "LOAD_GLOBAL"]
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return [*dict.fromkeys([*own, *(n for c in inner for n in names_in(c))])]


def identity(thing, met=None):
    """How `thing` was built, to the last digit, as what JSON knows, the same in every process: what
    a run is recognised by.

    Numbers by all their digits, arrays by shape, dtype and a fingerprint (parameters of a map
    without it: θ tells), functions by their code and what they close over, objects by their class,
    with its code if it is somebody's own, and arguments; one that was met before by its number.
    """
    met = {} if met is None else met
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or isinstance(thing, str | int) or isinstance(thing, float) and thing == thing:
        return thing  # 1, 1.0 and True are equal in JSON, too, and so are 0.0 and −0.0
    if isinstance(thing, float | complex | bytes | range | slice):
        return repr(thing)
    if isinstance(thing, np.ndarray):
        return fingerprint(thing)
    if isinstance(thing, type):
        return f"{thing.__module__}.{thing.__qualname__}"
    if isinstance(thing, types.CodeType):
        parts = (
            thing.co_code.hex(),
            thing.co_names,
            [identity(constant, met) for constant in thing.co_consts],
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    if isinstance(thing, list | tuple):
        return [identity(entry, met) for entry in thing]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, dict):
        return {str(key): identity(value, met) for key, value in thing.items()}
    if id(thing) in met:
        return {"number": met[id(thing)][0]}
    met[id(thing)] = len(met), thing  # kept, so that no other object has its id
    if isinstance(thing, types.FunctionType | types.MethodType | functools.partial):
        return [getattr(thing, "__qualname__", "partial"), identity(pieces_of(thing), met)]
    if isinstance(thing, property):
        return identity([thing.fget, thing.fset], met)
    if isinstance(thing, staticmethod | classmethod):
        return identity(thing.__func__, met)
    if isinstance(thing, types.BuiltinFunctionType | np.ufunc | types.ModuleType):
        return {type(thing).__name__: thing.__name__}
    if isinstance(thing, np.random.Generator):
        return identity(thing.bit_generator.state, met)
    pieces = getattr(thing, "_pieces", ())
    made = {
        name: f"{value.dtype} {value.shape}"
        if name in pieces and isinstance(value, np.ndarray)
        else value
        for name, value in kept_by(thing).items()
    }
    return {"class": type(thing).__qualname__} | identity(code_of(type(thing)) | made, met)


def is_ours(thing):
    """Whether a class, or function, was written in this package."""
    return thing.__module__.partition(".")[0] == __name__.partition(".")[0]


def code_of(cls):
    """What a class of somebody's own says, name → function or value; nothing for ours."""
    own = [C for C in reversed(cls.__mro__) if not is_ours(C)]
    said = {name: value for C in own for name, value in vars(C).items()}
    return {
        name: value
        for name, value in said.items()
        if name != "_abc_impl" and (name[:2] != "__" or isinstance(value, types.FunctionType))
    }


def fingerprint(*arrays):
    """Shapes, dtypes and a checksum of arrays, as a string."""
    return ", ".join(
        f"{a.dtype} {a.shape} {hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:16]}"
        for a in arrays
    )
