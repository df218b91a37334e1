// The battlefield: ground, units, orders, shots, healing, deaths.

const SHOT_LOOPS = 5; // for which a shot stays visible
const SWEEP_LOOPS = 9;
const DEATH_LOOPS = 20;
const FLASH_LOOPS = 4;
const TRAIL_LOOPS = 96;

class Field extends View {
  draw(loop) {
    const { context: c, film } = this;
    const colours = this.colours = this.options.colours();
    if (this.options.toggles.follow) this.follow(loop);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.fillStyle = colours.outside;
    c.fillRect(0, 0, this.width, this.height);
    this.drawGround(c, colours);
    if (!film.frames) return;
    const moment = film.at(loop);
    const order = [...Array(film.units).keys()].sort((a, b) => film.type(a).flies - film.type(b).flies);
    this.places = order.reduce((all, i) => ((all[i] = film.place(moment, i)), all), []);
    this.hits = new Map(this.recent("hit", loop, FLASH_LOOPS).map((e) => [e.unit, e]));
    const toggles = this.options.toggles;
    const focus = this.hovered >= 0 ? this.hovered : this.selected;
    for (const e of film.deaths) if (e.loop <= loop) this.drawDeath(c, e, loop);
    for (const i of order) {
      if (!film.alive(moment.frame, i)) continue;
      const isFocus = i === focus || i === this.selected;
      if (toggles.sight ? film.side[i] === 0 : isFocus) this.drawRange(c, i, "sight");
      if (toggles.reach || isFocus) this.drawRange(c, i, "reach");
      if (toggles.trails || isFocus) this.drawTrail(c, i, moment.frame, loop);
      if (toggles.orders || isFocus) this.drawOrder(c, i, moment.frame);
    }
    for (const i of order) if (film.alive(moment.frame, i)) this.drawUnit(c, i, moment, loop);
    for (const i of order) this.drawHealing(c, i, moment.frame);
    for (const e of this.recent("shot", loop, SWEEP_LOOPS)) this.drawShot(c, e, loop);
    for (const i of order) this.drawMissile(c, i, moment);
    for (const i of order) if (film.alive(moment.frame, i)) this.drawBars(c, i, moment.frame);
  }

  // Events of a kind within the last `span` loops; the film's events are in the order of time.
  recent(what, loop, span) {
    const found = [];
    const { events } = this.film;
    for (let k = this.film.eventsUntil(loop) - 1; k >= 0 && loop - events[k].loop < span; k--) {
      if (events[k].what === what) found.push(events[k]);
    }
    return found;
  }

  drawGround(c, colours) {
    const { film, view } = this;
    const [left, top] = this.screen(0, film.rows);
    if (this.groundColours !== colours.name) this.paintGround(colours);
    c.imageSmoothingEnabled = false;
    c.drawImage(this.ground, left, top, film.columns * view.scale, film.rows * view.scale);
    c.strokeStyle = colours.grid;
    c.lineWidth = 1;
    c.beginPath();
    const every = view.scale < 14 ? 4 : 1;
    for (let x = 0; x <= film.columns; x += every) {
      const px = Math.round(left + x * view.scale) + 0.5;
      c.moveTo(px, top);
      c.lineTo(px, top + film.rows * view.scale);
    }
    for (let y = 0; y <= film.rows; y += every) {
      const py = Math.round(top + y * view.scale) + 0.5;
      c.moveTo(left, py);
      c.lineTo(left + film.columns * view.scale, py);
    }
    c.stroke();
  }

  // Higher ground is lighter, blocked cells are dark, cliffs are brown.
  paintGround(colours) {
    const { film, ground } = this;
    this.groundColours = colours.name;
    const size = Math.max(1, Math.min(8, Math.floor(2048 / Math.max(film.columns, film.rows)))); // of a cell
    [ground.width, ground.height] = [film.columns * size, film.rows * size];
    const c = ground.getContext("2d");
    const height = film.arrays.height.data;
    const fills = [colours.wall, colours.floor, colours.floor, colours.cliff];
    for (let y = 0; y < film.rows; y++) {
      for (let x = 0; x < film.columns; x++) {
        const [left, top] = [x * size, (film.rows - 1 - y) * size];
        const cell = film.ground(x, y);
        c.fillStyle = fills[cell] || colours.cliff;
        c.fillRect(left, top, size, size);
        const high = height[y * film.columns + x];
        if (cell !== BLOCKED && high > 64) {
          c.fillStyle = `rgba(255,255,255,${Math.min((high - 64) / 64, 1) * 0.12})`;
          c.fillRect(left, top, size, size);
        }
        if (cell === DIAGONAL) this.paintHalf(c, x, y, left, top, size, colours.wall);
      }
    }
  }

  // The half of a diagonal cell that lies away from its open neighbours is blocked.
  paintHalf(c, x, y, left, top, size, colour) {
    const open = (cx, cy) => (this.film.ground(cx, cy) === OPEN ? 1 : 0);
    const [east, north] = [open(x + 1, y) - open(x - 1, y), open(x, y + 1) - open(x, y - 1)];
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1]]; // screen, from the north-west
    const away = [east > 0 ? 0 : 1, north > 0 ? 1 : 0];
    c.fillStyle = colour;
    c.beginPath();
    for (const [dx, dy] of corners) {
      if (dx !== away[0] && dy !== away[1] && east && north) continue;
      c.lineTo(left + dx * size, top + dy * size);
    }
    c.fill();
  }

  drawRange(c, i, which) {
    const type = this.film.type(i);
    const { x, y } = this.places[i];
    const [px, py] = this.screen(x, y);
    const radius = which === "sight" ? type.sight : type.reach + type.radius;
    if (which === "reach" && type.reach === 0) return;
    c.save();
    c.beginPath();
    c.arc(px, py, radius * this.view.scale, 0, 2 * Math.PI);
    c.strokeStyle = which === "sight" ? this.colours.sight : this.colours.team[this.film.side[i]].soft;
    c.lineWidth = which === "sight" ? 1.5 : 1;
    if (which === "sight") {
      c.fillStyle = this.colours.sightFill;
      c.fill();
      c.setLineDash([6, 5]);
    }
    c.stroke();
    c.restore();
  }

  drawTrail(c, i, frame, loop) {
    const { film } = this;
    c.save();
    c.lineWidth = 1.5;
    c.strokeStyle = this.colours.team[film.side[i]].fill;
    c.setLineDash([1, 3]);
    c.beginPath();
    for (let f = frame, first = true; f >= 0 && loop - film.loops[f] < TRAIL_LOOPS; f--) {
      const at = this.screen(film.value("x", f, i), film.value("y", f, i));
      if (first) c.moveTo(...at);
      else c.lineTo(...at);
      first = false;
    }
    c.stroke();
    c.restore();
  }

  drawOrder(c, i, frame) {
    const { film } = this;
    const order = ORDERS[film.raw("order", frame, i)];
    const to = film.raw("order_target", frame, i);
    if (order === "idle" || order === "stop") return;
    const aim = to >= 0 ? this.places[to] : { x: film.value("order_x", frame, i), y: film.value("order_y", frame, i) };
    const [px, py] = this.screen(this.places[i].x, this.places[i].y);
    const [ax, ay] = this.screen(aim.x, aim.y);
    c.save();
    c.strokeStyle = c.fillStyle = this.colours.orders[order];
    c.globalAlpha = 0.85;
    c.lineWidth = 1.5;
    c.setLineDash([5, 4]);
    c.beginPath();
    c.moveTo(px, py);
    c.lineTo(ax, ay);
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    c.arc(ax, ay, 3, 0, 2 * Math.PI);
    c.fill();
    c.restore();
  }

  drawUnit(c, i, moment, loop) {
    const { film, view } = this;
    const type = film.type(i);
    const { x, y, angle } = this.places[i];
    const [px, py] = this.screen(x, y);
    const size = Math.max(type.radius * view.scale, 5);
    const team = this.colours.team[film.side[i]];
    c.save();
    c.translate(px, py);
    if (type.flies) {
      c.fillStyle = this.colours.shadow;
      c.beginPath();
      c.ellipse(size * 0.35, size * 0.7, size * 0.8, size * 0.4, 0, 0, 2 * Math.PI);
      c.fill();
    }
    c.beginPath();
    c.arc(0, 0, size, 0, 2 * Math.PI);
    c.fillStyle = team.ground;
    c.fill();
    drawShape(c, type.name, size, angle, team);
    const hit = this.hits.get(i);
    if (hit) {
      c.globalAlpha = 1 - (loop - hit.loop) / FLASH_LOOPS;
      c.strokeStyle = this.colours.flash;
      c.lineWidth = 2;
      c.beginPath();
      c.arc(0, 0, size + 1.5, 0, 2 * Math.PI);
      c.stroke();
      c.globalAlpha = 1;
    }
    if (i === this.selected || i === this.hovered) {
      c.strokeStyle = this.colours.text;
      c.lineWidth = i === this.selected ? 2 : 1;
      c.beginPath();
      c.arc(0, 0, size + 4, 0, 2 * Math.PI);
      c.stroke();
    }
    c.restore();
  }

  drawBars(c, i, frame) {
    const { film, view } = this;
    const type = film.type(i);
    const [px, py] = this.screen(this.places[i].x, this.places[i].y);
    const width = Math.max(type.radius * view.scale * 2.1, 14);
    const thin = view.scale < 22 ? 1 : 0;
    const bars = [["health", type.health], ["shield", type.shield], ["energy", type.energy]];
    let top = py - Math.max(type.radius * view.scale, 5) - 6;
    for (const [name, whole] of bars) {
      if (!whole) continue;
      const share = Math.min(film.value(name, frame, i) / whole, 1);
      const tall = (name === "health" ? 4 : 3) - thin;
      top -= tall + 1;
      c.fillStyle = this.colours.barBack;
      c.fillRect(px - width / 2 - 1, top - 1, width + 2, tall + 2);
      c.fillStyle = name === "health" ? healthColour(share) : this.colours[name];
      c.fillRect(px - width / 2, top, width * share, tall);
    }
    if (this.options.toggles.names) {
      c.font = "11px system-ui, sans-serif";
      c.textAlign = "center";
      c.lineWidth = 3;
      c.strokeStyle = this.colours.floor;
      c.fillStyle = this.colours.text;
      const below = py + Math.max(type.radius * view.scale, 5) + 13;
      c.strokeText(film.names[i], px, below);
      c.fillText(film.names[i], px, below);
    }
  }

  drawShot(c, event, loop) {
    const { film } = this;
    const type = film.type(event.from);
    const age = loop - event.loop;
    const from = film.place({ frame: event.frame, share: 0 }, event.from);
    const to = film.place({ frame: event.frame, share: 0 }, event.to);
    const team = this.colours.team[film.side[event.from]];
    const gap = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const [ux, uy] = [(to.x - from.x) / gap, (to.y - from.y) / gap];
    c.save();
    c.lineCap = "round";
    c.strokeStyle = team.shot;
    if (type.sweep > 0) {
      c.globalAlpha = Math.max(0, 1 - age / SWEEP_LOOPS);
      c.lineWidth = 3;
      this.line(c, [to.x - uy * type.sweep, to.y + ux * type.sweep], [to.x + uy * type.sweep, to.y - ux * type.sweep]);
      c.lineWidth = 1;
      this.line(c, [from.x, from.y], [to.x, to.y]);
    } else if (age < SHOT_LOOPS && film.raw("missile", event.frame, event.from) < 0) {
      c.globalAlpha = 1 - age / SHOT_LOOPS;
      const edge = film.type(event.to).radius;
      if (type.reach < 1) { // a blow: an arc at the victim's edge
        const [px, py] = this.screen(to.x - ux * edge, to.y - uy * edge);
        const angle = Math.atan2(uy, -ux);
        c.lineWidth = 2.5;
        c.beginPath();
        c.arc(px, py, 0.34 * this.view.scale, angle - 1, angle + 1);
        c.stroke();
      } else {
        const start = [from.x + ux * type.radius, from.y + uy * type.radius];
        const end = [to.x - ux * edge * 0.5, to.y - uy * edge * 0.5];
        c.lineWidth = 5;
        c.globalAlpha *= 0.3;
        this.line(c, start, end);
        c.globalAlpha /= 0.3;
        c.lineWidth = 1.8;
        this.line(c, start, end);
      }
    }
    c.restore();
  }

  line(c, from, to) {
    c.beginPath();
    c.moveTo(...this.screen(...from));
    c.lineTo(...this.screen(...to));
    c.stroke();
  }

  drawMissile(c, i, moment) {
    const { film } = this;
    const { frame, share } = moment;
    const to = film.raw("missile", frame, i);
    if (to < 0) return;
    let [x, y] = [film.value("missile_x", frame, i), film.value("missile_y", frame, i)];
    const aim = this.places[to];
    const goes = frame + 1 < film.frames && film.raw("missile", frame + 1, i) === to;
    const next = goes ? [film.value("missile_x", frame + 1, i), film.value("missile_y", frame + 1, i)] : [aim.x, aim.y];
    x += share * (next[0] - x);
    y += share * (next[1] - y);
    const gap = Math.hypot(aim.x - x, aim.y - y) || 1;
    const team = this.colours.team[film.side[i]];
    c.save();
    c.strokeStyle = c.fillStyle = team.shot;
    c.lineCap = "round";
    c.lineWidth = 3;
    c.globalAlpha = 0.55;
    this.line(c, [x - ((aim.x - x) / gap) * 0.7, y - ((aim.y - y) / gap) * 0.7], [x, y]);
    c.globalAlpha = 1;
    c.shadowColor = team.shot;
    c.shadowBlur = 10;
    c.beginPath();
    c.arc(...this.screen(x, y), Math.max(0.14 * this.view.scale, 3), 0, 2 * Math.PI);
    c.fill();
    c.restore();
  }

  // A healer's beam, while its energy falls.
  drawHealing(c, i, frame) {
    const { film } = this;
    if (!film.type(i).heals || !film.alive(frame, i) || !frame) return;
    const to = film.raw("target", frame, i);
    if (to < 0 || film.side[to] !== film.side[i]) return;
    if (film.value("energy", frame, i) >= film.value("energy", frame - 1, i)) return;
    c.save();
    c.strokeStyle = this.colours.orders.heal;
    c.lineWidth = 2.5;
    c.setLineDash([3, 3]);
    this.line(c, [this.places[i].x, this.places[i].y], [this.places[to].x, this.places[to].y]);
    c.restore();
  }

  drawDeath(c, event, loop) {
    const { film, view } = this;
    const i = event.unit;
    const type = film.type(i);
    const { x, y } = film.place({ frame: event.frame - 1, share: 0 }, i);
    const [px, py] = this.screen(x, y);
    const age = (loop - event.loop) / DEATH_LOOPS;
    const size = Math.max(type.radius * view.scale, 5);
    const team = this.colours.team[film.side[i]];
    c.save();
    c.strokeStyle = team.fill;
    c.globalAlpha = age < 1 ? 0.8 : 0.45;
    c.lineWidth = 2;
    c.beginPath();
    for (const [dx, dy] of [[1, 1], [1, -1]]) {
      c.moveTo(px - dx * size * 0.45, py - dy * size * 0.45);
      c.lineTo(px + dx * size * 0.45, py + dy * size * 0.45);
    }
    c.stroke();
    if (age < 1) {
      c.globalAlpha = 1 - age;
      const wide = type.splash > 0 ? type.splash * view.scale : size * 1.8;
      c.beginPath();
      c.arc(px, py, size + (wide - size) * Math.sqrt(age), 0, 2 * Math.PI);
      c.stroke();
      c.globalAlpha *= 0.25;
      c.fillStyle = team.fill;
      c.fill();
    }
    c.restore();
  }
}

function healthColour(share) {
  return `hsl(${Math.round(120 * Math.pow(share, 1.2))} 75% 45%)`;
}
