// The body of a trial's page moves with the video.

import { bodiesOf } from "/static/body.js";

const view = document.querySelector(".body-view");
if (view) {
  bodiesOf(view, ([body]) => {
    if (currentTime !== null) body.showAt(currentTime); // of trial.js
    trial.addEventListener("time", (event) => body.showAt(event.detail));
  });
}
