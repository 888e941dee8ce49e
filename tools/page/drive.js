// What the hands want: keys, gamepad and touch as one motion, and null as soon as nothing is held.
// Shares of full speed: forwards, left, up, turn left, open.

const KEYS = {
  KeyW: [1, 0, 0, 0, 0], KeyS: [-1, 0, 0, 0, 0], KeyA: [0, 1, 0, 0, 0], KeyD: [0, -1, 0, 0, 0],
  KeyR: [0, 0, 1, 0, 0], KeyF: [0, 0, -1, 0, 0], KeyQ: [0, 0, 0, 1, 0], KeyE: [0, 0, 0, -1, 0],
  KeyO: [0, 0, 0, 0, 1], KeyC: [0, 0, 0, 0, -1],
};
const WORDS = {
  KeyW: "forwards", KeyS: "back", KeyA: "left", KeyD: "right", KeyR: "up", KeyF: "down", KeyQ: "turn left",
  KeyE: "turn right", KeyO: "open", KeyC: "close",
};
const SLOW = 0.3;
const DEAD_ZONE = 0.12;
const SHOULDERS = [4, 5]; // one of them is the gamepad's dead-man
const STOPS = 1; // its B, or circle

export class Hands {
  // area: the element whose focus lets keys drive. changed: called at once when what is held changes.
  constructor(area, changed, stop) {
    this.area = area;
    this.changed = changed;
    this.stop = stop;
    this.down = new Set();
    this.slow = false;
    area.addEventListener("keydown", (event) => this.press(event));
    addEventListener("keyup", (event) => this.lift(event.code, event.shiftKey));
    area.addEventListener("focusout", () => this.letGo());
    addEventListener("blur", () => this.letGo());
    addEventListener("pagehide", () => this.letGo());
    document.addEventListener("visibilitychange", () => this.letGo());
  }

  press(event) {
    this.slow = event.shiftKey;
    if (event.ctrlKey || event.metaKey || event.altKey) return this.letGo(); // a shortcut of the browser's
    if (!(event.code in KEYS)) return;
    event.preventDefault();
    if (!event.repeat) this.hold(event.code);
  }

  hold(code) {
    this.down.add(code);
    this.changed();
  }

  lift(code, shift = false) {
    this.slow = shift;
    if (this.down.delete(code)) this.changed();
  }

  letGo() {
    this.down.clear();
    this.changed();
  }

  get focused() {
    return document.hasFocus() && !document.hidden && document.activeElement === this.area;
  }

  motion() {
    const pad = this.gamepad();
    if (pad) return pad;
    if (!this.down.size || document.hidden) return null;
    const sum = [0, 0, 0, 0, 0];
    for (const code of this.down) KEYS[code].forEach((share, axis) => { sum[axis] += share; });
    return sum.map((share) => share * (this.slow ? SLOW : 1));
  }

  gamepad() {
    if (document.hidden || !document.hasFocus()) return null;
    for (const pad of navigator.getGamepads()) {
      if (!pad || !pad.connected || pad.mapping !== "standard") continue;
      if (pad.buttons[STOPS].pressed) this.stop();
      if (!SHOULDERS.some((button) => pad.buttons[button].pressed)) continue;
      const [x, y, turn, up] = pad.axes.map((share) => Math.abs(share) < DEAD_ZONE ? 0 : share);
      const grip = pad.buttons[6].value - pad.buttons[7].value;
      return [-y, -x, -up, -turn, grip].map((share) => Math.max(-1, Math.min(1, share)));
    }
    return null;
  }
}

// The legend of the keys; it shows which are down.
export function legend(element) {
  for (const code of ["KeyW", "KeyA", "KeyR", "KeyQ", "KeyO", "KeyS", "KeyD", "KeyF", "KeyE", "KeyC"]) {
    const line = document.createElement("span");
    const key = document.createElement("kbd");
    key.textContent = code.slice(3);
    key.dataset.code = code;
    line.append(key, WORDS[code]);
    element.append(line);
  }
  return (down) => {
    for (const key of element.querySelectorAll("kbd")) key.classList.toggle("down", down.has(key.dataset.code));
  };
}

// Buttons for fingers: held as long as the finger stays.
export function pads(element, hands) {
  for (const code of ["KeyQ", "KeyW", "KeyE", "KeyR", "KeyO", "KeyA", "KeyS", "KeyD", "KeyF", "KeyC"]) {
    const button = document.createElement("button");
    button.textContent = WORDS[code];
    button.tabIndex = -1;
    const lift = () => { button.classList.remove("down"); hands.lift(code); };
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.setPointerCapture(event.pointerId);
      button.classList.add("down");
      hands.hold(code);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, lift);
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    element.append(button);
  }
}
