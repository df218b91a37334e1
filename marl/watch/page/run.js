// One run: its progress, newest figures, curves and last recorded battle.

import {Chart, element} from "/charts.js";
import {derive, panelsOf} from "/panels.js";
import {number, percent, span, steps, ticks, wilson} from "/scales.js";

const RECENT = 12; // points that the present speed is averaged over
const STATES = {training: "training", finished: "finished", waiting: "waiting for its first test", broken: "broken",
                interrupted: "interrupted", stopped: "stopped early", failed: "failed"};
const ONE_CODE = 1.05; // perplexity of a codebook of which as good as one code is in use
const TIME_UNITS = [["h", 3600], ["min", 60], ["s", 1]];

export class RunPage {
  constructor(root, name, hasList) {
    this.root = root;
    this.name = name;
    this.hasList = hasList;
    this.points = [];
    this.generation = null;
    this.charts = [];
    this.options = {time: false, smooth: true};
    this.build();
    new ResizeObserver(() => this.draw()).observe(root);
    addEventListener("message", event => this.fitFrame(event));
  }

  build() {
    this.title = element("h1", {}, "…");
    this.sub = element("div", {class: "sub"});
    this.pill = element("span", {class: "pill"});
    this.bar = element("div");
    this.words = element("div", {class: "words"});
    this.tiles = element("div", {class: "tiles"});
    this.grid = element("div", {class: "grid"});
    this.battle = element("section", {class: "card wide", id: "battle"});
    this.note = element("span", {class: "note"});
    const back = this.hasList
      ? element("div", {class: "crumb"}, element("a", {href: "/"}, "← all runs")) : null;
    this.root.replaceChildren(
      element("header", {class: "top"},
        element("div", {class: "who"}, back, this.title, this.sub), this.pill, themeButton()),
      element("div", {class: "progress"}, element("div", {class: "bar"}, this.bar), this.words),
      this.tiles,
      element("div", {class: "tools"}, this.note, element("span", {class: "spring"}),
        choice("over", [["steps", false], ["time", true]], this.options.time,
          value => { this.options.time = value; this.draw(); }),
        choice("curves", [["smooth", true], ["as they are", false]], this.options.smooth,
          value => { this.options.smooth = value; this.draw(); })),
      this.grid);
    this.grid.append(this.battle);
  }

  get query() {
    const parts = {run: this.name};
    if (this.generation !== null) Object.assign(parts, {generation: this.generation, from: this.points.length});
    return `/api/run?${new URLSearchParams(parts)}`;
  }

  take(news) {
    const isNew = news.from !== this.points.length || news.generation !== this.generation;
    if (isNew) this.points = this.points.slice(0, news.from);
    for (const point of news.points) this.points.push(derive(point, news.settings));
    this.generation = news.generation;
    this.news = news;
    this.head();
    this.showBattle(news.replays);
    if (isNew || news.points.length) this.draw();
  }

  head() {
    const {settings, state, task, trouble, why, age, t_env: done, t_max: goal, skipped} = this.news;
    this.title.textContent = task || this.name;
    const parts = [settings.name, settings.env_config, settings.seed === undefined ? null : `seed ${settings.seed}`,
                   settings.label || null, this.name === "." ? null : this.name];
    this.sub.textContent = parts.filter(part => part).join(" · ");
    this.pill.className = `pill ${state}`;
    this.pill.textContent = STATES[state] ?? `quiet for ${span(age)}`;
    document.title = `${this.title.textContent} ${settings.name ?? ""} · ${this.pill.textContent}`;
    const share = goal > 0 ? Math.min(1, done / goal) : 0;
    this.bar.style.width = `${100 * share}%`;
    const speed = this.speed(), left = (goal - done) / speed;
    this.words.replaceChildren(
      element("span", {}, goal > 0 ? `${done.toLocaleString("en")} of ${goal.toLocaleString("en")} steps`
        : `${done.toLocaleString("en")} steps`),
      element("span", {}, state === "training" && left > 0
        ? `${Math.round(speed).toLocaleString("en")} steps/s now · ${span(left)} left`
        : age === null ? "" : `last figures ${span(age)} ago`));
    this.note.classList.toggle("warn", Boolean(trouble || this.collapse() || state === "failed"));
    this.note.textContent = [trouble, why, this.collapse(), skipped ? `${skipped} unreadable lines of metrics.jsonl left out` : ""]
      .filter(part => part).join(" · ");
    this.showTiles();
  }

  // A warning where all states fall on one code, "" otherwise.
  collapse() {
    const perplexity = this.latest("codebook_perplexity");
    return perplexity === undefined || perplexity > ONE_CODE ? ""
      : "one code is in use: the codebook has collapsed, and the intrinsic reward tells no states apart";
  }

  speed() {
    const last = this.points.slice(-RECENT);
    const [first, newest] = [last[0], last[last.length - 1]];
    return last.length > 1 && newest.time > first.time
      ? (newest.t_env - first.t_env) / (newest.time - first.time) : NaN;
  }

  latest(key) {
    for (let i = this.points.length - 1; i >= 0; i--) {
      if (typeof this.points[i][key] === "number") return this.points[i][key];
    }
    return undefined;
  }

  best(key) {
    return this.points.reduce((best, point) =>
      typeof point[key] === "number" && (best === null || point[key] > best[key]) ? point : best, null);
  }

  showTiles() {
    const {settings} = this.news, count = settings.test_episodes, tiles = [];
    const tile = (name, value, more = "") => tiles.push(element("div", {class: "tile"},
      element("div", {class: "name"}, name), element("div", {class: "value"}, value),
      element("div", {class: "more"}, more)));
    const win = this.latest("test_battle_won_mean");
    if (win !== undefined) {
      const [low, high] = count > 0 ? wilson(win, count) : [0, 1];
      tile("Test win rate", percent(win),
        count > 0 ? `95 %: ${Math.round(100 * low)}–${Math.round(100 * high)} %` : "");
      const best = this.best("test_battle_won_mean");
      tile("Best test", percent(best.test_battle_won_mean),
        best.test_battle_won_mean > 0 ? `at ${steps(best.t_env)} steps` : "none won yet");
    }
    const testReturn = this.latest("test_return_mean");
    if (testReturn !== undefined) {
      tile("Test return", number(testReturn), `best ${number(this.best("test_return_mean").test_return_mean)}`);
    }
    const trained = this.latest("return_mean");
    if (trained !== undefined) {
      const won = this.latest("battle_won_mean");
      tile("Training return", number(trained), won === undefined ? "" : `${percent(won)} won`);
    }
    const loss = this.latest("loss");
    if (loss !== undefined) tile("Loss", number(loss), `${number(this.latest("updates"))} updates`);
    const codes = this.latest("codebook_codes") ?? this.latest("codebook_usage");
    if (codes !== undefined) {
      const perplexity = this.latest("codebook_perplexity");
      tile("Codes in use", settings.codes ? number(Math.round(codes * 10) / 10) : percent(codes),
        [settings.codes ? `of ${settings.codes} in a batch` : "of the codebook",
         perplexity === undefined ? "" : `perplexity ${number(perplexity)}`].filter(part => part).join(", "));
    }
    const epsilon = this.latest("epsilon");
    if (epsilon !== undefined) tile("Exploration", number(epsilon), `${number(this.latest("episode"))} episodes`);
    const restarts = this.latest("env_restarts");
    if (restarts > 0) tile("Broken episodes", number(restarts), "dropped, not learnt from");
    this.tiles.replaceChildren(...tiles);
  }

  // Charts follow the logged metrics; they are made anew only when the panels change.
  arrange() {
    const keys = new Set(this.points.flatMap(point => Object.keys(point)));
    const panels = panelsOf(keys, this.news.settings);
    const shape = JSON.stringify(panels);
    if (shape === this.shape) return;
    this.shape = shape;
    this.charts = panels.map(panel => new Chart(panel, x => this.cursor(x)));
    this.place();
  }

  // A recorded battle is the second card; the hint how to record one is the last.
  place() {
    const cards = this.charts.map(chart => chart.card);
    cards.splice(this.news.replays.newest ? 1 : cards.length, 0, this.battle);
    this.grid.replaceChildren(...cards);
  }

  draw() {
    if (!this.news) return;
    this.arrange();
    const view = this.options.time ? timeView(this.points) : stepView(this.points);
    Object.assign(view, {smooth: this.options.smooth, settings: this.news.settings});
    for (const chart of this.charts) chart.draw(this.points, view);
  }

  cursor(x) {
    for (const chart of this.charts) chart.show(x);
  }

  // As high as the battle's page says that it is; a page of before says nothing, and scrolls.
  fitFrame({source, data}) {
    if (!this.frame || source !== this.frame.contentWindow || typeof data?.battleHeight !== "number") return;
    this.frame.style.height = `${Math.max(FRAME[0], Math.min(FRAME[1], data.battleHeight + 2))}px`;
  }

  showBattle(replays) {
    const former = this.shownReplays;
    if (former?.newest && replays.newest && (replays.newest !== former.newest || replays.time !== former.time)) {
      this.offer.hidden = false; // offered, not replaced while it is watched
    }
    if (former && (former.newest || !replays.newest)) return;
    const isMoved = Boolean(former) && Boolean(replays.newest);
    this.shownReplays = replays;
    const head = element("div", {class: "head"}, element("h2", {}, "Last recorded battle"));
    if (!replays.newest) {
      this.battle.replaceChildren(head, element("p", {class: "hint"},
        "None yet. With ", element("code", {}, "save_replay=True"), " every test records some; or: ",
        element("code", {}, `${this.news.program} replay with checkpoint=<run folder> episodes=4`)));
      return;
    }
    const address = page =>  // "run=" in front, because browsers remove a part that is a dot
      `/replays/run=${encodeURIComponent(this.name)}/${page.split("/").map(encodeURIComponent).join("/")}`;
    this.offer = element("button", {class: "plain", hidden: "", onclick: () => {
      this.shownReplays = null;
      this.showBattle(this.news.replays);
    }}, "show the newest");
    const link = (label, page) => element("a", {href: address(page), target: "_blank", rel: "noopener"}, label);
    head.append(element("span", {class: "what"}, `${replays.newest} · ${replays.count} recorded`), this.offer,
      link("open", replays.newest), replays.video ? link(replays.video.split(".").pop(), replays.video) : "",
      replays.index ? link("all battles", replays.index) : "");
    this.battle.replaceChildren(head, element("iframe", {
      src: address(replays.newest), title: "The last recorded battle", sandbox: "allow-scripts allow-downloads",
      loading: "lazy"}));
    this.frame = this.battle.querySelector("iframe");
    if (isMoved) this.place();
  }
}

const FRAME = [300, 2400]; // pixels: a battle's page may be as high

function stepView(points) {
  const last = points.length ? points[points.length - 1].t_env : 1;
  const xDomain = [0, Math.max(1, last)];
  return {x: point => point.t_env, xDomain, xTicks: count => ticks(...xDomain, count),
          xLabel: steps, xUnit: "steps", xName: x => `${x.toLocaleString("en")} steps`};
}

// Seconds since the first point; the pauses of a run that was resumed are part of them.
function timeView(points) {
  const start = points.find(point => typeof point.time === "number")?.time ?? 0;
  const last = points.length ? (points[points.length - 1].time ?? start) - start : 1;
  const xDomain = [0, Math.max(1, last)];
  const [unit, size] = TIME_UNITS.find(([, seconds]) => last >= 2 * seconds) ?? TIME_UNITS[2];
  return {x: point => (point.time ?? start) - start, xDomain,
          xTicks: count => ticks(0, xDomain[1] / size, count).map(value => value * size),
          xLabel: x => number(x / size), xUnit: unit, xName: x => span(x)};
}

// Buttons of which one is pressed. values: [label, value] pairs.
export function choice(name, values, chosen, onChange) {
  const group = element("span", {class: "choice", role: "group", "aria-label": name});
  for (const [label, value] of values) {
    group.append(element("button", {"aria-pressed": String(value === chosen), onclick: event => {
      for (const other of group.children) other.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", "true");
      onChange(value);
    }}, label));
  }
  return group;
}

export function themeButton() {
  return element("button", {class: "plain", title: "light or dark", "aria-label": "light or dark",
    onclick: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark", true)}, "◐");
}

export function setTheme(theme, isChoice) {
  document.documentElement.dataset.theme = theme;
  if (isChoice) localStorage.setItem("theme", theme);
}
