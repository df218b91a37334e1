// Charts below the battle, each as wide as the timeline; a click seeks to that time.

class Charts {
  constructor(holder, film, options) {
    Object.assign(this, { holder, film, options });
    this.panels = [];
    for (const panel of panelsOf(film)) this.add(panel);
  }

  add(panel) {
    const box = document.createElement("div");
    box.className = "chart";
    const label = document.createElement("div");
    label.className = "chart-label";
    const value = document.createElement("div");
    value.className = "chart-value";
    const canvas = document.createElement("canvas");
    canvas.style.height = `${panel.tall}px`;
    box.append(canvas, label, value);
    this.holder.append(box);
    for (const line of panel.lines) {
      const name = document.createElement("span");
      name.className = "key";
      const dot = document.createElement("i");
      name.append(dot, line.name);
      if (line.hint) name.title = line.hint;
      label.append(name);
      line.dot = dot;
    }
    if (panel.slider) {
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "slider");
      canvas.setAttribute("aria-label", "Time");
      canvas.id = "timeline";
    }
    this.panels.push({ ...panel, canvas, value, still: document.createElement("canvas") });
    this.listen(canvas);
  }

  listen(canvas) {
    let down = false;
    const scrub = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      const { firstLoop, lastLoop } = this.film;
      this.options.seek(firstLoop + share * (lastLoop - firstLoop));
    };
    canvas.addEventListener("pointerdown", (event) => {
      down = true;
      canvas.setPointerCapture(event.pointerId);
      scrub(event);
    });
    canvas.addEventListener("pointermove", (event) => down && scrub(event));
    canvas.addEventListener("pointerup", () => { down = false; });
    canvas.addEventListener("pointercancel", () => { down = false; });
  }

  resize() {
    this.ratio = window.devicePixelRatio || 1;
    const colours = this.options.colours();
    for (const panel of this.panels) {
      const { canvas, still } = panel;
      still.width = canvas.width = Math.round(canvas.clientWidth * this.ratio);
      still.height = canvas.height = Math.round(panel.tall * this.ratio);
      const c = still.getContext("2d");
      c.scale(this.ratio, this.ratio);
      paintPanel(c, panel, canvas.clientWidth, this.film, colours);
      panel.lines.forEach((line) => { line.dot.style.background = colours.lines[line.colour] || line.colour; });
    }
  }

  draw(loop) {
    const colours = this.options.colours();
    const { firstLoop, lastLoop } = this.film;
    const share = (loop - firstLoop) / (lastLoop - firstLoop || 1);
    for (const panel of this.panels) {
      const { canvas, still } = panel;
      if (!canvas.width) continue;
      const c = canvas.getContext("2d");
      c.clearRect(0, 0, canvas.width, canvas.height);
      c.drawImage(still, 0, 0);
      const x = Math.round(share * canvas.width);
      c.fillStyle = colours.playhead;
      c.fillRect(Math.min(Math.max(x - this.ratio, 0), canvas.width - 2 * this.ratio), 0, 2 * this.ratio, canvas.height);
      const values = panel.lines.map((line) => line.show(loop)).filter((value) => value);
      const label = values.join("   ");
      if (panel.value.textContent !== label) panel.value.textContent = label;
    }
  }
}

const short = (value) => {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3);
};

// The panels of a film; a line's points are [share of the time, value].
function panelsOf(film) {
  const length = film.lastLoop - film.firstLoop || 1;
  const shares = (values, at) => Array.from(values, (v, k) => [at(k), v]);
  const byFrame = (values, name, colour) => ({
    name, colour,
    points: shares(values, (f) => (film.loops[f] - film.firstLoop) / length),
    show: (loop) => `${Math.round(100 * values[film.at(loop).frame])} %`,
  });
  const byStep = (values, name, colour, style, hint) => ({
    name, colour, style, hint,
    points: shares(values, (k) => (k * film.step_mul) / length),
    wide: film.step_mul / length,
    show: (loop) => short(values[Math.min(film.step(loop), values.length - 1)]),
  });
  const series = film.series;
  const one = (name) => series[name] && series[name].shape.length === 1 && series[name].data;
  const panels = [{
    tall: 64, slider: true, low: 0, high: 1, marks: true,
    lines: [
      byFrame(film.sideVitality(0), "our health and shields", "ally"),
      byFrame(film.sideVitality(1), "theirs", "enemy"),
    ],
  }];
  const reward = one("reward");
  if (reward) {
    let sum = 0;
    const total = Array.from(reward, (r) => (sum += r));
    const lines = [byStep(total, "return so far", "a"), byStep(reward, "reward", "b", "bars")];
    panels.push({ tall: 48, lines, low: 0 });
  }
  if (one("q_total") || one("cq")) {
    const lines = [];
    if (one("q_total")) lines.push(byStep(one("q_total"), "joint Q of the actions taken", "c"));
    if (one("cq")) lines.push(byStep(one("cq"), "C_q of the code", "d", "stairs", "mean return seen from the present code"));
    panels.push({ tall: 56, lines });
  }
  if (one("intrinsic")) {
    const hint = "the learner's bonus for this step: a move to a code of the drawn goal trajectory";
    panels.push({ tall: 40, low: 0, lines: [byStep(one("intrinsic"), "intrinsic reward", "e", "bars", hint)] });
  }
  if (one("code")) panels.push(codePanel(film, length));
  const known = ["reward", "q_total", "cq", "intrinsic", "code", "code_x", "code_y", "code_value"];
  for (const name of Object.keys(series).sort()) {
    if (!known.includes(name) && one(name)) panels.push({ tall: 40, lines: [byStep(one(name), name, "a")] });
  }
  return panels;
}

// A band for each run of one code; the line below is bright where the goal trajectory has that code.
function codePanel(film, length) {
  const codes = film.series.code.data;
  const line = {
    name: "code of the state", colour: "d",
    hint: "bands: the nearest code of the codebook; the line below is bright where the goal trajectory visits it",
    points: [],
    show: (loop) => `code ${codes[Math.min(film.step(loop), codes.length - 1)]}`,
  };
  return { tall: 34, lines: [line], paint: (c, width, tall, colours) => {
    const wide = (film.step_mul / length) * width;
    for (let k = 0; k < codes.length; k++) {
      const [left, right] = [Math.round(k * wide), Math.round((k + 1) * wide)];
      c.fillStyle = codeColour(film.codeRank.get(codes[k]));
      c.fillRect(left, 16, right - left, tall - 22);
      c.fillStyle = inGoal(film, k, codes[k]) ? colours.goal : colours.grid;
      c.fillRect(left, tall - 5, right - left, 4);
    }
  } };
}

// Codes that a battle meets one after another have different colours.
const codeColour = (rank) => `hsl(${(200 + rank * 137.508) % 360} 60% 52%)`;

function inGoal(film, slot, code) {
  const goal = film.series.goal;
  return goal ? goal.data[Math.min(slot, goal.shape[0] - 1) * goal.shape[1] + code] === 1 : false;
}

function paintPanel(c, panel, width, film, colours) {
  const { tall } = panel;
  if (panel.paint) panel.paint(c, width, tall, colours);
  const values = panel.lines.flatMap((line) => line.points.map((p) => p[1])).filter(Number.isFinite);
  const low = Math.min(panel.low ?? Infinity, ...values);
  const high = Math.max(panel.high ?? -Infinity, ...values);
  const top = 18; // below the labels
  const y = (v) => tall - 3 - ((v - low) / (high - low || 1)) * (tall - top - 5);
  if (panel.marks) paintMarks(c, width, tall, film, colours);
  for (const line of panel.lines) {
    c.strokeStyle = c.fillStyle = colours.lines[line.colour];
    if (line.style === "bars") {
      // Bars have a scale of their own beside a line.
      const own = line.points.map((p) => p[1]).filter(Number.isFinite);
      const [least, most] = [Math.min(0, ...own), Math.max(0, ...own)];
      const room = (tall - top - 5) * (panel.lines.length > 1 ? 0.5 : 1);
      const y = (v) => tall - 3 - ((v - least) / (most - least || 1)) * room;
      for (const [share, value] of line.points) {
        if (Number.isFinite(value)) {
          const from = y(0);
          c.fillRect(share * width, Math.min(y(value), from), Math.max(line.wide * width - 1, 1), Math.abs(from - y(value)));
        }
      }
      continue;
    }
    c.lineWidth = 1.6;
    c.lineJoin = "round";
    c.beginPath();
    let on = false;
    let before = NaN;
    for (const [share, value] of line.points) {
      if (Number.isFinite(value)) {
        if (on) c.lineTo(share * width, y(line.style === "stairs" ? before : value));
        else c.moveTo(share * width, y(value));
        if (line.style === "stairs") c.lineTo(share * width, y(value));
        before = value;
      }
      on = Number.isFinite(value);
    }
    c.stroke();
  }
}

// Deaths on the timeline.
function paintMarks(c, width, tall, film, colours) {
  for (const event of film.deaths) {
    const x = ((event.loop - film.firstLoop) / (film.lastLoop - film.firstLoop || 1)) * width;
    c.fillStyle = colours.team[film.side[event.unit]].soft;
    c.fillRect(Math.round(x) - 1, 18, 2, tall - 18);
    c.fillStyle = colours.team[film.side[event.unit]].fill;
    c.beginPath();
    c.arc(x, tall - 5, 3.5, 0, 2 * Math.PI);
    c.fill();
  }
}
