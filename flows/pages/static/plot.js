// The values under the pointer, or at the arrow keys' place, on plots whose curves the page holds.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

for (const box of document.querySelectorAll(".plot-box[data-curves]")) {
  const { x, unit, curves } = JSON.parse(box.dataset.curves);
  const panel = box.querySelector("g.panel");
  const [from, to, width, height] = ["from", "to", "width", "height"].map((name) => Number(panel.dataset[name]));
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("class", "cursor");
  line.setAttribute("y2", height);
  line.setAttribute("visibility", "hidden");
  panel.append(line);
  const reading = box.appendChild(document.createElement("output"));
  reading.className = "reading";
  let index = 0;

  const show = (nearest) => {
    index = Math.min(Math.max(nearest, 0), x.length - 1);
    const at = ((x[index] - from) / (to - from)) * width;
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    line.setAttribute("visibility", "visible");
    const values = curves.map(([name, of]) => `${name} ${of[index] === null ? "not known" : of[index].toFixed(1).replace("-", "\u2212")}`);
    reading.textContent = [`${x[index]} ${unit}`, ...values].join("  ");
  };
  box.addEventListener("pointermove", (event) => {
    const matrix = panel.getScreenCTM().inverse();
    const at = from + (new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix).x / width) * (to - from);
    show(x.findLastIndex((one) => one <= at + (x[1] - x[0]) / 2));
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(index + step);
  });
}
