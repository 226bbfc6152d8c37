"""A map as a file: its architecture as JSON and its θ as one array, in an npz without pickle.

The architecture is how the map was built: the name of its class, and the arguments of its constructor, which are attributes
of the same names, unless the class has a method `arguments` that says otherwise. What is built may be a map, a method, an
activation or an invariant, if it is in `dynsys_nn.__all__`; an object that stands in several places is built once.
"""

import importlib
import inspect
import json
import os
import uuid

import numpy as np

FORMAT = 1


def save(F, path):
    """Write the map F to a file; `Map.save` says how."""
    write_arrays(path, architecture=f'{{"dynsys_nn": {FORMAT}, "map": {architecture(F)}}}', theta=F.theta)


def load(path):
    """The map in a file; `Map.load` says how."""
    arrays = read_arrays(path, "map", ("architecture", "theta"))
    try:
        code = json.loads(arrays["architecture"].item())
        if code["dynsys_nn"] != FORMAT:
            raise ValueError(f"it has format {code['dynsys_nn']}, and this version reads format {FORMAT}")
        F, theta = decoded(code["map"], []), arrays["theta"]
        if not hasattr(F, "theta"):
            raise ValueError(f"it holds a {type(F).__name__}")
        if theta.shape != F.theta.shape or theta.dtype != F.theta.dtype:
            raise ValueError(
                f"its θ is {theta.dtype} of shape {theta.shape}, and its architecture needs {F.theta.dtype} of shape {F.theta.shape}"
            )
        F.theta = theta
    except Exception as error:  # the bytes may be anybody's
        raise ValueError(f"{path} holds no map that can be built: {error}") from error
    return F


def architecture(F):
    """How F was built, as a string; TypeError where a file could not say."""
    return json.dumps(encoded(F, {}))


def encoded(thing, known, place="it"):
    """`thing` as what JSON knows. known: id → (number, object) of those met so far; place: what an error calls `thing`."""
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, np.ndarray | np.generic):
        return thing.tolist()
    if isinstance(thing, list | tuple):
        return [encoded(item, known, f"an item of {place}") for item in thing]
    if isinstance(thing, frozenset | set):
        return sorted(thing)
    if id(thing) in known:
        return {"same as": known[id(thing)][0]}
    name = type(thing).__name__
    if public(name) is not type(thing):
        raise TypeError(
            f"a file keeps objects of the classes of dynsys_nn, but {place} is {thing!r}: save θ alone, np.save(path, F.theta), "
            "and build the map by its own code again"
        )
    code = {"class": name}
    for key, value in arguments(thing).items():
        code[key] = encoded(value, known, f"{key} of {name}")
    known[id(thing)] = len(known), thing
    return code


def arguments(thing):
    """name → value, what the constructor takes to build `thing` again; what has a default may be missing."""
    if hasattr(thing, "arguments"):
        return thing.arguments()
    names = inspect.signature(type(thing)).parameters
    return {name: getattr(thing, name) for name in names if hasattr(thing, name)}


def decoded(code, built):
    """What `encoded` was given. built: the objects so far."""
    if isinstance(code, list):
        return [decoded(item, built) for item in code]
    if not isinstance(code, dict):
        return code
    if "same as" in code:
        return built[code["same as"]]
    cls = public(code["class"])
    if cls is None:
        raise ValueError(f"it asks for {code['class']}, which is no class of dynsys_nn")
    given = {key: decoded(value, built) for key, value in code.items() if key != "class"}
    several = [name for name, p in inspect.signature(cls).parameters.items() if p.kind is p.VAR_POSITIONAL]
    items = [item for name in several for item in given.pop(name)]
    built.append(cls(*items, **given))
    return built[-1]


def public(name):
    """The class of that name in `dynsys_nn.__all__`, or None."""
    package = importlib.import_module(__name__.split(".")[0])
    thing = getattr(package, name) if name in package.__all__ else None
    return thing if isinstance(thing, type) else None


# ---- files


def write_arrays(path, **arrays):
    """Write arrays and strings to an npz file, all or nothing: whatever happens on the way, the file at `path` is the old one
    or the new one."""
    path = os.fspath(path)
    scratch = f"{path}.{uuid.uuid4().hex[:8]}.partial"
    try:
        with open(scratch, "xb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        if os.path.exists(scratch):
            os.remove(scratch)
        raise


def read_arrays(path, what, names):
    """The arrays of an npz file of ours, a dict. ValueError that names the file where it is damaged, pickled, or has other names."""
    with open(path, "rb") as file:
        try:
            start = file.read(2)
            if start != b"PK":
                raise ValueError("it is a pickle" if start[:1] == b"\x80" else "it is no npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except Exception as error:  # the bytes may be anybody's
            raise ValueError(f"{path} is no {what} of dynsys_nn, or it is damaged: {error}") from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(f"{path} is no {what} of dynsys_nn: it has no {missing[0]}, but {', '.join(arrays) or 'nothing'}")
    return arrays
