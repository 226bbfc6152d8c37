/* The page tests itself, in any browser: play.html?report=PATH presses Start, drags every
   slider of every figure over its range, and posts what came out to PATH of this site. */
const canvas = document.querySelector("#picture canvas");
const all = (selector) => document.querySelectorAll(selector);

/* the seconds that a figure takes until it is drawn */
const drawn = (act) =>
  new Promise((done, fail) => {
    const begin = performance.now();
    const seconds = () => (performance.now() - begin) / 1000;
    canvas.addEventListener("frame", () => done(seconds()), { once: true });
    canvas.addEventListener("stop", (event) => fail(Error(event.detail)), { once: true });
    act();
  });

/* a slider's way, an event each 16 ms: frames a second, the middle of their milliseconds,
   and how many lines of text are different */
export async function drag(input, ms = 500) {
  const frames = [], keep = ({ detail }) => frames.push(detail);
  canvas.addEventListener("frame", keep);
  const begin = performance.now(), [least, most] = [Number(input.min), Number(input.max)];
  for (let share = 0; share < 1; share = (performance.now() - begin) / ms) {
    input.value = least + (most - least) * share;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => setTimeout(done, 16));
  }
  canvas.removeEventListener("frame", keep);
  const times = frames.map((frame) => frame.ms).sort((a, b) => a - b);
  const captions = new Set(frames.map((frame) => frame.caption)).size;
  const rate = frames.length / (ms / 1000);
  return { slider: input.name, rate, ms: times[frames.length >> 1], captions };
}

export async function report(address) {
  if (address.origin !== location.origin) return;
  const said = { agent: navigator.userAgent, figures: {} };
  try {
    said.start = await drawn(() => document.querySelector("#start").click());
    for (const link of all("#film a")) {
      const seconds = await drawn(() => link.click()), sliders = [];
      for (const input of all("#sliders [type=range]")) sliders.push(await drag(input));
      said.figures[link.search] = { seconds, sliders };
    }
  } catch (error) {
    said.failed = String(error);
  }
  await fetch(address, { method: "POST", body: JSON.stringify(said) });
}
