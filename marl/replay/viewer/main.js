// The page: one clock, from which everything is drawn.

const LOOPS_PER_SECOND = 16; // of the game
const SPEEDS = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16];
const find = (id) => document.getElementById(id);

const themes = {
  dark: {
    name: "dark", outside: "#10151d", text: "#e8edf4", muted: "#8a96a8", panel: "#161c26", grid: "rgba(255,255,255,0.045)",
    floor: "#232b38", wall: "#0b0e14", cliff: "#3a3328", playhead: "#ffffff", goal: "#facc15", flash: "#ffffff",
    sight: "rgba(148,197,255,0.55)", sightFill: "rgba(148,197,255,0.05)", shadow: "rgba(0,0,0,0.4)",
    barBack: "rgba(5,8,12,0.85)", shield: "#38bdf8", energy: "#c084fc",
    team: [
      { fill: "#3b82f6", edge: "#0b1830", limb: "#8fb8f5", mark: "#dbeafe", ground: "rgba(59,130,246,0.22)", soft: "rgba(96,165,250,0.4)", shot: "#7dd3fc" },
      { fill: "#ef5f3c", edge: "#2b0d05", limb: "#f5a98f", mark: "#ffe4d6", ground: "rgba(239,95,60,0.22)", soft: "rgba(251,146,100,0.4)", shot: "#fdba74" },
    ],
    orders: { move: "#4ade80", attack: "#f87171", "attack-move": "#fb923c", heal: "#a3e635" },
    lines: { ally: "#60a5fa", enemy: "#fb7f5c", a: "#4ade80", b: "#22d3ee", c: "#c4b5fd", d: "#fbbf24", e: "#f472b6" },
  },
  light: {
    name: "light", outside: "#cfd6de", text: "#18202c", muted: "#66727f", panel: "#ffffff", grid: "rgba(10,20,40,0.055)",
    floor: "#e6eaee", wall: "#9aa4b0", cliff: "#c9bda4", playhead: "#111827", goal: "#ca8a04", flash: "#111827",
    sight: "rgba(37,99,235,0.55)", sightFill: "rgba(37,99,235,0.05)", shadow: "rgba(20,30,50,0.22)",
    barBack: "rgba(25,32,44,0.85)", shield: "#0ea5e9", energy: "#9333ea",
    team: [
      { fill: "#2563eb", edge: "#0f2350", limb: "#1e3a8a", mark: "#ffffff", ground: "rgba(37,99,235,0.18)", soft: "rgba(37,99,235,0.4)", shot: "#0284c7" },
      { fill: "#dc4a26", edge: "#551608", limb: "#7c2410", mark: "#ffffff", ground: "rgba(220,74,38,0.18)", soft: "rgba(220,74,38,0.4)", shot: "#c2410c" },
    ],
    orders: { move: "#15803d", attack: "#dc2626", "attack-move": "#c2570c", heal: "#4d7c0f" },
    lines: { ally: "#2563eb", enemy: "#dc4a26", a: "#15803d", b: "#0891b2", c: "#7c3aed", d: "#b45309", e: "#db2777" },
  },
};

class Viewer {
  constructor(film) {
    this.film = film;
    this.loop = film.firstLoop;
    this.playing = false;
    this.speed = 1;
    this.selected = -1;
    this.toggles = { follow: true, orders: false, sight: false, reach: false, trails: false, names: false };
    this.theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    const options = {
      loop: () => this.loop,
      toggles: this.toggles,
      colours: () => themes[this.theme],
      changed: () => this.later(),
      select: (i) => this.select(i),
      seek: (loop) => this.seek(loop),
      unfollow: () => this.toggles.follow && this.show("follow"),
      fit: () => this.fit(),
    };
    this.field = new Field(find("field"), film, options);
    this.roster = new Roster(find("roster"), film, options);
    this.details = new Details(find("details"), film);
    this.charts = new Charts(find("charts"), film, options);
    if (film.series.code && film.series.code_x && film.series.code.shape[0]) {
      find("codes").hidden = false;
      this.codes = new CodeMap(find("code-map"), find("code-note"), film, options);
    }
    this.writeTitle();
    this.listen();
    this.setTheme(this.theme);
    new ResizeObserver(() => { this.resize(); this.tellHeight(); }).observe(document.body);
    this.resize();
  }

  writeTitle() {
    const { film } = this;
    const { outcome, facts } = film;
    find("map").textContent = film.map;
    const badge = find("badge");
    const won = outcome.battle_won;
    badge.textContent = won === undefined ? "battle" : won > 0 ? "won" : outcome.truncated ? "out of time" : "lost";
    badge.className = `badge ${won > 0 ? "won" : won === undefined ? "" : "lost"}`;
    const parts = [];
    if (facts.player) parts.push(`${facts.player}${facts.t_env ? ` after ${facts.t_env.toLocaleString("en")} steps` : ""}`);
    if (outcome.return !== undefined) parts.push(`return ${short(outcome.return)}`);
    if (outcome.steps !== undefined) parts.push(`${outcome.steps} steps`);
    parts.push(`${((film.lastLoop - film.firstLoop) / LOOPS_PER_SECOND).toFixed(1)} s of the game`, `seed ${film.seed}`);
    find("facts").textContent = parts.join("  ·  ");
    find("total").textContent = `/ ${film.steps}`;
  }

  listen() {
    find("play").addEventListener("click", () => this.toggle());
    find("back").addEventListener("click", () => this.stepBy(-1));
    find("forward").addEventListener("click", () => this.stepBy(1));
    find("start").addEventListener("click", () => this.seek(this.film.firstLoop));
    find("theme").addEventListener("click", () => this.setTheme(this.theme === "dark" ? "light" : "dark"));
    find("fit").addEventListener("click", () => this.fit());
    find("help-button").addEventListener("click", () => find("help").showModal());
    find("help-close").addEventListener("click", () => find("help").close());
    find("speed").addEventListener("change", (event) => this.setSpeed(Number(event.target.value)));
    for (const speed of SPEEDS) find("speed").append(new Option(`${speed}×`, speed, speed === 1, speed === 1));
    for (const name of Object.keys(this.toggles)) find(`show-${name}`).addEventListener("click", () => this.show(name));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const { film } = this;
    const speed = SPEEDS.indexOf(this.speed);
    const keys = {
      " ": () => this.toggle(),
      k: () => this.toggle(),
      ArrowRight: () => (event.shiftKey ? this.frameBy(1) : this.stepBy(1)),
      ArrowLeft: () => (event.shiftKey ? this.frameBy(-1) : this.stepBy(-1)),
      ".": () => this.frameBy(1),
      ",": () => this.frameBy(-1),
      PageDown: () => this.stepBy(10),
      PageUp: () => this.stepBy(-10),
      Home: () => this.seek(film.firstLoop),
      End: () => this.seek(film.lastLoop),
      ArrowUp: () => this.setSpeed(SPEEDS[Math.min(speed + 1, SPEEDS.length - 1)]),
      ArrowDown: () => this.setSpeed(SPEEDS[Math.max(speed - 1, 0)]),
      "+": () => this.field.zoom(1.25),
      "-": () => this.field.zoom(0.8),
      f: () => this.fit(),
      c: () => this.show("follow"),
      o: () => this.show("orders"),
      s: () => this.show("sight"),
      r: () => this.show("reach"),
      t: () => this.show("trails"),
      n: () => this.show("names"),
      d: () => this.setTheme(this.theme === "dark" ? "light" : "dark"),
      "]": () => this.next(1),
      "[": () => this.next(-1),
      Escape: () => this.select(-1),
      "?": () => find("help").showModal(),
    };
    if (event.key === " " && event.target.tagName === "BUTTON") event.target.blur();
    if (keys[event.key] && !find("help").open) {
      event.preventDefault();
      keys[event.key]();
    }
  }

  toggle() { this.playing ? this.pause() : this.play(); }

  play() {
    if (this.loop >= this.film.lastLoop) this.loop = this.film.firstLoop;
    this.playing = true;
    this.before = performance.now();
    this.later();
  }

  pause() {
    this.playing = false;
    this.later();
  }

  seek(loop) {
    this.loop = Math.min(Math.max(loop, this.film.firstLoop), this.film.lastLoop);
    this.later();
  }

  stepBy(count) {
    this.pause();
    this.seek(this.film.firstLoop + (this.film.step(this.loop) + count) * this.film.step_mul);
  }

  frameBy(count) {
    this.pause();
    const frame = Math.min(Math.max(this.film.at(this.loop).frame + count, 0), this.film.frames - 1);
    if (frame >= 0) this.seek(this.film.loops[frame]);
  }

  setSpeed(speed) {
    this.speed = speed;
    find("speed").value = String(speed);
  }

  show(name) {
    this.toggles[name] = !this.toggles[name];
    find(`show-${name}`).setAttribute("aria-pressed", String(this.toggles[name]));
    this.later();
  }

  fit() {
    if (this.toggles.follow) this.show("follow");
    this.field.fit();
    this.later();
  }

  // The next living unit, from the selected one on.
  next(by) {
    const { film } = this;
    const { frame } = film.at(this.loop);
    for (let k = 1; k <= film.units; k++) {
      const i = (((this.selected < 0 && by < 0 ? 0 : this.selected) + by * k) % film.units + film.units) % film.units;
      if (film.alive(frame, i)) {
        this.select(i);
        return;
      }
    }
  }

  select(i) {
    this.selected = this.field.selected = i === this.selected ? -1 : i;
    this.later();
  }

  setTheme(name) {
    this.theme = name;
    document.documentElement.dataset.theme = name;
    this.resize();
  }

  // Within another page: how high its frame must be, so that nothing is cut off.
  tellHeight() {
    if (parent === window) return;
    document.documentElement.classList.add("framed");
    parent.postMessage({battleHeight: Math.ceil(document.body.getBoundingClientRect().height)}, "*");
  }

  resize() {
    this.field.resize();
    this.charts.resize();
    if (this.codes) this.codes.resize();
    this.draw();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.advance(now);
      this.draw();
    });
  }

  advance(now) {
    if (!this.playing) return;
    const seconds = Math.min(Math.max(now - this.before, 0), 250) / 1000;
    this.before = now;
    this.loop += seconds * this.speed * LOOPS_PER_SECOND;
    if (this.loop >= this.film.lastLoop) {
      this.loop = this.film.lastLoop;
      this.playing = false;
    }
    this.later();
  }

  draw() {
    const { film, loop } = this;
    this.field.draw(loop);
    this.roster.draw(loop, this.selected);
    this.details.draw(loop, this.field.hovered >= 0 ? this.field.hovered : this.selected);
    this.charts.draw(loop);
    if (this.codes) this.codes.draw(loop);
    const step = Math.min(film.step(loop), film.steps);
    const seconds = (loop - film.firstLoop) / LOOPS_PER_SECOND;
    find("step").textContent = step;
    find("seconds").textContent = `${seconds.toFixed(1)} s`;
    find("play-icon").setAttribute("d", this.playing ? "M4 2h3v12H4zM9 2h3v12H9z" : "M4 2l9 6-9 6z");
    find("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    const slider = find("timeline");
    slider.setAttribute("aria-valuemin", film.firstLoop);
    slider.setAttribute("aria-valuemax", film.lastLoop);
    slider.setAttribute("aria-valuenow", Math.round(loop));
    slider.setAttribute("aria-valuetext", `step ${step} of ${film.steps}`);
  }
}

async function open() {
  try {
    window.viewer = new Viewer(await readFilm(find("film").textContent));
    document.body.dataset.ready = "yes";
  } catch (error) {
    find("facts").textContent = `This page's battle cannot be read: ${error.message}`;
    throw error;
  }
}

open();
