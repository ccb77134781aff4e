"use strict";
// What is marked with data-live is fetched again every few seconds, and put in place only where it has changed.
const EVERY_MS = 2000;
const live = document.querySelector("[data-live]");
const gone = document.getElementById("gone");
let seen = new Date();

async function refresh() {
  try {
    const answer = await fetch(live.dataset.live, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    seen = new Date();
    gone.hidden = true;
    if (!live.contains(document.activeElement) || document.activeElement === live) live.innerHTML = text;
    const state = document.getElementById("state");
    const name = document.querySelector("h1");
    if (state && name) document.title = `${name.textContent}: ${state.textContent}`;
  } catch (error) {
    const words = `The daemon does not answer since ${seen.toLocaleTimeString()}. What is shown is from then.`;
    if (gone.hidden || gone.textContent !== words) gone.textContent = words;
    gone.hidden = false;
  }
}

async function forever() {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (!document.hidden) await refresh();
  }
}

if (live) forever();
