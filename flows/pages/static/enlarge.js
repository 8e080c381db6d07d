// A plot fills the window when its button is pressed, and goes back when that is pressed again, or Escape.
"use strict";

const dialog = document.createElement("dialog");
dialog.className = "enlarged";
document.body.append(dialog);
let place = null; // where the plot that is enlarged belongs

const back = () => {
  if (place === null) return;
  place.replaceWith(dialog.firstChild);
  place = null;
};
dialog.addEventListener("close", back);

for (const box of document.querySelectorAll(".plot-box")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.textContent = "\u2922";
  const title = box.querySelector("svg > title, text.title")?.textContent ?? "plot";
  button.setAttribute("aria-label", `Enlarge ${title}`);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    if (dialog.open) {
      dialog.close();
      back(); // its event comes later
      button.focus();
      return;
    }
    place = document.createElement("div");
    box.replaceWith(place);
    dialog.setAttribute("aria-label", title);
    dialog.append(box);
    dialog.showModal();
  });
  box.append(button);
}
