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
// A gamepad's buttons, by the numbers of the standard layout.
const SHOULDERS = [4, 5]; // one of them is the dead-man
const PAD_ORDERS = { 0: "success", 1: "stop", 2: "home", 3: "frame", 8: "redo", 9: "keep", 16: "give" };

export class Hands {
  // area: the element whose focus lets keys drive. changed: called at once when what is held changes.
  // order: called with an order that a key or a gamepad gave.
  constructor(area, changed, order) {
    this.area = area;
    this.changed = changed;
    this.order = order;
    this.down = new Set();
    this.pace = 1;
    this.pressed = new Map(); // by gamepad: which of its buttons were down when it was last looked at
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
    if (document.hidden || !document.hasFocus()) { // where a browser tells nothing of it, either
      this.pressed.clear();
      return null;
    }
    const pads = [...navigator.getGamepads()].filter((pad) => pad && pad.connected && pad.mapping === "standard");
    pads.forEach((pad) => this.hear(pad));
    const held = pads.find((pad) => SHOULDERS.some((button) => pad.buttons[button].pressed));
    return held && this.area.offsetParent ? pushed(held) : null; // an arm that is not shown is not driven
  }

  // A button that was down when its gamepad was first seen gave no order but to stop.
  hear(pad) {
    const before = this.pressed.get(pad.index), now = new Set();
    pad.buttons.forEach((button, number) => { if (button.pressed) now.add(number); });
    this.pressed.set(pad.index, now);
    for (const number of now) {
      const order = PAD_ORDERS[number];
      if (order && (before ? !before.has(number) : order === "stop")) this.order(order);
    }
  }
}

function pushed({ axes, buttons }) {
  const beyond = (share) => Math.sign(share) * Math.max(0, Math.abs(share) - DEAD_ZONE) / (1 - DEAD_ZONE);
  const [x, y, turn, up] = axes.map(beyond);
  const grip = buttons[6].value - buttons[7].value;
  return [-y, -x, -up, -turn, grip].map((share) => Math.max(-1, Math.min(1, share)));
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
