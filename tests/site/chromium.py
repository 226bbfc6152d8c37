"""A browser to look at pages with: headless Chromium, driven by its DevTools protocol over a pipe, by the standard library alone."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: it opens pages of one server on this machine, and asks nobody else for anything
ALONE = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
#: it takes its pipes as the numbers 3 and 4, which a shell could not give it if ours have two digits
PIPES = "import os, sys; i, o, *run = sys.argv[1:]; os.dup2(int(i), 3), os.dup2(int(o), 4), os.execv(run[0], run)"


class Chromium:
    """A browser; `page()` opens a page in it."""

    def __enter__(self):
        self.home = tempfile.mkdtemp()
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()
        command = [
            *(sys.executable, "-IS", "-c", PIPES, str(theirs_in), str(theirs_out)),
            *(PROGRAM, *ALONE, f"--user-data-dir={self.home}"),
        ]
        self.process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(theirs_in), os.close(theirs_out)
        self.count, self.answers, self.pages = 0, {}, {}
        self.arrived = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self.send("Browser.close", seconds=5)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def read(self):
        """Take what the browser says: answers, and events of pages."""
        with open(self.back, "rb") as pipe:
            rest = b""
            while data := pipe.read1(1 << 20):
                *messages, rest = (rest + data).split(b"\0")
                with self.arrived:
                    for message in map(json.loads, messages):
                        if "id" in message:
                            self.answers[message["id"]] = message
                        elif message.get("sessionId") in self.pages:
                            if message["method"] == "Target.attachedToTarget":
                                self.worker(message)
                            self.pages[message["sessionId"]].heard(message)
                    self.arrived.notify_all()

    def post(self, method, session=None, **params):
        """Ask for something, and do not wait; returns the question's number."""
        with self.arrived:
            self.count += 1
            message = {"id": self.count, "method": method, "params": params} | (
                {"sessionId": session} if session else {}
            )
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self.to, data) :]
            return self.count

    def send(self, method, session=None, seconds=60, **params):
        """Ask for something; returns the result, or raises RuntimeError with what is said."""
        number = self.post(method, session, **params)
        with self.arrived:
            if not self.arrived.wait_for(lambda: number in self.answers, seconds):
                raise TimeoutError(f"{method} took more than {seconds} s")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def worker(self, message):
        """A page has started a worker: hear it, too."""
        session = message["params"]["sessionId"]
        self.pages[session] = self.pages[message["sessionId"]]
        for domain in ("Runtime", "Log", "Network"):
            self.post(f"{domain}.enable", session)
        self.post(
            "Target.setAutoAttach",
            session,
            autoAttach=True,
            waitForDebuggerOnStart=False,
            flatten=True,
        )

    def page(self, width=1280, height=800, mobile=False):
        """A new page, with a window of this size, or a phone's screen."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)[
            "targetId"
        ]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(partial(self.send, session=session), target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )
        page.size(width, height, mobile)
        return page


class Page:
    """A page: `open` an address, `run` JavaScript, `wait` for something, and see what was said and asked for.

    errors: what the console has of errors, of the page and its workers; asked: the addresses of all requests; failed: those that
    were not answered; posted: what was sent, with its address; bytes: what was loaded.
    """

    def __init__(self, send, target):
        self.send, self.target = send, target
        self.errors, self.asked, self.failed, self.posted, self.bytes = [], [], [], [], 0

    def heard(self, message):
        """Keep an event."""
        method, params = message["method"], message["params"]
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(
                " ".join(str(a.get("value", a.get("description", ""))) for a in params["args"])
            )
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            request = params["request"]
            self.asked.append(request["url"])
            if "postData" in request:
                self.posted.append((request["url"], request["postData"]))
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.failed.append(f"{params['response']['status']} {params['response']['url']}")
        elif method == "Network.loadingFinished":
            self.bytes += params["encodedDataLength"]

    def size(self, width, height=800, mobile=False):
        """The window's size in CSS pixels; of a phone, with touch."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def dark(self, on=True):
        """Whether the reader's system is dark."""
        wish = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.send("Emulation.setEmulatedMedia", features=[wish])

    def open(self, url, seconds=60):
        """Open an address and wait until all of the page is there, and nothing of what was."""
        self.run("window.left = true")
        self.send("Page.navigate", url=url)
        there = f"location.href.startsWith({json.dumps(url.partition('#')[0])})"
        self.wait(f"!window.left && {there} && document.readyState == 'complete'", seconds)

    def run(self, script, seconds=60):
        """The value of an expression, or of the promise that it is."""
        said = self.send(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
            seconds=seconds,
        )
        if "exceptionDetails" in said:
            details = said["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return said["result"].get("value")

    def wait(self, condition, seconds=60):
        """Wait until an expression is true; returns its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(RuntimeError):  # the page is being changed
                if value := self.run(condition):
                    return value
            time.sleep(0.1)
        raise TimeoutError(f"not true after {seconds} s: {condition}; errors: {self.errors[-3:]}")

    def too_wide(self):
        """By how many pixels the page's text is wider than the window, or less than nothing: what stands out cannot be scrolled to."""
        return self.run(
            "(e => e.getBoundingClientRect().left + e.scrollWidth - innerWidth)(document.querySelector('article'))"
        )

    def screenshot(self, path, whole=False):
        """What is seen, or the whole page, as a PNG."""
        data = self.send(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self.clip(whole)
        )["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def clip(self, whole):
        if not whole:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {
            "clip": dict(x=0, y=0, width=size["width"], height=min(size["height"], 12000), scale=1)
        }

    def key(self, key, code=0):
        """Press a key: "ArrowRight", "Enter", "Tab", a letter."""
        for kind in ("keyDown", "keyUp"):
            text = (
                {"text": "\r" if key == "Enter" else key}
                if kind == "keyDown" and (len(key) == 1 or key == "Enter")
                else {}
            )
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )

    def click(self, selector):
        """Click in the middle of an element."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def touch(self, *points):
        """Put a finger on the first of some points, move it over the others, and take it off."""
        for k, (x, y) in enumerate(points):
            self.send(
                "Input.dispatchTouchEvent",
                type="touchMove" if k else "touchStart",
                touchPoints=[dict(x=x, y=y)],
            )
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def middle(self, selector):
        """Where the middle of an element is, after it has been scrolled into the window."""
        there = f"document.querySelector({json.dumps(selector)})"
        return self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})({there})"
        )

    def close(self):
        self.send("Page.close")


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".js": "text/javascript",
    }

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    """A folder at an address of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
