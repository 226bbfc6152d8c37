"""What an answer is kept from, and what not.

On Linux and macOS: time, memory, files larger than 1 MB, standard input. By an audit hook (PEP 578)
in its process, everywhere: files outside Python, the package and its own empty folder, more than
MOST files there, other processes, the network, ctypes. Where bubblewrap is installed and starts, by
the kernel: it sees no files but those of the system, of Python and its own, has no network, and all
its processes end with it.

An audit hook is not a sandbox: whoever knows Python well gets round it, and then, without
bubblewrap, may read and write what the lecturer may; with it, fill the disk with files of 1 MB
until its time is over. What an answer cannot change anywhere is the marker, which is another
process.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None

PACKAGE = Path(__file__).resolve().parents[1]
ANSWER = "dynsys_nn.marks.answer"
START = "import sys; sys.path.insert(0, {root!r}); from {module} import main; main({share})"
REFUSED = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system")
REFUSED += ("os.startfile", "os.kill", "pty.", "socket.", "ctypes.", "_winapi.CreateProcess")
REFUSED += ("resource.", "sqlite3.", "winreg.")
#: event → how many of its arguments are paths that it changes
CHANGES = {"os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.chmod": 1}
CHANGES |= {"os.link": 2, "os.symlink": 2, "os.truncate": 1, "os.chown": 1, "os.utime": 1}
LOOKS = {"os.listdir", "os.scandir", "os.chdir"}
MOST = 100  # files that one may open to write


# ---- in the marker


def python_folders():
    """The folders of Python, its libraries and this package."""
    libraries = Path(np.__file__).resolve().parents[1]
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(PACKAGE)}
    if "-packages" in libraries.name:
        found.add(str(libraries))
    real = {os.path.realpath(folder) for folder in found}
    return sorted(found | real, key=lambda folder: (folder.count("/"), folder))


def start(folder, readable=(), bubblewrap=False):
    """A process of an answer, in an empty folder, and the socket to it."""
    command = [sys.executable, "-s", "-B", "-X", "utf8", "-c"]
    command.append(START.format(root=str(PACKAGE.parent), module=ANSWER, share=os.name == "nt"))
    if bubblewrap:
        command = [*wrap(folder, readable), *command]
    ours, its = socket.socketpair()
    kept = {n: os.environ[n] for n in ("SYSTEMROOT", "LD_LIBRARY_PATH") if n in os.environ}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if os.name == "nt" else its,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=kept | environment(folder),
        start_new_session=True,
    )
    if os.name == "nt":  # where a socket is no file: its number goes through a pipe
        process.stdin.write(its.share(process.pid))
        process.stdin.close()
    its.close()
    return process, ours


def environment(folder):
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    own = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "MPLCONFIGDIR"), str(folder))
    return threads | own | {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}


def wrap(folder, readable):
    """The command that shuts what follows into bubblewrap."""
    system = [p for p in ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache")]
    binds = [x for p in [*system, *python_folders(), *readable] for x in ("--ro-bind-try", p, p)]
    return [
        "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--tmpfs", "/tmp",
        *map(str, binds), "--proc", "/proc", "--dev", "/dev", "--bind", str(folder), str(folder),
        "--chdir", str(folder),
    ]  # fmt: skip


def bubblewrap_starts(folder):
    """Whether bubblewrap is installed, and this system lets it start."""
    if not shutil.which("bwrap"):
        return False
    command = [*wrap(folder, ()), sys.executable, "-c", ""]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def end(process):
    """End a process, and those that it has started."""
    with contextlib.suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, 9)
    process.wait()


# ---- in the answer


def socket_of_the_marker(share=False):
    """The socket that was given as standard input, which is empty from here on."""
    found = socket.fromshare(sys.stdin.buffer.read()) if share else socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return found


def fence_in(seconds, memory, readable):
    """Limits of this process, and its audit hook."""
    if resource:
        limit("RLIMIT_CPU", int(seconds) + 5)
        limit("RLIMIT_FSIZE", 1 << 20)
        limit("RLIMIT_CORE", 0)
        limit("RLIMIT_NPROC", 0)
        limit("RLIMIT_AS", in_use() + int(memory * (1 << 30)))
    folder = os.path.realpath(os.getcwd())
    refused, changes, looks, allowed = REFUSED, CHANGES, LOOKS, allow  # out of reach, here
    left = iter(range(MOST))
    looked = [*map(os.path.realpath, [*python_folders(), *readable]), folder, os.devnull]

    def hook(event, given):
        if event.startswith(refused):
            raise PermissionError(f"an answer may not use {event}")
        if event == "open" and isinstance(given[0], str | bytes | os.PathLike):
            writes = given[1] is not None and set(given[1]) & set("wax+") or (
                given[1] is None and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )  # fmt: skip
            allowed(given[0], [folder, os.devnull] if writes else looked)
            if writes and next(left, None) is None:
                raise PermissionError("an answer may not write so many files")
        elif event in looks and given[0] is not None:
            allowed(given[0], looked)
        for path in given[: changes.get(event, 0)]:
            allowed(path, [folder])

    sys.addaudithook(hook)


def allow(path, folders):
    """PermissionError unless the path lies in one of the folders."""
    if isinstance(path, int):
        return
    real = os.path.realpath(os.fsdecode(path))
    if not any(real == f or real.startswith(os.path.join(f, "")) for f in folders):
        raise PermissionError(f"an answer may not open {os.fsdecode(path)}, only its own folder")


def limit(name, value):
    """Set a limit of this process, if the system has it."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        resource.setrlimit(getattr(resource, name), (value, value))


def in_use():
    """The bytes of memory that this process has reserved."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # macOS, where the limit counts for little
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def kept_out(bubblewrap):
    """What was kept out in a run, and what not, in sentences."""
    limits = (
        "Time, memory, and the size and number of files were limited."
        if resource
        else "This system has no limits of memory and of files: a clock ended what took too long."
    )
    wrapped = (
        "bubblewrap kept it from other files, from the network, and from outliving its end."
        if bubblewrap
        else "bubblewrap is not installed here, does not start, or was not wanted: a submission "
        "that gets round the hook can read and write what whoever ran this can."
    )
    return [
        "Each submission ran in a process of its own, and the checks in another one.",
        limits,
        "An audit hook refused other files, processes and the network. It is no sandbox.",
        wrapped,
        "Not kept out: an answer that was copied from somebody, and one that hides its calls. "
        "Code of strangers belongs in a container.",
    ]
