// The arm in three dimensions: shapes that came once, poses that come all the time, one light and its shadow.

const CALM_S = 0.06; // within which a shape goes most of the way to a new pose
const FRAME_MS = 35; // a browser may draw in software, on the very processor that drives the arm
const SUN = [-0.3, 0.3, -0.9];
const AT = [0.15, 0, 0.1]; // what the camera looks at
const FLOOR_M = 1.2;
const START = { yaw: -0.75, pitch: 0.42, far: 0.7 };

const VERTEX = `#version 300 es
in vec3 place; in vec3 normal;
uniform mat4 view, pose; uniform vec4 flatten; out vec3 n, at;
void main() {
  vec4 world = pose * vec4(place, 1.0);
  if (flatten.w > 0.0) world.xyz += flatten.xyz * (world.z / -flatten.z) + vec3(0.0, 0.0, 0.0006);
  at = world.xyz; n = mat3(pose) * normal;
  gl_Position = view * world;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 n, at; uniform vec3 colour, sun, eye; uniform int kind; out vec4 shown;
float lines(vec2 p, float width) {
  vec2 d = abs(fract(p - 0.5) - 0.5) / (fwidth(p) * width);
  return 1.0 - min(min(d.x, d.y), 1.0);
}
void main() {
  if (kind == 1) { // the floor: a grid of 5 and 10 cm that fades away
    float fade = smoothstep(0.85, 0.12, length(at.xy - vec2(0.16, 0.0)));
    float grid = 0.35 * lines(at.xy / 0.05, 1.0) + 0.5 * lines(at.xy / 0.1, 1.2);
    shown = vec4(mix(vec3(0.10, 0.13, 0.17), vec3(0.27, 0.33, 0.41), grid), fade);
  } else if (kind == 2) {
    shown = vec4(0.0, 0.0, 0.0, 0.38 * smoothstep(0.7, 0.2, length(at.xy - vec2(0.16, 0.0))));
  } else {
    vec3 m = normalize(n), to = normalize(eye - at);
    float sky = 0.5 + 0.5 * m.z, day = max(dot(m, -sun), 0.0), edge = pow(1.0 - max(dot(m, to), 0.0), 3.0);
    float shine = pow(max(dot(m, normalize(to - sun)), 0.0), 40.0);
    vec3 base = colour * 0.86 + 0.055;
    shown = vec4(base * (0.34 + 0.26 * sky + 0.62 * day) + 0.22 * edge * vec3(0.7, 0.8, 1.0) + 0.10 * shine, 1.0);
  }
}`;

export class Scene {
  constructor(canvas, surfaces, cube) {
    this.canvas = canvas;
    this.cube = cube; // which body
    this.hasCube = false;
    this.poses = null; // of all bodies: x y z, w x y z
    this.eased = null;
    this.look = { ...START };
    this.gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: false, stencil: true });
    if (!this.gl) return; // everything else works without
    this.program = built(this.gl);
    this.shapes = surfaces.map((surface) => this.shape(surface.body, surface.rgb, floats(surface.corners)));
    this.floor = this.shape(0, [0, 0, 0], square(FLOOR_M));
    orbit(canvas, this.look);
    this.before = performance.now();
    requestAnimationFrame((now) => this.frame(now));
  }

  shape(body, rgb, corners) {
    const gl = this.gl, array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, corners, gl.STATIC_DRAW);
    ["place", "normal"].forEach((name, i) => {
      gl.enableVertexAttribArray(i);
      gl.vertexAttribPointer(i, 3, gl.FLOAT, false, 24, 12 * i);
    });
    return { body, rgb, array, count: corners.length / 6 };
  }

  frame(now) {
    requestAnimationFrame((next) => this.frame(next));
    if (now - this.before < FRAME_MS) return;
    const share = 1 - Math.exp(-(now - this.before) / 1000 / CALM_S);
    this.before = now;
    if (!this.poses || !this.canvas.clientWidth) return;
    const key = [this.look.yaw, this.look.pitch, this.look.far, this.canvas.clientWidth, this.canvas.clientHeight, this.hasCube].join();
    const rest = this.ease(share);
    if (rest < 1e-4 && key === this.drawn) return; // nothing moves: leave the processor to the arm
    this.drawn = rest < 1e-4 ? key : "";
    this.draw();
  }

  // Go a share of the way to the newest poses; how far the farthest still is.
  ease(share) {
    if (!this.eased || this.eased.length !== this.poses.length) this.eased = [...this.poses];
    let rest = 0;
    for (let i = 0; i < this.poses.length; i += 7) {
      const dot = [3, 4, 5, 6].reduce((sum, k) => sum + this.poses[i + k] * this.eased[i + k], 0);
      for (let k = 0; k < 7; k++) {
        const goal = k > 2 && dot < 0 ? -this.poses[i + k] : this.poses[i + k];
        rest = Math.max(rest, Math.abs(goal - this.eased[i + k]));
        this.eased[i + k] += share * (goal - this.eased[i + k]);
      }
    }
    return rest;
  }

  draw() {
    const { gl, canvas, program } = this, scale = Math.min(devicePixelRatio, 2);
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    gl.useProgram(program.all);
    const eye = eyeAt(this.look);
    gl.uniformMatrix4fv(program.view, false, viewing(eye, canvas.width / canvas.height));
    gl.uniform3fv(program.sun, unit(SUN));
    gl.uniform3fv(program.eye, eye);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.put(this.floor, 1, [0, 0, 0, 0]);
    gl.enable(gl.STENCIL_TEST); // so that a shadow on a shadow is no darker
    gl.stencilFunc(gl.EQUAL, 0, 1);
    gl.stencilOp(gl.KEEP, gl.KEEP, gl.INCR);
    for (const shape of this.shown()) this.put(shape, 2, [...unit(SUN), 1]);
    gl.disable(gl.STENCIL_TEST);
    for (const shape of this.shown()) this.put(shape, 0, [0, 0, 0, 0]);
  }

  shown() {
    return this.shapes.filter((shape) => shape.body !== this.cube || this.hasCube);
  }

  put(shape, kind, flatten) {
    const { gl, program } = this;
    gl.uniformMatrix4fv(program.pose, false, placed(this.eased, 7 * shape.body));
    gl.uniform3fv(program.colour, shape.rgb);
    gl.uniform4fv(program.flatten, flatten);
    gl.uniform1i(program.kind, kind);
    gl.bindVertexArray(shape.array);
    gl.drawArrays(gl.TRIANGLES, 0, shape.count);
  }
}

function built(gl) {
  const all = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(all, shader);
  }
  ["place", "normal"].forEach((name, i) => gl.bindAttribLocation(all, i, name));
  gl.linkProgram(all);
  if (!gl.getProgramParameter(all, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(all));
  const names = ["view", "pose", "flatten", "colour", "sun", "eye", "kind"];
  return Object.fromEntries([["all", all], ...names.map((name) => [name, gl.getUniformLocation(all, name)])]);
}

const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

function square(half) {
  const corners = [[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]];
  return new Float32Array(corners.flatMap(([x, y]) => [AT[0] + half * x, half * y, 0, 0, 0, 1]));
}

function unit(v) {
  const length = Math.hypot(...v);
  return v.map((x) => x / length);
}

const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

function eyeAt({ yaw, pitch, far }) {
  const out = [Math.cos(pitch) * Math.cos(yaw), Math.cos(pitch) * Math.sin(yaw), Math.sin(pitch)];
  return AT.map((x, i) => x + far * out[i]);
}

// Perspective times look-at, by columns.
function viewing(eye, aspect) {
  const back = unit(eye.map((x, i) => x - AT[i])), right = unit(cross([0, 0, 1], back)), up = cross(back, right);
  const near = 0.02, end = 6, f = 1 / Math.tan(0.36), g = (end + near) / (near - end), h = 2 * end * near / (near - end);
  const rows = [right.map((x) => x * f / Math.max(aspect, 0.9)), up.map((x) => x * f / Math.max(1, 0.9 / aspect)), back];
  const moved = rows.map((row) => -dot(row, eye)), columns = [];
  for (let i = 0; i < 3; i++) columns.push(rows[0][i], rows[1][i], g * rows[2][i], -rows[2][i]);
  return new Float32Array([...columns, moved[0], moved[1], g * moved[2] + h, -moved[2]]);
}

function placed(poses, i) {
  const [x, y, z] = poses.slice(i, i + 3), [a, b, c, d] = unit(poses.slice(i + 3, i + 7));
  return new Float32Array([
    1 - 2 * (c * c + d * d), 2 * (b * c + a * d), 2 * (b * d - a * c), 0,
    2 * (b * c - a * d), 1 - 2 * (b * b + d * d), 2 * (c * d + a * b), 0,
    2 * (b * d + a * c), 2 * (c * d - a * b), 1 - 2 * (b * b + c * c), 0,
    x, y, z, 1,
  ]);
}

// Drag to turn, wheel to come nearer, double click to start over; none of it takes the keys away.
function orbit(canvas, look) {
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    look.yaw -= 0.008 * event.movementX;
    look.pitch = Math.min(1.5, Math.max(0.04, look.pitch + 0.008 * event.movementY));
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    look.far = Math.min(2.5, Math.max(0.25, look.far * Math.exp(0.001 * event.deltaY)));
  }, { passive: false });
  canvas.addEventListener("dblclick", () => Object.assign(look, START));
}
