// @ts-check
/** Stage and rail of the create page: the poller, screen reader announcements, tabs on small screens. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const htmx = /** @type {any} */ (window).htmx;
const pageAlert = /** @type {HTMLElement} */ (document.getElementById("page-alert"));
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** The element that sent the request; `detail.elt` is the target of the event. @param {Event} event @returns {Element} */
const getRequestElement = (event) => /** @type {CustomEvent} */ (event).detail.requestConfig.elt;

/* --- The poller --------------------------------------------------------------------------------- */

// Other pages of this person may start something while nothing runs here.
const IDLE_POLL_MS = 15_000;
const otherTabs = new BroadcastChannel("studio-submitted");

let lastSuccessAt = new Date();
let isOfflineShown = false;

/** Asks at once what changed, also while nothing runs. */
function pollOnce() {
  const poller = document.getElementById("poller");
  if (!poller) return;
  if (poller.hasAttribute("hx-get")) htmx.trigger(poller, "poll");
  else htmx.ajax("GET", poller.dataset.url, { source: poller, target: poller, swap: "outerHTML" });
}

setInterval(() => {
  if (!document.hidden && !document.querySelector("#poller[hx-get]")) pollOnce();
}, IDLE_POLL_MS);
otherTabs.addEventListener("message", pollOnce);
document.addEventListener("studio:submitted", () => otherTabs.postMessage(""));

document.addEventListener("htmx:beforeRequest", (event) => {
  if (getRequestElement(event).id === "poller" && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) pollOnce();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (getRequestElement(event).id !== "poller") return;
  const { successful } = /** @type {CustomEvent} */ (event).detail;
  if (successful) lastSuccessAt = new Date();
  const time = lastSuccessAt.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  // The line may say something else, which an answer does not take away.
  if (successful && !isOfflineShown) return;
  isOfflineShown = !successful;
  const text = successful ? "" : (messages.offline ?? "").replace("{time}", time);
  if (pageAlert.textContent !== text) pageAlert.textContent = text;
  pageAlert.hidden = successful;
});

/**
 * Adapt an answer of the poller so that no card appears twice: a new card that the page has already (a
 * submit brought it) is morphed in place; a changed card that the page does not have is dropped.
 * @param {string} html
 */
function removeDuplicateCards(html) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const card of body.querySelectorAll("article[data-generation]")) {
    const existing = document.getElementById(card.id);
    const isNew = card.parentElement !== body;
    if (!isNew && !existing) card.remove();
    if (!isNew || !existing) continue;
    if (existing.closest("#stage")) card.remove();
    else {
      card.setAttribute("hx-swap-oob", "morph");
      body.append(card);
    }
  }
  return body.innerHTML;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (getRequestElement(event).id !== "poller" || !detail.shouldSwap) return;
  // The workspace was replaced while this request ran: the new poller asks for itself.
  const currentPath = document.getElementById("poller")?.dataset.url;
  if (currentPath !== detail.requestConfig.path) detail.shouldSwap = false;
  else detail.serverResponse = removeDuplicateCards(detail.serverResponse);
});

/* --- A submit keeps a playing video on the stage ---------------------------------------------------- */

document.addEventListener("htmx:configRequest", (event) => {
  const { elt, parameters } = /** @type {CustomEvent} */ (event).detail;
  if (elt.id !== "generate") return;
  const video = [...document.querySelectorAll("video")].find(({ paused, ended }) => !paused && !ended);
  const card = /** @type {HTMLElement | null | undefined} */ (video?.closest("[data-generation]"));
  if (card) parameters.keep = card.dataset.generation;
});

/* --- Announcing changed states ---------------------------------------------------------------------- */

/** State text by card id. @type {Map<string, string>} */
const stateTexts = new Map();

/** One line for each card whose state changed since the last call. */
function collectStateChanges() {
  const lines = [];
  for (const card of document.querySelectorAll("[data-generation]")) {
    const text = card.querySelector("[data-state-text]")?.textContent ?? "";
    if (stateTexts.get(card.id) !== text) lines.push(`${card.querySelector("[data-model-name]")?.textContent}: ${text}`);
    stateTexts.set(card.id, text);
  }
  return lines;
}
collectStateChanges();
document.addEventListener("htmx:afterSettle", () => {
  const lines = collectStateChanges();
  if (lines.length) announcer.textContent = lines.join(". ");
});

/* --- Tabs on small screens, and focus ---------------------------------------------------------------- */

/** @param {string | undefined} name */
function selectTab(name) {
  main.dataset.activeTab = name;
  for (const tab of main.querySelectorAll("[data-tab]")) {
    if (tab.getAttribute("data-tab") === name) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}
selectTab(new URLSearchParams(location.search).has("show") || location.hash === "#workspace" ? "results" : "create");

document.addEventListener("click", (event) => {
  const tab = event.target instanceof Element && event.target.closest("[data-tab]");
  if (!(tab instanceof HTMLElement)) return;
  event.preventDefault();
  selectTab(tab.dataset.tab);
  scrollTo({ top: 0 });
});
document.addEventListener("studio:submitted", () => {
  selectTab("results");
  if (matchMedia("(max-width: 47.99rem)").matches) scrollTo({ top: 0 });
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target instanceof Element && event.target.id === "workspace" && getRequestElement(event).matches("[hx-get]"))
    /** @type {HTMLElement | null} */ (document.querySelector("#stage article"))?.focus({ preventScroll: true });
});
