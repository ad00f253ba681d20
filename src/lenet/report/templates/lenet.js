// LeNet-5, forwards (LeCun et al. 1998, §II-B). Maps are flat arrays: row, column, map, as Keras orders them.

const ACTIVATIONS = {
  tanh: Math.tanh,
  scaled_tanh: (a) => 1.7159 * Math.tanh((2 / 3) * a),
  relu: (a) => Math.max(a, 0),
  silu: (a) => a / (1 + Math.exp(-a)),
};

// A unit of a map sees a 5×5 field of each map below: side × side × below → (side − 4) × (side − 4) × maps.
function convolve(input, side, below, {kernel, bias}, squash) {
  const maps = bias.length, width = side - 4, output = new Float32Array(width * width * maps);
  for (let y = 0; y < width; y++) for (let x = 0; x < width; x++) {
    const sums = Float64Array.from(bias);
    for (let dy = 0; dy < 5; dy++) for (let dx = 0; dx < 5; dx++) for (let from = 0; from < below; from++) {
      const value = input[((y + dy) * side + x + dx) * below + from], row = ((dy * 5 + dx) * below + from) * maps;
      for (let map = 0; map < maps; map++) sums[map] += value * kernel[row + map];
    }
    sums.forEach((sum, map) => { output[(y * width + x) * maps + map] = squash(sum); });
  }
  return output;
}

// Before the subsampling: the mean of each 2×2 field, one unit apart. The last row and column count twice.
function blur(input, side, maps) {
  const next = (position) => Math.min(position + 1, side - 1), output = new Float32Array(input.length);
  const at = (y, x, map) => input[(y * side + x) * maps + map];
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) for (let map = 0; map < maps; map++) {
    const four = at(y, x, map) + at(next(y), x, map) + at(y, next(x), map) + at(next(y), next(x), map);
    output[(y * side + x) * maps + map] = four / 4;
  }
  return output;
}

// Subsampling: of each 2×2 field the mean, the largest, or the sum times a coefficient plus a bias, squashed.
function subsample(input, side, maps, kind, {coefficient, bias}, squash) {
  if (kind === "blur") return subsample(blur(input, side, maps), side, maps, "average", {}, squash);
  const width = side / 2, output = new Float32Array(width * width * maps);
  for (let y = 0; y < width; y++) for (let x = 0; x < width; x++) for (let map = 0; map < maps; map++) {
    const four = [0, 1, side, side + 1].map((step) => input[(2 * y * side + 2 * x + step) * maps + map]);
    const sum = four[0] + four[1] + four[2] + four[3];
    output[(y * width + x) * maps + map] =
      kind === "max" ? Math.max(...four) : kind === "average" ? sum / 4 : squash(coefficient[map] * sum + bias[map]);
  }
  return output;
}

function connect(input, {kernel, bias}, squash) {
  return Float32Array.from(bias, (start, unit) => {
    let sum = start;
    for (let from = 0; from < input.length; from++) sum += input[from] * kernel[from * bias.length + unit];
    return squash(sum);
  });
}

// Equation 7: squared distances to the codes of Figure 3. The nearest one wins.
function distancesTo(codes, units) {
  return codes.map((code) => units.reduce((sum, unit, i) => sum + (unit - code[i]) ** 2, 0));
}

function softmax(values) {
  const top = Math.max(...values), powers = [...values].map((value) => Math.exp(value - top));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

// A digit, 28 × 28 numbers from 0 (paper) to 255 (ink), on its way through a network.
function read(network, digit) {
  const {side, layers, pooling, codes} = network, squash = ACTIVATIONS[network.activation];
  const border = (side - 28) / 2, input = new Float32Array(side * side).fill(network.offset);
  digit.forEach((pixel, i) => {
    input[(Math.floor(i / 28) + border) * side + (i % 28) + border] = pixel * network.scale + network.offset;
  });
  const c1 = convolve(input, side, 1, layers.c1, squash);
  const s2 = subsample(c1, side - 4, 6, pooling, layers.s2, squash), half = (side - 4) / 2;
  const c3 = convolve(s2, half, 6, layers.c3, squash);
  const s4 = subsample(c3, half - 4, 16, pooling, layers.s4, squash);
  const f6 = connect(connect(s4, layers.c5, squash), layers.f6, squash);
  const distances = codes && distancesTo(codes, f6);
  const scores = codes ? distances.map((each) => -each / 2) : connect(f6, layers.output, (sum) => sum);
  return {c1, s2, distances, probabilities: softmax(scores)};
}
