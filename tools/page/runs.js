// The second tab: runs, their rate of success with its interval, and their curves.

import { chart } from "./chart.js";

const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share === 0 ? 0 : 1)} %`;

function element(tag, text, parent) {
  const made = document.createElement(tag);
  made.textContent = text;
  parent.append(made);
  return made;
}

export async function openRuns(list, shown) {
  const runs = await asked("runs.json");
  list.replaceChildren();
  if (!runs.length) element("p", "There are no runs yet; twinarm demo makes one.", list).className = "hint";
  for (const run of runs) {
    const line = element("button", "", list), [name, when] = named(run);
    element("span", name, line);
    element("b", run.success === undefined ? (run.curves ? "…" : "–") : percent(run.success), line);
    element("small", when, line);
    element("small", run.n === undefined ? "" : `of ${run.n}`, line);
    line.onclick = () => {
      for (const other of list.children) other.classList.toggle("chosen", other === line);
      openRun(run, shown);
    };
  }
}

async function openRun(run, shown) {
  const { report, panels } = await asked(`curves.json?run=${encodeURIComponent(run.path)}`);
  shown.replaceChildren();
  element("h1", run.path, shown);
  if (report.success !== undefined) {
    const rate = element("div", percent(report.success), shown);
    rate.className = "rate";
    const time = report.median_time_s ? `, median ${report.median_time_s.toFixed(1)} s` : "";
    element("small", `${report.n} resets, 95 % interval ${percent(report.low)} to ${percent(report.high)}${time}`, rate);
    const failures = Object.entries(report.failures ?? {}).map(([kind, count]) => `${kind} ${count}`).join(", ");
    if (failures) element("small", `failures: ${failures}`, rate);
  }
  const drawn = panels.filter((panel) => panel.lines.some((line) => line.points.length > 1));
  for (const panel of drawn) shown.append(chart(panel));
  if (!drawn.length) element("p", "It left no curves.", shown).className = "hint";
}

function named(run) {
  const at = new Date(1000 * run.at_s).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return [run.path, run.stage ? `${at}, from ${run.stage}` : at];
}

async function asked(address) {
  const answer = await fetch(address);
  return answer.json();
}
