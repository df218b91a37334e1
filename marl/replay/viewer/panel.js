// Beside the battlefield: the roster, one unit's state and what its actions are worth, the map of codes.

const element = (tag, className, content) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
};

// A number of each agent for each action. whole: what a full bar stands for; without it the largest.
const ACTION_CHANNELS = { q: { title: "Q-values" }, probability: { title: "Probabilities", whole: 1 } };

class Roster {
  constructor(holder, film, options) {
    Object.assign(this, { film, options });
    this.rows = [];
    for (const side of [0, 1]) {
      const list = element("div", `team team-${side}`);
      this[`count${side}`] = element("h2");
      list.append(this[`count${side}`]);
      for (let i = 0; i < film.units; i++) if (film.side[i] === side) list.append(this.row(i));
      holder.append(list);
    }
  }

  row(i) {
    const row = element("button", "unit");
    row.type = "button";
    row.append(element("span", "unit-name", this.film.names[i]));
    const bar = element("span", "bar");
    const [shield, health] = [element("i", "shield"), element("i", "health")];
    bar.append(health, shield);
    row.append(bar);
    row.addEventListener("click", () => this.options.select(i));
    this.rows[i] = { row, health, shield };
    return row;
  }

  draw(loop, selected) {
    const { film } = this;
    const { frame } = film.at(loop);
    const living = [0, 0];
    const all = [0, 0];
    this.rows.forEach(({ row, health, shield }, i) => {
      const type = film.type(i);
      const alive = film.frames > 0 && film.alive(frame, i);
      all[film.side[i]] += 1;
      living[film.side[i]] += alive;
      row.classList.toggle("dead", !alive);
      row.classList.toggle("selected", i === selected);
      const whole = type.health + type.shield;
      const part = alive ? film.value("health", frame, i) : 0;
      health.style.width = `${(100 * part) / whole}%`;
      health.style.background = healthColour(part / type.health);
      shield.style.width = `${alive ? (100 * film.value("shield", frame, i)) / whole : 0}%`;
    });
    this.count0.textContent = `Allies  ${living[0]} / ${all[0]}`;
    this.count1.textContent = `Enemies  ${living[1]} / ${all[1]}`;
  }
}

class Details {
  constructor(holder, film) {
    Object.assign(this, { holder, film });
  }

  draw(loop, i) {
    const { film, holder } = this;
    const key = `${i}:${film.at(loop).frame}`;
    if (key === this.drawn) return;
    this.drawn = key;
    holder.replaceChildren();
    if (i < 0 || !film.frames) {
      holder.append(element("p", "hint", "Point at a unit, or click one to keep it."));
      return;
    }
    const { frame } = film.at(loop);
    const type = film.type(i);
    const title = element("h2", `side-${film.side[i]}`, film.names[i]);
    holder.append(title);
    const facts = element("dl");
    const say = (name, value) => facts.append(element("dt", "", name), element("dd", "", value));
    const of = (name, whole) => `${film.value(name, frame, i).toFixed(0)} / ${whole}`;
    if (!film.alive(frame, i)) say("health", "dead");
    else {
      say("health", of("health", type.health));
      if (type.shield) say("shield", of("shield", type.shield));
      if (type.energy) say("energy", of("energy", type.energy));
      say("order", this.order(frame, i));
      const target = film.raw("target", frame, i);
      if (target >= 0) say(film.side[target] === film.side[i] ? "heals" : "fights", film.names[target]);
      if (type.reach && !type.heals) say("weapon", this.weapon(frame, i));
    }
    const at = film.place({ frame, share: 0 }, i);
    say("at", `${at.x.toFixed(1)}, ${at.y.toFixed(1)}`);
    holder.append(facts);
    this.drawValues(loop, i);
  }

  order(frame, i) {
    const { film } = this;
    const name = ORDERS[film.raw("order", frame, i)] || "?";
    const to = film.raw("order_target", frame, i);
    if (name === "idle" || name === "stop") return name;
    if (to >= 0) return `${name} ${film.names[to]}`;
    return `${name} to ${film.value("order_x", frame, i).toFixed(1)}, ${film.value("order_y", frame, i).toFixed(1)}`;
  }

  weapon(frame, i) {
    const loops = this.film.raw("cooldown", frame, i);
    return loops ? `ready in ${(loops / 16).toFixed(2)} s` : "ready";
  }

  // What the learner says of an agent's actions at the step; agents are the first units.
  drawValues(loop, i) {
    for (const [name, channel] of Object.entries(this.film.series)) {
      if (channel.shape.length === 3 && i < channel.shape[1]) this.drawActions(name, channel, loop, i);
    }
  }

  // One of its numbers for each action, the best first.
  drawActions(name, channel, loop, i) {
    const actions = this.film.series.action;
    const [slots, agents, choices] = channel.shape;
    const slot = Math.min(this.film.step(loop), slots - 1);
    const values = Array.from(channel.data.subarray((slot * agents + i) * choices, (slot * agents + i + 1) * choices));
    const open = values.map((value, u) => ({ value, u })).filter((e) => Number.isFinite(e.value));
    if (!open.length) return;
    open.sort((a, b) => b.value - a.value);
    const chosen = actions && slot < actions.shape[0] ? actions.data[slot * actions.shape[1] + i] : -1;
    const { title, whole } = ACTION_CHANNELS[name] || { title: name.replaceAll("_", " ") };
    const [high, low] = whole ? [whole, 0] : [open[0].value, open[open.length - 1].value];
    const list = element("div", "values");
    list.append(element("h3", "", `${title} at step ${slot}`));
    for (const { value, u } of open) {
      const row = element("div", u === chosen ? "value chosen" : "value");
      const bar = element("span", "value-bar");
      bar.style.width = `${8 + 92 * (high > low ? (value - low) / (high - low) : 1)}%`;
      row.append(element("span", "value-name", this.action(u, i, agents)), bar, element("span", "value-number", short(value)));
      list.append(row);
    }
    this.holder.append(list);
  }

  action(u, i, agents) {
    const moves = ["no-op", "stop", "north", "south", "east", "west"];
    const first = this.film.facts.first_target ?? moves.length;
    if (u < moves.length) return moves[u];
    if (u < first) return `look ${u - moves.length + 1}`;
    const heals = this.film.type(i).heals;
    const to = heals ? u - first : agents + u - first;
    return `${heals ? "heal" : "attack"} ${this.film.names[to] ?? u - first}`;
  }
}

// The codebook on a plane: dots by C_q, the path of this battle, the goal trajectory's codes.
class CodeMap {
  constructor(canvas, note, film, options) {
    Object.assign(this, { canvas, note, film, options });
    const { code_x: x, code_y: y, code_value: value } = film.series;
    this.codes = Array.from(x.data, (cx, k) => ({ x: cx, y: y.data[k], value: value.data[k] }));
    const known = this.codes.map((code) => code.value).filter(Number.isFinite);
    [this.low, this.high] = [Math.min(...known), Math.max(...known)];
    this.path = film.series.code.data;
    this.visits = new Map();
    for (const code of this.path) this.visits.set(code, (this.visits.get(code) || 0) + 1);
    this.hovered = -1;
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      this.hovered = this.nearest(event.clientX - box.left, event.clientY - box.top);
      options.changed();
    });
    canvas.addEventListener("pointerleave", () => {
      this.hovered = -1;
      options.changed();
    });
  }

  resize() {
    this.ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    // Half by rank, half by distance: trained codes crowd, and all should be visible.
    const spread = (key, size) => {
      const order = this.codes.map((code, k) => [code[key], k]).sort((a, b) => a[0] - b[0]);
      const [low, high] = [order[0][0], order[order.length - 1][0]];
      order.forEach(([v, k], rank) => {
        const even = rank / Math.max(order.length - 1, 1);
        const linear = high > low ? (v - low) / (high - low) : 0.5;
        this.codes[k][`p${key}`] = 12 + (0.5 * even + 0.5 * linear) * (size - 24);
      });
    };
    spread("x", width);
    spread("y", height);
  }

  nearest(px, py) {
    const gaps = this.codes.map((code) => Math.hypot(code.px - px, code.py - py));
    const least = gaps.indexOf(Math.min(...gaps));
    return gaps[least] < 14 ? least : -1;
  }

  colour(value) {
    if (!Number.isFinite(value)) return null;
    const share = this.high > this.low ? (value - this.low) / (this.high - this.low) : 1;
    return `hsl(${260 - 215 * share} 75% ${42 + 16 * share}%)`;
  }

  draw(loop) {
    const { canvas, film } = this;
    if (!canvas.width) return;
    const c = canvas.getContext("2d");
    const colours = this.options.colours();
    const slot = Math.min(film.step(loop), this.path.length - 1);
    const now = this.path[slot];
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, canvas.width, canvas.height);
    this.drawPath(c, slot, colours);
    this.codes.forEach((code, k) => {
      const fill = this.colour(code.value);
      c.beginPath();
      c.arc(code.px, code.py, this.visits.has(k) ? 5 : 3, 0, 2 * Math.PI);
      c.fillStyle = fill || colours.panel;
      c.strokeStyle = fill || colours.muted;
      c.lineWidth = 1;
      c.fill();
      c.stroke();
      const ring = (size, colour, width) => {
        c.beginPath();
        c.arc(code.px, code.py, size, 0, 2 * Math.PI);
        c.strokeStyle = colour;
        c.lineWidth = width;
        c.stroke();
      };
      if (inGoal(film, slot, k)) ring(8, colours.goal, 2);
      if (k === now) ring(11, colours.text, 2);
      if (k === this.hovered) ring(8, colours.muted, 1);
    });
    this.say(slot, this.hovered >= 0 ? this.hovered : now);
  }

  drawPath(c, slot, colours) {
    c.strokeStyle = colours.text;
    c.lineWidth = 1.2;
    for (let k = 1; k <= slot; k++) {
      const [from, to] = [this.codes[this.path[k - 1]], this.codes[this.path[k]]];
      if (from === to) continue;
      c.globalAlpha = Math.max(0.12, 0.8 - (slot - k) / 25);
      c.beginPath();
      c.moveTo(from.px, from.py);
      c.lineTo(to.px, to.py);
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  say(slot, code) {
    const { goal, goal_from: from } = this.film.series;
    const lines = [`code ${code}: C_q ${short(this.codes[code].value)}, ${this.visits.get(code) || 0} visits in this battle`];
    if (goal && from) {
      const row = Math.min(slot, goal.shape[0] - 1);
      const members = this.codes.map((_, k) => k).filter((k) => inGoal(this.film, slot, k));
      const [episode, first] = [from.data[row * 2], from.data[row * 2 + 1]];
      lines.push(episode < 0 ? "no goal trajectory is known from here"
        : `goal trajectory: codes ${members.join(", ")}; episode ${episode} from step ${first}`);
    }
    const note = lines.join("\n");
    if (this.note.textContent !== note) this.note.textContent = note;
  }
}
