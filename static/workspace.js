// @ts-check
/** Stage and rail: one poller that rests with the page, says when it is blind, and spares a playing film. */

const words = /** @type {HTMLTemplateElement} */ (document.getElementById("words")).dataset;
const htmx = /** @type {any} */ (window).htmx;
const trouble = /** @type {HTMLElement} */ (document.getElementById("trouble"));
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
const workspace = /** @type {HTMLElement} */ (document.getElementById("main"));

/** Whose request this is; `detail.elt` would be whom the event is told to. @param {Event} event @returns {Element} */
const asker = (event) => /** @type {CustomEvent} */ (event).detail.requestConfig.elt;

/* --- The poller --------------------------------------------------------------------------------- */

let heard = new Date();

document.addEventListener("htmx:beforeRequest", (event) => {
  if (asker(event).id === "live" && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) htmx.trigger("#live", "look");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (asker(event).id !== "live") return;
  const { successful } = /** @type {CustomEvent} */ (event).detail;
  if (successful) heard = new Date();
  const time = heard.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  const line = successful ? "" : (words.offline ?? "").replace("{time}", time);
  if (trouble.textContent !== line) trouble.textContent = line;
  trouble.hidden = successful;
});

/**
 * A card stands in the page once. One that is new to the server's mind but already here is changed in
 * place; one that changed but is not here (older than the rail is long) is left out.
 * @param {string} answer
 */
function fitting(answer) {
  const { body } = new DOMParser().parseFromString(answer, "text/html");
  for (const card of body.querySelectorAll("article[data-generation]")) {
    const here = document.getElementById(card.id);
    const fresh = card.parentElement !== body;
    if (!fresh && !here) card.remove();
    if (!fresh || !here) continue;
    if (here.closest("#stage")) card.remove();
    else {
      card.setAttribute("hx-swap-oob", "morph");
      body.append(card);
    }
  }
  return body.innerHTML;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (asker(event).id !== "live" || !detail.shouldSwap) return;
  // An answer to an older question: the desk was laid anew meanwhile, and asks again by itself.
  const asked = document.getElementById("live")?.getAttribute("hx-get");
  if (asked !== detail.requestConfig.path) detail.shouldSwap = false;
  else detail.serverResponse = fitting(detail.serverResponse);
});

/* --- A playing film is never swapped away ---------------------------------------------------------- */

document.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters } = /** @type {CustomEvent} */ (event).detail;
  if (elt.id !== "generate") return;
  const playing = [...document.querySelectorAll("video")].find((film) => !film.paused && !film.ended);
  const card = /** @type {HTMLElement | null | undefined} */ (playing?.closest("[data-generation]"));
  if (card) parameters.keep = card.dataset.generation;
});

/* --- Saying what changed ---------------------------------------------------------------------------- */

/** @type {Map<string, string>} */
const states = new Map();

/** States that changed since the last look, in words. */
function news() {
  const lines = [];
  for (const card of document.querySelectorAll("[data-generation]")) {
    const state = card.querySelector("[data-state-text]")?.textContent ?? "";
    if (states.get(card.id) !== state) lines.push(`${card.querySelector("[data-model-name]")?.textContent}: ${state}`);
    states.set(card.id, state);
  }
  return lines;
}
news();
document.addEventListener("htmx:afterSettle", () => {
  const lines = news();
  if (lines.length) said.textContent = lines.join(". ");
});

/* --- Tabs on a phone, and where the eye goes --------------------------------------------------------- */

/** @param {string | undefined} name */
function show(name) {
  workspace.dataset.shown = name;
  for (const tab of workspace.querySelectorAll("[data-tab]")) {
    if (tab.getAttribute("data-tab") === name) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}
show(new URLSearchParams(location.search).has("show") || location.hash === "#desk" ? "results" : "create");

document.addEventListener("click", (event) => {
  const tab = event.target instanceof Element && event.target.closest("[data-tab]");
  if (!(tab instanceof HTMLElement)) return;
  event.preventDefault();
  show(tab.dataset.tab);
  scrollTo({ top: 0 });
});
document.addEventListener("studio:sent", () => {
  show("results");
  if (matchMedia("(max-width: 47.99rem)").matches) scrollTo({ top: 0 });
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target instanceof Element && event.target.id === "desk" && asker(event).matches("[hx-get]"))
    /** @type {HTMLElement | null} */ (document.querySelector("#stage article"))?.focus({ preventScroll: true });
});
