// The panels of a run: metrics by the names that trainings log (PyMARL's, and ours).

import {percent, wilson} from "/scales.js";

const spread = key => (value, point) =>
  typeof point[key] === "number" ? [value - point[key], value + point[key]] : null;
const interval = (value, point, settings) =>
  settings.test_episodes > 0 ? wilson(value, settings.test_episodes) : null;

// Left out: metrics that the run has not logged, and panels without a metric.
export const PANELS = [
  {title: "Win rate", unit: "battles won", what: "share of battles won; band: 95 % interval of each test", wide: true,
   range: [0, 1], format: percent, series: [
     {key: "test_battle_won_mean", label: "tests, greedy", band: interval, dots: true, smooth: false},
     {key: "battle_won_mean", label: "training, exploring"}]},
  {title: "Return", unit: "reward of an episode", what: "reward of an episode; band: ± one standard deviation", wide: false,
   zero: true, series: [
     {key: "test_return_mean", label: "tests", band: spread("test_return_std"), dots: true, smooth: false},
     {key: "return_mean", label: "training", band: spread("return_std")}]},
  {title: "Learning error", what: "TD loss, logarithmic", log: true, series: [
     {key: "loss", label: "loss"}, {key: "td_error_abs", label: "mean |error|"}]},
  {title: "Codebook use", unit: "codes", what: "codes that a batch of states falls on", codes: true, zero: true,
   series: [
     {key: "codebook_codes", label: "in use"},
     {key: "codebook_perplexity", label: "perplexity (as many, used equally)"}]},
  {title: "Codebook learning", what: "losses of the autoencoder, logarithmic", log: true, series: [
     {key: "recon_loss", label: "reconstruction"}, {key: "vq_loss", label: "codes"},
     {key: "commit_loss", label: "commitment"}, {key: "coverage_loss", label: "coverage"}]},
  {title: "Intrinsic reward", unit: "reward of a step", what: "mean of a step", zero: true, series: [
     {key: "intrinsic_mean", label: "reward"}]},
  {title: "Steps paid", unit: "of all steps", what: "share of steps with an intrinsic reward", zero: true,
   format: percent, series: [{key: "intrinsic_paid", label: "share"}]},
  {title: "Value of codes", unit: "return", what: "C_q, mean of the codes that have one", series: [
     {key: "code_value_mean", label: "C_q"}]},
  {title: "Goal trajectories", unit: "trajectories", what: "held, of all codes together", zero: true, series: [
     {key: "trajectories_held", label: "held", smooth: false}]},
  {title: "Action values", unit: "return", what: "of the actions taken, beside their targets", series: [
     {key: "q_taken_mean", label: "taken"}, {key: "target_mean", label: "target"}]},
  {title: "Units lost", unit: "units", what: "in a battle", zero: true, series: [
     {key: "test_dead_enemies_mean", label: "enemies, tests", dots: true, smooth: false},
     {key: "test_dead_allies_mean", label: "allies, tests", dots: true, smooth: false},
     {key: "dead_enemies_mean", label: "enemies, training"},
     {key: "dead_allies_mean", label: "allies, training"}]},
  {title: "Length of episodes", unit: "steps", what: "steps", zero: true, series: [
     {key: "test_ep_length_mean", label: "tests", dots: true, smooth: false},
     {key: "ep_length_mean", label: "training"}]},
  {title: "Exploration", unit: "of all actions", what: "share of random actions, ε", range: [0, 1], format: percent, series: [
     {key: "epsilon", label: "ε", smooth: false}]},
  {title: "Gradients", what: "norm before clipping, logarithmic", log: true, series: [
     {key: "grad_norm", label: "values"}, {key: "vae_grad_norm", label: "autoencoder"}]},
  {title: "Speed", unit: "steps/s", what: "environment steps a second, since the start", zero: true, series: [
     {key: "steps_per_second", label: "steps/s", smooth: false}]},
  {title: "Where the time goes", unit: "of the time", what: "share of all time so far", stacked: true, format: percent,
   series: [
     {key: "time_env", label: "environments"}, {key: "time_acting", label: "acting"},
     {key: "time_replay", label: "replay"}, {key: "time_learning", label: "learning"},
     {key: "time_evaluation", label: "tests"}, {key: "time_saving", label: "saving"}]},
  {title: "Broken episodes", unit: "episodes", what: "dropped after a crash of the game, so far", zero: true, series: [
     {key: "env_restarts", label: "restarts", smooth: false}]},
];
// Drawn as part of another metric, or not drawn.
const ELSEWHERE = new Set(["t_env", "time", "return_std", "test_return_std", "episode", "updates",
                           "codebook_usage", "elapsed"]);

// The panels of the metrics `keys`; each unknown metric has a panel of its own at the end.
export function panelsOf(keys, settings) {
  const there = key => keys.has(key);
  const panels = PANELS.map(panel => ({...panel, series: panel.series.filter(one => there(one.key))}))
    .filter(panel => panel.series.length)
    .map(panel => panel.codes && settings.codes > 0
      ? {...panel, what: `${panel.what}, of ${settings.codes}`} : panel);
  const known = new Set(PANELS.flatMap(panel => panel.series.map(one => one.key)));
  const others = [...keys].filter(key => !known.has(key) && !ELSEWHERE.has(key)).sort();
  const own = others.map(key => ({title: key, what: "", series: [{key, label: key}]}));
  return [...panels, ...own].map(panel => ({...panel, series: panel.series.map((one, i) =>
    ({...one, colour: i % 6}))}));
}

// Adds metrics that follow from logged ones.
export function derive(point, settings) {
  if (typeof point.codebook_usage === "number" && settings.codes > 0) {
    point.codebook_codes = point.codebook_usage * settings.codes;
  }
  return point;
}
