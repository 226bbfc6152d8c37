"""Random calls of everything public, and an oracle that says of each outcome whether it was right.

    call(k)        call number k: what is called, with which arguments; it depends on k alone
    judge(call)    makes the call: "right", the name of an error of ours, or a Violation

An outcome is right where shape and dtype are those of the contract, the value is that of the same call on a clean float64
copy and of each sample alone, what is finite and moderate stays finite without a warning, and no argument is changed. A
NaN, an infinity or a huge number may go where IEEE arithmetic takes it, but to no other sample, and to no infinity or NaN
without a RuntimeWarning. An error is ours where a `raise` in the package raised it and its message says what was got.
"""

import contextlib
import copy
import inspect
import io
import math
import opcode
import re
import signal
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import zoo

import dynsys_nn as dnn
from dynsys_nn import attacks, checks, datasets, lipschitz, systems
from dynsys_nn.arguments.values import number as one_number
from dynsys_nn.maps.tables import print_what_it_can

PACKAGE = str(Path(dnn.__file__).parent)
WARNS = sys.platform != "emscripten"  # WebAssembly has no floating-point flags
SECONDS = 5  # a call that takes longer hangs
OURS = (
    ValueError, TypeError, NotImplementedError, AttributeError, RuntimeError, dnn.NotConverged, dnn.TrainingDiverged,
)  # fmt: skip
NO_FAULT = (
    NotImplementedError,
    dnn.NotConverged,
    dnn.TrainingDiverged,
    dnn.flows.TooManyEvaluations,
)  # what good arguments may lead to


# ---- arguments
class Argument:
    """A value, and what is known of it. `verdict`: "good" must be taken, "bad" must be refused, "odd" may be either, and is
    right if taken; `clean`: the same numbers as a fresh float64 (or complex) array, where there is one; `wild`: which
    samples hold a NaN, an infinity or a huge number, shape of the batch; `silent`: no infinity and no NaN among them."""

    def __init__(self, value, verdict="odd", clean=None, wild=None):
        self.value, self.verdict, self.clean = value, verdict, clean
        self.wild = np.zeros(np.shape(clean)[:-1], bool) if wild is None else wild
        self.silent = WARNS and wild is not None and bool(np.isfinite(clean).all())

    def __repr__(self):
        try:
            text = re.sub(r"\s+", " ", repr(self.value))
        except Exception:
            text = f"a {type(self.value).__name__}"
        return (
            text
            if len(text) < 90
            else f"{text[:60]}… {getattr(self.value, 'dtype', '')}{np.shape(self.clean)}"
        )


def pick(rng, options):
    return options[rng.integers(len(options))]


def good(value, clean=None):
    return Argument(value, "good", clean)


BATCHES = [(), (1,), (3,), (3,), (5,), (2, 3), (1, 1, 2), (0,), (0, 2)]


def array(rng, shape, p=0.5):
    """An array argument of the shape needed, whose last axis is that of a state: as it should be, or with probability p odd."""
    x = rng.normal(size=shape) * pick(rng, [0.0, 1e-3, 1, 1, 1, 5]) + 0.1
    if rng.random() > p:
        return Argument(x, "good", x.copy())
    made = pick(rng, FORMS)(rng, x)
    if (
        made.verdict == "bad"
        and type(made.value) is np.ndarray
        and made.value.dtype == float
        and made.value.shape == x.shape
    ):
        return good(made.value, made.value.copy())  # of no entries are as many as needed
    return made


def cast(dtype):
    def form(rng, x):
        values = x.astype(dtype)
        return Argument(
            values, "good", values.astype(complex if values.dtype.kind == "c" else float)
        )

    return form


def layout(change):
    def form(rng, x):
        changed = change(x)
        return Argument(changed, "good", np.array(changed, float))

    return form


def wild(number):
    """A number that is no good in one sample of the batch."""

    def form(rng, x):
        if not x.size:
            return Argument(x, "good", x.copy())
        where = np.zeros(x.shape[:-1], bool)
        where[tuple(rng.integers(n) for n in x.shape[:-1])] = True
        x[where, rng.integers(x.shape[-1])] = number
        return Argument(x, "odd", x.copy(), where)

    return form


def refused(change):
    return lambda rng, x: Argument(change(x), "bad")


def spread(x):
    """The same numbers, every second one of a larger array."""
    larger = np.full((*x.shape[:-1], 2 * x.shape[-1]), 7.0)
    larger[..., ::2] = x
    return larger[..., ::2]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def masked(rng, x):
    return Argument(
        np.ma.masked_array(x, mask=np.ones(x.shape, bool)), "bad" if x.size else "odd", x.copy()
    )


def complex_numbers(rng, x):
    z = x + 1j * rng.normal(size=x.shape)
    return Argument(z, "odd", z.copy())


def longdouble(rng, x):
    return Argument(x.astype(np.longdouble), "odd", x.copy())


FORMS = [
    cast("f4"), cast("f2"), cast(int), cast(bool), cast(np.int8), cast(">f8"), longdouble, complex_numbers,
    layout(spread), layout(read_only), layout(np.asfortranarray), layout(lambda x: x[..., ::-1]),
    lambda rng, x: good(x.tolist() if x.size else x, x.copy()),
    lambda rng, x: Argument(np.ma.masked_array(x), "odd", x.copy()), masked,
    wild(np.nan), wild(np.inf), wild(-np.inf), wild(1e300), wild(-1e308), wild(1e160), wild(np.nan), wild(np.inf), wild(1e300),
    layout(lambda x: x * 1e-310), layout(lambda x: x * 1e-160), layout(lambda x: x * 100), layout(np.zeros_like),
    refused(lambda x: np.concatenate([x, x], axis=-1)), refused(lambda x: x[..., :0]), refused(lambda x: x[..., 0] if x.shape[-1] else x[..., None]),
    refused(lambda x: x[..., None]), refused(lambda x: x[None] if x.ndim > 1 else x[:, None, None]),
    refused(lambda x: x.astype(object)), refused(lambda x: x.astype(str)), refused(lambda x: x.astype("M8[s]")),
    refused(lambda x: 1.0), refused(lambda x: None), refused(lambda x: "state"), refused(lambda x: [[1.0, 2.0], [3.0]]),
    refused(lambda x: [[1.0], None]), refused(lambda x: {"x": x}), refused(lambda x: np.ndarray), refused(lambda x: np.float64(3)),
    refused(lambda x: [[[]]]), refused(lambda x: np.zeros(x.shape, [("a", float)])), refused(lambda x: object()),
]  # fmt: skip


def state(rng, d, p=0.6, batch=None):
    """The first argument of a call, for which any batch is right."""
    x = array(rng, (*(pick(rng, BATCHES) if batch is None else batch), d), p)
    if (
        x.verdict == "bad"
        and type(x.value) is np.ndarray
        and x.value.dtype == float
        and x.value.shape[-1:] == (d,)
    ):
        x.verdict, x.clean = "good", x.value.copy()  # the last axis is right after all
        x.wild = np.zeros(x.clean.shape[:-1], bool)
    return x


def beside(rng, x, shape, p=0.25):
    """An argument that must have this shape, because x has its own."""
    return (
        array(rng, shape, p)
        if x.clean is not None
        else Argument(np.zeros(shape), "odd", np.zeros(shape))
    )


NUMBERS = [
    0, -1, 1, 2, 3, -0.0, 0.5, -1.5, 1e300, -1e300, 1e-310, np.nan, np.inf, -np.inf, 2**40, 2**70, -(2**70), 10**400, True, False, 1j, 1 + 0j,
    np.float64(0.3), np.float32(0.3), np.float16(0.3), np.longdouble(0.3), np.int8(2), np.uint64(2**63), np.bool_(True), np.complex64(1j), np.float64(np.nan),
]  # fmt: skip
THINGS = [
    None, "three", "", b"3", [], [1], [0.1, 0.2], (), (1, 2), (1, 2, 3), [[1.0], [2.0, 3.0]], {}, {"a": 1}, {1, 2}, set(), range(3), Ellipsis, slice(2),
    dnn.Tanh, dnn.RK4, dnn.Dense, dnn.MeanSquaredError, dnn.Mass, dnn.PGD, float, object, np.sin, len,
]  # fmt: skip
ARRAYS = [
    lambda: np.array(2), lambda: np.array(0.5), lambda: np.ones(2), lambda: np.array([1.0, np.nan]), lambda: np.full((2, 2), np.inf), lambda: np.zeros(0),
    lambda: np.zeros((2, 0)), lambda: np.array(["a", "b"]), lambda: np.array([None, 1], object), lambda: np.array([1 + 1j, 2]), lambda: np.array([True, False]),
    lambda: np.eye(2), lambda: np.eye(3), lambda: np.ones((2, 2, 2)), lambda: np.array("2020-01-01", "M8[D]"), lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    lambda: np.full((2, 2), 1e300), lambda: np.ones((3, 2), np.float32), lambda: np.ones((3, 2), np.float16), lambda: np.ones((3, 2), int), lambda: np.ma.masked,
]  # fmt: skip


@cache
def owned():
    """A linear map, a field that owns it, and a flow that owns the field."""
    X = dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh())
    return X.A, X, dnn.Flow(X, 0.1)


OBJECTS = [
    lambda: dnn.Dense(3, 2, rng=0), lambda: dnn.Dense(2, 2, rng=0, dtype="f4"), lambda: dnn.Affine(3, 2, rng=0), lambda: dnn.Lift(3, 2), lambda: dnn.Restriction(2, 3),
    lambda: dnn.Dense(4, 4, rng=0), lambda: owned()[0], lambda: owned()[1], lambda: dnn.Network(dnn.Lift(2, 2)), lambda: dnn.Rollout(dnn.Lift(2, 2), 2), lambda: systems.pendulum(),
    lambda: systems.sir(), lambda: dnn.KnownField(np.sin, 2), lambda: dnn.ResidualField(dnn.Dense(3, 2, rng=0), dnn.Tanh()), lambda: dnn.GradientField(dnn.Dense(4, 2, rng=0), dnn.Sine()),
    lambda: dnn.Flow(dnn.GradientField(dnn.Dense(4, 2, rng=0), dnn.Sine()), 0.1, learn_h=True), lambda: dnn.Map(), lambda: dnn.Field(), lambda: dnn.LinearMap(),
    lambda: dnn.Tanh(), lambda: dnn.ReLU(), lambda: dnn.Activation(), lambda: dnn.RK4(), lambda: dnn.StormerVerlet(), lambda: dnn.ImplicitMidpoint(), lambda: dnn.Strang(), lambda: dnn.Method(),
    lambda: dnn.Mass(), lambda: dnn.SquaredNorm(), lambda: dnn.Quadratic(np.eye(3)), lambda: dnn.MeanSquaredError(), lambda: dnn.Loss(), lambda: dnn.Adam(), lambda: dnn.LBFGS(),
    lambda: dnn.Optimiser(), lambda: dnn.Constraint(), lambda: dnn.PGD(0.1), lambda: dnn.Stored(), lambda: np.random.default_rng(0), lambda: dnn.History(),
]  # fmt: skip


def anything(rng):
    """A value of any kind."""
    kind = rng.random()
    if kind < 0.35:
        return Argument(pick(rng, NUMBERS))
    if kind < 0.6:
        return Argument(copy.copy(pick(rng, THINGS)))
    return Argument(pick(rng, ARRAYS if kind < 0.75 else OBJECTS)())


# ---- a call
class Call:
    """called(**arguments). `judged(result, warned)` says what is wrong with a result, or ""; `watched` must not change either."""

    def __init__(self, title, called, judged, /, watched=(), **arguments):
        self.title, self.called, self.judged, self.watched, self.arguments = (
            title,
            called,
            judged,
            watched,
            arguments,
        )
        self.family, self.adopts, self.changes = "", False, ()

    def __str__(self):
        return f"{self.title}({', '.join(f'{name}={value}' for name, value in self.arguments.items())})"

    def make(self):
        return self.called(**{name: argument.value for name, argument in self.arguments.items()})


class Violation(str):
    """What is wrong with an outcome."""


class Hang(BaseException):
    """A call did not come back."""


@contextlib.contextmanager
def time_limit(seconds):
    """Hang after some seconds, where the system has such a clock: not on Windows, and not in WebAssembly."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_):
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bits(value, adopted=False, depth=0):
    """All that a caller can see of a value, to the bit; of maps that may be adopted as parts, θ."""
    if isinstance(value, np.ndarray):
        content = repr(value.tolist()) if value.dtype.hasobject else np.asarray(value).tobytes()
        return (
            type(value).__name__,
            value.dtype.str,
            value.shape,
            value.strides,
            value.flags.writeable,
            content,
        )
    if isinstance(value, list | tuple | set):
        return type(value).__name__, [bits(entry, adopted, depth) for entry in value]
    if isinstance(value, dict):
        return [(key, bits(entry, adopted, depth)) for key, entry in value.items()]
    if (
        isinstance(value, np.random.Generator)
        or inspect.isroutine(value)
        or isinstance(value, type)
    ):
        return id(value)
    if isinstance(value, dnn.Map) and adopted:
        return value.theta.tobytes()
    if type(value).__module__.split(".")[0] in ("dynsys_nn", "zoo", "test_fuzz") and depth < 6:
        state = {
            key: entry
            for key, entry in vars(value).items()
            if key
            not in ("_home", "_theta", "_leaves", "_offsets", "_places", "rng", "known", "asked")
        }
        return type(value).__name__, bits(state, adopted, depth + 1)
    return type(value).__name__, repr(value)


def judge(call):
    """Make the call: ("right" or the name of an error of ours, what was raised), or (a Violation, what was raised)."""
    verdicts = {argument.verdict for argument in call.arguments.values()}
    watched = [
        [a.value for name, a in call.arguments.items() if name not in call.changes],
        call.watched,
    ]
    before, result, error = bits(watched, call.adopts), None, None
    try:
        with warnings.catch_warnings(record=True) as caught, time_limit(SECONDS):
            warnings.simplefilter("always")
            result = call.make()
    except Hang:
        return Violation(f"did not come back in {SECONDS} s"), None
    except Exception as raised:
        error = raised
    if bits(watched, call.adopts) != before:
        return Violation("an argument was changed"), error
    warned = [str(warning.message) for warning in caught]
    if error is not None:
        foreign = why_foreign(error, call)
        if foreign:
            return Violation(foreign), error
        if (
            verdicts == {"good"}
            and not isinstance(error, NO_FAULT)
            and not re.search("not analytic|in float32 or float64|at a complex point", str(error))
        ):
            return Violation("good arguments were refused"), error
        if "bad" in verdicts and isinstance(error, dnn.TrainingDiverged):
            return Violation("a bad argument was taken, and computed with"), error
        return type(error).__name__, error
    if "bad" in verdicts:
        return Violation("a bad argument was taken"), None
    try:
        with warnings.catch_warnings(), time_limit(SECONDS):
            warnings.simplefilter("ignore")
            wrong = call.judged(result, warned)
    except Hang:
        wrong = f"what was made did not come back in {SECONDS} s"
    except Exception as raised:
        wrong, error = why_foreign(raised, call), raised
        if not wrong:
            return type(error).__name__, error  # it was refused at its first use
    return (Violation(wrong), error) if wrong else ("right", None)


def why_foreign(error, call):
    """Why an exception is none of ours, or ""."""
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    file, code = frame.tb_frame.f_code.co_filename, frame.tb_frame.f_code.co_code
    where = f"{Path(file).name}:{frame.tb_lineno}"
    if not file.startswith(PACKAGE) or opcode.opname[code[frame.tb_lasti]] != "RAISE_VARARGS":
        return f"{type(error).__name__} from {where}, raised by no line of ours"
    if not isinstance(error, OURS):
        return f"{type(error).__name__} from {where} is no kind of error of ours"
    message = str(error)
    if len(message) < 15:
        return f"{type(error).__name__} from {where} says only {message!r}"
    if isinstance(error, NO_FAULT + (dnn.arguments.WrongResult,)) or re.search(
        r"got|reaches|not analytic|cannot be replaced|sums to|\bis \[", message
    ):
        return ""
    if not any(
        token in message
        for argument in call.arguments.values()
        for token in words_of(argument.value)
    ):
        return f"{type(error).__name__} from {where} does not say what was got: {message}"
    return ""


def words_of(value):
    """What a message may call a value."""
    kind = value if isinstance(value, type) else type(value)
    words = {kind.__name__, repr(value)[:30], str(value)[:30]}
    with contextlib.suppress(Exception):
        a = np.asarray(value)
        words |= {
            str(a.shape),
            str(a.dtype),
            *(["NaN", "nan", "inf"] if a.dtype.kind == "f" and not np.isfinite(a).all() else []),
        }
    return words - {""}


def loud(warned):
    return any(
        re.search("overflow|invalid|divide by zero|lost on the way", text) for text in warned
    )


def same(found, expected, tolerance):
    """found = expected, entry by entry, relative to the largest; NaN and infinity where they should be."""
    found, expected = np.asarray(found), np.asarray(expected)
    finite = np.isfinite(expected)
    if found.shape != expected.shape or (np.isfinite(found) != finite).any():
        return False
    size = np.abs(np.where(finite, expected, 0)).max(initial=0.0)
    with np.errstate(over="ignore"):
        return bool(
            (np.abs(np.where(finite, found - expected, 0)) <= tolerance * size + 1e-290).all()
        )


def numbers_right(function, dtype, shapes, rough=1e4):
    """The judge of `function(**arrays)` → dict of arrays: those named in `shapes` have a sample a sample, (batch, *shape); the
    others are sums over the batch. dtype: of the results, as a function of the arrays' common dtype."""

    def right_of(arguments):
        arrays = {name: a for name, a in arguments.items() if a.clean is not None}
        rest = {name: a.value for name, a in arguments.items() if a.clean is None}

        def right(result, warned):
            clean = {name: a.clean for name, a in arrays.items()}
            batch = next(iter(clean.values())).shape[:-1]
            wild = np.zeros(batch, bool)
            for a in arrays.values():
                wild |= a.wild if a.wild.shape == batch else a.wild.any()
            calm = not any(a.wild.any() for a in arrays.values())
            given = [np.asarray(a.value).dtype for a in arrays.values()]
            if calm and warned:
                return f"warns: {warned[0]}"
            expected = function(**clean, **rest)
            for name, value in result.items():
                value, wanted = (
                    np.asarray(value),
                    [kind for some in (given, *([d] for d in given)) for kind in dtype(some)],
                )
                if value.dtype.newbyteorder("=") not in wanted:
                    return f"{name} has dtype {value.dtype}, needed is {wanted[0]}"
                if name in shapes and value.shape != (*batch, *shapes[name]):
                    return f"{name} has shape {value.shape}, needed is {(*batch, *shapes[name])}"
                silent = any(a.silent for a in arrays.values()) and all(
                    a.silent or not a.wild.any() for a in arrays.values()
                )
                if not np.isfinite(value).all() and silent and not loud(warned):
                    return f"{name} is not finite, and no warning says so"
                tolerance = min(
                    0.3, rough * max(np.finfo(d).eps for d in (float, value.dtype, *wanted))
                )
                if calm and not same(value, expected[name], tolerance):
                    return f"{name} is not that of a clean copy"
                if calm and not np.isfinite(value).all():
                    return f"{name} is not finite"
            samples = list(np.ndindex(batch))
            per_sample = {}
            for i in samples[:6] if len(samples) <= 6 else []:
                if not wild[i] and all(
                    a.clean.shape[:-1] == batch or name == "dtheta" for name, a in arrays.items()
                ):
                    one = function(
                        **{
                            name: a.clean if name == "dtheta" else a.clean[i]
                            for name, a in arrays.items()
                        },
                        **rest,
                    )
                    per_sample[i] = one
                    for name in shapes.keys() & result.keys():
                        low = max(
                            np.finfo(d).eps
                            for d in (
                                float,
                                np.asarray(result[name]).dtype,
                                *dtype(given),
                                *dtype(given[:1]),
                            )
                        )
                        if not same(np.asarray(result[name])[i], one[name], min(0.3, rough * low)):
                            return f"{name} of sample {i} is not that of the sample alone"
                        if not calm and not np.isfinite(np.asarray(result[name])[i]).all():
                            return f"a NaN or infinity spreads to sample {i} of {name}"
            for name in result.keys() - shapes.keys():
                if calm and samples and len(per_sample) == len(samples):
                    total = sum(one[name] for one in per_sample.values())
                    size = sum(np.abs(one[name]).max(initial=0.0) for one in per_sample.values())
                    # a sum that should be 0 is rounding of its terms: products of these, times a number of size 1
                    least = 1e-13 * np.prod([np.abs(a).max(initial=0.0) for a in clean.values()])
                    gap = np.abs(np.asarray(result[name]) - total).max(initial=0.0)
                    if (
                        not gap
                        <= min(
                            0.3,
                            rough
                            * max(
                                np.finfo(d).eps
                                for d in (float, np.asarray(result[name]).dtype, *dtype(given))
                            ),
                        )
                        * size
                        + least
                        + 1e-290
                    ):
                        return f"{name} is not the sum over the samples"
                if not samples and np.any(result[name]):
                    return f"{name} of an empty batch is not zero"
            return ""

        return right

    return right_of


def dtype_of(F):
    """The dtypes that results of F may have: θ's; the states' own where it has no θ; complex where they are."""

    def wanted(given):
        given = [np.dtype(float) if d.kind in "iub" else d.newbyteorder("=") for d in given]
        kind = np.result_type(*given)
        if F.theta.size:
            kind = (
                np.result_type(F.theta.dtype, np.complex64) if kind.kind == "c" else F.theta.dtype
            )
            return [kind, np.result_type(kind, np.complex128)] if kind.kind == "c" else [kind]
        return list({kind, *given})

    return wanted


# ---- what is called
@cache
def subjects():
    """name → a map of every kind, dtype and method."""
    rng = np.random.default_rng(5)
    maps = {name: make(rng) for name, make in (zoo.FIELDS | zoo.LINEAR).items()}
    maps |= {
        f"Flow, {name}": dnn.Flow(X, 0.1, method, steps=2, learn_h=k % 2 == 0)
        for k, (name, method, X) in enumerate(zoo.pairs(rng))
    }
    maps |= {f"Network, {name}": net for name, net in zoo.networks(rng)}
    maps["HenonMap"] = zoo.henon(rng)
    maps["Rollout"] = dnn.Rollout(dnn.Flow(zoo.residual(rng), 0.1), 3)
    maps["float32"] = dnn.Network(
        dnn.Flow(dnn.GradientField(dnn.Dense(3, 4, rng=0, dtype="f4"), dnn.LeakyReLU()), 0.1, dnn.RK4(), learn_h=True), dnn.Affine(2, 4, rng=0, dtype="f4"),
    )  # fmt: skip
    maps["float32 field"] = dnn.ResidualField(dnn.Dense(4, 4, rng=0, dtype="f4"), dnn.Sigmoid())
    maps["float32 midpoint"] = dnn.Flow(
        dnn.ResidualField(dnn.Dense(4, 4, rng=0, dtype="f4"), dnn.Tanh()),
        0.1,
        dnn.ImplicitMidpoint(),
    )
    maps["square Dense"], maps["square Affine"] = dnn.Dense(4, 4, rng=0), dnn.Affine(4, 4, rng=0)
    maps |= {
        f"Flow, {name}": dnn.Flow(getattr(systems, name)(), 0.01, dnn.Heun())
        for name in ("pendulum", "sir", "rigid_body", "lotka_volterra")
    }
    A = dnn.Convolution(2, 2, (3, 4), groups=2, rng=0, dtype="f4")
    maps |= {
        "images": dnn.Convolution(2, 1, (3, 3), rng=0),
        "float32 images": dnn.Flow(dnn.GradientField(A, dnn.ReLU()), 0.3),
        "MaxPooling": dnn.MaxPooling(1, (2, 4)),
        "MaxMin": dnn.MaxMin(5),
        "Parallel": dnn.Parallel(dnn.MaxMin(2), dnn.Affine(1, 2, rng=0)),
        "Frozen": dnn.Frozen(dnn.Affine(3, 4, rng=0)),
        "IdentityMinus": dnn.IdentityMinus(dnn.Dense(4, 4, rng=0)),
    }
    maps["Standardisation"] = dnn.Standardisation(2, (1, 2), [0.1, 0.2], 2.0)
    maps["Flow, midpoint of a pendulum"] = dnn.Flow(systems.pendulum(), 0.1, dnn.ImplicitMidpoint())
    return maps


def some_map(rng, kind=dnn.Map):
    names = [name for name, F in subjects().items() if isinstance(F, kind)]
    name = pick(rng, names)
    return name, copy.deepcopy(subjects()[name])


def image_of(F):
    return (F.n, F.dim_out) if isinstance(F, dnn.Rollout) else (F.dim_out,)


def roughness(F):
    """How much larger than rounding an error may be: what is solved for, is to rounding times a condition number."""
    return max(rough_of(getattr(G, "method", None)) for G in dnn.maps.every_map(F))


def is_implicit(method):
    return isinstance(method, dnn.RungeKutta) and not method.explicit


def rough_of(method):
    inner = getattr(method, "inner", None)
    rough = {dnn.DiscreteGradient: 1e11, dnn.Projected: 1e9}.get(
        type(method), 1e7 if isinstance(method, dnn.ImplicitMethod) or is_implicit(method) else 1e4
    )
    return max(
        [
            rough,
            *(
                rough_of(part)
                for part in (inner if isinstance(inner, list) else [inner])
                if part is not None
            ),
        ]
    )


def pointwise(name, F, function, shapes, **arguments):
    right = numbers_right(function, dtype_of(F), shapes, roughness(F))(arguments)
    return Call(name, function, right, watched=[F], **arguments)


def value(rng):
    name, F = some_map(rng)
    return pointwise(
        f"{name}: F", F, lambda x: {"y": F(x)}, {"y": image_of(F)}, x=state(rng, F.dim_in)
    )


def adjoint(rng):
    name, F = some_map(rng)
    x = state(rng, F.dim_in, 0.3)
    w = beside(rng, x, (*np.shape(x.clean)[:-1], *image_of(F)))

    def function(x, w):
        y, pullback = F.vjp(x)
        dx, dtheta = pullback(w)
        again = pullback(w)
        assert np.array_equal(again[0], dx, equal_nan=True) and np.array_equal(
            again[1], dtheta, equal_nan=True
        )
        return {"y": y, "dx": dx, "dtheta": dtheta}

    return pointwise(
        f"{name}: F.vjp, pullback", F, function, {"y": image_of(F), "dx": (F.dim_in,)}, x=x, w=w
    )


def tangent(rng):
    name, F = some_map(rng)
    x = state(rng, F.dim_in, 0.3)
    v, arguments = beside(rng, x, np.shape(x.clean)), {}
    if rng.random() < 0.6:
        arguments["dtheta"] = (
            array(rng, F.theta.shape, 0.3)
            if F.theta.size
            else Argument(np.zeros(0), "good", np.zeros(0))
        )
        if arguments["dtheta"].value is None:
            arguments["dtheta"].verdict = "odd"  # no direction at all

    def function(x, v, dtheta=None):
        y, dy = F.jvp(x, v, dtheta)
        return {"y": y, "dy": dy}

    return pointwise(
        f"{name}: F.jvp", F, function, {"y": image_of(F), "dy": image_of(F)}, x=x, v=v, **arguments
    )


def jacobian(rng):
    name, F = some_map(rng)
    while isinstance(F, dnn.Rollout):
        name, F = some_map(rng)
    return pointwise(
        f"{name}: F.jacobian",
        F,
        lambda x: {"J": F.jacobian(x)},
        {"J": (F.dim_out, F.dim_in)},
        x=state(rng, F.dim_in),
    )


def inverse(rng):
    name, F = some_map(rng)
    return pointwise(
        f"{name}: F.inverse",
        F,
        lambda x: {"x": F.inverse(x)},
        {"x": (F.dim_in,)},
        x=state(rng, F.dim_out),
    )


def linear_adjoint(rng):
    name, A = some_map(rng, dnn.LinearMap)
    return pointwise(
        f"{name}: A.adjoint",
        A,
        lambda x: {"x": A.adjoint(x)},
        {"x": (A.dim_in,)},
        x=state(rng, A.dim_out),
    )


def field_number(rng):
    name, X = some_map(rng, dnn.Field)
    member = pick(
        rng, [m for m in ("divergence", "potential", "hamiltonian", "rhs") if hasattr(X, m)]
    )
    shape = (X.dim,) if member == "rhs" else ()
    f = (lambda x: X.rhs(0.0, x)) if member == "rhs" else getattr(X, member)
    return pointwise(
        f"{name}: X.{member}", X, lambda x: {member: f(x)}, {member: shape}, x=state(rng, X.dim)
    )


def constants(rng):
    name, F = some_map(rng)
    members = [
        m
        for m in (
            "lipschitz",
            "spectrum",
            "one_sided_lipschitz",
            "singular_range",
            "summary",
            "__repr__",
            "__copy__",
        )
        if hasattr(F, m)
    ]
    member = pick(rng, members)

    def right(result, warned):
        numbers = (
            [result] if isinstance(result, float) else result if isinstance(result, tuple) else []
        )
        return "" if np.isfinite(numbers).all() and not warned else f"{member} is {result}"

    return Call(f"{name}: F.{member}", getattr(F, member), right, watched=[F])


def assignment(rng):
    """θ, a bias or a step is given."""
    name, F = some_map(rng)
    target = pick(
        rng, ["theta", *(m for m in ("b", "h", "A", "field", "W", "alpha") if hasattr(F, m))]
    )
    shape = np.shape(getattr(F, target, 0))
    value = (
        array(rng, shape, 0.5)
        if rng.random() < 0.6 and shape and target in ("theta", "b", "W")
        else anything(rng)
    )
    if (
        target != "theta"
        and isinstance(value.value, float | np.ndarray)
        and np.ndim(value.value) == 0
        and value.verdict == "bad"
    ):
        value.verdict = "odd"  # one number for all entries

    def function(value):
        setattr(F, target, value)
        return F

    def right(result, warned):
        if not np.shares_memory(F.theta, getattr(F, "network", F).theta) and F.theta.size:
            return "θ is another array now"
        found = getattr(F, target)
        if value.clean is not None and not same(
            found,
            value.clean,
            1e-2
            if found.dtype.itemsize < 8 or np.asarray(value.value).dtype.itemsize < 8
            else 1e-12,
        ):
            return f"{target} is not what was given"
        return (
            ""
            if np.asarray(found).dtype.kind == "f"
            or target in ("A", "field")
            or np.ndim(found) == 0
            else f"{target} has dtype {np.asarray(found).dtype}"
        )

    return Call(f"{name}: F.{target} = ", function, right, value=value)


def second_derivative(rng):
    name, F = some_map(rng)
    while isinstance(F, dnn.Rollout) or not F.theta.size:
        name, F = some_map(rng)
    x = array(rng, (3, F.dim_in), 0.3)
    y, v = array(rng, (3, F.dim_out), 0.2), array(rng, F.theta.shape, 0.3)

    def right(result, warned):
        if all(not a.wild.any() for a in (x, y, v)):
            expected = dnn.hessian_times(F, dnn.MeanSquaredError(), x.clean, y.clean, v.clean)
            if (
                not same(result, expected, min(1e-9 * roughness(F), 1e-3))
                or not np.isfinite(result).all()
            ):
                return "it is not that of clean copies"
        return (
            ""
            if np.shape(result) == F.theta.shape and np.asarray(result).dtype.kind == "f"
            else f"it has shape {np.shape(result)}, {result.dtype}"
        )

    def function(x, y, v):
        return dnn.hessian_times(F, dnn.MeanSquaredError(), x, y, v)

    return Call(f"{name}: hessian_times", function, right, watched=[F], x=x, y=y, v=v)


@cache
def method_pairs():
    return list(zoo.pairs(np.random.default_rng(6)))


def method_call(rng):
    name, method, X = pick(rng, method_pairs())
    X = copy.deepcopy(X)
    member = pick(
        rng,
        [
            "step",
            "vjp",
            "jvp",
            "inverse",
            "lipschitz",
            "steps_for",
            "non_expansive_step",
            "preserves",
        ],
    )
    odd = rng.random() < 0.3
    h = (
        good(pick(rng, [0.1, -0.05, np.float64(0.1), np.float32(0.1), 1e-3]))
        if odd or rng.random() < 0.5
        else Argument(pick(rng, NUMBERS + THINGS))
    )
    x = state(rng, 4, 0.3)
    field = good(X)
    if odd:
        field = (
            anything(rng)
            if rng.random() < 0.5
            else Argument(copy.deepcopy(pick(rng, method_pairs())[2]))
        )
    arguments = dict(field=field)
    if member in ("steps_for", "lipschitz"):
        arguments["h"] = Argument(h.value)  # a time must be positive
    elif member in ("step", "vjp", "jvp", "inverse"):
        arguments |= dict(x=x, h=h)
        if member == "vjp":
            arguments["w"] = beside(rng, x, np.shape(x.clean))
        if member == "jvp":
            arguments["v"] = beside(rng, x, np.shape(x.clean))
            if rng.random() < 0.3:
                arguments["dh"] = Argument(pick(rng, NUMBERS + THINGS))
            elif rng.random() < 0.3:
                arguments["dtheta"] = (
                    array(rng, X.theta.shape, 0.5) if X.theta.size else anything(rng)
                )
                if arguments["dtheta"].value is None:
                    arguments["dtheta"].verdict = "odd"  # no direction at all

    def function(field, **rest):
        rest = {name: rest[name] for name in ("x", "h", "v", "dtheta", "dh", "w") if name in rest}
        if member == "vjp":
            *given, w = rest.values()
            y, pullback = method.vjp(field, *given)
            dx, dtheta, dh = pullback(w)
            return {"y": y, "dx": dx}
        if member in ("step", "inverse"):
            return {"y": getattr(method, member)(field, *rest.values())}
        if member == "jvp":
            places, options = (
                [rest[name] for name in ("x", "h", "v")],
                {name: rest[name] for name in ("dtheta", "dh") if name in rest},
            )
            y, dy = method.jvp(field, *places, **options)
            return {"y": y, "dy": dy}
        return getattr(method, member)(field, *rest.values())

    if member in ("lipschitz", "steps_for", "non_expansive_step", "preserves"):

        def right(result, warned):
            size = h.value if "h" in arguments and not isinstance(h.value, complex) else 1
            return (
                ""
                if isinstance(result, frozenset)
                or not np.isnan(result)
                and (math.isfinite(result) or member == "non_expansive_step" or abs(size) > 1e3)
                else f"{member} is {result}"
            )
    else:
        d = getattr(field.value, "dim_in", 4)
        shapes = {name: (d,) for name in ("y", "dx", "dy")}
        plain = "dh" not in arguments and not isinstance(h.value, complex | np.complexfloating)
        moderate = (
            isinstance(h.value, float | int | np.number)
            and abs(h.value) < 1.5
            and x.clean is not None
        )
        if moderate and plain and "dtheta" not in arguments:
            right = numbers_right(function, dtype_of(field.value), shapes, rough_of(method))(
                arguments
            )
        else:

            def right(result, warned):
                silent = (
                    not all(np.isfinite(r).all() for r in result.values())
                    and not loud(warned)
                    and not any(a.wild.any() for a in arguments.values() if a.clean is not None)
                )
                return (
                    "a silent NaN or infinity"
                    if silent
                    and (
                        "dh" not in arguments
                        or math.isfinite(abs(one_number(arguments["dh"].value, "dh")))
                    )
                    else ""
                )

    return Call(f"{name}: method.{member}", function, right, watched=[X, method], **arguments)


# ---- constructors
def built(thing, warned, rng):
    """What is wrong with an object, used as its kind is used; an error that is not ours is found by the caller."""
    repr(thing), str(thing)
    calm = True
    numbers = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if isinstance(thing, dnn.Map):
            x = rng.uniform(0.1, 1, (3, thing.dim_in))
            numbers = use_of_a_map(thing, x)
        elif isinstance(thing, dnn.Activation):
            z = rng.normal(size=(2, 3))
            numbers = [thing(z), thing.slope(z), *thing.value_and_slope(z), thing.primitive(z)]
        elif isinstance(thing, dnn.Method):
            numbers = use_of_a_method(thing)
        elif isinstance(thing, dnn.Loss):
            y = rng.normal(size=(3, 2))
            numbers = (
                thing.vjp(y, y)
                if isinstance(thing, dnn.MeanSquaredError)
                else thing.vjp(y, np.array([0, 1, 1]))
            )
        elif isinstance(thing, dnn.Optimiser):
            net, x = dnn.Affine(2, 2, rng=0), rng.normal(size=(3, 2))
            dnn.fit(net, dnn.MeanSquaredError(), x, x, thing, epochs=2)
            numbers = [net.theta]
        elif isinstance(thing, dnn.Constraint):
            thing.project()
            numbers = [F.theta for F in thing.maps]
        elif isinstance(thing, dnn.PGD):
            thing.steps, thing.restarts = (
                min(thing.steps, 20),
                min(thing.restarts, 5),
            )  # the same, in less time
            numbers = [thing(classifier(), rng.uniform(0.2, 0.8, (3, 2)), np.array([0, 1, 1]))]
        elif isinstance(thing, dnn.Stored | dnn.Reversed | dnn.Checkpoints):
            net, x = (
                dnn.Flow(systems.pendulum(), 0.1, dnn.StormerVerlet(), steps=7),
                rng.normal(size=(3, 2)),
            )
            y, pullback = thing.vjp(net, x)
            numbers = [y, pullback(x)[0]]
        elif all(hasattr(thing, member) for member in ("gradient", "hvp")):
            x = rng.normal(size=(3, len(thing.Q) if hasattr(thing, "Q") else 4))
            numbers = [thing(x), thing.gradient(x), thing.hvp(x, x)]
        elif isinstance(thing, dnn.Check):
            calm = isinstance(thing.passed, bool)
    finite = all(np.isfinite(n).all() for n in numbers)
    if not calm or not (
        finite or loud(warned) or loud([str(warning.message) for warning in caught])
    ):
        return "it was made, but cannot be used: silent NaN or infinity"
    return ""


def use_of_a_map(F, x):
    F.formula, F.keeps, F.parameters, F.theta.copy()
    y = F(x)
    numbers = [y]
    if y.shape != (*x.shape[:-1], *image_of(F)):
        raise RuntimeError(f"F(x) has shape {y.shape}")
    if isinstance(F, dnn.KnownField) and F.dfun is None:
        return numbers
    z, pullback = F.vjp(x)
    dx, dtheta = pullback(np.ones_like(y))
    if dx.shape != x.shape or dtheta.shape != F.theta.shape:
        raise RuntimeError(f"pullback gives shapes {dx.shape}, {dtheta.shape}")
    numbers += [z, dx, dtheta, F.jvp(x, x, F.theta)[1]]
    for member in ("lipschitz", "one_sided_lipschitz", "spectrum", "summary"):
        with contextlib.suppress(NotImplementedError):
            getattr(F, member, F.lipschitz)()
    return numbers


def use_of_a_method(method):
    rng, numbers = np.random.default_rng(1), []
    for kind in (
        "ResidualField",
        "PartitionedField of gradients",
        "SpherePreservingField",
        "SumField",
        "HamiltonianField",
    ):
        X, x = zoo.FIELDS[kind](rng), rng.uniform(0.1, 0.5, (2, 4))
        try:
            method.require(X)
        except (TypeError, ValueError):
            continue
        numbers += [method.step(X, x, 0.01), method.jvp(X, x, 0.01, x)[1]]
        method.preserves(X)
    return numbers


def classifier():
    return dnn.Network(
        dnn.Flow(dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh()), 0.1),
        dnn.Affine(2, 2, rng=0),
    )


def learned(sign=-1):
    X = (
        dnn.GradientField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU())
        if sign < 0
        else dnn.ResidualField(dnn.Dense(2, 2, W=np.eye(2)), dnn.LeakyReLU())
    )
    return dnn.Flow(X, 0.1, learn_h=True)


def dense(k, d):
    return lambda: dnn.Dense(k, d, rng=1)


FUNCTIONS = lambda: np.tanh, lambda: np.ones_like, lambda: lambda x, v: v
ACTIVATION = lambda: dnn.Tanh(), lambda: dnn.Sigmoid()
#: name → (what is called, {argument: its good values}); an argument whose name starts with _ is positional
CONSTRUCTORS = {
    "Dense": (dnn.Dense, dict(dim_out=[lambda: 3, lambda: np.int8(2)], dim_in=[lambda: 2], W=[lambda: None], rng=[lambda: 0, lambda: None], dtype=[lambda: float, lambda: "f4"])),
    "Dense W": (dnn.Dense, dict(dim_out=[lambda: 2], dim_in=[lambda: 3], W=[lambda: np.ones((2, 3)), lambda: [[1, 2, 3], [4, 5, 6]]])),
    "Affine": (dnn.Affine, dict(dim_out=[lambda: 2], dim_in=[lambda: 2], W=[lambda: None, lambda: np.eye(2)], b=[lambda: None, lambda: [1, 2]], rng=[lambda: 0], dtype=[lambda: float])),
    "Lift": (dnn.Lift, dict(dim_out=[lambda: 3], dim_in=[lambda: 2])),
    "Zero": (dnn.Zero, dict(dim_out=[lambda: 3], dim_in=[lambda: 2])),
    "Laplacian": (dnn.Laplacian, dict(image=[lambda: (3, 4), lambda: [5, 5]], dx=[lambda: 1, lambda: 0.1])),
    "PeriodicGradient": (dnn.PeriodicGradient, dict(image=[lambda: (3, 4), lambda: [5, 5]], dx=[lambda: 1, lambda: 0.1])),
    "Restriction": (dnn.Restriction, dict(dim_out=[lambda: 2], dim_in=[lambda: 3])),
    "Convolution": (dnn.Convolution, dict(channels_out=[lambda: 4, lambda: 2], channels_in=[lambda: 2], image=[lambda: (3, 4), lambda: [5, 5]], kernel=[lambda: 3, lambda: 1], groups=[lambda: 1, lambda: 2], W=[lambda: None], rng=[lambda: 0], dtype=[lambda: float, lambda: "f4"])),
    "Convolution W": (dnn.Convolution, dict(channels_out=[lambda: 2], channels_in=[lambda: 1], image=[lambda: (3, 4)], W=[lambda: np.ones((2, 1, 3, 3))])),
    "ChannelLift": (dnn.ChannelLift, dict(channels_out=[lambda: 3], channels_in=[lambda: 2], image=[lambda: (2, 3)])),
    "ChannelRestriction": (dnn.ChannelRestriction, dict(channels_out=[lambda: 2], channels_in=[lambda: 3], image=[lambda: (2, 3)])),
    "AveragePooling": (dnn.AveragePooling, dict(channels=[lambda: 2], image=[lambda: (4, 6)], size=[lambda: 2, lambda: 1])),
    "MaxPooling": (dnn.MaxPooling, dict(channels=[lambda: 2], image=[lambda: (4, 6)], size=[lambda: 2])),
    "MaxMin": (dnn.MaxMin, dict(dim=[lambda: 2, lambda: np.int8(5)])),
    "Parallel": (dnn.Parallel, dict(_0=[dense(3, 2)], _1=[lambda: dnn.MaxMin(3), lambda: dnn.Affine(2, 4, rng=0)])),
    "Frozen": (dnn.Frozen, dict(F=[dense(3, 2)], theta=[lambda: None, lambda: np.ones(6)])),
    "IdentityMinus": (dnn.IdentityMinus, dict(N=[dense(2, 2), lambda: learned()])),
    "BlockBall": (dnn.BlockBall, dict(net=[lambda: dnn.Network(dnn.Affine(3, 2, rng=0), dnn.MaxMin(3), dnn.Dense(1, 3, rng=0))])),
    "Standardisation": (dnn.Standardisation, dict(channels=[lambda: 2], image=[lambda: (2, 3)], mean=[lambda: 0.5, lambda: [1, 2]], scale=[lambda: 2, lambda: [0.5, 1.0]])),
    "ResidualField": (dnn.ResidualField, dict(A=[dense(3, 2)], sigma=ACTIVATION, B=[dense(2, 3)])),
    "GradientField": (dnn.GradientField, dict(A=[dense(3, 2)], sigma=ACTIVATION, sign=[lambda: -1, lambda: 1.0], alpha=[lambda: None, lambda: [1, -1, 2]])),
    "GradientOf": (dnn.GradientOf, dict(V=[lambda: dnn.GradientOf.random(2, (3, 2), rng=0).V], sign=[lambda: -1, lambda: 1.0])),
    "HamiltonianOf": (dnn.HamiltonianOf, dict(H=[lambda: dnn.GradientOf.random(2, (3, 2), rng=0).V])),
    "HamiltonianField": (dnn.HamiltonianField, dict(A=[dense(3, 2)], sigma=ACTIVATION, alpha=[lambda: None, lambda: np.ones(3)])),
    "InvariantField": (dnn.InvariantField, dict(A=[dense(5, 3)], sigma=ACTIVATION, invariant=[lambda: dnn.SquaredNorm(), lambda: dnn.Mass()], C=[dense(3, 5)])),
    "MassPreservingField": (dnn.MassPreservingField, dict(A=[dense(3, 3)], sigma=ACTIVATION, C=[lambda: None])),
    "SpherePreservingField": (dnn.SpherePreservingField, dict(A=[dense(9, 3)], sigma=ACTIVATION, C=[lambda: None])),
    "PartitionedField": (dnn.PartitionedField, dict(f=[dense(2, 3)], g=[dense(3, 2)])),
    "SumField": (dnn.SumField, dict(_0=[lambda: zoo.residual(np.random.default_rng(0))], _1=[lambda: zoo.sphere(np.random.default_rng(0))])),
    "SwitchedField": (dnn.SwitchedField, dict(minus=[lambda: zoo.residual(np.random.default_rng(0))], plus=[lambda: zoo.sphere(np.random.default_rng(0))], surface=[lambda: dnn.Affine(1, 4, rng=0), lambda: dnn.SquaredNorm()])),
    "TangentField": (dnn.TangentField, dict(field=[lambda: zoo.residual(np.random.default_rng(0))], invariant=[lambda: dnn.SquaredNorm(), lambda: zoo.Bare()])),
    "KnownField": (dnn.KnownField, dict(fun=[lambda: np.sin], dim=[lambda: 2], jacobian=[lambda: None], keeps=[lambda: (), lambda: {"mass"}], gradient=[lambda: False])),
    "KnownField solved": (dnn.KnownField, dict(fun=[lambda: np.copy], dim=[lambda: 2], jacobian=[lambda: "complex step"], flow=[lambda: lambda x, h: x * np.exp(h)], flow_jacobian=[lambda: None, lambda: "complex step"])),
    "LinearField": (dnn.LinearField, dict(A=[dense(2, 2), lambda: [[0, 1], [-1, 0]], lambda: dnn.Lift(3, 3)])),
    "Quadratic": (dnn.Quadratic, dict(Q=[lambda: np.eye(2), lambda: [[1, 2], [3, 4]]], keeps=[lambda: {"energy"}])),
    "Invariant": (dnn.Invariant, dict(value=[lambda: zoo.Bare()], gradient=[lambda: np.copy], hvp=[lambda: zoo.Bare().hvp], keeps=[lambda: ("norm",)])),
    "Flow": (dnn.Flow, dict(field=[lambda: zoo.residual(np.random.default_rng(0))], h=[lambda: 0.1, lambda: -1], method=[lambda: dnn.RK4()], steps=[lambda: 2], learn_h=[lambda: True, lambda: False])),
    "HenonMap": (dnn.HenonMap, dict(dV=[dense(2, 2)])),
    "Rollout": (dnn.Rollout, dict(network=[dense(2, 2)], n=[lambda: 3])),
    "Network": (dnn.Network, dict(_0=[dense(3, 2)], _1=[lambda: dnn.Lift(4, 3)], _2=[lambda: dnn.Affine(2, 4, rng=0)])),
    "LeakyReLU": (dnn.LeakyReLU, dict(slope=[lambda: 0.5, lambda: 0])),
    "MulticlassHinge": (dnn.MulticlassHinge, dict(margin=[lambda: 1])),
    "RungeKutta": (dnn.RungeKutta, dict(A=[lambda: [[], [0.5]]], b=[lambda: [0, 1]], order=[lambda: None, lambda: 2])),
    "an implicit RungeKutta": (dnn.RungeKutta, dict(A=[lambda: [[0, 0], [0.5, 0.5]]], b=[lambda: [0.5, 0.5]])),
    "Gauss": (dnn.Gauss, dict(s=[lambda: 1, lambda: 3])),
    "RadauIIA": (dnn.RadauIIA, dict(s=[lambda: 1, lambda: 3])),
    "RK4": (dnn.RK4, dict(A=[lambda: None], b=[lambda: None], order=[lambda: None, lambda: 4])),
    "LieTrotter": (dnn.LieTrotter, dict(inner=[lambda: dnn.RK4(), lambda: [dnn.RK4(), dnn.Euler()]])),
    "Strang": (dnn.Strang, dict(inner=[lambda: dnn.RK4()])),
    "Yoshida": (dnn.Yoshida, dict(inner=[lambda: dnn.StormerVerlet(), lambda: dnn.ImplicitMidpoint()])),
    "Projected": (dnn.Projected, dict(method=[lambda: dnn.RK4()], invariant=[lambda: dnn.SquaredNorm(), lambda: zoo.Bare()])),
    "Projected several": (dnn.Projected, dict(_0=[lambda: dnn.RK4()], _1=[lambda: dnn.SquaredNorm(), lambda: zoo.Bare()], _2=[lambda: dnn.Mass(), lambda: zoo.Bare()])),
    "Rattle": (dnn.Rattle, dict(_0=[lambda: dnn.Sphere(), lambda: zoo.Bare()], _1=[lambda: zoo.CURVE])),
    "LieField": (dnn.LieField, dict(a=[dense(3, 3), lambda: dnn.Affine(3, 3, rng=0)], basis=[lambda: None, lambda: np.ones((3, 3, 3)), lambda: [[[1, 2, 3]] * 3] * 3])),
    "Switching": (dnn.Switching, dict(method=[lambda: dnn.RK4(), lambda: dnn.StormerVerlet()])),
    "OneCycle": (dnn.OneCycle, dict(low=[lambda: 1e-3], high=[lambda: 0.1, lambda: 1], rise=[lambda: 0.4])),
    "Steps": (dnn.Steps, dict(start=[lambda: 0.1], every=[lambda: 0.45, lambda: 1], factor=[lambda: 0.1, lambda: 2])),
    "Cosine": (dnn.Cosine, dict(high=[lambda: 0.1], low=[lambda: 0, lambda: 1e-3])),
    "Adam": (dnn.Adam, dict(rate=[lambda: 1e-2, lambda: dnn.Cosine(0.1)], beta1=[lambda: 0.9], beta2=[lambda: 0.999], eps=[lambda: 1e-8])),
    "SGD": (dnn.SGD, dict(rate=[lambda: 1e-2, lambda: lambda s: 0.1], momentum=[lambda: 0, lambda: 0.9])),
    "DiscreteGradient": (dnn.DiscreteGradient, dict(invariant=[lambda: None, lambda: zoo.Bare()], gradient=[lambda: dnn.Gonzalez(), lambda: dnn.ItohAbe()])),
    "KnownSkewField": (dnn.KnownSkewField, dict(S=[lambda: [[0, 1], [-1, 0]], lambda: np.array([[0, -2.5], [2.5, 0]])], invariant=[lambda: dnn.SquaredNorm(), lambda: zoo.Bare()], dim=[lambda: None, lambda: 2])),
    "LBFGS": (dnn.LBFGS, dict(corrections=[lambda: 10], gtol=[lambda: 1e-9])),
    "Orthogonal": (dnn.Orthogonal, dict(_0=[dense(3, 2)], _1=[lambda: dnn.Affine(2, 3, rng=0)], bjorck=[lambda: True])),
    "SpectralBall": (dnn.SpectralBall, dict(_0=[dense(3, 2)], radius=[lambda: 0.5, lambda: 2])),
    "OrthogonalityPenalty": (dnn.OrthogonalityPenalty, dict(_0=[dense(3, 2), lambda: dnn.Convolution(2, 1, (3, 3), rng=0)], weight=[lambda: 0.5, lambda: 2])),
    "Smoothness": (dnn.Smoothness, dict(_0=[dense(3, 2)], _1=[dense(3, 2)], weight=[lambda: 0.5, lambda: 2])),
    "NonExpansiveSteps": (dnn.NonExpansiveSteps, dict(_0=[learned], _1=[lambda: dnn.Flow(zoo.gradient_field(np.random.default_rng(0)), 0.1)], T=[lambda: None], h=[lambda: None, lambda: 2])),
    "NonExpansiveSteps T": (dnn.NonExpansiveSteps, dict(_0=[lambda: dnn.Flow(zoo.gradient_field(np.random.default_rng(0)), 0.1)], T=[lambda: 1, lambda: 0.5], most=[lambda: None, lambda: 2])),
    "TowardsOrthogonal": (dnn.TowardsOrthogonal, dict(_0=[dense(3, 2), lambda: dnn.Convolution(2, 1, (3, 3), rng=0)], descents=[lambda: 1, lambda: 2])),
    "SignedSteps": (dnn.SignedSteps, dict(_0=[learned], _1=[learned], smallest=[lambda: 1e-3])),
    "StepSizes": (dnn.StepSizes, dict(flow_C=[learned], flow_E=[lambda: learned(1)], bound=[lambda: "sharp", lambda: "slides"], smallest=[lambda: 1e-3])),
    "PGD": (dnn.PGD, dict(eps=[lambda: 0.1], steps=[lambda: 3], restarts=[lambda: 2], norm=[lambda: 2], box=[lambda: None, lambda: (0, 1)], rng=[lambda: 0], step=[lambda: None, lambda: 0.1])),
    "Reversed": (dnn.Reversed, dict(tolerance=[lambda: None, lambda: 1e-3])),
    "Checkpoints": (dnn.Checkpoints, dict(budget=[lambda: None, lambda: 3])),
    "Check": (dnn.Check, dict(name=[lambda: "a check"], measured=[lambda: 0.1], limit=[lambda: 1], detail=[lambda: ""])),
    **{cls.__name__: (cls, {}) for cls in (
        dnn.Identity, dnn.Tanh, dnn.Sigmoid, dnn.ReLU, dnn.ReLUSquared, dnn.Softplus, dnn.Sine, dnn.Mass, dnn.SquaredNorm, dnn.MeanSquaredError, dnn.SoftmaxCrossEntropy, dnn.BinaryCrossEntropy, dnn.Euler, dnn.Heun,
        dnn.ExplicitMidpoint, dnn.Ralston, dnn.Kutta3, dnn.SymplecticEuler, dnn.StormerVerlet, dnn.ImplicitMidpoint, dnn.Cayley, dnn.ExactFlow, dnn.Stored, dnn.History,
    )},
}  # fmt: skip
for thing in zoo.one_of_each(
    np.random.default_rng(0)
):  # what is not listed above is built as in the zoo
    if (name := type(thing).__name__) in dnn.__all__ and name not in {
        made.__name__ for made, _ in CONSTRUCTORS.values()
    } | {"presnov"}:
        given = dnn.arguments.arguments(thing).items()
        CONSTRUCTORS[name] = (
            type(thing),
            {key: [lambda value=value: copy.deepcopy(value)] for key, value in given},
        )
#: the bases, which are made by their subclasses, and the errors
NOT_BUILT = {
    "Activation",
    "Constraint",
    "Field",
    "ImplicitMethod",
    "LinearMap",
    "Loss",
    "Map",
    "Method",
    "NotConverged",
    "Optimiser",
    "Penalty",
    "SkewGradientField",
    "presnov",
    "TrainingDiverged",
}


#: arguments that are functions of the caller, or may be
ASKED = {
    "fun",
    "jacobian",
    "flow",
    "flow_jacobian",
    "V",
    "dV",
    "d2V",
    "value",
    "gradient",
    "hvp",
    "function",
    "callback",
    "attack",
    "F",
    "X",
    "I",
    "J",
    "field",
}


def chosen(rng, options, odd):
    """Arguments with good values but for `odd` of them, which are anything."""
    names, arguments = list(options), {}
    wrong = set(rng.permutation(names)[:odd].tolist())
    for name in names:
        arguments[name] = anything(rng) if name in wrong else good(pick(rng, options[name])())
        if name in ("t", "T") and math.fabs(dnn.arguments.real(arguments[name].value)) > 1e3:
            arguments[name] = good(pick(rng, options[name])())  # a long time takes long
        if (
            name in ASKED
            and callable(arguments[name].value)
            and not (name in "F X I J field" and isinstance(arguments[name].value, dnn.Map))
        ):
            arguments[name] = good(
                pick(rng, options[name])()
            )  # what a caller's own function raises is the caller's
    return arguments


def called(function):
    """The function, with those arguments positional whose name starts with _."""

    def call(**arguments):
        places = [value for name, value in arguments.items() if name.startswith("_")]
        return function(
            *places,
            **{name: value for name, value in arguments.items() if not name.startswith("_")},
        )

    return call


def constructor(rng):
    name = pick(
        rng,
        [name for name, (_, options) in CONSTRUCTORS.items() for _ in range(1 + 2 * len(options))],
    )
    cls, options = CONSTRUCTORS[name]
    arguments = chosen(rng, options, min(len(options), pick(rng, [0, 1, 1, 1, 1, 2])))
    made = Call(
        f"dnn.{cls.__name__}",
        called(cls),
        lambda thing, warned: built(thing, warned, np.random.default_rng(0)),
        **arguments,
    )
    made.adopts = True
    return made


# ---- functions
def finite(result, warned):
    """Whatever comes back holds no NaN."""
    entries = result if isinstance(result, tuple | list) else [result]
    for entry in entries:
        if (
            isinstance(entry, np.ndarray | float)
            and not np.isfinite(entry).all()
            and not loud(warned)
        ):
            return f"the result holds {np.ravel(entry)[~np.isfinite(np.ravel(entry))][0]}"
    return ""


def fitted(history, warned):
    return (
        ""
        if np.isfinite([*history.loss, *history.validation]).all()
        else f"the losses are {history.loss}"
    )


def a_check(check, warned):
    return (
        ""
        if isinstance(check, dnn.Check) and isinstance(check.passed, bool) and str(check)
        else f"the check is {check!r}"
    )


def points(*shape):
    return lambda: np.random.default_rng(3).uniform(0.2, 0.8, shape)


def labels():
    return np.array([0, 1, 1])


def evaluates(function):
    """The result of a function that `presnov` and the like return, at points."""
    return lambda *arguments, **options: function(*arguments, **options).gradient(points(3, 2)())


def made_by(function, **options):
    return lambda **arguments: function(**options)(**arguments)


MSE, CE = (lambda: dnn.MeanSquaredError()), (lambda: dnn.SoftmaxCrossEntropy())
NET, X2 = (lambda: classifier()), points(3, 2)
GRADIENT = lambda: dnn.GradientField(dnn.Dense(3, 2, rng=0), dnn.Tanh())  # noqa: E731
NONE = [lambda: None]
#: name → (function, {argument: good values}, judge of the result); x and y are data, which must be finite
FUNCTIONS_OF_DATA = {
    "fit": (dnn.fit, dict(net=[NET], loss=[MSE], x=[X2], y=[X2], optimiser=[lambda: dnn.Adam(), lambda: dnn.LBFGS()], epochs=[lambda: 1], batch_size=[lambda: None], constraints=[lambda: ()],
        validation=[lambda: None, lambda: (X2(), X2())], rng=[lambda: 0], progress=[lambda: False], callback=NONE, clip=[lambda: None], after_step=[lambda: None, lambda: lambda step, loss: None], augment=[lambda: None]), fitted),
    "fit labels": (dnn.fit, dict(net=[NET], loss=[CE], x=[X2], y=[labels], optimiser=[lambda: dnn.SGD()], epochs=[lambda: 2], batch_size=[lambda: 2], rng=[lambda: 0], clip=[lambda: 0.1], augment=[lambda: lambda x, rng: 2 * x]), fitted),
    "FGM": (lambda net, x, y, **options: dnn.FGM(**options)(net, x, y), dict(net=[NET], x=[X2], y=[labels], eps=[lambda: 0.1, lambda: [0.1, 0, 0.2]], norm=[lambda: 2, lambda: np.inf]), finite),
    "PublishedPGD": (lambda net, x, y, eps: dnn.PublishedPGD(eps)(net, x, y), dict(net=[NET], x=[X2], y=[labels], eps=[lambda: 0.1]), finite),
    "PGD": (lambda net, x, y: dnn.PGD(0.1, steps=3, restarts=3, norm=np.inf, box=(0, 1))(net, x, y), dict(net=[NET], x=[X2], y=[labels]), finite),
    "smallest_perturbation": (attacks.smallest_perturbation, dict(net=[NET], x=[X2], y=[labels], norm=[lambda: 2], largest=[lambda: 1.0], bisections=[lambda: 2], steps=[lambda: 3],
        restarts=[lambda: 2], box=NONE, rng=[lambda: 0]), lambda result, warned: finite(result[0], warned)),
    "attacks.accuracy": (attacks.accuracy, dict(net=[NET], attack=[lambda: None, lambda: dnn.FGM(0.1)], x=[X2], y=[labels]), finite),
    "attacked_accuracy": (attacks.attacked_accuracy, dict(net=[NET], x=[X2], y=[labels], eps=[lambda: [0.0, 0.1]], attack=[lambda: dnn.FGM]), finite),
    "certified_radius": (lipschitz.certified_radius, dict(net=[NET], x=[X2], pairwise=[lambda: True, lambda: False], joint=[lambda: False, lambda: True]), finite),
    "certified_accuracy": (lipschitz.certified_accuracy, dict(net=[NET], x=[X2], y=[labels], eps=[lambda: 0.1]), finite),
    "joint": (lambda net, x: lipschitz.joint(net), dict(net=[NET], x=[X2]), finite),
    "measured": (lipschitz.measured, dict(F=[NET], x=[X2], steps=[lambda: 3], rng=[lambda: 0]), finite),
    "profile": (lipschitz.profile, dict(net=[NET], x=[X2], steps=[lambda: 3], rng=[lambda: 0]), lambda result, warned: finite(result.measured, warned)),
    "exact_flow": (dnn.exact_flow, dict(field=[GRADIENT], x=[X2], t=[lambda: 0.1, lambda: [0.0, 0.1]]), finite),
    "trajectory": (lambda x, **options: dnn.trajectory(x0=x, **options), dict(field=[GRADIENT], x=[X2], t=[lambda: [0.0, 0.1, 0.3], lambda: [0.5]], method=[lambda: dnn.RK4(), lambda: dnn.ImplicitMidpoint()]), finite),
    "poincare_section": (lambda x, **options: np.concatenate(dnn.poincare_section(x0=x, **options)[0]), dict(field=[GRADIENT], x=[X2], t=[lambda: [0.0, 0.1, 0.3]], event=[lambda: zoo.Bare(), lambda: dnn.Affine(1, 2, rng=0)],
        method=[lambda: dnn.Heun()], direction=[lambda: 1, lambda: 0]), finite),
    "parareal": (lambda x, **options: dnn.parareal(x0=x, **options), dict(coarse=[NET], fine=[NET], x=[X2], n=[lambda: 3], iterations=[lambda: 2, lambda: 0]), finite),
    "continuous_adjoint": (lambda field, x, t, **options: dnn.continuous_adjoint(field, x, t, **options)[1](X2()), dict(field=[GRADIENT], x=[X2], t=[lambda: 0.1], rtol=[lambda: 1e-6],
        atol=[lambda: 1e-9], method=[lambda: "RK45"], tolerance=[lambda: 1e-3]), finite),
}  # fmt: skip
#: the same, where x may be anything that a field takes, and the result follows it
FUNCTIONS = {
    "value_and_grad": (dnn.value_and_grad, dict(net=[NET], loss=[MSE], x=[X2], y=[X2], executor=NONE, block=[lambda: None, lambda: 2], adjoint=[lambda: None, lambda: dnn.Checkpoints(2)]), finite),
    "sweep": (lambda **options: dnn.sweep(**options)[0]["value"], dict(function=[lambda: (lambda a: 1.0)], settings=[lambda: {"a": [1, 2]}, lambda: [{"a": 1}]], executor=NONE, progress=[lambda: False]), finite),
    "presnov": (evaluates(dnn.presnov), dict(field=[GRADIENT], nodes=[lambda: None, lambda: 5]), finite),
    "hessian_times": (lambda v, **a: dnn.hessian_times(v=v, **a), dict(net=[lambda: dnn.Dense(2, 2, rng=0)], loss=[MSE], x=[X2], y=[X2], v=[lambda: np.ones(4)]), finite),
    "moons": (datasets.moons, dict(n=[lambda: 10], noise=[lambda: 0.1], rng=[lambda: 0]), finite),
    "rings": (datasets.rings, dict(n=[lambda: 10], noise=[lambda: 0.1], rng=[lambda: 0]), finite),
    "spirals": (datasets.spirals, dict(n=[lambda: 10], noise=[lambda: 0.1], rng=[lambda: 0], turns=[lambda: 1.5]), finite),
    "swiss_roll": (datasets.swiss_roll, dict(n=[lambda: 10], noise=[lambda: 0.1], rng=[lambda: 0]), finite),
    "digits": (datasets.digits, {}, finite),
    "kepler": (systems.kepler, dict(eccentricity=[lambda: 0.5, lambda: 0]), lambda X, warned: finite(X(X.x0), warned)),
    "lotka_volterra": (systems.lotka_volterra, {name: [lambda: 1.0] for name in "abcd"}, lambda X, warned: finite(X(X.x0), warned)),
    "sir": (systems.sir, dict(beta=[lambda: 1, lambda: 0.2], gamma=[lambda: 0.1]), lambda X, warned: finite(X(X.x0), warned)),
    "damped_oscillator": (systems.damped_oscillator, dict(gamma=[lambda: 0.1, lambda: 3]), lambda X, warned: finite(X(X.x0), warned)),
    "separable": (systems.separable, dict(V=[lambda: lambda q: q[..., 0] ** 2 / 2], dV=[lambda: np.copy], d2V=[lambda: "complex step"], x0=[lambda: [1.0, 0.0]]), lambda X, warned: finite(X(X.x0), warned)),
    "rigid_body": (systems.rigid_body, dict(inertia=[lambda: (3.0, 2.0, 1.0)]), lambda X, warned: finite(X(X.x0), warned)),
    "each_output": (lipschitz.each_output, dict(F=[NET, lambda: dnn.Network(dnn.Dense(3, 2, rng=0), dnn.MaxMin(3))]), finite),
    "averaged": (lipschitz.averaged, dict(F=[lambda: learned(), lambda: dnn.IdentityMinus(learned())]), finite),
    "psnr": (dnn.psnr, dict(y=[X2], target=[lambda: 1 - X2()], peak=[lambda: 1.0, lambda: 255]), finite),
    "weights": (dnn.constraints.weights, dict(_0=[NET], _1=[GRADIENT]), lambda result, warned: ""),
}  # fmt: skip
CHECKS = {
    **{name: (getattr(checks, name), dict(F=[NET], x=[X2], rng=[lambda: 0]), a_check) for name in ("adjoint", "tangent", "taylor", "lipschitz")},
    "duality": (checks.duality, dict(F=[NET], x=[X2], steps=[lambda: 3], rng=[lambda: 0], limit=[lambda: 1e-12]), a_check),
    "volume": (checks.volume, dict(F=[NET], x=[X2], limit=NONE), a_check),
    "symplectic": (checks.symplectic, dict(F=[NET], x=[X2], limit=[lambda: 1e-12]), a_check),
    "curl_free": (checks.curl_free, dict(X=[GRADIENT], x=[X2], limit=[lambda: 1e-12]), a_check),
    "orthogonal_to_x": (checks.orthogonal_to_x, dict(X=[GRADIENT], x=[X2], limit=[lambda: 1e-12]), a_check),
    "equivariance": (checks.equivariance, dict(F=[NET, GRADIENT], g=[lambda: np.negative, lambda: dnn.Selection([1, 0], 2)], x=[X2], limit=[lambda: 1e-12]), a_check),
    "invariant": (checks.invariant, dict(F=[NET], I=[lambda: dnn.Mass()], x=[X2], steps=[lambda: 3], limit=NONE), a_check),
    "inverse": (checks.inverse, dict(F=[lambda: dnn.Dense(2, 2, rng=0)], x=[X2], limit=[lambda: 1e-10]), a_check),
    "order": (checks.order, dict(method=[lambda: dnn.RK4()], field=[GRADIENT], x=[X2], t=[lambda: 0.1], limit=[lambda: 0.05], finest=[lambda: 16]), a_check),
    "value": (checks.value, dict(F=[lambda: dnn.Lift(2, 2)], x=[X2], y=[X2], limit=[lambda: 1e-12], mistakes=[lambda: None, lambda: {"twice": 2 * X2()}]), a_check),
    "activation": (checks.activation, dict(sigma=ACTIVATION, limit=[lambda: 1e-7], mistakes=[lambda: None, lambda: {"tanh": np.tanh}]), a_check),
    "loss": (checks.loss, dict(J=[MSE], y=[X2], target=[X2], limit=[lambda: 1e-6]), a_check),
    "compared": (checks.compared, dict(name=[lambda: "dx"], found=[X2], right=[X2], mistakes=[lambda: {"twice": 2 * X2()}], limit=[lambda: 1e-10]), a_check),
    "foretold": (checks.foretold, dict(task=[lambda: "Task 2"], said=[lambda: 1.0, lambda: [1, 2]], right=[lambda: 1.0, lambda: (1.0, 3.0)], mistakes=NONE, hints=[lambda: ()], limit=[lambda: 1e-9]), a_check),
    "predicted": (checks.predicted, dict(name=[lambda: "letters"], said=[lambda: "a"], facts=[lambda: {"a": (True, "it falls")}]), a_check),
    "gradient": (checks.gradient, dict(I=[lambda: dnn.SquaredNorm(), lambda: dnn.Mass()], x=[X2], limit=[lambda: 1e-7]), a_check),
}  # fmt: skip


def data(rng, name):
    return array(rng, np.shape(X2()), 0.8) if name == "x" or rng.random() < 0.7 else anything(rng)


def function_of_data(rng):
    name = pick(rng, list(FUNCTIONS_OF_DATA))
    function, options, right = FUNCTIONS_OF_DATA[name]
    arguments = chosen(rng, options, pick(rng, [0, 1, 1, 2]))
    if rng.random() < 0.5:
        x = arguments["x"] = array(rng, (3, 2), 0.9)
        x.verdict = "bad" if x.clean is not None and not np.isfinite(x.clean).all() else "odd"
    made = Call(name, function, right, **arguments)
    made.changes = ("net",) if function is dnn.fit else ()
    return made


def function(rng):
    table = FUNCTIONS | CHECKS
    name = pick(rng, list(table))
    function, options, right = table[name]
    arguments = chosen(rng, options, min(len(options), pick(rng, [0, 1, 1, 2])))
    if "x" in arguments and rng.random() < 0.5:
        arguments["x"] = array(rng, (3, 2), 0.9)
        arguments["x"].verdict = "odd"
        if right is finite:
            right = lambda result, warned: ""  # noqa: E731
    return Call(
        name if name in FUNCTIONS else f"checks.{name}", called(function), right, **arguments
    )


def loss(rng):
    J = pick(rng, [dnn.MeanSquaredError(), dnn.SoftmaxCrossEntropy(), dnn.MulticlassHinge(0.5)])
    y = state(rng, 3, 0.4)
    shape = np.shape(y.clean)[:-1]
    if isinstance(J, dnn.MeanSquaredError):
        target = beside(rng, y, (*shape, 3))
        given = np.asarray(y.value).dtype if y.clean is not None else np.dtype(float)
        if given.kind == "f" and target.clean is not None and target.clean.dtype.kind == "f":
            with np.errstate(over="ignore"):  # a target is rounded to the dtype of y
                target.clean = target.clean.astype(given).astype(float)
    else:
        k = rng.integers(0, 3, shape)
        forms = [
            k,
            k,
            k,
            k.tolist(),
            k.astype(np.uint8),
            k + 5,
            -k - 1,
            k.astype(float),
            k[..., None],
            k.astype(str),
            None,
            "label",
            k.astype(object),
            k * 1j,
        ]
        i = rng.integers(len(forms))
        target = Argument(
            forms[i], "good" if i < 3 or i == 4 else "odd" if i == 3 or not k.size else "bad", None
        )
        if y.verdict == "bad" and isinstance(y.value, np.ndarray) and y.value.ndim == 1:
            y.verdict = "odd"  # any number of logits is right

    def function(y, target):
        value, dy = J.vjp(y, target)
        if not np.isnan(value) and value != J(y, target):
            raise AssertionError("J(y) and J.vjp(y) differ")
        n = np.size(dy) // 3
        return {"dy": dy * n, "value": np.asarray(value * n)[()]}

    arguments = dict(y=y, target=target)
    if y.clean is not None and not y.clean.size:
        y.verdict = "bad"
    plain = dtype_of(dnn.Lift(3, 3))
    per_sample = isinstance(J, dnn.MeanSquaredError)
    judge_numbers = numbers_right(function, lambda given: plain(given[:1]), {"dy": (3,)}, 1e4)

    def right(result, warned):
        if per_sample:
            return judge_numbers(arguments)(result, warned)
        if y.clean is None:
            return ""
        expected = function(y.clean, target.value)
        tolerance = 1e4 * max(np.finfo(result["dy"].dtype).eps, np.finfo(float).eps)
        calm = not y.wild.any()
        if calm and not (
            same(result["dy"], expected["dy"], min(tolerance, 0.3))
            and same(result["value"], expected["value"], min(tolerance, 0.3))
        ):
            return "it is not that of a clean copy"
        if not np.isfinite(result["dy"][~y.wild]).all():
            return "a NaN spreads over the batch"
        return (
            "a silent NaN"
            if y.silent and not np.isfinite(result["value"]) and not loud(warned)
            else ""
        )

    return Call(f"{J!r}.vjp", function, right, watched=[J], **arguments)


def activation(rng):
    sigma = pick(rng, [*zoo.ACTIVATIONS, *zoo.STEEP])
    member = pick(rng, ["__call__", "slope", "value_and_slope", "primitive"])
    z = state(rng, 3, 0.7)

    def function(z):
        result = getattr(sigma, member)(z)
        return dict(enumerate(result)) if isinstance(result, tuple) else {0: result}

    shapes = {0: (3,), 1: (3,)} if member == "value_and_slope" else {0: (3,)}
    right = numbers_right(function, dtype_of(dnn.Lift(3, 3)), shapes, 1e4)
    if z.verdict == "bad" and (
        isinstance(z.value, float) or z.value == [[[]]]
        if not isinstance(z.value, np.ndarray)
        else type(z.value) is np.ndarray and z.value.dtype.kind == "f"
    ):
        z.verdict = "odd"  # any shape is right
        return Call(f"{sigma!r}.{member}", function, lambda result, warned: "", **dict(z=z))
    return Call(f"{sigma!r}.{member}", function, right({"z": z}), **dict(z=z))


def invariant(rng):
    I = pick(rng, [dnn.Mass(), dnn.SquaredNorm(), zoo.QUADRATIC])
    member = pick(rng, ["__call__", "gradient", "hvp"])
    x = state(rng, 4, 0.6)
    arguments = {"x": x} | ({"v": beside(rng, x, np.shape(x.clean))} if member == "hvp" else {})
    plain = dtype_of(dnn.Lift(4, 4))
    right = numbers_right(
        lambda **a: {0: getattr(I, member)(*a.values())},
        lambda given: [*plain(given), np.dtype("f4")],
        {0: () if member == "__call__" else (4,)},
        1e4,
    )(arguments)
    if x.verdict == "bad":
        x.verdict, right = (
            "odd",
            lambda result, warned: "",
        )  # Mass and SquaredNorm take any dimension
    if "v" in arguments and arguments["v"].verdict == "bad":
        arguments["v"].verdict, right = "odd", lambda result, warned: ""
    return Call(
        f"{type(I).__name__}.{member}",
        lambda **a: {0: getattr(I, member)(*a.values())},
        right,
        watched=[I],
        **arguments,
    )


# ---- what callers give, and what goes wrong on the way
S2 = np.array(
    [[0.0, 1.0], [-1.0, 0.0]]
)  # of the rotation (y₂, −y₁), which is linear, and keeps the norm
#: name → (function of planar states, is it one for a batch of five)
FUNCTIONS_OF_STATES = {
    "stacked": (lambda y: np.stack([y[..., 1], -y[..., 0]], axis=-1), "good"),
    "a product": (lambda y: y @ S2.T, "good"),
    "an einsum": (lambda y: np.einsum("ij,...j->...i", S2, y), "good"),
    "a list": (lambda y: (y @ S2.T).tolist(), "good"),
    "in float32": (lambda y: (y @ S2.T).astype(np.float32), "good"),
    "read-only": (lambda y: np.broadcast_to(y @ S2.T, y.shape), "good"),
    "components": (lambda y: np.array([y[1], -y[0]]), "bad"),
    "a matrix": (lambda y: S2 @ y, "bad"),
    "a norm": (lambda y: y / np.linalg.norm(y), "bad"),
    "a mean": (lambda y: y @ S2.T - y.mean(axis=0), "bad"),
    "sorted": (lambda y: np.sort(y, axis=0), "bad"),
    "in place": (lambda y: np.negative(y, out=y), "bad"),
    "filled": (lambda y: np.put(y, 0, 1.0) or y, "bad"),
    "one slope": (lambda y: y[..., :1], "bad"),
    "three slopes": (lambda y: np.concatenate([y, y[..., :1]], axis=-1), "bad"),
    "complex": (lambda y: 1j * y, "bad"),
    "nothing": (lambda y: None, "bad"),
    "objects": (lambda y: y.astype(object), "bad"),
    "text": (lambda y: y.astype(str), "bad"),
    "ragged": (lambda y: [[1.0], [1.0, 2.0]], "bad"),
    "a number": (lambda y: 1.0, "bad"),
    "a dict": (lambda y: {"y": y}, "bad"),
}  # fmt: skip


def take_a_field(f, x):
    jacobian = lambda y: S2 + 0 * y[..., None]  # noqa: E731
    X, rotate = dnn.KnownField(f, 2, jacobian), dnn.KnownField(lambda y: y @ S2.T, 2, jacobian)
    thrice = S2.T @ S2.T @ S2.T  # so that f, the fourth turn, gives y, the gradient of ½‖y‖²
    I = dnn.Invariant(lambda y: (y * y).sum(-1) / 2, lambda y: f(y @ thrice), lambda y, v: v)
    return {
        "KnownField": lambda: X(x),
        "exact_flow": lambda: dnn.exact_flow(f, x, 0.1, evaluations=10_000),
        "trajectory": lambda: dnn.trajectory(X, x, [0.0, 0.1]),
        "RK4": lambda: dnn.Flow(X, 0.1, dnn.RK4())(x),
        "midpoint": lambda: dnn.ImplicitMidpoint().vjp(X, x, 0.1)[1](x)[0],
        "adjoint": lambda: dnn.continuous_adjoint(X, x, 0.1)[1](x)[0],
        "gradient": lambda: I.gradient(x),
        "Projected": lambda: dnn.Projected(dnn.Euler(), I).step(rotate, x, 0.1),
        "measured": lambda: lipschitz.measured(X, x, steps=2) * x,
        "curl_free": lambda: checks.curl_free(f, x),
        "volume": lambda: checks.volume(f, x),
        "symplectic": lambda: checks.symplectic(f, x),
        "equivariance": lambda: checks.equivariance(rotate, f, x),
        "norm": lambda: checks.invariant(f, lambda y: (y * y).sum(axis=-1), x),
        "order": lambda: checks.order(dnn.Heun(), f, x, finest=16),
    }  # fmt: skip


def callers_function(rng):
    """A function of a caller's own, right or wrong, where one is taken: right results, or an error; a check of a wrong one fails."""
    name = pick(rng, list(FUNCTIONS_OF_STATES))
    f, verdict = FUNCTIONS_OF_STATES[name]
    x = rng.normal(size=(pick(rng, [2, 2, 3, 5]), 2)) + 0.1
    who = pick(rng, list(take_a_field(f, x)))
    who = "exact_flow" if (who, name) == ("order", "in float32") else who  # it takes long to say so
    expected = take_a_field(FUNCTIONS_OF_STATES["a product"][0], x)[who]()

    def right(found, warned):
        if isinstance(found, dnn.Check):
            if verdict == "bad" and found.passed:
                return f"passed: {found}"
            agrees = found.passed == expected.passed or name == "in float32"
            return "" if verdict == "bad" or agrees else f"{found}, needed is {expected}"
        if who == "measured" or turned:
            return "" if np.isfinite(found).all() else "not finite"
        return (
            ""
            if same(found, expected, 1e-5)
            else "the result is not that of the same function of another form"
        )

    checked = isinstance(expected, dnn.Check)
    turned = name in ("in place", "filled") and who in (
        "gradient",
        "Projected",
    )  # it writes to its own
    given = Argument(f, "odd" if checked or turned else verdict)
    return Call(
        f"{who} of {name}", lambda fun: take_a_field(fun, x)[who](), right, watched=[x], fun=given
    )


def weights_that_are_not_finite(rng):
    """A network with one weight that is not finite: every constant and certificate names it, no attack counts it as robust."""
    net = dnn.Network(
        dnn.Flow(dnn.GradientField.random(4, 3, rng=rng), 0.1),
        dnn.Flow(dnn.ResidualField.random(4, 3, rng=rng), 0.1, dnn.Heun()),
        dnn.Affine(3, 4, rng=rng),
    )
    k = rng.integers(net.theta.size)
    net.theta[k] = pick(rng, [np.nan, np.inf, -np.inf])
    x, y = rng.normal(size=(3, 4)), np.array([0, 1, 2])
    who = {
        "lipschitz": lambda net: net.lipschitz(),
        "radius": lambda net: lipschitz.certified_radius(net, x),
        "certified": lambda net: lipschitz.certified_accuracy(net, x, y, 0.1),
        "profile": lambda net: lipschitz.profile(net, x, steps=1),
        "accuracy": lambda net: attacks.accuracy(net, None, x, y),
        "attacked": lambda net: attacks.attacked_accuracy(net, x, y, [0.1]),
        "PGD": lambda net: dnn.PGD(0.1, steps=2)(net, x, y),
        "FGM": lambda net: dnn.FGM(0.1)(net, x, y),
        "smallest": lambda net: attacks.smallest_perturbation(net, x, y, bisections=2, steps=2),
        "exact_flow": lambda net: dnn.exact_flow(net.maps[0].field, x, 0.1) if k < net.maps[0].theta.size else net.lipschitz(),
        "fit": lambda net: dnn.fit(net, dnn.SoftmaxCrossEntropy(), x, y, epochs=1),
        "summary": lambda net: net.summary(),
    }  # fmt: skip
    name = pick(rng, list(who))

    def named(net):
        with np.errstate(all="ignore"):
            return who[name](net)

    def right(found, warned):
        if name == "summary":
            return "" if "nan" in found else "the table does not show it"
        if (
            name in ("accuracy", "attacked", "PGD", "FGM", "smallest", "exact_flow", "fit")
            and np.isfinite(net(x)).all()
        ):
            return ""  # an infinite bias of a saturated unit
        return "it is taken for a number"

    made = Call(f"{name} of weights that are not finite", named, right, net=Argument(net))
    made.changes = ("net",)
    return made


def printed(rng):
    """An object, printed to a pipe of a code page that lacks its letters."""
    things = list(zoo.one_of_each(np.random.default_rng(0)))
    thing, page = pick(rng, things), pick(rng, ["cp1252", "ascii", "cp437", "latin-1", "utf-8"])
    words = pick(
        rng, [repr, str, lambda thing: thing.summary() if hasattr(thing, "summary") else str(thing)]
    )

    def write(thing):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=page)
        print_what_it_can(stream)
        print(words(thing), file=stream, flush=True)
        return stream.buffer.getvalue().decode(page)

    def right(found, warned):
        known = "".join(c for c in words(thing) if c.isascii() and c.isalnum())
        written = "".join(c for c in found if c.isascii() and c.isalnum())
        lost = [c for c in known if c not in written]
        return f"{lost} are lost" if lost or len(found) < len(words(thing)) else ""

    return Call(f"print on {page}", write, right, thing=Argument(thing, "good"))


#: (a maker of calls, how many of a hundred)
FAMILIES = {
    constructor: 30, value: 8, adjoint: 8, tangent: 7, jacobian: 4, inverse: 3, linear_adjoint: 1, field_number: 5, constants: 1, assignment: 4, second_derivative: 1,
    method_call: 10, function_of_data: 6, function: 6, loss: 3, activation: 2, invariant: 1,
    callers_function: 8, weights_that_are_not_finite: 3, printed: 2,
}  # fmt: skip
SHARES = np.array(list(FAMILIES.values())) / sum(FAMILIES.values())


def call(k, seed=0):
    """Call number k. It depends on k (and the seed) alone."""
    rng = np.random.default_rng([seed, k])
    family = list(FAMILIES)[rng.choice(len(FAMILIES), p=SHARES)]
    made = family(rng)
    made.family = family.__name__
    return made
