/* The page of the live figures: sliders, and the frames that the worker draws for them. */
"use strict";
{
  const $ = (id) => document.getElementById(id);
  const known = JSON.parse($("known").textContent);
  const files = document.currentScript.dataset;
  const picture = $("picture"), canvas = picture.querySelector("canvas");
  const night = matchMedia("(prefers-color-scheme: dark)");
  const MOST = 1600; // pixels from left to right: more make a frame slow

  let about; // what is loaded, and from where
  let figure, values; // what is shown
  let worker = null, busy = false, behind = false; // whether a newer frame is wanted
  let bytes = 0;

  /* --- what is chosen --- */

  /* a figure, at the values of an address, or at the first */
  function choose(name, query = null) {
    figure = name in known ? name : files.first;
    values = {};
    for (const control of known[figure].controls)
      values[control.name] = given(control, query?.get(control.name));
    for (const link of $("film").children) {
      const there = new URLSearchParams(link.search).get("figure");
      link.ariaCurrent = there === figure ? "true" : null;
    }
    $("name").textContent = figure;
    $("message").textContent = known[figure].message;
    for (const image of picture.querySelectorAll("img")) {
      const style = image.className === "only-dark" ? "dark" : "lecture";
      image.src = `live/${figure}_${style}.png`;
      image.alt = known[figure].message;
    }
    canvas.ariaLabel = known[figure].message;
    $("still").hidden = !known[figure].gallery;
    const link = $("still").querySelector("a");
    link.href = `gallery/${figure}.html`;
    link.textContent = figure;
    $("sliders").replaceChildren(...known[figure].controls.map(slider));
    see(false);
    note(!query);
    ask();
  }

  /* the figure of the address, at its values */
  function arrive() {
    const query = new URLSearchParams(location.search);
    choose(query.get("figure"), query);
  }

  /* the value that an address gives, if a slider can be there, or the first */
  function given(control, text) {
    if (control.names) return control.names.includes(text) ? text : control.first;
    const value = text ? Number(text) : NaN;
    const there = value >= control.least && value <= control.most;
    return there && (!control.whole || Number.isInteger(value)) ? value : control.first;
  }

  function slider(control) {
    const box = document.createElement("fieldset");
    box.disabled = !worker;
    if (control.names) {
      box.innerHTML = `<legend>${control.name}</legend>`;
      for (const name of control.names) {
        const label = document.createElement("label"), input = document.createElement("input");
        Object.assign(input, { type: "radio", name: control.name, value: name });
        input.checked = name === values[control.name];
        label.append(input, name);
        box.append(label);
      }
    } else {
      const { name, least, most, step } = control;
      box.innerHTML = `<label><span>${name}</span><input type="range" name="${name}"
        min="${least}" max="${most}" step="${step}"></label><output></output>`;
      box.querySelector("input").value = values[name];
      say(box, values[name]);
    }
    return box;
  }

  /* the value beside a slider, in at most four digits */
  function say(box, value) {
    const text = String(Number(value.toPrecision(4)));
    box.querySelector("output").textContent = text;
    box.querySelector("input").ariaValueText = text;
  }

  $("sliders").addEventListener("input", ({ target }) => {
    const { name, type, value } = target;
    values[name] = type === "radio" ? value : Number(value);
    if (type === "range") say(target.closest("fieldset"), values[name]);
    ask();
  });
  $("sliders").addEventListener("change", () => note());
  $("reset").addEventListener("click", () => choose(figure));
  $("film").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.href !== location.href) history.pushState(null, "", link.href);
    arrive();
  });
  addEventListener("popstate", arrive);

  /* what is shown, as a command and as an address */
  function note(address = true) {
    const moved = known[figure].controls.filter((c) => values[c.name] !== c.first);
    const pairs = moved.map((c) => [c.name, String(values[c.name])]);
    const words = pairs.map(([name, value]) => `${name}=${quoted(value)}`);
    $("command").textContent = ["python -m figures --live", figure, ...words].join(" ");
    const query = new URLSearchParams([["figure", figure], ...pairs]);
    if (address) history.replaceState(null, "", `?${query}`);
  }

  const quoted = (text) => (/^[\w.+-]*$/.test(text) ? text : `"${text}"`);

  /* --- what is seen --- */

  /* the live figure, or the picture of its first values */
  function see(live) {
    canvas.hidden = !live;
    for (const image of picture.querySelectorAll("img")) image.hidden = live;
    if (!live) $("says").textContent = about?.captions[figure] ?? "";
  }

  function ready(on) {
    for (const box of $("sliders").children) box.disabled = !on;
    $("reset").disabled = !on;
  }

  function style() {
    const theme = document.body.dataset.theme;
    return theme === "dark" || (theme !== "light" && night.matches) ? "dark" : "lecture";
  }

  const width = () => Math.min(MOST, Math.round(picture.clientWidth * devicePixelRatio));

  let resized;
  new MutationObserver(ask).observe(document.body, { attributeFilter: ["data-theme"] });
  night.addEventListener("change", ask);
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(ask, 300);
  });

  /* --- what is drawn: one frame at a time, always for the newest values --- */

  function ask() {
    behind = true;
    if (worker && !busy) send({});
  }

  function send(more) {
    [busy, behind] = [true, false];
    picture.ariaBusy = "true";
    worker.postMessage({ figure, style: style(), width: width(), values, ...more });
  }

  function start() {
    bytes = 0;
    worker = new Worker(files.worker, { type: "module" });
    worker.onmessage = ({ data }) => heard(data);
    worker.onerror = (event) => {
      event.preventDefault();
      stop("The worker that runs Python could not be started.");
    };
    $("start").textContent = "Stop";
    $("loads").hidden = true;
    ready(true);
    send({ about });
  }

  function stop(why = "") {
    worker?.terminate();
    worker = null;
    busy = false;
    picture.ariaBusy = "false";
    $("start").textContent = "Start";
    $("progress").hidden = true;
    $("loads").hidden = false;
    $("state").textContent = why;
    ready(false);
    see(false);
    canvas.dispatchEvent(new CustomEvent("stop", { detail: why }));
  }

  /* share: of what is to be done, where it is known */
  function progress(text, share) {
    $("state").textContent = text;
    $("progress").hidden = false;
    if (share === undefined) $("progress").removeAttribute("value");
    else $("progress").value = share;
  }

  function heard(data) {
    if (data.bytes) {
      bytes += data.bytes;
      const [there, all] = [bytes / 1e6, about.megabytes.start];
      if (there < all) progress(`Loading: ${there.toFixed(0)} of ${all} MB`, (0.6 * there) / all);
    } else if (data.step) progress(data.step, data.share);
    else if (data.failed) stop(`${data.failed} The picture stays, and the command below.`);
    else draw(data);
  }

  function draw(frame) {
    busy = false;
    $("progress").hidden = true;
    $("state").textContent = "";
    if (frame.figure === figure) {
      const { width, height } = frame;
      if (canvas.width !== width || canvas.height !== height)
        Object.assign(canvas, { width, height });
      const pixels = new ImageData(new Uint8ClampedArray(frame.rgba), width, height);
      canvas.getContext("2d").putImageData(pixels, 0, 0);
      $("says").textContent = frame.caption;
      see(true);
      canvas.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    }
    picture.ariaBusy = "false";
    if (behind) send({});
  }

  $("start").addEventListener("click", () => (worker ? stop() : start()));
  addEventListener("pagehide", () => stop());

  /* --- the page begins --- */

  async function begin() {
    arrive();
    if (location.protocol === "file:")
      return tell("A browser runs Python only on a page of a web server: " +
        "python -m http.server in the folder of the site is one.");
    if (typeof WebAssembly !== "object" || !self.Worker)
      return tell("This browser cannot run Python: it has no WebAssembly.");
    const answer = await fetch("live/about.json", { cache: "no-cache" }).catch(() => null);
    if (!answer?.ok) return tell("What the figures need is not here: live/about.json.");
    about = await answer.json();
    const from = about.pyodide.startsWith("http") ? about.pyodide : "this site";
    const { start, scipy } = about.megabytes;
    tell(`Start loads ${start} MB from ${from}: Python, NumPy and matplotlib, once for all ` +
      `figures; those that need it load SciPy, too, ${scipy} MB. Your browser may keep them ` +
      "for the next visit. Until you start, the sliders rest, and the picture is that of " +
      "the first values.");
    $("start").disabled = false;
    see(false);
    const report = new URLSearchParams(location.search).get("report");
    if (report) (await import(files.report)).report(new URL(report, location));
  }

  function tell(text) {
    $("loads").textContent = text;
  }

  begin();
}
