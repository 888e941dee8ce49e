// What the hands want: keys, gamepad and touch as one motion, and null as soon as nothing is held.
// Shares of full speed: forwards, left, up, turn left, open.

// The keys are those of twinarm teleop in a terminal.
const KEYS = {
  KeyI: [1, 0, 0, 0, 0], KeyK: [-1, 0, 0, 0, 0], KeyJ: [0, 1, 0, 0, 0], KeyL: [0, -1, 0, 0, 0],
  KeyU: [0, 0, 1, 0, 0], KeyM: [0, 0, -1, 0, 0], KeyZ: [0, 0, 0, 1, 0], KeyX: [0, 0, 0, -1, 0],
  KeyV: [0, 0, 0, 0, 1], KeyC: [0, 0, 0, 0, -1],
  ArrowUp: [1, 0, 0, 0, 0], ArrowDown: [-1, 0, 0, 0, 0], ArrowLeft: [0, 1, 0, 0, 0], ArrowRight: [0, -1, 0, 0, 0],
  PageUp: [0, 0, 1, 0, 0], PageDown: [0, 0, -1, 0, 0],
};
const WORDS = {
  KeyI: "forwards", KeyK: "back", KeyJ: "left", KeyL: "right", KeyU: "up", KeyM: "down", KeyZ: "turn left",
  KeyX: "turn right", KeyV: "open", KeyC: "close",
};
const ORDERS = {
  KeyH: "home", KeyB: "frame", KeyG: "give", KeyS: "success", KeyF: "failure", KeyN: "keep", Enter: "keep",
  KeyR: "redo", KeyD: "discard", KeyT: "take",
};
const PACES = { Digit1: 0.2, Digit2: 0.4, Digit3: 0.6, Digit4: 0.8, Digit5: 1.0 }; // share of full speed
const DEAD_ZONE = 0.12;
const SHOULDERS = [4, 5]; // one of them is the gamepad's dead-man
const STOPS = 1; // its B, or circle

export class Hands {
  // area: the element whose focus lets keys drive. changed: called at once when what is held changes.
  // order: called with an order that a key gave.
  constructor(area, changed, order) {
    this.area = area;
    this.changed = changed;
    this.order = order;
    this.down = new Set();
    this.pace = 1;
    this.stopping = false; // the gamepad's stop is down
    area.addEventListener("keydown", (event) => this.press(event));
    addEventListener("keyup", (event) => this.lift(event.code));
    area.addEventListener("focusout", () => this.letGo());
    addEventListener("blur", () => this.letGo());
    addEventListener("pagehide", () => this.letGo());
    document.addEventListener("visibilitychange", () => this.letGo());
  }

  press(event) {
    if (event.target !== this.area) return; // a button's own key
    if (event.ctrlKey || event.metaKey || event.altKey) return this.letGo(); // a shortcut of the browser's
    if (event.code in KEYS) event.preventDefault();
    if (event.repeat) return;
    if (event.code in KEYS) this.hold(event.code);
    else if (event.code in PACES) this.pace = PACES[event.code];
    else if (event.code in ORDERS) this.order(ORDERS[event.code]);
  }

  hold(code) {
    this.down.add(code);
    this.changed();
  }

  lift(code) {
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
    return sum.map((share) => this.pace * Math.max(-1, Math.min(1, share)));
  }

  gamepad() {
    if (document.hidden || !document.hasFocus()) return null; // where a browser tells nothing of it, either
    for (const pad of navigator.getGamepads()) {
      if (!pad || !pad.connected || pad.mapping !== "standard") continue;
      if (pad.buttons[STOPS].pressed && !this.stopping) this.order("stop");
      this.stopping = pad.buttons[STOPS].pressed;
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
  for (const code of ["KeyI", "KeyJ", "KeyU", "KeyZ", "KeyV", "KeyK", "KeyL", "KeyM", "KeyX", "KeyC"]) {
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
  for (const code of ["KeyZ", "KeyI", "KeyX", "KeyU", "KeyV", "KeyJ", "KeyK", "KeyL", "KeyM", "KeyC"]) {
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
