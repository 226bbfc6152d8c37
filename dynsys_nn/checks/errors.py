"""What is said of an error in an answer: in words, and by the line of source that it comes from."""

import ast
import builtins
import difflib
import dis
import linecache
import re
import sysconfig
import traceback
import types
from pathlib import Path

import numpy as np

from ..arguments import CHANGED, Given, WrongResult, is_ours, name_of, writes_to_a_view

PACKAGE = str(Path(__file__).parents[1])
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})

TRANSPOSE = "is a transpose missing, or one too many?"
ROWS = " States are rows: write x @ W.T, not W @ x, and u.T @ x for a sum over them"
SEVERAL = " With several batch axes, make rows first: x.reshape(-1, x.shape[-1])"
A_NUMBER_EACH = "one number a state needs its axis: y[..., None], or a sum with keepdims=True"
A_MATRIX_EACH = "beside a matrix for each state x is x[..., None, :] in its rows, or x[..., None]"
CALLED = "is called like a function: is a sign missing before the bracket, as in a * (b + c)?"
BRACKETS = "a function where its value should be: are the brackets missing, as in f(x)?"
SEQUENCE = "a list or a pair does not calculate: write np.array([…]), or take the pair apart"
#: what a thing is that is not an array, and what to do
INSTEAD = {
    "NoneType": "None where a number or an array should be: is there a return, or a value?",
    "list": "a list is not an array, and does not calculate: write np.array([…])",
    "tuple": "a tuple where an array should be: take it apart, as in y, pullback = X.vjp(x)",
    "str": "a text where a number should be",
    "dict": "a dict where an array should be",
} | dict.fromkeys(("function", "method", "builtin_function_or_method", "ufunc"), BRACKETS)


# ---- where


def answer_in(error):
    """The frames of an answer, with their lines, that led to an error, the innermost last: those
    outside the package, its libraries and a sheet's `questions`."""
    frames = traceback.walk_tb(getattr(error, "__traceback__", None))
    return [(frame, number) for frame, number in frames if is_of_the_answer(frame)]


def is_of_the_answer(frame):
    code, file = frame.f_code, frame.f_code.co_filename
    of_a_library = file.startswith((PACKAGE, *LIBRARIES)) or "-packages" in file
    of_the_sheet = code in inside(frame.f_globals.get("questions"))
    return not (of_a_library or of_the_sheet or file.startswith("<frozen"))


def inside(function):
    """The code of a function, and of those that are defined in it."""
    code = getattr(function, "__code__", function)
    if not isinstance(code, types.CodeType):
        return []
    return [code, *(deeper for part in code.co_consts for deeper in inside(part))]


def line_of(error):
    """The line of the answer that led to an error; for a wrong result, the `return` of the function
    that it is from, if that has but one; "" if nothing is known, and for None. An error of
    another process brings its line, and its words, with it."""
    if isinstance(error, WrongResult) and error.__cause__ is not None:
        error = error.__cause__
    if hasattr(error, "line"):
        return error.line
    line = ""
    for frame, number in traceback.walk_tb(getattr(error, "__traceback__", None)):
        returned = returned_in(frame)
        if is_of_the_answer(frame):
            line = source(frame.f_code, number, frame.f_globals)
        elif returned is not None and isinstance(error, WrongResult | TypeError):
            line = line_of_the_return(returned)
    return line


def source(code, number, names=None):
    return linecache.getline(code.co_filename, number, names).strip()


def returned_in(frame):
    """A function of the answer that has returned what this frame, of the package, looks at; None if
    there is none."""
    names = dict(frame.f_locals)
    done = {"found", "dtheta"} & names.keys()
    if isinstance(names.get("self"), Given) and "y" in names:
        function = names["self"].f
    else:
        function = names.get("inside") or (names.get("body") if done else None)
    theirs = isinstance(function, types.FunctionType) and not is_ours(function)
    return function if theirs and frame.f_code.co_filename.startswith(PACKAGE) else None


def line_of_the_return(function):
    """The line of source with the only `return` of a function; "" if it has none, or several."""
    if hasattr(function, "line"):  # it stands for one of another process
        return function.line
    code, number, numbers = function.__code__, None, set()
    for step in dis.get_instructions(code):
        number = number if step.starts_line is None else starts(step, number)
        numbers |= {number} if step.opname in ("RETURN_VALUE", "RETURN_CONST") else set()
    lines = [source(code, number, function.__globals__) for number in numbers]
    found = [line for line in lines if line.startswith("return") or "lambda" in line]
    return found[0] if len(found) == 1 else ""


def starts(step, number):
    """The line that an instruction of `dis` starts, from Python 3.13 on in `line_number`."""
    return getattr(step, "line_number", step.starts_line) or number


# ---- what


def words_of(error):
    """What is said of an error in an answer: Python's and NumPy's words in those of the subject."""
    if hasattr(error, "words"):
        return error.words
    if isinstance(error, SystemExit):
        return "the answer ends Python: leave out exit()"
    if writes_to_a_view(error):
        return CHANGED
    said, frames = str(error), answer_in(error)
    for pattern, words in WORDS.items():
        if found := re.search(pattern, said, re.DOTALL):
            return words if isinstance(words, str) else words(found, frames)
    for kind, words in KINDS.items():
        if isinstance(error, kind) and (found := words(error, frames)):
            return found
    *_, (last, _) = [*traceback.walk_tb(error.__traceback__)] or [(None, 0)]
    ours = last is not None and last.f_code.co_filename.startswith(PACKAGE)
    return said if ours and said else f"{type(error).__name__}: {said}"


def batches(frames):
    """The batch axes, (2, 3) of (2, 3, d), of each array among the arguments of the first function
    of the answer that has arrays there."""
    for frame, _ in frames:
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        arrays = [frame.f_locals.get(name) for name in names]
        known = [a.shape[:-1] for a in arrays if isinstance(a, np.ndarray) and a.ndim]
        if known:
            return known
    return []


def on_rows(sizes, frames):
    """What to say of states as rows, where one of these sizes is that of a batch axis."""
    known = batches(frames)
    if not any(n in batch for n in sizes for batch in known):
        return ""
    return SEVERAL if any(len(batch) > 1 for batch in known) else ROWS


def of_a_matrix(found, frames):
    rows = on_rows(map(int, found.groups()), frames)
    return f"a matrix does not fit, {found[1]} against {found[2]}: {TRANSPOSE}{rows}"


def of_shapes(found, frames):
    shapes = [ast.literal_eval(shape) for shape in re.findall(r"\((?:\d+,)+\d*\)|\(\)", found[1])]
    a, b = sorted(shapes[:2], key=len) if len(shapes) > 1 else ((), ())
    said = f"arrays of shapes {' and '.join(map(str, shapes))} do not fit: "
    known = batches(frames)
    if a and len(a) < len(b) and a == b[: len(a)] and (a in known or not known):
        return said + A_NUMBER_EACH
    if a and a == b[:-1] and a[:-1] in known:
        return said + A_MATRIX_EACH
    if len(a) == 2 < len(b) and a[0] == a[1] and any(batch[:1] == a[:1] for batch in known):
        return f"{said}does len(x), that of the batch, stand for x.shape[-1]?"
    if len(a) == len(b) == 2 and (a[1] == b[0] or b[1] == a[0]):
        return f"{said}{TRANSPOSE} Or is @ meant, and not *?"
    rows = on_rows([shape[-1] for shape in shapes if shape], frames)
    return f"{said}{TRANSPOSE}{rows or ' Or a sum over an axis?'}"


def of_unpacking(found, frames):
    got = found[2] if found.lastindex == 2 else "more"
    return f"{found[1]} results are taken apart, but there are {got}: what does the call return?"


def of_axes(found, frames):
    return f"an array of {found[1]} axes got {found[2]} indices: x[..., 0] is right for any number"


def of_an_index(found, frames):
    return f"there is no entry {found[1]}: the {found[3]} of axis {found[2]} are 0 to {last(found)}"


def last(found):
    return int(found[3]) - 1


#: words of NumPy and Python, and what they mean
WORDS = {
    r"^solve.*core dimension": "np.linalg.solve takes the vectors of a batch as r[..., None], and "
    "[..., 0] takes that axis off again",
    r"core dimension.*\(size (\d+) is different from (\d+)\)": of_a_matrix,
    r"shapes .* not aligned: (\d+) .*!= (\d+)": of_a_matrix,
    r"does not have enough dimensions \(has 0": "@ takes arrays, and got a number, or None",
    r"(.* must be a number, got )array\(": lambda found, _: (
        f"{found[1]}an array: is a sum missing?"
    ),
    r"not be broadcast together with (?:re-?mapped )?shapes (.*)": of_shapes,
    r"(output operand with shape .*match the broadcast shape .*)": of_shapes,
    r"could not broadcast input array from shape (.*)": of_shapes,
    r"values to unpack \(expected (\d+), got (\d+)\)": of_unpacking,
    r"too many values to unpack \(expected (\d+)\)": of_unpacking,
    r"cannot unpack non-iterable NoneType": "None is taken apart: does the call return something?",
    r"cannot unpack non-iterable": "one result is taken apart as if it were several",
    r"all the input array|all input arrays must have": "arrays of other shapes are joined: which "
    "axis, and have they as many entries on the others?",
    r"zero-dimensional arrays cannot be concatenated": "a number is joined: write x[..., None]",
    r"array is (\d+)-dimensional, but (\d+) were indexed": of_axes,
    r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)": of_an_index,
    r"(list|tuple) index out of range": "an index is too large: the last of n entries is n − 1",
    r"(axis -?\d+) is out of bounds for array of dimension (\d+)": lambda found, _: (
        f"there is no {found[1]}, the array has {found[2]} axes: axis=-1 is the last one of any"
    ),
    r"cannot reshape array of size (\d+) into shape (\([-\d,]*\))": lambda found, _: (
        f"{found[1]} entries do not fill the shape {found[2]}: an axis of the batch too few?"
    ),
    r"output has more dimensions than subscripts": "np.einsum has no sum over '...': make rows "
    "first, x.reshape(-1, x.shape[-1])",
    r"truth value of an array": "if, and, or, not and max() take one number, not an array: write "
    "np.where(…), np.maximum(…), &, or |",
    r"only .*arrays can be converted|only .*array of size 1": "one number is needed, and got an "
    "array: np.exp(z) and not math.exp(z)?",
    r"inhomogeneous|setting an array element": "arrays of other shapes make no array: is there a "
    "list, or an array, where a number should be?",
    r"signature matching types .*<U": INSTEAD["str"],
    r"^\w+ has more dimensions than subscripts": "einsum has letters for one axis less: begin "
    "each group with ..., as in '...i,...i->...'",
    r"ast 2 dimensions of the array must be square": "a matrix is not square: to transpose each "
    "matrix of a batch write np.swapaxes(K, -1, -2), as K.T turns all axes",
    r"[Ss]ingular matrix": "a matrix is singular, and has no inverse",
    r"'NoneType' object is not callable": f"None {CALLED}",
    r"'(?:numpy\.)?(\w*)' object is not callable": lambda found, _: f"one {found[1]} {CALLED}",
    r"([\w<>]+)\(\) takes (\d+) positional arguments? but (\d+) w": lambda found, _: (
        f"{found[1]} takes {found[2]}, but got {found[3]} arguments: is self the first of a method?"
    ),
    r"([\w<>]+)\(\) missing (\d+) required positional argument\w*: (.*)": lambda found, _: (
        f"{found[1]} needs {found[3]}, too"
    ),
    r"(?:([\w<>]+)\(\) )?got an unexpected keyword argument '(\w+)'": lambda found, _: (
        f"{found[1] or 'the function'} has no argument {found[2]}: is it spelled rightly?"
    ),
    r"object is not subscriptable": lambda found, _: instead(found.string, "a number has no [k]"),
    r"invalid index to scalar": "a number has no [k]",
    r"can't multiply sequence": SEQUENCE,
    r"unsupported operand|bad operand|must be real number|of type \w+ which has no callable": (
        lambda found, _: instead(found.string, of_an_operand(found.string))
    ),
}


def instead(said, otherwise):
    """What to do about the first kind that is not an array in the words of an error."""
    kinds = [kind or other for kind, other in re.findall(r"'([\w.]+)'|(?:of type|not) (\w+)", said)]
    return next((INSTEAD[kind] for kind in kinds if kind in INSTEAD), otherwise)


def of_an_operand(said):
    """What is said of an object that is not a number."""
    kinds = re.findall(r"'([\w.]+)'|of type (\w+)", said)
    names = [name.rpartition(".")[2] for pair in kinds for name in pair if name]
    if any(name.endswith("Result") for name in names):
        return "several results where one array should be: take one, as in U, s, Vt = …"
    odd = [name for name in names if name not in ("float", "int", "complex", "ndarray", "float64")]
    return (
        f"one {odd[0]} does not calculate: are the brackets missing, as in f(x)?" if odd else said
    )


def of_an_attribute(error, frames):
    """self.W, where W is not known."""
    name, thing = error.name, error.obj
    if name is None:
        return None
    if type(thing).__name__ in INSTEAD:
        return INSTEAD[type(thing).__name__]
    pieces = getattr(thing, "_pieces", ())
    known = [*pieces, *(n for n in dir(thing) if n[0] != "_")]
    near = difflib.get_close_matches(name, known, 2, 0.75)
    remark = (
        f": is it {' or '.join(near)}?"
        if near
        else f": it has {', '.join(pieces)}"
        if pieces
        else ""
    )
    if isinstance(thing, np.ndarray) and callable(getattr(np, name, None)):
        remark = f": write np.{name}(…)"
    return f"{'NumPy' if thing is np else name_of(thing)} has no {name}{remark}"


def of_a_name(error, frames):
    """W, where self.W or np.W is meant, or which is used before it is set."""
    name = (re.findall(r"'(\w+)'", str(error)) or ["?"])[0]
    frame = frames[-1][0] if frames else None
    local = frame is not None and name in (*frame.f_code.co_varnames, *frame.f_code.co_freevars)
    if isinstance(error, UnboundLocalError) or local:
        return f"{name} is used before it has a value"
    names = {} if frame is None else {**frame.f_globals, **frame.f_locals}
    near = difflib.get_close_matches(name, [*names, *dir(builtins)], 1)
    if hasattr(names.get("self"), name):
        near = [f"self.{name}"]
    elif hasattr(np, name):
        near = [f"np.{name}"]
    return f"{name} is not known here" + (f": is it {near[0]}?" if near else "")


#: kinds of errors whose words depend on what there is
KINDS = {
    NameError: of_a_name,
    AttributeError: of_an_attribute,
    RecursionError: lambda error, _: "a function calls itself, and that again, without an end",
    KeyError: lambda error, _: f"there is no entry {error}",
    ZeroDivisionError: lambda error, _: "a division by zero",
    MemoryError: lambda error, _: "more memory is needed than there is: look at the shapes",
    Warning: lambda error, _: str(error),
}
