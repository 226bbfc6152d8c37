"""A map as a file: its architecture as JSON and its θ as one array, in an npz without pickle.

The architecture is how the map was built: the name of its class, and the arguments of its
constructor. What is built may be a map, a method, an activation or an invariant, if it is in
`dynsys_nn.__all__`. An object that stands in several places is built once, and a part that another
map has made for itself, as an Affine makes its matrix, is taken from there: weights that are shared
are shared again.
"""

import importlib
import inspect
import json
import os
import uuid

import numpy as np

from .arguments import arguments, refuse
from .maps import Map, every_map

__all__ = ["load", "save"]

FORMAT = 1


def save(F, path):
    """Write the map F to a file; `Map.save` says how."""
    code = architecture(F)
    try:
        refuse(
            rebuilt(code)._size != F._size,
            "its parts share parameters in a way that constructors do not tell",
        )
    except Exception as error:  # a file that nobody can read is not written
        raise TypeError(f"no file can say how {F!r} was built: {error}. {ALONE}") from error
    write_arrays(path, architecture=f'{{"dynsys_nn": {FORMAT}, "map": {code}}}', theta=F.theta)


def load(path):
    """The map in a file; `Map.load` says how."""
    arrays = read_arrays(path, "map", ("architecture", "theta"))
    try:
        code = json.loads(arrays["architecture"].item())
        refuse(
            code["dynsys_nn"] != FORMAT,
            f"it has format {code['dynsys_nn']}, and this version reads format {FORMAT}",
        )
        F = rebuilt(json.dumps(code["map"]))
        refuse(not isinstance(F, Map), f"it holds a {type(F).__name__}")
        found, needed = (f"{a.dtype} of shape {a.shape}" for a in (arrays["theta"], F.theta))
        refuse(found != needed, f"its θ is {found}, and its architecture needs {needed}")
        F.theta = arrays["theta"]
    except Exception as error:  # the bytes may be anybody's
        raise ValueError(f"{path} does not contain a map that can be rebuilt: {error}") from error
    return F


ALONE = "Save θ alone, np.save(path, F.theta), and build the map by its own code again"


def architecture(F):
    """How F was built, as a string; TypeError if a file could not say. A deep map is the last of a
    list, after those far below, so that nobody who reads it goes far."""
    return json.dumps(encoded([*F._landings, F] if F._landings else F, {}, makers(F)))


def makers(F):
    """id of a map that another one has made for itself → (its maker, its name there)."""
    found = {}
    for G in every_map(F):
        values = [v if isinstance(v, list | tuple) else [v] for v in arguments(G).values()]
        given = {id(x) for several in values for x in several}
        found |= {id(vars(G)[p]): (G, p) for p in G._pieces if id(vars(G)[p]) not in given}
    return found


def encoded(thing, known, made=(), place="it"):
    """`thing` as what JSON knows.

    known: id → (number, object) of those met so far; made: id → (maker, name); place: what an error
    calls `thing`.
    """
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, np.ndarray | np.generic):
        return thing.tolist()
    if isinstance(thing, list | tuple):
        return [encoded(item, known, made, f"an item of {place}") for item in thing]
    if isinstance(thing, frozenset | set):
        return sorted(thing)
    if id(thing) in known:
        return {"same as": known[id(thing)][0]}
    if id(thing) in made:
        maker, name = made[id(thing)]
        return {"part": name, "of": encoded(maker, known, made, place)}
    cls = type(thing)
    if public(cls.__name__) is not cls:
        raise TypeError(
            f"a file keeps objects of the classes of dynsys_nn, but {place} is {thing!r}. {ALONE}"
        )
    code = {
        key: encoded(value, known, made, f"{key} of {cls.__name__}")
        for key, value in arguments(thing).items()
    }
    known[id(thing)] = len(known), thing
    return {"class": cls.__name__} | code


def rebuilt(text):
    """What `encoded` was given, from its code in JSON: from the innermost object outwards."""
    built = []

    def build(code):
        if "same as" in code:
            return built[code["same as"]]
        if "part" in code:
            return vars(code["of"])[code["part"]]
        name = code.pop("class")
        cls = public(name)
        refuse(cls is None, f"it refers to {name}, which is not a class of dynsys_nn")
        several = code.pop(inspect.getfullargspec(cls).varargs, ())
        built.append(cls(*several, **code))
        return built[-1]

    found = json.loads(text, object_hook=build)
    return found[-1] if isinstance(found, list) else found


def public(name):
    """The class of that name in `dynsys_nn.__all__`, or None."""
    package = importlib.import_module(__package__)
    thing = getattr(package, name) if name in package.__all__ else None
    return thing if isinstance(thing, type) else None


# ---- files


def write_arrays(path, **arrays):
    """Write arrays and strings to an npz file, all or nothing: whatever happens on the way, the
    file at `path` is the old one or the new one."""
    path = os.fsdecode(path)
    scratch = os.path.join(os.path.dirname(path), f".{uuid.uuid4().hex[:8]}.partial")
    try:
        with open(scratch, "xb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} cannot be written: its folder does not exist") from None
    finally:
        if os.path.exists(scratch):  # the writing has failed
            os.remove(scratch)


def read_arrays(path, what, names):
    """The arrays of an npz file of ours, a dict. ValueError that names the file if it is damaged,
    pickled, or has other names."""
    with open(path, "rb") as file:
        try:
            start = file.read(2)
            refuse(start[:1] == b"\x80", "it is a pickle")
            refuse(start != b"PK", "it is not an npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except Exception as error:  # the bytes may be anybody's
            raise ValueError(
                f"{path} is not a {what} file of dynsys_nn, or is damaged: {error}"
            ) from error
    for name in names:
        refuse(
            name not in arrays,
            f"{path} is not a {what} file of dynsys_nn: it has no {name}, but "
            f"{', '.join(arrays) or 'nothing'}",
        )
    return arrays
