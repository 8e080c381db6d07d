// The cursor on a trial's curves moves with the overlay, and the overlay with the cursor.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

const trial = document.getElementById("trial");
const video = trial.querySelector("video");
const overlayStart = Number(trial.dataset.overlayStart);
const timeShown = document.getElementById("time");
const panels = [...trial.querySelectorAll(".plot-box")].map((box) => {
  const group = box.querySelector("g.panel");
  const number = (name) => Number(group.dataset[name]);
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("class", "cursor");
  line.setAttribute("y1", 0);
  line.setAttribute("y2", number("height"));
  line.setAttribute("visibility", "hidden");
  group.append(line);
  return { group, line, reading: box.querySelector(".reading"), from: number("from"), to: number("to"), width: number("width") };
});
let curves = null;
let currentTime = null;

function nearestFrame(time) {
  const times = curves.time_s;
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle;
    else high = middle;
  }
  return time - times[low] <= times[high] - time ? low : high;
}

function readingOf(panel, frame) {
  return panel.curves
    .map(([name, values]) => `${name} ${values[frame] === null ? "not known" : values[frame].toFixed(1).replace("-", "\u2212")}`.trim())
    .join("  ");
}

function show(time) {
  currentTime = time;
  for (const [index, panel] of panels.entries()) {
    const inside = time >= panel.from && time <= panel.to;
    panel.line.setAttribute("visibility", inside ? "visible" : "hidden");
    const x = ((time - panel.from) / (panel.to - panel.from)) * panel.width;
    panel.line.setAttribute("x1", x);
    panel.line.setAttribute("x2", x);
    panel.reading.textContent = inside && curves ? readingOf(curves.panels[index], nearestFrame(time)) : "";
  }
  if (timeShown) timeShown.textContent = `${time.toFixed(2)} s`;
  trial.dispatchEvent(new CustomEvent("time", { detail: time }));
}

function seek(time) {
  if (video) {
    video.pause();
    video.currentTime = Math.max(time - overlayStart, 0) + 1e-4;
  }
  show(time);
}

function timeAt(panel, event) {
  const matrix = panel.group.getScreenCTM().inverse();
  const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix).x;
  return panel.from + (Math.min(Math.max(x, 0), panel.width) / panel.width) * (panel.to - panel.from);
}

for (const panel of panels) {
  const svg = panel.group.ownerSVGElement;
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons) seek(timeAt(panel, event));
    else if (!video || video.paused) show(timeAt(panel, event));
  });
  svg.addEventListener("click", (event) => seek(timeAt(panel, event)));
}
for (const group of trial.querySelectorAll(".curves")) {
  group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !curves) return;
    event.preventDefault();
    const times = curves.time_s;
    const frame = nearestFrame(currentTime === null ? times[0] : currentTime);
    seek(times[Math.min(Math.max(frame + step, 0), times.length - 1)]);
  });
}
for (const button of trial.querySelectorAll(".seek")) {
  button.addEventListener("click", () => seek(Number(button.dataset.time)));
}
if (video) {
  const follow = () => {
    show(overlayStart + video.currentTime);
    if (!video.paused) requestAnimationFrame(follow);
  };
  video.addEventListener("play", follow);
  video.addEventListener("seeked", () => show(overlayStart + video.currentTime));
}
fetch(trial.dataset.curves)
  .then((reply) => reply.json())
  .then((read) => {
    curves = read;
    if (currentTime === null && curves.time_s.length) show(curves.time_s[0]);
  });
