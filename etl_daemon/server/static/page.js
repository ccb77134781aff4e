"use strict";
// Every few seconds the page is fetched again, and what is marked with data-live put in place where it has changed.
const EVERY_MS = 2000;
const gone = document.getElementById("gone");
let seen = new Date();

function replace(part, fresh) {
  if (!fresh || part.innerHTML === fresh.innerHTML) return;
  if (part.contains(document.activeElement) && part !== document.activeElement) return;
  const sideways = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll(".scroll").forEach((each, place) => { each.scrollLeft = sideways[place] ?? 0; });
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    seen = new Date();
    gone.hidden = true;
    document.querySelectorAll("[data-live]").forEach((part) => replace(part, page.getElementById(part.id)));
    document.title = page.title;
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

if (document.querySelector("[data-live]")) forever();
