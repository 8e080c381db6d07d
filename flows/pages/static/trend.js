// The session under the pointer, or at the arrow keys' place, on plots over days; Enter opens what it leads to.
"use strict";

for (const svg of document.querySelectorAll(".plot-box svg.trend")) {
  const box = svg.parentElement;
  const points = [...svg.querySelectorAll(".point")]
    .map((circle) => ({ circle, x: circle.cx.baseVal.value, y: circle.cy.baseVal.value, of: circle.parentElement }))
    .sort((one, other) => one.x - other.x);
  const reading = box.appendChild(document.createElement("output"));
  reading.className = "reading";
  let index = null;

  const show = (nearest) => {
    if (index !== null) points[index].circle.classList.remove("shown");
    index = Math.min(Math.max(nearest, 0), points.length - 1);
    points[index].circle.classList.add("shown");
    reading.textContent = points[index].of.querySelector("title").textContent;
  };
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", `${svg.getAttribute("aria-label")}: arrow keys show values`);
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(points[0].of.getScreenCTM().inverse());
    const distances = points.map(({ x, y }) => Math.hypot(x - at.x, y - at.y));
    show(distances.indexOf(Math.min(...distances)));
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) {
      event.preventDefault();
      show(index === null ? (step > 0 ? 0 : points.length - 1) : index + step);
    } else if (event.key === "Enter" && event.target === box && index !== null && points[index].of.href) {
      location.assign(points[index].of.href.baseVal);
    }
  });
}
