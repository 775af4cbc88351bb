// Choosing many pages at once, and how many are chosen; the form works without.
"use strict";
const form = document.getElementById("start");
const list = form.querySelector(".pages");
const boxes = (name) => [...form.querySelectorAll(`input[type=checkbox][name="${name}"]`)];

function count() {
  const told = [["source.pages", list.dataset.first], ["recognize_pages", list.dataset.then]];
  document.getElementById("chosen").textContent = told.filter(([, words]) => words)
    .map(([name, words]) => `${boxes(name).filter((box) => box.checked).length} ${words}`).join(", ");
}

if (list) {
  for (const hidden of form.querySelectorAll("[data-script]")) hidden.hidden = false;
  form.addEventListener("click", (event) => {
    const { check, transcribed, untranscribed, uncheck } = event.target.dataset;
    if (check) {
      for (const box of boxes(check)) {
        box.checked = (transcribed === undefined || box.dataset.transcribed !== undefined)
          && (untranscribed === undefined || box.dataset.untranscribed !== undefined);
      }
    }
    if (uncheck !== undefined) for (const box of [...boxes("source.pages"), ...boxes("recognize_pages")]) box.checked = false;
    if (check || uncheck !== undefined) count();
  });
  list.addEventListener("change", count);
  count();
}

const problems = document.getElementById("problems");
if (problems) problems.focus();
// sent once, however often the button is pressed
form.addEventListener("submit", () => setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }));
// with the browser's Back button the page is as it was left
window.addEventListener("pageshow", () => { for (const button of form.querySelectorAll("button")) button.disabled = false; });
