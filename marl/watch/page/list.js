// All runs of a folder: a chart for each task, with a line for each configuration or for each run, and
// a table with a row for each run.

import {Chart, element, sparkline} from "/charts.js";
import {NEWEST, chartsOf, colourOf, dashOf} from "/lines.js";
import {number, percent, span, steps, ticks} from "/scales.js";
import {choice, themeButton} from "/run.js";

// Of the table's columns: the class, where there is one.
const HEAD = {"win rate": "number", return: "number", tests: "tests", "last figures": "age"};
const NAMES = {test_battle_won_mean: "Test win rate", test_return_mean: "Test return"};

export class ListPage {
  constructor(root) {
    this.root = root;
    this.query = "/api/runs";
    this.together = true;
    this.chosen = new Map(); // line of a chart -> whether it is shown
    new ResizeObserver(() => this.draw()).observe(root);
  }

  take(news) {
    const json = JSON.stringify(news, (key, value) => key === "age" ? undefined : value);
    if (json !== this.json) this.rebuild(json, news);
    for (const run of news.runs) this.ages.get(run.name).textContent = ago(run.age);
  }

  rebuild(json, news) {
    this.json = json;
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
      element("div", {class: "tools"}, element("span", {class: "spring"}),
        choice("lines", [["seeds together", true], ["each run", false]], this.together, value => {
          this.together = value;
          this.rebuild(this.json, this.news);
        })),
      this.grid,
      element("section", {class: "card wide table"}, element("table", {},
        element("thead", {}, element("tr", {}, ...head.map(name =>
          element("th", {class: HEAD[name] ?? ""}, name)))),
        element("tbody", {}, ...runs.map(run => row(run, this.ages.get(run.name)))))));
  }

  // One chart for each task; the lines written last are shown until the reader chooses others.
  compare(runs) {
    const charts = chartsOf(runs, this.together);
    return charts.map(({place, metric, lines}) => {
      const isWin = metric === "test_battle_won_mean", own = labels(lines.map(line => line.runs[0]));
      const series = lines.map(({name, runs: members, look}, i) => {
        const key = JSON.stringify([place, metric, name]);
        if (!this.chosen.has(key)) this.chosen.set(key, i < NEWEST);
        return {key: name, label: this.together ? counted(name, members) : own[i],
          colour: colourOf(look), dash: dashOf(look), smooth: false, dots: lines.length <= NEWEST,
          hidden: !this.chosen.get(key),
          choose: isShown => this.chosen.set(key, isShown),
          band: members.length > 1 ? (value, point) => [point.low, point.high] : undefined};
      });
      const panel = {title: place, unit: isWin ? "battles won" : "reward of an episode", what: `${NAMES[metric]}${this.explained(lines)}`,
        wide: charts.length === 1, range: isWin ? [0, 1] : undefined, format: isWin ? percent : number,
        series};
      const chart = new Chart(panel, x => chart.show(x));
      chart.points = lines.flatMap(({name, points}) =>
        points.map(({t_env, mean, low, high}) => ({t_env, [name]: mean, low, high})));
      return chart;
    });
  }

  explained(lines) {
    const band = lines.some(({runs}) => runs.length > 1)
      ? "; mean of the seeds that came so far, band: lowest to highest" : "";
    return band + (lines.length > NEWEST ? `; at first the ${NEWEST} newest of ${lines.length}` : "");
  }

  draw() {
    for (const chart of this.charts ?? []) {
      const last = Math.max(1, ...chart.points.map(point => point.t_env));
      chart.draw(chart.points, {x: point => point.t_env, xDomain: [0, last], smooth: false, settings: {},
        xTicks: count => ticks(0, last, count), xLabel: steps, xUnit: "steps", xName: x => `${x.toLocaleString("en")} steps`});
    }
  }
}

const label = run => [run.settings.name ?? run.name, run.settings.seed === undefined ? null : `seed ${run.settings.seed}`,
                      run.settings.label || null].filter(part => part).join(" · ");

// Labels of runs; the folder's name is added where two would be the same.
function labels(runs) {
  const names = runs.map(label);
  return names.map((name, i) => names.indexOf(name) === names.lastIndexOf(name) ? name
    : `${name} · ${runs[i].name.split("/").pop()}`);
}

// The name of a configuration, and how many seeds it has.
const counted = (name, members) => {
  const {seed} = members[0].settings;
  return [name, members.length > 1 ? `${members.length} seeds` : seed === undefined ? null : `seed ${seed}`]
    .filter(part => part).join(" · ");
};

const ago = age => age === null ? "none yet" : `${span(age)} ago`;

// What a row says below the run's name.
const remark = run => [run.name, run.trouble || run.why].filter(part => part).join(": ");

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
  element("td", {class: "name"}, element("a", {href: link(run)}, `${run.task} ${label(run)}`.trim()),
    element("br"), element("small", {}, remark(run))),
  element("td", {}, element("div", {class: "bar"}, done),
    element("small", {}, `${steps(run.t_env)}${run.t_max > 0 ? ` of ${steps(run.t_max)}` : ""}`)),
  element("td", {class: "number"}, percent(run.win)),
  element("td", {class: "number"}, number(run.return)),
  element("td", {class: "tests"}, line),
  element("td", {class: "age"}, age));
}
