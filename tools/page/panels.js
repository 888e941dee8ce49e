// Cameras, joints, the tick and the arm's condition, as numbers and bars.

const DEGREES = 180 / Math.PI;
const OLD_MS = 250; // of a picture
const WARM_C = 55, HOT_C = 60; // as control/safety takes it
const HARD = 0.55; // load that is backed off from, if it lasts
const NEAR = 0.04; // of a joint's range to its end
const STAGES = { operator: ["operator", "#6cabff"], wire: ["wire", "#b08cf0"], step: ["step, to the next tick", "#3d4a5c"] };

function element(tag, text = "", parent = null) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

const level = (value, warn, bad) => value >= bad ? "bad" : value >= warn ? "warn" : "";
const degrees = (angle) => `${(angle * DEGREES).toFixed(0)}°`;

export class Panels {
  constructor(robot) {
    this.robot = robot;
    this.cameras = robot.cameras.map((name) => camera(name));
    this.joints = robot.joints.map((name, i) => joint(name, robot.lower_rad[i], robot.upper_rad[i]));
    this.stages = rows(document.getElementById("stages"));
    this.late = 0; // when this page began to drive
    this.condition = rows(document.getElementById("condition"));
  }

  picture(data) {
    const { image } = this.cameras[new Uint8Array(data, 0, 1)[0]];
    const before = image.src;
    image.src = URL.createObjectURL(new Blob([new Uint8Array(data, 1)], { type: "image/jpeg" }));
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  }

  see(sight, seat) {
    this.cameras.forEach((camera, i) => {
      const age = sight.age_ms + sight.ages_ms[i];
      camera.age.textContent = `${age.toFixed(0)} ms`;
      camera.box.classList.toggle("old", age > OLD_MS);
    });
    sight.joints_rad.forEach((angle, i) => this.seeJoint(this.joints[i], angle, i, sight));
    this.seeTick(sight, seat);
    this.seeCondition(sight, seat);
  }

  seeJoint(shown, angle, i, sight) {
    const low = this.robot.lower_rad[i], high = this.robot.upper_rad[i];
    const share = (value) => (value - low) / (high - low);
    shown.angle.textContent = `${(angle * DEGREES).toFixed(1)}°`;
    shown.mark.style.left = `${100 * Math.min(1, Math.max(0, share(angle)))}%`;
    shown.target.style.left = `${100 * Math.min(1, Math.max(0, share(sight.target_rad[i])))}%`;
    shown.range.classList.toggle("near", share(angle) < NEAR || share(angle) > 1 - NEAR);
    const load = Math.abs(sight.load[i]), celsius = sight.health.celsius[i];
    shown.load.textContent = `load ${(100 * load).toFixed(0)} %`;
    shown.load.className = level(load, 0.8 * HARD, HARD);
    shown.heat.textContent = celsius === null ? "" : `${celsius.toFixed(0)} °C`;
    shown.heat.className = level(celsius ?? 0, WARM_C, HOT_C);
  }

  seeTick({ spent_ms: spent, ages_ms: ages, limited }, seat) {
    const period = 1000 / this.robot.hz, bar = document.getElementById("budget");
    document.getElementById("tick").textContent = `${period.toFixed(0)} ms`;
    const step = Math.max(0, (spent.step ?? 0) - spent.wire);
    const parts = { operator: spent.operator ?? 0, wire: spent.wire, step: spent.step === undefined ? 0 : step };
    bar.replaceChildren();
    this.stages("picture, when it was seen", ages.length ? `${Math.max(...ages).toFixed(0)} ms` : "none");
    for (const [name, [words, colour]] of Object.entries(STAGES)) {
      const part = element("i", "", bar);
      part.style.cssText = `width:${100 * parts[name] / period}%;background:${colour}`;
      this.stages(words, seat === "here" || name === "wire" ? `${parts[name].toFixed(1)} ms` : "–", "", colour);
    }
    this.stages("last command", seat !== "here" ? "–" : limited ? "clamped" : "as asked", limited && seat === "here" ? "warn" : "");
  }

  seeCondition({ health, age_ms: age }, seat) {
    if (seat !== "here") this.late = health.late; // a simulator counts the ticks for which nobody commanded
    const late = health.late - this.late;
    this.condition("late ticks, since you drive", seat === "here" ? `${late}` : "–", late ? "warn" : "");
    this.condition("late ticks, ever", `${health.late}`);
    this.condition("latest by", `${health.worst_late_ms.toFixed(0)} ms`);
    if (health.volts !== null) this.condition("supply", `${health.volts.toFixed(1)} V`);
    this.condition("answers on the bus", `${(100 * health.bus_success).toFixed(1)} %`, health.bus_success < 0.99 ? "warn" : "");
    this.condition("seen", `${age.toFixed(0)} ms ago`, level(age, 300, 1000));
  }
}

function camera(name) {
  const box = element("div", "", document.getElementById("cameras"));
  box.className = "camera";
  const image = element("img", "", box);
  image.alt = name;
  element("span", name.replaceAll("_", " "), box);
  return { box, image, age: element("b", "", box) };
}

function joint(name, low, high) {
  const box = element("div", "", document.getElementById("joints"));
  element("h3", name.replaceAll("_", " "), box);
  const angle = element("b", "–", box), range = element("div", "", box), ends = element("div", "", box);
  range.className = "range";
  ends.className = "ends";
  const target = element("u", "", range), mark = element("i", "", range), line = element("div", "", box);
  element("span", degrees(low), ends);
  element("span", degrees(high), ends);
  line.className = "load";
  return { angle, range, mark, target, load: element("span", "", line), heat: element("span", "", line) };
}

// A table whose lines are made when they are first set.
function rows(list) {
  const known = {};
  return (name, value, kind = "", colour = "") => {
    if (!known[name]) {
      const term = element("dt", "", list);
      if (colour) element("i", "", term).style.background = colour;
      term.append(name);
      known[name] = element("dd", "", list);
    }
    known[name].textContent = value;
    known[name].className = kind;
  };
}
