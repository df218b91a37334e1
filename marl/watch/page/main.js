// Chooses the page and polls the server: every other second while the page is visible.

import {ListPage} from "/list.js";
import {RunPage, setTheme} from "/run.js";

const EVERY = 2000, LONGEST = 15000; // milliseconds
const root = document.getElementById("page"), lost = document.getElementById("lost");
const dark = matchMedia("(prefers-color-scheme: dark)");

function followTheme() {
  setTheme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"), false);
}

async function ask(address) {
  const answer = await fetch(address);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function open() {
  const asked = new URLSearchParams(location.search).get("run");
  const {runs} = await ask("/api/runs");
  if (asked !== null) return new RunPage(root, asked, runs.length > 1);
  return runs.length === 1 ? new RunPage(root, runs[0].name, false) : new ListPage(root);
}

let page = null, wait = EVERY, timer = 0;

async function turn() {
  clearTimeout(timer);
  try {
    page ??= await open();
    const news = await ask(page.query);
    if (news === null) {
      root.textContent = "This run is not there any more.";
      return;
    }
    page.take(news);
    lost.hidden = true;
    wait = EVERY;
  } catch (error) {
    if (!(error instanceof TypeError && error.message.includes("fetch")) && error.name !== "AbortError") console.error(error);
    lost.hidden = false;
    wait = Math.min(LONGEST, wait * 1.6);
  }
  if (!document.hidden) timer = setTimeout(turn, wait);
}

followTheme();
dark.addEventListener("change", followTheme);
document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
turn();
