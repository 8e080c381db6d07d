// Two trials' bodies side by side, moved by one slider: each is shown so long before or after its own moment, which is
// its first frame or an event that both have.

import { bodiesOf } from "/static/body.js";

const section = document.querySelector(".body-view");
if (section) {
  bodiesOf(section, (bodies) => {
    const [slider, reading, aligned, play] = ["time", "reading", "aligned", "play"].map((name) => section.querySelector(`[data-${name}]`));
    const moments = () => {
      const { first, second } = aligned.selectedOptions[0].dataset;
      return first === undefined ? bodies.map((body) => body.first) : [Number(first), Number(second)];
    };
    const show = () => {
      const at = moments();
      bodies.forEach((body, number) => body.showAt(at[number] + Number(slider.value)));
      reading.textContent = `${Number(slider.value).toFixed(2).replace("-", "\u2212")} s`;
    };
    const align = () => {
      const at = moments();
      slider.min = Math.min(...bodies.map((body, number) => body.first - at[number]));
      slider.max = Math.max(...bodies.map((body, number) => body.first + body.duration - at[number]));
      slider.value = aligned.selectedOptions[0].dataset.first === undefined ? slider.min : 0;
      show();
    };
    let began = null; // when, and from which time, it plays
    const step = (now) => {
      if (began === null) return;
      const time = began.time + (now - began.now) / 1000;
      slider.value = time; // no more than its greatest
      show();
      if (time >= Number(slider.max)) stop();
      else requestAnimationFrame(step);
    };
    const stop = () => {
      began = null;
      play.textContent = "Play";
    };
    play.addEventListener("click", () => {
      if (began !== null) return stop();
      if (Number(slider.value) >= Number(slider.max)) slider.value = slider.min;
      began = { now: performance.now(), time: Number(slider.value) };
      play.textContent = "Pause";
      requestAnimationFrame(step);
    });
    slider.addEventListener("input", () => {
      stop();
      show();
    });
    aligned.addEventListener("change", () => {
      stop();
      align();
    });
    align();
  });
}
