// The lines of the list's charts: the seeds of one configuration as one, or each run for itself.

export const NEWEST = 6; // lines that are shown at first; one has as many colours
const DASHES = 3;

// A chart for each task and metric: {place, metric, lines: [{name, runs, points, look}]}. A run that
// does not tell its task has one of its own.
// together: seeds of one configuration are one line. Points: [{t_env, mean, low, high, count}].
export function chartsOf(runs, together) {
  const charts = new Map(), names = [...new Set(runs.map(run => nameOf(run, together)))].sort();
  for (const run of runs) {
    if (run.curve.length < 2) continue;
    const place = run.task || run.name, metric = run.curve_key, key = JSON.stringify([place, metric]);
    if (!charts.has(key)) charts.set(key, {place, metric, groups: new Map()});
    const groups = charts.get(key).groups, name = nameOf(run, together);
    groups.set(name, [...groups.get(name) ?? [], run]);
  }
  return [...charts.values()].map(({place, metric, groups}) => ({place, metric,
    lines: [...groups].map(([name, members]) => ({name, runs: members,
      points: merged(members.map(run => run.curve)), look: names.indexOf(name)}))}));
}

const nameOf = (run, together) => together ? run.line : run.name;

export const colourOf = look => look % NEWEST;
export const dashOf = look => Math.floor(look / NEWEST) % DASHES;

// Curves of pairs [x, y] as one: at each of their places the mean, the lowest and the highest of
// those that have come that far, straight lines between their points.
export function merged(curves) {
  const places = [...new Set(curves.flatMap(curve => curve.map(pair => pair[0])))].sort((a, b) => a - b);
  return places.map(t_env => {
    const values = curves.map(curve => valueAt(curve, t_env)).filter(value => value !== null);
    return {t_env, mean: values.reduce((sum, value) => sum + value, 0) / values.length,
            low: Math.min(...values), high: Math.max(...values), count: values.length};
  });
}

function valueAt(curve, x) {
  const next = curve.findIndex(pair => pair[0] >= x);
  if (next < 0 || (next === 0 && curve[0][0] > x)) return null;
  const [to, high] = curve[next];
  if (to === x) return high;
  const [from, low] = curve[next - 1];
  return low + (x - from) / (to - from) * (high - low);
}
