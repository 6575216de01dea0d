// The moving part of the network's page: asked for every two seconds while somebody can see it, and swapped only if it
// has changed (the answer is 204 else). Who wants it to stand still presses the button.

const EVERY = 2000; // milliseconds
const words = document.getElementById("liveness");
const pause = document.querySelector("[data-pause]");
let stopped = false;
let timer;

const place = () => document.querySelector("[data-live]");

function later() {
  clearTimeout(timer);
  if (!stopped && document.visibilityState === "visible") timer = setTimeout(look, EVERY);
}

async function look() {
  const { url, seen } = place().dataset;
  const scrolled = new Map([...document.querySelectorAll("[data-live] .scroll")].map((it) => [it.id, it.scrollLeft]));
  try {
    await htmx.ajax("GET", `${url}?seen=${seen}`, { target: "#live", swap: "outerHTML" });
    for (const [id, left] of scrolled) document.getElementById(id)?.scrollTo({ left, behavior: "instant" });
  } catch {
    // Said below, by the event of the same failure.
  } finally {
    tick();
    later();
  }
}

// How long ago something was, counted on from what the server said.
let since = performance.now();

function tick() {
  for (const time of document.querySelectorAll("[data-live] time[data-seconds]")) {
    const seconds = Number(time.dataset.seconds) + Math.round((performance.now() - since) / 1000);
    if (seconds < 90) time.textContent = `${seconds} s ago`;
    else if (seconds < 90 * 60) time.textContent = `${Math.round(seconds / 60)} min ago`;
  }
}

setInterval(() => { if (!stopped && document.visibilityState === "visible") tick(); }, 1000);

document.addEventListener("htmx:afterSwap", () => { since = performance.now(); });
document.addEventListener("htmx:sendError", () => say("This page cannot reach the portal; it goes on trying."));
document.addEventListener("htmx:responseError", () => say("The shared chain does not answer; this page goes on trying."));
document.addEventListener("htmx:afterOnLoad", () => say("Updates by itself."));
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && !stopped) look();
});

pause.addEventListener("click", () => {
  stopped = !stopped;
  pause.setAttribute("aria-pressed", String(stopped));
  pause.textContent = stopped ? "Update again" : "Stop updating";
  if (stopped) {
    clearTimeout(timer);
    say("Stands still.");
  } else look();
});

function say(text) {
  if (!stopped || text === "Stands still.") if (words.textContent !== text) words.textContent = text;
}

pause.hidden = false;
later();
