// All runs of a folder: a curve over all of them, and a line for each.

import {Chart, element, sparkline} from "/charts.js";
import {number, percent, span, steps, ticks} from "/scales.js";
import {themeButton} from "/run.js";

const COMPARED = 6; // curves in one chart
const NAMES = {test_battle_won_mean: "Test win rate", test_return_mean: "Test return"};

export class ListPage {
  constructor(root) {
    this.root = root;
    this.query = "/api/runs";
    new ResizeObserver(() => this.draw()).observe(root);
  }

  take(news) {
    const text = JSON.stringify(news, (key, value) => key === "age" ? undefined : value);
    if (text !== this.text) this.rebuild(text, news);
    for (const run of news.runs) this.ages.get(run.name).textContent = ago(run.age);
  }

  rebuild(text, news) {
    this.text = text;
    this.news = news;
    this.build();
    this.draw();
  }

  build() {
    const {folder, runs} = this.news;
    document.title = `${runs.length} runs`;
    const live = runs.filter(run => run.state === "training").length;
    this.grid = element("div", {class: "grid"});
    this.charts = this.compare(runs);
    this.ages = new Map(runs.map(run => [run.name, element("small")]));
    this.grid.append(...this.charts.map(chart => chart.card));
    const head = ["", "run", "steps", "win rate", "return", "tests", "last figures"];
    this.root.replaceChildren(
      element("header", {class: "top"}, element("div", {class: "who"},
        element("h1", {}, `${runs.length} runs`), element("div", {class: "sub"}, folder)),
        element("span", {class: `pill ${live ? "training" : ""}`}, live ? `${live} training` : "none is training"),
        themeButton()),
      element("div", {class: "tools"}), this.grid,
      element("section", {class: "card wide table"}, element("table", {},
        element("thead", {}, element("tr", {}, ...head.map(name =>
          element("th", {class: ["win rate", "return"].includes(name) ? "number" : ""}, name)))),
        element("tbody", {}, ...runs.map(run => row(run, this.ages.get(run.name)))))));
  }

  // One chart for each map, of the runs that were written last.
  compare(runs) {
    const groups = new Map();
    for (const run of runs) {
      if (run.curve.length < 2) continue;
      const key = `${run.facts.map ?? run.facts.game ?? run.facts.env ?? ""}\n${run.curve_key}`;
      groups.set(key, [...groups.get(key) ?? [], run]);
    }
    return [...groups].map(([key, members]) => {
      const [place, metric] = key.split("\n");
      const shown = members.slice(0, COMPARED);
      const isWin = metric === "test_battle_won_mean";
      const more = members.length > shown.length ? `; the ${shown.length} newest of ${members.length}` : "";
      const panel = {title: place || "runs", what: `${NAMES[metric]}${more}`, wide: groups.size === 1,
        range: isWin ? [0, 1] : undefined, format: isWin ? percent : number,
        series: labels(shown).map((label, i) =>
          ({key: shown[i].name, label, colour: i, smooth: false, dots: true}))};
      const chart = new Chart(panel, x => chart.show(x));
      chart.points = shown.flatMap(run => run.curve.map(([t_env, value]) => ({t_env, [run.name]: value})));
      return chart;
    });
  }

  draw() {
    for (const chart of this.charts ?? []) {
      const last = Math.max(1, ...chart.points.map(point => point.t_env));
      chart.draw(chart.points, {x: point => point.t_env, xDomain: [0, last], smooth: false, facts: {},
        xTicks: count => ticks(0, last, count), xLabel: steps, xName: x => `${x.toLocaleString("en")} steps`});
    }
  }
}

const label = run => [run.facts.config ?? run.name, run.facts.seed === undefined ? null : `seed ${run.facts.seed}`,
                      run.facts.label || null].filter(part => part).join(" · ");

// With the folder's own name where runs would be called the same.
function labels(runs) {
  const names = runs.map(label);
  return names.map((name, i) => names.indexOf(name) === names.lastIndexOf(name) ? name
    : `${name} · ${runs[i].name.split("/").pop()}`);
}

const ago = age => age === null ? "none yet" : `${span(age)} ago`;

const link = run => `/?${new URLSearchParams({run: run.name})}`;

function row(run, age) {
  const share = run.t_max > 0 ? Math.min(1, run.t_env / run.t_max) : 0;
  const done = element("div");
  done.style.width = `${100 * share}%`;
  const range = run.curve_key === "test_battle_won_mean" ? [0, 1] : null;
  const line = sparkline(run.curve, 120, 30, range);
  line.classList.add("k0");
  return element("tr", {class: "go", onclick: event => {
    if (!event.target.closest("a")) location.assign(link(run));
  }},
  element("td", {}, element("span", {class: `pill ${run.state}`}, run.state)),
  element("td", {}, element("a", {href: link(run)}, `${run.facts.map ?? run.facts.game ?? ""} ${label(run)}`.trim()),
    element("br"), element("small", {}, run.name)),
  element("td", {}, element("div", {class: "bar"}, done),
    element("small", {}, `${steps(run.t_env)}${run.t_max > 0 ? ` of ${steps(run.t_max)}` : ""}`)),
  element("td", {class: "number"}, percent(run.win)),
  element("td", {class: "number"}, number(run.return)),
  element("td", {}, line),
  element("td", {}, age));
}
