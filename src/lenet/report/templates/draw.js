const data = JSON.parse(document.getElementById("networks").textContent);
const networks = data.networks.map(unpack);
const digits = data.digits.map((each) => ({...each, pixels: bytes(each.pixels)}));

function bytes(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); }

// Weights are 32-bit numbers, little-endian, all in a row; `layout` says which are whose.
function unpack(network) {
  const view = new DataView(bytes(network.weights).buffer);
  let place = 0;
  const take = (count) => Float32Array.from({length: count}, () => view.getFloat32(4 * place++, true));
  const layers = {s2: {}, s4: {}};
  for (const [layer, name, count] of network.layout) (layers[layer] ??= {})[name] = take(Number(count));
  if (network.table) layers.c3.kernel = spread(layers.c3.kernel, network.table);
  return {...network, layers};
}

// Table I: the kernels of its connections, in the order of its rows, put where an ordinary convolution has them.
function spread(kernels, table) {
  const below = table.length, maps = table[0].length, whole = new Float32Array(25 * below * maps);
  const places = table.flatMap((row, from) => row.flatMap((connected, map) => (connected ? [from * maps + map] : [])));
  for (let field = 0; field < 25; field++) {
    places.forEach((place, k) => { whole[field * below * maps + place] = kernels[field * places.length + k]; });
  }
  return whole;
}

// What is read: strokes, or a test digit; then shifted and turned.
let strokes = [], chosen = null;
const pen = {x: 140, y: 140, down: false, isUsed: false}; // of the keyboard
const board = document.getElementById("board"), ink = board.getContext("2d"), seen = document.getElementById("seen");
ink.imageSmoothingEnabled = false;
const sliders = ["right", "down", "turn"].map((name) => document.getElementById(name));

// As MNIST's digits were made: scaled into a box of 20 × 20, then centred by mass in 28 × 28 (§III-A).
const FINE = 8, THICK = 2.3;
function rasterize(lines) {
  const points = lines.flat();
  if (!points.length) return new Uint8Array(784);
  const [left, top] = ["x", "y"].map((axis) => points.reduce((least, point) => Math.min(least, point[axis]), Infinity));
  const [right, bottom] = ["x", "y"].map((axis) => points.reduce((most, point) => Math.max(most, point[axis]), 0));
  const scale = (20 - THICK) / Math.max(right - left, bottom - top, 40);
  const centred = lines.map((line) => line.map(({x, y}) => ({
    x: (x - (left + right) / 2) * scale + 14, y: (y - (top + bottom) / 2) * scale + 14,
  })));
  const first = paint(centred, 0, 0), mass = centre(first);
  return paint(centred, 14 - mass.x, 14 - mass.y);
}

function paint(lines, right, down) {
  const fine = new OffscreenCanvas(28 * FINE, 28 * FINE).getContext("2d", {willReadFrequently: true});
  Object.assign(fine, {lineCap: "round", lineJoin: "round", lineWidth: THICK});
  fine.setTransform(FINE, 0, 0, FINE, right * FINE, down * FINE);
  for (const line of lines) trace(fine, line);
  const all = fine.getImageData(0, 0, 28 * FINE, 28 * FINE).data, pixels = new Float32Array(784);
  for (let i = 0; i < 784 * FINE * FINE; i++) {
    const y = Math.floor(i / (28 * FINE)), x = i % (28 * FINE);
    pixels[Math.floor(y / FINE) * 28 + Math.floor(x / FINE)] += all[4 * i + 3] / (FINE * FINE);
  }
  return Uint8Array.from(pixels, Math.round);
}

function trace(context, line) {
  context.beginPath();
  context.moveTo(line[0].x, line[0].y);
  line.forEach(({x, y}) => context.lineTo(x, y + 0.001)); // a dot is a line too
  context.stroke();
}

function centre(pixels) {
  let mass = 0, x = 0, y = 0;
  pixels.forEach((pixel, i) => { mass += pixel; x += pixel * ((i % 28) + 0.5); y += pixel * (Math.floor(i / 28) + 0.5); });
  return {x: x / mass, y: y / mass};
}

// Shifted by pixels and turned about the centre; between pixels, linearly.
function moved(pixels, right, down, degrees) {
  if (!right && !down && !degrees) return pixels;
  const angle = (degrees * Math.PI) / 180, [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const at = (x, y) => (x < 0 || y < 0 || x > 27 || y > 27 ? 0 : pixels[y * 28 + x]);
  return Uint8Array.from({length: 784}, (_, i) => {
    const x = (i % 28) - 13.5 - right, y = Math.floor(i / 28) - 13.5 - down;
    const u = cos * x + sin * y + 13.5, v = cos * y - sin * x + 13.5;
    const [left, top] = [Math.floor(u), Math.floor(v)], [a, b] = [u - left, v - top];
    const upper = (1 - a) * at(left, top) + a * at(left + 1, top);
    const lower = (1 - a) * at(left, top + 1) + a * at(left + 1, top + 1);
    return Math.round((1 - b) * upper + b * lower);
  });
}

// Drawing
function point(event) {
  const box = board.getBoundingClientRect();
  return {x: ((event.clientX - box.left) / box.width) * 280, y: ((event.clientY - box.top) / box.height) * 280};
}

// The stroke that is being drawn, by mouse, finger or keyboard.
let stroke = null;
function begin(at) {
  if (chosen) forget();
  stroke = [at];
  strokes.push(stroke);
}

// One finger draws; and of a mouse the first button.
board.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button) return;
  board.setPointerCapture(event.pointerId);
  Object.assign(pen, {isUsed: false, down: false});
  begin(point(event));
  showSoon();
});
board.addEventListener("pointermove", (event) => {
  if (!event.isPrimary || !stroke || !board.hasPointerCapture(event.pointerId)) return;
  stroke.push(point(event));
  showSoon();
});
board.addEventListener("keydown", (event) => {
  const step = {ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8]}[event.key];
  if (event.key === " ") {
    pen.down = !pen.down;
    if (pen.down) begin({x: pen.x, y: pen.y});
  } else if (step) {
    pen.x = Math.min(270, Math.max(10, pen.x + step[0]));
    pen.y = Math.min(270, Math.max(10, pen.y + step[1]));
    if (pen.down) stroke.push({x: pen.x, y: pen.y});
  } else return;
  pen.isUsed = true;
  event.preventDefault();
  showSoon();
});

function forget() {
  strokes = [];
  stroke = chosen = null;
  pen.down = false;
  document.querySelectorAll("#digits [aria-pressed]").forEach((button) => button.setAttribute("aria-pressed", "false"));
  sliders.forEach((slider) => { slider.value = 0; });
}

document.getElementById("clear").addEventListener("click", () => { forget(); show(); });
sliders.forEach((slider) => slider.addEventListener("input", showSoon));

function choose(digit, button) {
  forget();
  chosen = digit;
  button.setAttribute("aria-pressed", "true");
  show();
}

// Showing
function picture(canvas, values, side, maps, map, colour) {
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d"), image = context.createImageData(side, side);
  for (let i = 0; i < side * side; i++) image.data.set(colour(values[i * maps + map]), 4 * i);
  context.putImageData(image, 0, 0);
}

const grey = (value) => [255 - value, 255 - value, 255 - value, 255];
// Blue below zero, red above.
function signed(limit) {
  return (value) => {
    const part = Math.round(255 * Math.min(1, Math.abs(value) / limit));
    return value < 0 ? [255 - part, 255 - part / 2, 255, 255] : [255, 255 - part / 1.5, 255 - part, 255];
  };
}

function showMaps(canvases, values, side) {
  const limit = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  canvases.forEach((canvas, map) => picture(canvas, values, side, 6, map, signed(limit)));
}

// At most once per picture of the screen, however often the pointer moves.
let isSoon = false;
function showSoon() {
  if (isSoon) return;
  isSoon = true;
  requestAnimationFrame(() => { isSoon = false; show(); });
}

function show() {
  const [right, down, turn] = sliders.map((slider) => Number(slider.value));
  sliders.forEach((slider) => { slider.nextElementSibling.value = slider.value; });
  const digit = moved(chosen ? chosen.pixels : rasterize(strokes), right, down, turn);
  picture(seen, digit, 28, 1, 0, grey);
  drawBoard();
  const isEmpty = !digit.some((pixel) => pixel > 0);
  const answers = document.querySelectorAll(".answers strong");
  const told = networks.map((network, place) => {
    const [answer, percent] = showNetwork(network, document.getElementById(`network-${place}`), digit, isEmpty);
    answers[place].textContent = answer;
    return `${network.name} reads ${answer}, ${percent} %.`;
  });
  tell(isEmpty ? "Draw something." : told.join(" "));
}

// A screen reader hears the last answer, not each of a stroke's.
let telling;
function tell(text) {
  clearTimeout(telling);
  telling = setTimeout(() => { document.getElementById("told").textContent = text; }, 400);
}

function drawBoard() {
  ink.clearRect(0, 0, 280, 280);
  if (chosen) ink.drawImage(seen, 0, 0, 280, 280);
  Object.assign(ink, {lineCap: "round", lineJoin: "round", lineWidth: 20, strokeStyle: "#1b1d21"});
  strokes.forEach((line) => trace(ink, line));
  if (pen.isUsed && document.activeElement === board) {
    ink.fillStyle = pen.down ? "#D55E00" : "#0072B2";
    ink.beginPath();
    ink.arc(pen.x, pen.y, 6, 0, 7);
    ink.fill();
  }
}
board.addEventListener("focus", drawBoard);
board.addEventListener("blur", drawBoard);

function showNetwork(network, card, digit, isEmpty) {
  const {c1, s2, distances, probabilities} = read(network, digit);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const answer = isEmpty || best < 0 ? "–" : best; // of a network that diverged all is NaN
  card.querySelector(".answer").textContent = answer;
  card.querySelectorAll(".bars li").forEach((row, label) => {
    const percent = isEmpty ? 0 : 100 * probabilities[label];
    row.classList.toggle("best", !isEmpty && label === best);
    row.querySelector(".bar").style.width = `${percent}%`;
    row.querySelector("output").value = isEmpty ? "" : `${percent.toFixed(percent < 99.95 ? 1 : 0)} %`;
  });
  showMaps([...card.querySelectorAll(".c1 canvas")], c1, network.side - 4);
  showMaps([...card.querySelectorAll(".s2 canvas")], s2, (network.side - 4) / 2);
  card.querySelectorAll(".codes li").forEach((code, label) => {
    code.classList.toggle("best", !isEmpty && label === best);
    code.querySelector("output").value = isEmpty ? "" : distances[label].toFixed(0);
  });
  return [answer, best < 0 ? "–" : (100 * probabilities[best]).toFixed(0)];
}

// Setting up
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

document.querySelectorAll(".bars").forEach((list) => {
  for (let label = 0; label < 10; label++) {
    list.append(element("li", {}, element("span", {}, label), element("span", {class: "track"}, element("span", {class: "bar"})), element("output")));
  }
});
networks.forEach((network, place) => {
  const list = document.querySelector(`#network-${place} .codes`);
  (network.codes ?? []).forEach((code, label) => {
    const bitmap = element("canvas", {role: "img", "aria-label": `The code of ${label}`});
    bitmap.width = 7;
    bitmap.height = 12;
    const context = bitmap.getContext("2d"), image = context.createImageData(7, 12);
    code.forEach((bit, i) => image.data.set(bit > 0 ? [27, 29, 33, 255] : [232, 232, 228, 255], 4 * i));
    context.putImageData(image, 0, 0);
    list.append(element("li", {}, bitmap, element("output")));
  });
});
digits.forEach((digit) => {
  const small = element("canvas");
  picture(small, digit.pixels, 28, 1, 0, grey);
  const button = element("button", {type: "button", "aria-pressed": "false", "aria-label": `Test image ${digit.index}, class ${digit.label}`}, small);
  button.addEventListener("click", () => choose(digit, button));
  document.querySelector(`#digits [data-kind="${digit.kind}"]`).append(button);
});
document.querySelector("#digits button").click();
