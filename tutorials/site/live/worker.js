/* The live figures' Python, in a worker, so that the page stays quick: a frame for each
   message {figure, style, width, values}; the first one says what is loaded, {about}. */
let pyodide, player, step, shown;

function say(text, share) {
  step = text;
  postMessage({ step, share });
}

/* what arrives is counted */
const ask = self.fetch;
self.fetch = async (...request) => {
  const answer = await ask(...request);
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
  const counted = new TransformStream({
    transform(chunk, rest) {
      postMessage({ bytes: chunk.length });
      rest.enqueue(chunk);
    },
  });
  return new Response(answer.body.pipeThrough(counted), answer);
};

async function load(...names) {
  await pyodide.loadPackage(names, { messageCallback() {}, errorCallback() {} });
  for (const name of names)
    if (!(name in pyodide.loadedPackages)) throw new Error(`${name} did not arrive`);
}

async function archive(address) {
  return (await fetch(new URL(address, location))).arrayBuffer();
}

async function begin(about) {
  say("Loading the package", 0);
  const archives = await Promise.all([about.wheel, about.figures].map(archive));
  say("Loading Python", 0);
  const there = new URL(about.pyodide, location).href;
  const { loadPyodide } = await import(`${there}pyodide.mjs`);
  const packages = ["numpy", "matplotlib"];
  const env = { MPLBACKEND: "agg" };
  pyodide = await loadPyodide({ indexURL: there, packages, env, stdout() {} });
  await load(...packages); // or say what is missing
  for (const each of archives) pyodide.unpackArchive(each, "zip");
  say("Starting matplotlib", 0.6);
  pyodide.pyimport("matplotlib.pyplot");
  say("Starting the package", 0.8);
  player = pyodide.pyimport("player");
}

async function show({ figure, style, width, values }) {
  const wish = [figure, style, width, JSON.stringify(values)];
  const stage = wish.slice(0, 3).join();
  if (shown !== stage) say(`Computing ${figure}`);
  shown = stage;
  try {
    return player.show(...wish);
  } catch (error) {
    if (!/No module named 'scipy/.test(error)) throw error;
    say("Loading SciPy");
    await load("scipy");
    say(`Computing ${figure}`);
    return player.show(...wish);
  }
}

self.onmessage = async ({ data }) => {
  try {
    if (data.about) await begin(data.about);
    const start = performance.now();
    const caption = await show(data);
    const pixels = player.pixels();
    const buffer = pixels.getBuffer("u8clamped");
    const [height, width] = buffer.shape;
    const rgba = buffer.data.slice().buffer; // Python's memory stays its own
    buffer.release();
    pixels.destroy();
    const ms = performance.now() - start;
    postMessage({ figure: data.figure, width, height, rgba, caption, ms }, [rgba]);
  } catch (error) {
    const why = String(error).trim().split("\n").pop();
    postMessage({ failed: `${step} has failed: ${why}.` });
  }
};
