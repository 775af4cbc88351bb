// Choosing many pages at once, and how many are chosen; the form works without.
"use strict";
const form = document.getElementById("start");
const list = form.querySelector(".pages");
const boxes = (name) => [...form.querySelectorAll(`input[type=checkbox][name="${name}"]`)];

const afterwards = [...form.querySelectorAll("input[type=radio][name=recognize_pages]")];
const ticked = (name) => boxes(name).filter((box) => box.checked).length;

function count() {
  const told = [`${ticked("source.pages")} ${list.dataset.first}`];
  if (list.dataset.then) {
    const word = afterwards.find((choice) => choice.checked)?.value;
    const pages = word === "all" ? boxes("recognize_pages").length : ticked("recognize_pages");
    if (word === "test") told.push(list.dataset.test);
    if (word !== "test" || pages) told.push(`${pages} ${list.dataset.then}`);
    if (!word && !pages) told[told.length - 1] += `. ${list.dataset.nothing}`;
  }
  document.getElementById("chosen").textContent = told.join(", ");
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
    if (uncheck !== undefined || check === "recognize_pages") for (const choice of afterwards) choice.checked = !choice.value;
    if (check || uncheck !== undefined) count();
  });
  form.addEventListener("change", count);
  count();
}

const problems = document.getElementById("problems");
if (problems) problems.focus();
// sent once, however often the button is pressed
form.addEventListener("submit", () => setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }));
// with the browser's Back button the page is as it was left
window.addEventListener("pageshow", () => { for (const button of form.querySelectorAll("button")) button.disabled = false; });
