// The page: one connection that shows what is seen, and says what is wanted.

import { Hands, legend, pads } from "./drive.js";
import { Scene } from "./scene.js";
import { Panels } from "./panels.js";
import { openRuns } from "./runs.js";

const BEAT_MS = 40;
const LOST_MS = 600; // without a word, after which the page says that what it shows is old
const NOTICE_MS = 7000;
const MOVING = ["active", "homing", "parking", "arming", "releasing"];
const LATCHED = ["stopped", "fault", "lost", "refused"];
const SAID = { ready: "not switched on yet", hold: "stands, and nobody moves it", active: "follows whoever drives", homing: "glides home" };
const ANYBODY = ["stop", "take"]; // orders of keys and gamepads, whoever drives
const $ = (id) => document.getElementById(id);

const told = await (await fetch("scene.json")).json();
const scene = new Scene($("scene"), told.surfaces, told.cube);
const panels = new Panels(told.robot);
const hands = new Hands($("drive"), changed, (name) => { if (seat === "here" || ANYBODY.includes(name)) order(name); });
const light = legend($("keys"));
pads($("touch"), hands);

let socket = null;
let seat = "nobody"; // who drives: here, elsewhere or nobody
let lapsed = false; // we do, but were not heard in time, and must let go first
let state = "";
let heard = 0; // the server's newest stamp
let heardAt = -Infinity; // on our clock
let beatMotion = null;

function connect() {
  socket = new WebSocket(new URL("words", location.href.replace(/^http/, "ws")));
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => typeof data === "string" ? hear(JSON.parse(data)) : panels.picture(data);
  socket.onclose = () => { seat = "nobody"; hands.letGo(); setTimeout(connect, 500); };
}

function say(words) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
  else if (words.type !== "beat") notice("not connected: nothing was sent");
}

const order = (name) => say({ type: "say", order: name });

function changed() {
  if (seat === "here") beat();
}

function beat() {
  const motion = hands.motion(); // asked in any case: a gamepad may say stop
  beatMotion = seat === "here" ? motion : null;
  if (seat === "here") say({ type: "beat", motion: beatMotion, heard_s: heard });
  light(hands.down);
  showHands();
}

function showHands() {
  const area = $("drive"), here = seat === "here";
  area.classList.toggle("held", beatMotion !== null && !lapsed);
  area.classList.toggle("lapsed", lapsed);
  area.classList.toggle("ready", here && beatMotion === null && hands.focused);
  $("held").textContent = here ? doing() : "";
}

function doing() {
  if (lapsed) return "not heard in time: let go, and press again";
  if (beatMotion) return "moving while you hold";
  if (matchMedia("(pointer: coarse)").matches) return "hold a button, and it moves";
  return hands.focused ? `keys drive, at ${100 * hands.pace} %` : "click here to drive by keys";
}

function hear(words) {
  if (words.notices) words.notices.forEach(notice);
  if (words.now_s === undefined) return;
  heard = words.now_s;
  heardAt = performance.now();
  lapsed = words.seat === "lapsed";
  const where = lapsed ? "here" : words.seat;
  if (where !== seat) sitting(where);
  if (words.sight) see(words.sight);
}

function sitting(where) {
  seat = where;
  for (const element of document.querySelectorAll(".driving")) {
    if (element.closest("#record")) element.disabled = seat !== "here";
    else element.hidden = seat !== "here";
  }
  $("take").hidden = seat === "here";
  $("give").hidden = seat !== "here";
  if (seat === "here") $("drive").focus();
  showHands();
}

function see(sight) {
  $("stale").hidden = !sight.trouble;
  if (sight.trouble) return void ($("stale").textContent = sight.trouble);
  scene.poses = sight.poses;
  scene.hasCube = sight.cube;
  panels.see(sight, seat);
  mode(sight);
}

function mode({ health, driver, since }) {
  state = health.state;
  $("state").textContent = state;
  const stands = seat === "here" && (lapsed || !beatMotion); // it follows commands that say so
  $("mode").className = "mode " + (LATCHED.includes(state) ? "latched" : MOVING.includes(state) && !(state === "active" && stands) ? "moving" : "still");
  $("why").textContent = health.errors.join("; ") || SAID[state] || "no complaint";
  $("why").title = $("why").textContent;
  $("driver").textContent = seat === "here" ? "you drive" : driver ? `driven by ${driver} since ${since}` : "nobody drives";
  $("clear").hidden = !LATCHED.includes(state) && !(state === "ready" && health.errors.length);
  $("take-note").textContent = state === "ready" ? "switches it on and goes home" : "keys, gamepad or touch";
}

function notice(line) {
  const item = document.createElement("li");
  item.textContent = line;
  $("notices").append(item);
  setTimeout(() => item.remove(), NOTICE_MS);
}

function show(tab) {
  for (const name of ["arm", "runs"]) {
    $(name).hidden = name !== tab;
    $(`tab-${name}`).classList.toggle("chosen", name === tab);
  }
  if (tab === "runs") openRuns($("list"), $("run"));
}

// A click on a button must not take the keys away from whoever drives.
for (const button of document.querySelectorAll("button")) {
  button.addEventListener("mousedown", (event) => event.preventDefault());
}
for (const button of document.querySelectorAll("[data-order]")) button.onclick = () => order(button.dataset.order);
for (const name of ["take", "give", "clear", "stop"]) $(name).onclick = () => order(name);
// A second finger gives no click while the first one stays, and nobody lifts that one before they stop an arm.
$("stop").addEventListener("pointerdown", () => order("stop"));
for (const name of ["arm", "runs"]) $(`tab-${name}`).onclick = () => show(name);
addEventListener("keydown", (event) => {
  if (event.code !== "Space" && event.code !== "Escape") return;
  event.preventDefault();
  if (!event.repeat) order("stop");
}, true);

setInterval(beat, BEAT_MS);
setInterval(() => {
  if (performance.now() - heardAt < LOST_MS) return;
  $("stale").hidden = false;
  $("stale").textContent = "nothing is heard from twinarm view; what is shown is old";
}, 200);
$("robot").textContent = told.robot.name;
sitting("nobody");
connect();
