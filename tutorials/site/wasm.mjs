// Python in WebAssembly, on the command line: the package's own tests, tutorials and figures run in
// node as in a browser.
//
//   pip wheel --no-deps --wheel-dir WHEELS . pytest pluggy iniconfig pygments
//   node tutorials/site/wasm.mjs PYODIDE WHEELS -m pytest tests/test_adjoints.py
//   node tutorials/site/wasm.mjs PYODIDE WHEELS -m figures --quick --out figures/out
//   node tutorials/site/wasm.mjs PYODIDE WHEELS tutorials/01*.py tutorials/02*.py
//
// PYODIDE is a folder that holds Pyodide and its numpy, scipy and matplotlib; all wheels in WHEELS
// are unpacked. The clone is seen as it lies on the disk; /tmp is in memory. Scripts run one after
// the other with warnings as errors, each is told with its seconds, and one that fails ends nothing.

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [pyodide, wheels, ...argv] = process.argv.slice(2);
if (!argv.length) {
  console.error("usage: node wasm.mjs PYODIDE WHEELS (-m MODULE ARGUMENT… | SCRIPT…)");
  process.exit(2);
}
process.on("uncaughtException", ({ stack }) => {
  console.error(stack); // without the line, which is all of Pyodide
  process.exit(1);
});
const clone = path.resolve(import.meta.dirname, "../..");
const folder = path.resolve(pyodide);
const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")));
const py = await loadPyodide({
  indexURL: folder + path.sep,
  env: {
    HOME: "/home",
    MPLBACKEND: "Agg",
    PYTHONDONTWRITEBYTECODE: "1",
    PYTEST_ADDOPTS: "-p no:faulthandler -p no:cacheprovider", // its watchdog is a thread
  },
});
await py.loadPackage(["numpy", "scipy", "matplotlib"], { messageCallback: () => {} });
const extractDir = py.runPython("import site; site.getsitepackages()[0]");
for (const name of fs.readdirSync(wheels).filter((name) => name.endsWith(".whl")))
  py.unpackArchive(new Uint8Array(fs.readFileSync(path.join(wheels, name))), "zip", { extractDir });
py.FS.mkdir("/clone");
py.FS.mount(py.FS.filesystems.NODEFS, { root: clone }, "/clone");
py.globals.set("argv", py.toPy(argv));
process.exit(py.runPython(`
import importlib, os, runpy, sys, time, traceback, warnings


def run(run_it, *given):
    try:
        run_it(*given, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code)
        return int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def script(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sys.argv, start = [name], time.perf_counter()
        status = run(runpy.run_path, name)
    print(f"{name}: {'failed' if status else 'ran'} in {time.perf_counter() - start:.1f} s")
    sys.modules["matplotlib.pyplot"].close("all")
    return status


importlib.invalidate_caches()
os.chdir("/clone")
sys.path.remove("")
sys.path.append("/clone")  # last, so that the wheel is what is run
if argv[0] == "-m":
    sys.argv = argv[1:]
    status = run(runpy.run_module, argv[1], None)
else:
    status = max(map(script, argv))
status
`));
