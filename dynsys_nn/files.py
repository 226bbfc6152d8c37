"""A map as a file: its architecture as JSON and its θ as one array, in an npz without pickle.

The architecture is how the map was built: the name of its class, and the arguments of its
constructor. What is built may be a map, a method, an activation or an invariant, if it is in
`dynsys_nn.__all__`, or one of the systems, by its name and constants. An object that stands in
several places is built once, and a part that another map has made for itself, as an Affine makes
its matrix, is taken from there: weights that are shared are shared again.
"""

import contextlib
import glob
import importlib
import inspect
import json
import os
import time
import uuid
import zlib

import numpy as np

from .arguments import arguments, is_ours, refuse, same
from .arguments import path as path_of
from .linear import Convolution
from .maps import Map, every_map

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that is open; a browser
    fcntl = None

__all__ = ["load", "save"]

FORMAT = 1


def save(F, path):
    """Write a map F to a file at `path`, its architecture and its θ; `Map.save` says how.

    `files.load` reads it.

    Examples
    --------
    Weights that are shared are kept once, and shared again:

    >>> import pathlib, tempfile
    >>> F = dnn.Flow(dnn.GradientField.random(2, width=3, rng=0), 0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.npz")
    ...     dnn.files.save(dnn.Network(F, F), path)
    ...     net = dnn.files.load(path)
    >>> net[0] is net[1]
    True
    >>> net.theta.size == F.theta.size
    True
    """
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
    """The map in the file at `path`, a str or a Path, which `save` wrote; `Map.load` says how.

    ValueError names the file if it is damaged or of another kind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> F = dnn.Affine(2, 3, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "F.npz")
    ...     dnn.files.save(F, path)
    ...     G = dnn.files.load(path)
    >>> bool((G.theta == F.theta).all())  # to the last bit
    True
    """
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
        images = any(isinstance(G, Convolution) for G in every_map(F))
        old = ": fields on convolutions had one bias for each pixel up to version 1.0.0"
        refuse(
            found != needed,
            f"its θ is {found}, and its architecture needs {needed}{old if images else ''}",
        )
        F.theta = arrays["theta"]
    except Exception as error:  # the bytes may be anybody's
        raise ValueError(f"{path} does not contain a map that can be rebuilt: {error}") from error
    return F


ALONE = "Save θ alone, np.save(path, F.theta), and build the map by its own code again"


def architecture(F):
    """How F was built, as a string; TypeError if a file could not say."""
    return json.dumps(encoded(F, {}, makers(F)))


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
    if is_of_a_system(thing):
        owner = thing.recipe.get("system", place)
        code = {
            name: encoded(value, known, made, f"{name} of {owner}")
            for name, value in thing.recipe.items()
        }
        if "system" in code:
            known[id(thing)] = len(known), thing
        return code
    cls = type(thing)
    once = getattr(thing, "recipe", {}).get("system") if is_ours(cls) else None
    refuse(once, f"{place} once was systems.{once}, and has been changed. {ALONE}", TypeError)
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


def is_of_a_system(thing):
    """Whether a thing is one of `dynsys_nn.systems`, or a part or an invariant of one, and still
    what it was when it was built."""
    recipe = getattr(thing, "recipe", None) if is_ours(type(thing)) else None
    if recipe is None:
        return False
    if "of" in recipe:
        return a_part_of(**recipe) is thing and is_of_a_system(recipe["of"])
    fresh = system_of(**recipe)
    return all(same(a, b) for a, b in zip(*map(all_of_a_system, (fresh, thing)), strict=True))


def a_part_of(of, part=None, invariant=None):
    """The part, or the invariant, of that name."""
    return of.invariants.get(invariant) if part is None else vars(of).get(part)


def all_of_a_system(field):
    return type(field), arguments(field), field.invariants, field.x0


def system_of(system, **constants):
    """The system of that name."""
    systems = importlib.import_module(f"{__package__}.systems")
    refuse(
        system not in systems.__all__,
        f"it refers to {system}, which is not a system of dynsys_nn",
    )
    return getattr(systems, system)(**constants)


def rebuilt(text):
    """What `encoded` was given, from its code in JSON: from the innermost object outwards."""
    built = []

    def build(code):
        if "same as" in code:
            return built[code["same as"]]
        if "of" in code:
            return a_part_of(**code)
        if "system" in code:
            built.append(system_of(**code))
            return built[-1]
        name = code.pop("class")
        cls = public(name)
        refuse(cls is None, f"it refers to {name}, which is not a class of dynsys_nn")
        several = code.pop(inspect.getfullargspec(cls).varargs, ())
        built.append(cls(*several, **code))
        return built[-1]

    return json.loads(text, object_hook=build)


def public(name):
    """The class of that name in `dynsys_nn.__all__`, or None."""
    package = importlib.import_module(__package__)
    thing = getattr(package, name) if name in package.__all__ else None
    return thing if isinstance(thing, type) else None


# ---- files


def write_arrays(path, **arrays):
    """Write arrays and strings to an npz file, all or nothing: whatever happens on the way, the
    file at `path` is the old one or the new one. What a process that was killed left of its own
    attempt is removed."""
    path = writable(path)
    folder, name = os.path.split(path)
    start = os.path.join(folder, f".{zlib.crc32(os.fsencode(name)):08x}-")  # of a short name
    remove_remains(start)
    scratch = f"{start}{uuid.uuid4().hex[:8]}.partial"
    try:
        with open(scratch, "xb") as file:
            lock(file)
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
            if fcntl:
                os.replace(scratch, path)
        if not fcntl:
            os.replace(scratch, path)
    except OSError as error:  # which names the scratch file
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        if os.path.exists(scratch):  # the writing has failed
            os.remove(scratch)


def writable(path):
    """`path` as a str; FileNotFoundError without its folder, IsADirectoryError if it is one."""
    path = path_of(path, "what a file is written to")
    for wrong, why, kind in (
        (os.path.isdir(path), "it is a folder", IsADirectoryError),
        (os.path.exists(path) and not os.path.isfile(path), "it is not a file", FileExistsError),
        (
            not os.path.isdir(os.path.dirname(path) or os.curdir),
            "its folder does not exist",
            FileNotFoundError,
        ),
    ):
        refuse(wrong, f"{path} cannot be written: {why}", kind)
    return path


def lock(file):
    """Say that the file, which is open, is being written, until it is closed."""
    if fcntl:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)


def remove_remains(start):
    """Remove the scratch files with that start that nobody is writing."""
    for remains in glob.glob(f"{glob.escape(start)}*.partial"):
        with contextlib.suppress(OSError):  # it is being written, or gone
            if time.time() - os.path.getmtime(remains) < 1:
                continue  # its writer may be about to lock it
            if fcntl:
                with open(remains, "r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.remove(remains)


def read_arrays(path, what, names):
    """The arrays of an npz file of ours, a dict. ValueError that names the file if it is damaged,
    pickled, or has other names."""
    path = path_of(path, "what a file is read from")
    refuse(os.path.isdir(path), f"{path} cannot be read: it is a folder", IsADirectoryError)
    refuse(
        os.path.exists(path) and not os.path.isfile(path),
        f"{path} cannot be read: it is not a file",
    )
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
