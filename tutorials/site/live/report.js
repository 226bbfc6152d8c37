/* The page tests itself, in any browser: play.html?report=PATH presses Start, drags every
   slider of every figure over its range, and posts what came out to PATH of this site. */
const canvas = document.querySelector("#picture canvas");
const all = (selector) => [...document.querySelectorAll(selector)];
const rest = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = (act) =>
  new Promise((done, fail) => {
    canvas.addEventListener("frame", (event) => done(event.detail), { once: true });
    canvas.addEventListener("stop", (event) => fail(new Error(event.detail)), { once: true });
    act();
  });

/* a second's drag: the frames that it has drawn, with what they say */
async function drag(input) {
  const frames = [], [least, most] = [Number(input.min), Number(input.max)];
  const keep = (event) => frames.push(event.detail);
  canvas.addEventListener("frame", keep);
  const begin = performance.now();
  for (let now = begin; now < begin + 1000; now = performance.now()) {
    input.value = least + ((most - least) * (now - begin)) / 1000;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await rest(16);
  }
  canvas.removeEventListener("frame", keep);
  return frames;
}

const ink = () => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const pixels = new Uint32Array(data.buffer);
  return pixels.filter((pixel) => pixel !== pixels[0]).length / pixels.length;
};

export async function report(address) {
  if (address.origin !== location.origin) return;
  const said = { agent: navigator.userAgent, figures: [] };
  const wait = async (name, act) => {
    const begin = performance.now();
    await frame(act);
    said.figures.push({ name, seconds: (performance.now() - begin) / 1000, sliders: [] });
  };
  try {
    await wait("start", () => document.querySelector("#start").click());
    for (const link of all("#film a")) {
      await wait(new URL(link.href).searchParams.get("figure"), () => link.click());
      for (const input of all("#sliders input[type=range]")) {
        const frames = await drag(input);
        const ms = frames.map((one) => one.ms).sort((a, b) => a - b)[frames.length >> 1];
        const captions = new Set(frames.map((one) => one.caption)).size;
        said.figures.at(-1).sliders.push({ name: input.name, frames: frames.length, ms, captions, ink: ink() });
      }
    }
  } catch (error) {
    said.failed = String(error);
  }
  window.report = said;
  await fetch(address, { method: "POST", body: JSON.stringify(said) });
}
