// Reads a film, in the format of marl/replay/container.py.

const [BLOCKED, OPEN, DIAGONAL] = [0, 1, 2]; // cells of marl.engine.ground.geometry
const ORDERS = ["idle", "move", "attack", "attack-move", "stop", "heal"];
const ARRAY_TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, i4: Int32Array };
const UNSIGNED = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

async function readFilm(base64) {
  const packed = Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed.subarray(8)]).stream();
  const inflated = stream.pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(inflated).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const arrays = {};
  let at = 4 + length;
  for (const [name, dtype, shape] of header.arrays) {
    const count = shape.reduce((a, b) => a * b, 1);
    const size = count * ARRAY_TYPES[dtype].BYTES_PER_ELEMENT;
    arrays[name] = { data: fromSeries(bytes.subarray(at, at + size), dtype, count, shape[0]), shape };
    at += size;
  }
  return new Film(header, arrays);
}

// Differences along the first axis, series by series, low bytes first -> values, [T, rest].
function fromSeries(bytes, dtype, count, frames) {
  const size = ARRAY_TYPES[dtype].BYTES_PER_ELEMENT;
  const values = new UNSIGNED[size](count);
  const series = frames ? count / frames : 0;
  for (let m = 0; m < series; m++) {
    let sum = 0;
    for (let t = 0; t < frames; t++) {
      const i = m * frames + t;
      for (let b = 0; b < size; b++) sum += bytes[b * count + i] * 2 ** (8 * b);
      values[t * series + m] = sum; // the typed array wraps around
      sum = values[t * series + m];
    }
  }
  return new ARRAY_TYPES[dtype](values.buffer);
}

class Film {
  constructor(header, arrays) {
    Object.assign(this, header, { arrays });
    this.loops = arrays.loops.data;
    this.frames = this.loops.length;
    this.units = arrays.kind.shape[0];
    this.kind = arrays.kind.data;
    this.side = arrays.side.data;
    [this.rows, this.columns] = arrays.terrain.shape;
    this.firstLoop = this.frames ? this.loops[0] : 0;
    this.lastLoop = this.frames ? this.loops[this.frames - 1] : 0;
    this.series = {};
    for (const [name, ends] of Object.entries(header.channels)) {
      this.series[name] = decodeChannel(arrays["channel:" + name], ends);
    }
    const codes = this.series.code ? this.series.code.data : [];
    this.codeRank = new Map([...new Set(codes)].map((code, rank) => [code, rank]));
    this.names = this.nameUnits();
    this.events = this.findEvents();
    this.deaths = this.events.filter((event) => event.what === "death");
    this.boxes = this.findBoxes();
  }

  // Stalker 1, Stalker 2 ... by side.
  nameUnits() {
    const count = {};
    return Array.from({ length: this.units }, (_, i) => {
      const type = this.kinds[this.kind[i]].name;
      const key = this.side[i] + type;
      count[key] = (count[key] || 0) + 1;
      return `${type} ${count[key]}`;
    });
  }

  type(i) { return this.kinds[this.kind[i]]; }

  raw(name, frame, i) { return this.arrays[name].data[frame * this.units + i]; }

  value(name, frame, i) { return this.raw(name, frame, i) / this.scales[name]; }

  alive(frame, i) { return this.raw("health", frame, i) > 0; }

  // The last frame at or before a loop, and the share of the way to the next one.
  at(loop) {
    let low = 0;
    let high = this.frames - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.loops[middle] <= loop) low = middle;
      else high = middle - 1;
    }
    const gap = low + 1 < this.frames ? this.loops[low + 1] - this.loops[low] : 0;
    const share = gap ? Math.min(Math.max((loop - this.loops[low]) / gap, 0), 1) : 0;
    return { frame: low, share };
  }

  // The place of a unit between two frames; a dead unit stays where it died.
  place(moment, i) {
    const { frame, share } = moment;
    const next = frame + 1 < this.frames && this.alive(frame + 1, i) && this.alive(frame, i);
    const on = (name) => {
      const here = this.value(name, frame, i);
      return next ? here + share * (this.value(name, frame + 1, i) - here) : here;
    };
    let turn = this.value("facing", frame, i);
    if (next) {
      let gap = this.value("facing", frame + 1, i) - turn;
      gap -= Math.round(gap);
      turn += share * gap;
    }
    return { x: on("x"), y: on("y"), angle: turn * 2 * Math.PI };
  }

  // Shots, hits, deaths in the order of time.
  findEvents() {
    const events = [];
    for (let f = 1; f < this.frames; f++) {
      for (let i = 0; i < this.units; i++) {
        const loop = this.loops[f];
        const to = this.raw("shot", f, i);
        if (to >= 0) events.push({ what: "shot", loop, frame: f, from: i, to });
        if (!this.alive(f - 1, i)) continue;
        const lost = this.vitality(f - 1, i) - this.vitality(f, i);
        if (!this.alive(f, i)) events.push({ what: "death", loop, frame: f, unit: i });
        else if (lost > 0.4) events.push({ what: "hit", loop, frame: f, unit: i, lost });
      }
    }
    return events;
  }

  // The number of events up to a loop.
  eventsUntil(loop) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].loop <= loop) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // A cell of the ground; off the map all is blocked.
  ground(x, y) {
    const there = x >= 0 && y >= 0 && x < this.columns && y < this.rows;
    return there ? this.arrays.terrain.data[y * this.columns + x] : BLOCKED;
  }

  // [west, east, south, north] of the living units and a margin, by frame.
  findBoxes() {
    let last = [0, this.columns, 0, this.rows];
    return Array.from({ length: this.frames }, (_, f) => {
      const box = [Infinity, -Infinity, Infinity, -Infinity];
      for (let i = 0; i < this.units; i++) {
        if (!this.alive(f, i)) continue;
        const margin = this.type(i).radius + 1.8;
        const [x, y] = [this.value("x", f, i), this.value("y", f, i)];
        box[0] = Math.min(box[0], x - margin);
        box[1] = Math.max(box[1], x + margin);
        box[2] = Math.min(box[2], y - margin);
        box[3] = Math.max(box[3], y + margin);
      }
      if (box[0] < box[1]) last = box;
      return last;
    });
  }

  // The mean box between two places on the film, both in frames and shares of frames.
  meanBox(first, last) {
    const sum = [0, 0, 0, 0];
    let weights = 0;
    for (let f = Math.floor(first); f <= Math.ceil(last); f++) {
      const weight = Math.max(Math.min(last, f + 0.5) - Math.max(first, f - 0.5), 1e-6);
      this.boxes[Math.min(f, this.frames - 1)].forEach((v, k) => { sum[k] += weight * v; });
      weights += weight;
    }
    return sum.map((v) => v / weights);
  }

  vitality(frame, i) { return this.value("health", frame, i) + this.value("shield", frame, i); }

  // Health and shields of a side, as shares of its units' maxima, by frame.
  sideVitality(side) {
    const members = [...Array(this.units).keys()].filter((i) => this.side[i] === side);
    const whole = members.reduce((sum, i) => sum + this.type(i).health + this.type(i).shield, 0);
    return Float64Array.from({ length: this.frames }, (_, f) =>
      members.reduce((sum, i) => sum + this.vitality(f, i), 0) / (whole || 1));
  }

  step(loop) { return Math.floor((loop - this.firstLoop) / this.step_mul); }

  get steps() { return Math.ceil((this.lastLoop - this.firstLoop) / this.step_mul); }
}

function decodeChannel(array, ends) {
  if (!array) throw new Error("a channel has no array");
  const { data, shape } = array;
  if (ends === null) return { data, shape, whole: true };
  const top = (data instanceof Uint8Array ? 255 : 65535) - 1;
  const [low, high] = ends;
  const level = (v) => (v ? low + ((v - 1) / (top - 1)) * (high - low) : NaN);
  return { data: Float64Array.from(data, level), shape, whole: false };
}
