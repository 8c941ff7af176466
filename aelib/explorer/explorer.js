"use strict";
// The two figures of aelib.explorer. `__init__.py` writes the page, its data and its styles around this
// file. No library, no request to anywhere: weights and images are in the page, as base64.

const page = JSON.parse(document.getElementById("data").textContent);
const [height, width, channels] = page.shape;
const pixels = height * width * channels;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const main = document.querySelector("main");
const live = make("p", { role: "status", className: "live" });

// What a screen reader is to say, once the reader has come to rest.
let waiting = 0;
function say(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => (live.textContent = text), 300);
}

// ---- numbers ----------------------------------------------------------------------------------

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

const activations = {
  linear: (v) => v,
  relu: (v) => Math.max(0, v),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  silu: (v) => v / (1 + Math.exp(-v)),
  tanh: Math.tanh,
};

// A function from numbers to numbers, through dense layers. A layer's weights are integers from -127 to
// 127, a row for each unit, and a row's scale makes them what they stand for.
function network(layers) {
  const parts = layers.map((layer) => ({
    weights: new Int8Array(bytes(layer.weights).buffer),
    scales: floats(layer.scales),
    biases: floats(layer.biases),
    activation: activations[layer.activation],
  }));
  return (numbers) => {
    for (const { weights, scales, biases, activation } of parts) {
      const inputs = numbers.length;
      const outputs = new Float32Array(biases.length);
      for (let unit = 0, at = 0; unit < outputs.length; unit++) {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += weights[at++] * numbers[i];
        outputs[unit] = activation(sum * scales[unit] + biases[unit]);
      }
      numbers = outputs;
    }
    return numbers;
  };
}

const clip = (v, low, high) => Math.min(high, Math.max(low, v));
const mix = (a, b, share) => a.map((v, i) => v + (b[i] - v) * share);
const show = (v, digits = 1) => v.toFixed(digits).replace("-", "−");

// E as in the series: squared differences, summed over the image.
function squaredError(x, y) {
  let sum = 0;
  for (let i = 0; i < pixels; i++) sum += (x[i] - y[i]) ** 2;
  return sum;
}

// ---- page -------------------------------------------------------------------------------------

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// A small canvas with a caption; `paint` puts an image into it.
function picture(caption, label) {
  const canvas = make("canvas", { width, height, className: "image", role: "img" });
  canvas.setAttribute("aria-label", label);
  const text = make("figcaption", {}, caption);
  return { canvas, text, figure: make("figure", {}, canvas, text) };
}

function paint(canvas, values, left = 0) {
  const context = canvas.getContext("2d");
  const data = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      data.data[4 * i + c] = Math.round(255 * clip(values[i * channels + (c % channels)], 0, 1));
    }
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, left, 0);
}

// The test images of the page, cut from one picture.
async function testImages() {
  const sheet = new Image();
  sheet.src = page.sheet;
  await sheet.decode();
  const canvas = make("canvas", { width: sheet.width, height: sheet.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  return page.labels.map((_, n) => {
    const left = (n % page.columns) * width;
    const top = Math.floor(n / page.columns) * height;
    const { data } = context.getImageData(left, top, width, height);
    const values = new Float32Array(pixels);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < channels; c++) values[i * channels + c] = data[4 * i + c] / 255;
    }
    return values;
  });
}

// Light or dark as the page around is, where it tells, and else as the reader's system.
function followTheme(redraw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let outer = null;
  try {
    if (window.parent !== window) outer = window.parent.document;
  } catch {
    // Another site's page: it does not tell.
  }
  const update = () => {
    const sphinx = outer?.documentElement.dataset.theme;
    const jupyter = outer?.body?.dataset.jpThemeLight;
    const dark = sphinx ? sphinx === "dark" : jupyter ? jupyter === "false" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    redraw();
  };
  system.addEventListener("change", update);
  if (outer) {
    const watcher = new MutationObserver(update);
    const attributes = ["data-theme", "data-jp-theme-light"];
    watcher.observe(outer.documentElement, { attributeFilter: attributes });
    if (outer.body) watcher.observe(outer.body, { attributeFilter: attributes });
  }
  update();
}

// The frame grows with what is in it, and the still picture before it goes.
function takeThePlaceOfThePicture() {
  const frame = window.frameElement;
  if (!frame) return;
  const before = frame.previousElementSibling;
  if (before?.tagName === "IMG") before.style.display = "none";
  frame.style.display = "block";
  document.documentElement.style.overflowY = "hidden"; // the frame is always as high as its content
  new ResizeObserver(() => {
    frame.style.height = `${Math.ceil(main.getBoundingClientRect().height)}px`;
  }).observe(main);
}

// ---- explore: walk through the plane of codes ---------------------------------------------------

function plane(method, images) {
  const decode = network(method.decoder);
  const codes = floats(method.codes);
  const [low, high] = [method.low, method.high];
  const size = 640; // pixels of the canvas, of which the page may show fewer
  const map = make("canvas", { width: size, height: size, className: "map", tabIndex: 0, role: "application" });
  map.setAttribute("aria-label", `Plane of codes, ${method.name}. Arrow keys move, with Shift faster. Enter marks an end of a walk, Escape clears it.`);
  const made = picture("decoded", `${method.name}: the decoder's image of the point`);
  const near = picture("nearest", `${method.name}: the test image whose code is nearest`);
  const strip = make("canvas", { width: 9 * width, height, className: "strip", role: "img", hidden: true });
  strip.setAttribute("aria-label", `${method.name}: nine decoded images along the walk`);
  const play = make("button", { type: "button", disabled: true }, "Play the walk");
  const clear = make("button", { type: "button", disabled: true }, "Clear");
  play.ariaLabel = `Play the walk: ${method.name}`;
  clear.ariaLabel = `Clear: ${method.name}`;
  let at = mix(low, high, 0.5);
  let ends = [];

  const place = (code) => code.map((v, i) => (i ? high[i] - v : v - low[i]) / (high[i] - low[i]) * size);
  const code = (x, y) => [low[0] + x * (high[0] - low[0]), high[1] - y * (high[1] - low[1])];

  function nearest() {
    let best = 0;
    let least = Infinity;
    for (let n = 0; n < images.length; n++) {
      const away = (codes[2 * n] - at[0]) ** 2 + (codes[2 * n + 1] - at[1]) ** 2;
      if (away < least) [best, least] = [n, away];
    }
    return best;
  }

  function drawMap(near) {
    const context = map.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const [ink, paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name));
    context.clearRect(0, 0, size, size);
    // A thin ring keeps dark colours visible on a dark page.
    context.strokeStyle = ink;
    context.lineWidth = 1;
    for (let n = 0; n < images.length; n++) {
      const [x, y] = place([codes[2 * n], codes[2 * n + 1]]);
      context.fillStyle = page.colors[page.labels[n]];
      context.beginPath();
      context.arc(x, y, n === near ? 12 : 7, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.fillStyle = ink;
    context.lineJoin = "round";
    context.font = "bold 30px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    // All edges of letters before all letters, so that none hides another.
    context.strokeStyle = paper;
    context.lineWidth = 8;
    const names = (page.named ? page.classes : []).flatMap((name, label) => {
      if (!method.middles[label]) return [];
      const half = context.measureText(name).width / 2 + 4;
      const [x, y] = place(method.middles[label]);
      return [[name, clip(x, half, size - half), clip(y, 18, size - 18)]];
    });
    for (const name of names) context.strokeText(...name);
    for (const name of names) context.fillText(...name);
    context.strokeStyle = ink;
    context.lineWidth = 3;
    if (ends.length === 2) {
      context.beginPath();
      context.moveTo(...place(ends[0]));
      context.lineTo(...place(ends[1]));
      context.stroke();
    }
    for (const end of ends) {
      const [x, y] = place(end);
      context.fillRect(x - 7, y - 7, 14, 14);
    }
    const [x, y] = place(at);
    context.beginPath();
    context.arc(x, y, 14, 0, 2 * Math.PI);
    context.moveTo(x - 24, y);
    context.lineTo(x + 24, y);
    context.moveTo(x, y - 24);
    context.lineTo(x, y + 24);
    context.stroke();
  }

  function update() {
    paint(made.canvas, decode(at));
    const n = nearest();
    paint(near.canvas, images[n]);
    const name = page.classes[page.labels[n]];
    near.text.textContent = `nearest: ${name}`;
    drawMap(n);
    return `${method.name}: point ${show(at[0])}, ${show(at[1])}. Nearest of ${images.length} test images: ${name}.`;
  }

  function move(to) {
    at = to.map((v, i) => clip(v, low[i], high[i]));
    say(update());
  }

  function mark() {
    ends = ends.length === 2 ? [at] : [...ends, at];
    const whole = ends.length === 2;
    play.disabled = !whole;
    clear.disabled = false;
    strip.hidden = !whole;
    for (let i = 0; whole && i < 9; i++) paint(strip, decode(mix(ends[0], ends[1], i / 8)), i * width);
    update();
    say(whole
      ? `${method.name}: a walk is drawn, nine decoded images along it are shown below the plane.`
      : `${method.name}: the walk begins here. Mark its other end.`);
  }

  // One way in about three seconds; with reduced motion it is nine places, half a second each.
  let walk = 0;
  function step(begun, number, now) {
    if (number !== walk || ends.length < 2) return;
    const share = clip((now - begun) / (still.matches ? 4000 : 3000), 0, 1);
    move(mix(ends[0], ends[1], still.matches ? Math.floor(share * 8) / 8 : share));
    if (share === 1) return;
    if (still.matches) setTimeout(() => step(begun, number, performance.now()), 500);
    else requestAnimationFrame((later) => step(begun, number, later));
  }

  function follow(event) {
    walk++;
    const box = map.getBoundingClientRect();
    move(code((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
  }

  // A click or a tap marks; a finger that moves on only walks.
  let down = null;
  map.addEventListener("pointermove", follow);
  map.addEventListener("pointerdown", (event) => {
    follow(event);
    down = event.isPrimary && !event.button ? [event.clientX, event.clientY] : null;
  });
  map.addEventListener("pointerup", (event) => {
    if (down && Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 8) mark();
    down = null;
  });
  map.addEventListener("pointercancel", () => (down = null));
  map.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (by) {
      walk++;
      const share = event.shiftKey ? 0.1 : 0.02;
      move(at.map((v, i) => v + by[i] * share * (high[i] - low[i])));
    } else if (event.key === "Enter" && !event.repeat) mark();
    else if (event.key === "Escape") clear.click();
    else return;
    event.preventDefault();
  });
  play.addEventListener("click", () => {
    walk++;
    step(performance.now(), walk, performance.now());
  });
  clear.addEventListener("click", () => {
    walk++;
    ends = [];
    if (document.activeElement === clear) map.focus();
    play.disabled = clear.disabled = strip.hidden = true;
    say(update());
  });

  main.append(make("section", {}, make("h2", {}, method.name), map,
    make("div", { className: "beside" }, made.figure, near.figure),
    strip, make("div", { className: "buttons" }, play, clear)));
  return update;
}

async function explore() {
  const images = await testImages();
  const panels = page.methods.map((method) => plane(method, images));
  document.querySelector("#help").textContent =
    "Each dot is a test image at the place of its code, coloured by its class; a class's name stands in its middle. " +
    "Move the pointer, a finger or the arrow keys: the decoder draws the image of the place under the cross. " +
    "Click or press Enter at two places for a walk between them; Escape clears it.";
  return () => panels.forEach((panel) => panel());
}

// ---- draw: a drawing, its code, and what is decoded from it --------------------------------------

async function draw() {
  const images = await testImages();
  const methods = page.methods.map((method) => ({
    ...method, encode: network(method.encoder), decode: network(method.decoder),
    ...picture(method.name, `What ${method.name} decodes`),
  }));
  const [first] = methods; // its code is the one that the bars show
  const sheet = picture("your drawing", "Drawing. Arrow keys move the pen, Space draws, Delete clears.");
  sheet.canvas.className = "image sheet";
  sheet.canvas.tabIndex = 0;
  sheet.canvas.setAttribute("role", "application");
  const bars = barsOf(first);
  let drawing = new Float32Array(pixels);
  let pen = [Math.floor(height / 2) + 0.5, Math.floor(width / 2) + 0.5];
  let shown = -1; // the number of the test image, or -1 for a drawing

  function dab(row, column) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const away = Math.hypot(y + 0.5 - row, x + 0.5 - column) * Math.min(1, 28 / height);
        const grey = clip(1.9 - away, 0, 1);
        for (let c = 0; c < channels; c++) {
          const i = (y * width + x) * channels + c;
          drawing[i] = Math.max(drawing[i], grey);
        }
      }
    }
  }

  // As MNIST's makers did: the centre of mass comes to the middle, as far as no ink is lost.
  function centre() {
    let [sum, down, right] = [0, 0, 0];
    let [top, bottom, left, end] = [height, 0, width, 0];
    for (let i = 0; i < pixels; i += channels) {
      const [y, x] = [Math.floor(i / channels / width), (i / channels) % width];
      sum += drawing[i];
      down += drawing[i] * ((height - 1) / 2 - y);
      right += drawing[i] * ((width - 1) / 2 - x);
      if (drawing[i]) [top, bottom, left, end] = [Math.min(top, y), Math.max(bottom, y), Math.min(left, x), Math.max(end, x)];
    }
    if (!sum || shown >= 0) return;
    down = clip(Math.round(down / sum), -top, height - 1 - bottom);
    right = clip(Math.round(right / sum), -left, width - 1 - end);
    const moved = new Float32Array(pixels);
    for (let i = 0; i < pixels; i++) {
      if (drawing[i]) moved[i + (down * width + right) * channels] = drawing[i];
    }
    drawing = moved;
    update();
  }

  function report(method, decoded) {
    const error = squaredError(drawing, decoded);
    paint(method.canvas, decoded);
    method.text.textContent = `${method.name}: E = ${show(error)}`;
    return `${method.name} ${show(error)}`;
  }

  function paintSheet() {
    paint(sheet.canvas, drawing);
    if (!sheet.canvas.matches(":focus-visible")) return;
    const context = sheet.canvas.getContext("2d");
    context.fillStyle = "#e69f00"; // the pen, for who draws by keys
    context.fillRect(Math.floor(pen[1]), Math.floor(pen[0]), 1, 1);
  }

  function update() {
    paintSheet();
    const told = methods.map((method) => {
      const code = method.encode(drawing);
      if (method === first) bars.set(code);
      return report(method, method.decode(code));
    });
    say(`Squared error: ${told.join(", ")}.`);
  }

  bars.changed = (code) => say(`Squared error: ${report(first, first.decode(code))}.`);

  let before = null;
  let rest = 0;
  const where = (event) => {
    const box = sheet.canvas.getBoundingClientRect();
    return [((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width];
  };
  const stroke = (to) => {
    const from = before ?? to;
    const dabs = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) || 1;
    for (let i = 1; i <= dabs; i++) dab(...mix(from, to, i / dabs));
    before = to;
    update();
  };
  const centreSoon = () => {
    clearTimeout(rest);
    rest = setTimeout(centre, 1500);
  };
  sheet.canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button) return;
    clearTimeout(rest);
    if (shown >= 0) clear();
    before = null;
    sheet.canvas.setPointerCapture(event.pointerId);
    stroke(where(event));
  });
  sheet.canvas.addEventListener("pointermove", (event) => before && event.isPrimary && stroke(where(event)));
  sheet.canvas.addEventListener("lostpointercapture", () => {
    before = null;
    centreSoon();
  });
  for (const change of ["focus", "blur"]) sheet.canvas.addEventListener(change, paintSheet);
  sheet.canvas.addEventListener("blur", centreSoon);
  sheet.canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (by) {
      pen = [clip(pen[0] + by[0], 0.5, height - 0.5), clip(pen[1] + by[1], 0.5, width - 0.5)];
      paintSheet();
      say(`Pen at row ${Math.ceil(pen[0])}, column ${Math.ceil(pen[1])}.`);
    } else if (event.key === " ") {
      if (shown >= 0) clear();
      dab(...pen);
      update();
    } else if (event.key === "Delete" || event.key === "Backspace") clear();
    else return;
    event.preventDefault();
  });

  function clear() {
    shown = -1;
    drawing = new Float32Array(pixels);
    sheet.text.textContent = "your drawing";
    update();
  }
  function next() {
    shown = (shown + 1) % images.length;
    drawing = images[shown].slice();
    sheet.text.textContent = `test image: ${page.classes[page.labels[shown]]}`;
    update();
  }
  const button = (text, act) => {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", act);
    return element;
  };
  main.append(
    make("section", { className: "wide" },
      make("div", { className: "beside" }, sheet.figure, ...methods.map((method) => method.figure)),
      make("div", { className: "buttons" }, button("Clear", clear), button("Next test image", next), button("Undo the bars", update)),
      make("h2", {}, `${first.name}: the ${first.ranges.length} numbers of its code`), bars.element));
  document.querySelector("#help").textContent =
    "Draw with the pointer or a finger, or take a test image. A drawing is moved to the middle. " +
    `The bars are the code of the first method, ${first.name}: move one, and its picture changes; ${methods.length > 1 ? "the others stay" : "your drawing stays"}.`;
  next();
  return () => {};
}

// A slider for each number of a code.
function barsOf(method) {
  const element = make("div", { className: "bars" });
  const handle = { element, changed: null };
  const sliders = method.ranges.map(([low, high], i) => {
    const slider = make("input", { type: "range", min: low, max: high, step: (high - low) / 200 });
    slider.setAttribute("aria-label", `number ${i + 1} of the code`);
    slider.addEventListener("input", () => {
      code[i] = slider.valueAsNumber;
      slider.setAttribute("aria-valuetext", show(code[i]));
      handle.changed(code);
    });
    element.append(slider);
    return slider;
  });
  let code = new Float32Array(sliders.length);
  handle.set = (numbers) => {
    code = numbers.slice();
    sliders.forEach((slider, i) => {
      slider.value = code[i];
      slider.setAttribute("aria-valuetext", show(code[i]));
    });
  };
  return handle;
}

(async () => {
  main.append(make("p", { id: "help" }));
  const redraw = await { explore, draw }[page.kind]();
  main.append(live);
  takeThePlaceOfThePicture(); // first: a frame that is not shown may not know its colours
  followTheme(redraw);
})();
