// Follows a run: draws the page's live part again when something has happened, and says the important things aloud.
"use strict";
const live = document.getElementById("live");
const say = document.getElementById("say");
const SAY_EVERY_MS = 30000;
const DRAW_EVERY_MS = 2000;
const KEYBOARD_STOPS = "summary, a, [tabindex]";
let drawn = 0, said = 0, stage = live.querySelector("[data-stage]").dataset.stage, waiting = null, leaving = false;

async function draw() {
  waiting = null;
  drawn = Date.now();
  const answer = await fetch(live.dataset.part, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return lost();
  // our own server's escaped markup, the same as in the page itself
  const fresh = document.createElement("template");
  fresh.innerHTML = await answer.text();
  await keepCurve(fresh.content);
  const open = [...live.querySelectorAll("details")].map((each) => each.open);
  fresh.content.querySelectorAll("details").forEach((each, place) => { each.open = Boolean(open[place]); });
  const focused = [...live.querySelectorAll(KEYBOARD_STOPS)].indexOf(document.activeElement);
  live.replaceChildren(fresh.content);
  // whoever is here with the keyboard stays here
  if (focused >= 0) live.querySelectorAll(KEYBOARD_STOPS)[focused]?.focus({ preventScroll: true });
  const now = live.querySelector("[data-stage]").dataset;
  if (now.stage !== stage || Date.now() - said > SAY_EVERY_MS) {
    said = Date.now();
    say.textContent = now.say;
  }
  stage = now.stage;
  document.title = document.title.replace(/^.*(?= · )/, () => now.say);
}

// the curve that is there stays until the next one is drawn: nothing flickers
async function keepCurve(content) {
  const before = live.querySelector(".curve img");
  const after = content.querySelector(".curve img");
  if (!after) return;
  if (before && before.getAttribute("src") === after.getAttribute("src")) {
    after.replaceWith(before.cloneNode());
    return;
  }
  const loading = new Image();
  loading.src = after.getAttribute("src");
  await loading.decode().catch(() => null);
}

// what somebody has just asked for must not be lost to a page that is fetched again
document.addEventListener("submit", () => { leaving = true; });

function fetchAgain() {
  if (!leaving) location.reload();
}

function drawSoon() {
  if (waiting === null) waiting = setTimeout(draw, Math.max(0, drawn + DRAW_EVERY_MS - Date.now()));
}

function lost() {
  const notice = document.getElementById("lost");
  if (notice) {
    notice.textContent = live.dataset.lost;
    notice.hidden = false;
  }
}

function follow() {
  const events = new EventSource(live.dataset.events);
  for (const kind of ["started", "phase", "step", "epoch", "warning", "evaluation", "finished", "failed"]) {
    events.addEventListener(kind, drawSoon);
  }
  events.addEventListener("order", (event) => {
    if (["finished", "failed", "cancelled"].includes(JSON.parse(event.data).stage)) {
      events.close();
      fetchAgain();
    } else {
      drawSoon();
    }
  });
  events.addEventListener("error", lost);
  events.addEventListener("open", drawSoon);
}

// a push that was asked for begins when the worker looks: there are no events before
if (live.dataset.events) follow();
else setTimeout(fetchAgain, 2000);
