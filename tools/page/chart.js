// Lines over decisions, as SVG.

const WIDTH = 900, HEIGHT = 240, LEFT = 56, RIGHT = 12, TOP = 12, BOTTOM = 34;
const COLOURS = ["#f5b31f", "#6cabff", "#4fc99b", "#b08cf0"];
const SPACE = "http://www.w3.org/2000/svg";

function drawn(kind, values, parent, text = "") {
  const made = document.createElementNS(SPACE, kind);
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

// Round numbers from low to high, about `count` of them.
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

const short = (value) => Math.abs(value) >= 1000 ? `${+(value / 1000).toPrecision(3)}k` : `${+value.toPrecision(3)}`;

export function chart({ title, lines }) {
  const box = document.createElement("div"), svg = document.createElementNS(SPACE, "svg");
  box.className = "chart";
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const points = lines.flatMap((line) => line.points), [xs, ys] = [0, 1].map((i) => points.map((point) => point[i]));
  const share = title === "success";
  const right = Math.max(...xs), low = share ? 0 : Math.min(0, ...ys), high = share ? 1 : Math.max(...ys);
  const x = (value) => LEFT + (WIDTH - LEFT - RIGHT) * value / (right || 1);
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low || 1);
  for (const value of ticks(low, high, 4)) {
    drawn("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), stroke: "#273140" }, svg);
    drawn("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, svg, share ? `${100 * value} %` : short(value));
  }
  for (const value of ticks(0, right, 8)) drawn("text", { x: x(value), y: HEIGHT - 12, "text-anchor": "middle" }, svg, short(value));
  [...lines.entries()].reverse().forEach(([i, line]) => { // the first on top
    const path = line.points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    drawn("polyline", { points: path, fill: "none", stroke: COLOURS[i], "stroke-width": 2, "stroke-linejoin": "round" }, svg);
  });
  box.append(named(title, lines), svg);
  return box;
}

function named(title, lines) {
  const legend = document.createElement("div");
  legend.className = "legend";
  const head = document.createElement("b");
  head.textContent = `${title} over decisions`;
  legend.append(head);
  lines.forEach((line, i) => {
    if (!line.points.length) return;
    const entry = document.createElement("span"), mark = document.createElement("i");
    mark.style.background = COLOURS[i];
    entry.append(mark, line.label);
    legend.append(entry);
  });
  return legend;
}
