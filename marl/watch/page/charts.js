// Curves as inline SVG. A chart draws a panel (its metrics and options), again for every new point.

import {linear, logarithmic, logTicks, number, smoothed, thinned, ticks} from "/scales.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = {left: 50, right: 14, top: 22, bottom: 22};
const EDGE = 40; // pixels from the right end within which a label ends at its mark
const SMOOTHED_FROM = 24; // points; fewer are not smoothed
const DOTS_UNTIL = 60; // points; more would hide the curve

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

export function shape(name, attributes = {}, label = null) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (label !== null) node.textContent = label;
  return node;
}

export const line = pairs =>
  pairs.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

const area = (upper, lower) => line(upper) + line([...lower].reverse()).replace("M", "L") + "Z";

// A small curve without axes.
export function sparkline(pairs, width, height, range = null) {
  const svg = shape("svg", {width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true"});
  if (pairs.length > 1) {
    const xs = pairs.map(pair => pair[0]), ys = pairs.map(pair => pair[1]);
    const [low, high] = range ?? [Math.min(...ys), Math.max(...ys)];
    const x = linear([xs[0], xs[xs.length - 1]], [2, width - 2]);
    const y = linear(low === high ? [low - 1, high + 1] : [low, high], [height - 3, 3]);
    svg.append(shape("path", {class: "curve", d: line(pairs.map(([a, b]) => [x(a), y(b)]))}));
  }
  return svg;
}

export class Chart {
  // panel: {title, what, wide, series: [{key, label, colour, dash, band, dots, smooth, hidden, choose}],
  // range, log, zero, stacked, format, unit}. unit: of the upward axis. choose(isShown): where the reader may hide and show a series,
  // by its name in the legend. onCursor(x): called with the x that the pointer is at, null without one.
  constructor(panel, onCursor) {
    this.panel = panel;
    this.onCursor = onCursor;
    this.svg = shape("svg", {class: "chart", role: "img", tabindex: "0"});
    this.svg.addEventListener("pointermove", event => this.point(event));
    this.svg.addEventListener("pointerleave", () => onCursor(null));
    this.svg.addEventListener("blur", () => onCursor(null));
    this.svg.addEventListener("keydown", event => this.step(event));
    this.values = new Map();
    this.legend = element("div", {class: "legend"});
    for (const series of panel.series) {
      const value = element("b", {}, "");
      this.values.set(series.key, value);
      this.legend.append(element(series.choose ? "button" : "span", {
        class: `k${series.colour} d${series.dash ?? 0}`,
        "aria-pressed": series.choose ? String(!series.hidden) : null,
        title: series.choose ? "show or hide" : null,
        onclick: event => this.toggle(series, event.currentTarget)},
      element("i"), element("span", {class: "label"}, series.label), value));
    }
    if (panel.series.length === 1 && !panel.series[0].choose) this.legend.querySelector(".label").textContent = "now";
    this.card = element("section", {class: `card${panel.wide ? " wide" : ""}`},
      element("div", {class: "head"}, element("h2", {}, panel.title),
        element("span", {class: "what"}, panel.what ?? "")),
      this.legend, this.svg);
    this.data = [];
    this.at = null; // the x that is read
  }

  toggle(series, button) {
    if (!series.choose) return;
    series.hidden = !series.hidden;
    series.choose(!series.hidden);
    button.setAttribute("aria-pressed", String(!series.hidden));
    this.draw(this.points, this.view);
  }

  get height() { return this.panel.wide ? 262 : 198; }

  // points: all of the run; view: {x(point), xDomain, xTicks(count), xLabel(x), smooth, settings}.
  draw(points, view) {
    this.view = view;
    this.points = points;
    const width = this.width = Math.max(220, this.svg.parentNode?.clientWidth - 30 || 560);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    for (const value of this.values.values()) value.textContent = "";
    this.data = this.panel.series.filter(series => !series.hidden).map(series => this.read(series, points));
    this.x = linear(view.xDomain, [MARGIN.left, width - MARGIN.right]);
    this.xs = [...new Set(this.data.flatMap(data => data.xs))]
      .sort((a, b) => a - b);
    const parts = [];
    const domain = this.panel.stacked ? [0, 1] : this.domain();
    const place = this.panel.log && domain[0] > 0 ? logarithmic : linear;
    this.y = place(domain, [this.height - MARGIN.bottom, MARGIN.top]);
    this.axes(parts, domain, place === logarithmic);
    if (this.panel.stacked) this.stack(parts);
    else this.data.forEach(data => this.curve(parts, data));
    this.cross = shape("g");
    this.svg.replaceChildren(...parts, this.cross);
    this.show(this.at); // whoever points at a place goes on reading it
  }

  read(series, points) {
    const pairs = [], bands = [];
    for (const point of points) {
      const value = point[series.key];
      if (value === undefined || value === null || (this.panel.log && value <= 0)) continue;
      const x = this.view.x(point);
      pairs.push([x, value]);
      const band = series.band?.(value, point, this.view.settings);
      if (band) bands.push([x, ...band]);
    }
    const count = pairs.length;
    const isSmooth = this.view.smooth && series.smooth !== false && count >= SMOOTHED_FROM;
    const reach = Math.round(Math.max(3, Math.min(60, count / 25)));
    const [forward, inverse] = this.panel.log ? [Math.log, Math.exp] : [value => value, value => value];
    const means = isSmooth ? smoothed(pairs.map(pair => forward(pair[1])), reach).map(inverse) : null;
    return {series, pairs, bands, xs: pairs.map(pair => pair[0]), main: means ? pairs.map(([x], i) => [x, means[i]]) : pairs,
            raw: means ? pairs : null};
  }

  domain() {
    if (this.panel.range) return this.panel.range;
    let low = Infinity, high = -Infinity;
    for (const {pairs, bands} of this.data) {
      for (const [, value] of pairs) { low = Math.min(low, value); high = Math.max(high, value); }
      for (const [, from, to] of bands) { low = Math.min(low, from); high = Math.max(high, to); }
    }
    if (low > high) return this.panel.log ? [0.1, 1] : [0, 1];
    if (this.panel.log) return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
    if (this.panel.zero) { low = Math.min(0, low); high = Math.max(0, high); }
    if (low === high) return low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
    const pad = 0.06 * (high - low);
    return [low === 0 ? 0 : low - pad, high === 0 ? 0 : high + pad];
  }

  axes(parts, domain, isLog) {
    const {left, right, bottom} = MARGIN, format = this.panel.format ?? number;
    const marks = (isLog ? logTicks : ticks)(domain[0], domain[1], this.panel.wide ? 5 : 4);
    for (const value of marks) {
      const y = this.y(value);
      parts.push(shape("line", {class: "tick", x1: left, x2: this.width - right, y1: y, y2: y}),
        shape("text", {x: left - 7, y: y + 4, "text-anchor": "end"}, format(value)));
    }
    const floor = this.height - bottom;
    parts.push(shape("line", {class: "base", x1: left, x2: this.width - right, y1: floor, y2: floor}));
    if (this.panel.unit) parts.push(shape("text", {class: "unit", x: 0, y: 11}, this.panel.unit));
    const places = this.view.xTicks(Math.max(2, Math.floor(this.width / 90)));
    for (const [i, value] of places.entries()) {
      const x = this.x(value), isLast = i === places.length - 1;
      parts.push(shape("text", {x: isLast ? Math.min(x + EDGE / 2, this.width) : x, y: this.height - 5,
                                "text-anchor": isLast ? "end" : "middle"},
        isLast ? `${this.view.xLabel(value)} ${this.view.xUnit}`.trim() : this.view.xLabel(value)));
    }
  }

  curve(parts, {series, pairs, bands, main, raw}) {
    const group = shape("g", {class: `k${series.colour} d${series.dash ?? 0}`});
    const columns = Math.round(this.width);
    const onScreen = list => thinned(list.map(([x, y]) => [this.x(x), this.y(y)]), columns);
    if (bands.length > 1) {
      const every = Math.max(1, Math.floor(bands.length / columns));
      const some = bands.filter((_, i) => i % every === 0 || i === bands.length - 1);
      group.append(shape("path", {class: "band", d: area(
        some.map(([x, , high]) => [this.x(x), this.y(high)]),
        some.map(([x, low]) => [this.x(x), this.y(low)]))}));
    }
    if (raw) group.append(shape("path", {class: "raw", d: line(onScreen(raw))}));
    if (main.length > 1) group.append(shape("path", {class: "curve", d: line(onScreen(main))}));
    if (main.length === 1 || (series.dots && pairs.length <= DOTS_UNTIL)) {
      for (const [x, y] of pairs) {
        group.append(shape("circle", {class: "dot", cx: this.x(x), cy: this.y(y), r: 3}));
      }
    }
    parts.push(group);
  }

  // Shares that add up to one, stacked.
  stack(parts) {
    let floor = this.xs.map(() => 0);
    const at = data => new Map(data.pairs);
    for (const data of this.data) {
      const known = at(data);
      const top = this.xs.map((x, i) => floor[i] + (known.get(x) ?? 0));
      const pairs = values => this.xs.map((x, i) => [this.x(x), this.y(Math.min(1, values[i]))]);
      const group = shape("g", {class: `k${data.series.colour}`});
      if (this.xs.length > 1) {
        group.append(shape("path", {class: "stack", d: area(pairs(top), pairs(floor))}));
      }
      parts.push(group);
      floor = top;
    }
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const x = this.x?.invert((event.clientX - box.left) * this.width / box.width);
    if (this.xs?.length) this.onCursor(this.xs[this.nearest(this.xs, x)]);
  }

  step(event) {
    const way = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
    if (way === undefined || !this.xs.length) return;
    event.preventDefault();
    const here = this.at === null ? this.xs.length - 1 : this.nearest(this.xs, this.at);
    this.onCursor(this.xs[Math.max(0, Math.min(this.xs.length - 1, here + way))]);
  }

  // The index of the value nearest to x.
  nearest(sorted, x) {
    let low = 0, high = sorted.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= x) low = middle; else high = middle;
    }
    return Math.abs(sorted[low] - x) <= Math.abs(sorted[high] - x) ? low : high;
  }

  // Show the values at x, or the newest ones for null.
  show(x) {
    this.at = x;
    const format = this.panel.format ?? number, parts = [], words = [];
    for (const {series, pairs, xs} of this.data) {
      const pair = pairs[x === null || !pairs.length ? pairs.length - 1 : this.nearest(xs, x)];
      const value = pair ? format(pair[1]) : "–";
      this.values.get(series.key).textContent = value;
      words.push(`${series.label} ${value}`);
      if (x !== null && pair && !this.panel.stacked) {
        const dot = shape("g", {class: `k${series.colour}`});
        dot.append(shape("circle", {class: "dot", cx: this.x(pair[0]), cy: this.y(pair[1]), r: 4}));
        parts.push(dot);
      }
    }
    if (x !== null) {
      const at = this.x(x), side = at > this.width - 90 ? "end" : "start";
      parts.unshift(shape("line", {class: "cross", x1: at, x2: at, y1: MARGIN.top,
                                   y2: this.height - MARGIN.bottom}));
      parts.push(shape("text", {class: "at", x: at + (side === "end" ? -6 : 6), y: MARGIN.top - 4,
                                "text-anchor": side}, this.view.xName(x)));
    }
    this.cross.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", `${this.panel.title}: ${words.join(", ")}`);
  }
}

