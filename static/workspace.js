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

// The server says when to ask again. Only a poll that failed is repeated after so many seconds.
const RETRY_SECONDS = 4;
const HIDDEN_GAP_MS = 30_000; // between two questions of a page that nobody sees
const MIN_GAP_MS = 1000; // a page that comes to the front hears of it in several ways
const otherTabs = new BroadcastChannel("studio-submitted");

/** @type {ReturnType<typeof setTimeout> | undefined} */
let pollTimer;
/** The poller that `pollTimer` belongs to. @type {string | undefined} */
let scheduledUrl;
let askedAt = 0;
let lastSuccessAt = new Date();
let isOfflineShown = false;

const getPoller = () => document.getElementById("poller");

/** Asks at once what changed, also while nothing runs. A hidden page asks seldom, and when it is seen again. */
function pollOnce() {
  if (document.hidden) pollHidden();
  else askPoller();
}

/** While something runs: for the page's title, and to tell what ended. */
function pollHidden() {
  if (!getPoller()?.hasAttribute("hx-get")) return;
  clearTimeout(pollTimer);
  pollTimer = setTimeout(askPoller, Math.max(0, HIDDEN_GAP_MS - (performance.now() - askedAt)));
}

function askPoller() {
  const poller = getPoller();
  if (!poller) return;
  askedAt = performance.now();
  if (poller.hasAttribute("hx-get")) htmx.trigger(poller, "poll");
  else htmx.ajax("GET", poller.dataset.url, { source: poller, target: poller, swap: "outerHTML" });
}

/** Asks after so many seconds; never without a number. @param {string | null | undefined} seconds */
function pollAfter(seconds) {
  clearTimeout(pollTimer);
  if (seconds) pollTimer = setTimeout(pollOnce, Number(seconds) * 1000);
}

let isNotifying = false;

/** What tells of the films' ends is fetched once something is made: a quiet page does without. */
function ensureNotify() {
  if (isNotifying || !getPoller()?.hasAttribute("hx-get")) return;
  isNotifying = true;
  import(messages.notifyScript ?? "").catch(() => (isNotifying = false));
}

/** Does as the poller says, unless that was done already. */
function followPoller() {
  ensureNotify();
  const poller = getPoller();
  if (poller?.dataset.url === scheduledUrl) return;
  scheduledUrl = poller?.dataset.url;
  pollAfter(poller?.dataset.askAfter);
}
followPoller();
document.addEventListener("htmx:afterSettle", followPoller);

/** What other devices started is seen when somebody looks at the page. */
function pollOnReturn() {
  if (performance.now() - askedAt > MIN_GAP_MS) pollOnce();
}
document.addEventListener("visibilitychange", pollOnReturn);
addEventListener("focus", pollOnReturn);
addEventListener("pageshow", (event) => {
  if (event.persisted) pollOnReturn();
});
otherTabs.addEventListener("message", pollOnce);
document.addEventListener("studio:submitted", () => otherTabs.postMessage(""));

document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, xhr, requestConfig } = /** @type {CustomEvent} */ (event).detail;
  if (requestConfig.elt.id !== "poller") {
    // What was done to one card may have changed others, and the credits.
    if (successful && requestConfig.verb === "post" && requestConfig.elt.closest("#workspace")) pollOnce();
    return;
  }
  if (!successful) pollAfter(getPoller()?.hasAttribute("hx-get") ? `${RETRY_SECONDS * (1 + Math.random() / 2)}` : null);
  else if (xhr.status === 204) pollAfter(xhr.getResponseHeader("Poll-After"));
  if (successful) lastSuccessAt = new Date();
  const time = lastSuccessAt.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
  // The line may say something else, which an answer does not take away.
  if (successful && !isOfflineShown) return;
  isOfflineShown = !successful;
  const text = successful ? "" : (messages.offline ?? "").replace("{time}", time);
  if (pageAlert.textContent !== text) pageAlert.textContent = text;
  pageAlert.hidden = successful;
});

const TO_RAIL = "beforeend:#rail-list";
/** States of what was pressed and is not at EvoLink: it stands in the rail only if it stood there. */
const UNSENT_OR_ENDED = ["queued", "completed", "failed", "cancelled"];

/**
 * Adapt an answer of the poller so that no card appears twice: a new entry that the page has already (a
 * submit brought it) is morphed in place; a changed card that the page does not have is dropped, unless it
 * has begun: what runs is always shown.
 * @param {string} html
 */
function removeDuplicateCards(html) {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const entry of /** @type {HTMLElement[]} */ ([...body.querySelectorAll(":scope > article, :scope > section")])) {
    const isNew = entry.getAttribute("hx-swap-oob") === TO_RAIL;
    const first = entry.matches("section") ? entry.querySelector("article") : entry;
    const existing = document.getElementById(entry.id) ?? document.getElementById(first?.id ?? "");
    if (!existing) {
      const hasBegun = entry.matches(".card:not([data-dismissed])") && !UNSENT_OR_ENDED.includes(entry.dataset.status ?? "");
      if (hasBegun) entry.setAttribute("hx-swap-oob", TO_RAIL);
      else if (!isNew) entry.remove();
    } else if (isNew && (existing.id !== entry.id || existing.closest("#stage"))) entry.remove();
    else if (isNew) entry.setAttribute("hx-swap-oob", "morph");
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

/* --- The order of the rail -------------------------------------------------------------------------- */

/** What an entry says of its place; takes of one press stand where the first of them would. @param {Element} entry @returns {number[]} */
function readOrder(entry) {
  const takes = entry.matches("section") ? [...entry.querySelectorAll("[data-order]")] : [entry];
  const orders = takes.map((take) => (take.getAttribute("data-order") ?? "").split(" ").map(Number));
  return orders.sort(compareOrders)[0] ?? [];
}

/** @param {number[]} one @param {number[]} other */
function compareOrders(one, other) {
  const index = one.findIndex((number, place) => number !== other[place]);
  return index < 0 ? 0 : (one[index] ?? 0) - (other[index] ?? 0);
}

/** Before `next`, with the focus where it is. @param {HTMLElement} list @param {Element} entry @param {Element | null} next */
function moveEntry(list, entry, next) {
  const focus = document.activeElement;
  if ("moveBefore" in list) /** @type {any} */ (list).moveBefore(entry, next);
  else list.insertBefore(entry, next);
  if (focus instanceof HTMLElement && focus !== document.activeElement && entry.contains(focus)) focus.focus({ preventScroll: true });
}

/** Answers bring entries in any order; each stands where it says. */
function sortRail() {
  const list = document.getElementById("rail-list");
  if (!list) return;
  for (const group of list.querySelectorAll("section:not(:has(article))")) group.remove();
  const entries = [...list.children].map((entry) => ({ entry, order: readOrder(entry) }));
  entries.sort((one, other) => compareOrders(one.order, other.order));
  let next = list.firstElementChild;
  for (const { entry } of entries) {
    if (entry === next) next = next.nextElementSibling;
    else moveEntry(list, entry, next);
  }
}
document.addEventListener("htmx:afterSwap", sortRail);

/* --- Commands of cards ------------------------------------------------------------------------------- */

document.addEventListener("studio:announce", (event) => {
  announcer.textContent = /** @type {CustomEvent} */ (event).detail.value;
});
// A click, so that what was typed and not sent is kept as on every other way to the settings of a film.
document.addEventListener("studio:follow", (event) => {
  const link = Object.assign(document.createElement("a"), { href: /** @type {CustomEvent} */ (event).detail.value, hidden: true });
  document.body.append(link);
  link.click();
});
document.addEventListener("click", ({ target }) => {
  if (target instanceof Element && target.closest(".card-action")) /** @type {HTMLElement | null} */ (target.closest(":popover-open"))?.hidePopover();
});

/* --- Several results: one is on the screen ------------------------------------------------------------- */

const { callbacks } = /** @type {any} */ (window).Idiomorph.defaults;
const mayUpdateAttribute = callbacks.beforeAttributeUpdated;
/** No answer knows which result is shown, and whether it repeats. @param {string} name @param {Element} element @param {string} action */
callbacks.beforeAttributeUpdated = (name, element, action) =>
  mayUpdateAttribute(name, element, action) &&
  !(["data-off", "aria-pressed"].includes(name) && element.matches("[data-result], [data-show-result]")) &&
  !(["loop", "muted"].includes(name) && element instanceof HTMLMediaElement);

document.addEventListener("click", ({ target }) => {
  const tile = target instanceof Element && target.closest("[data-show-result]");
  const card = tile instanceof HTMLElement && tile.closest(".stage-card");
  if (!card) return;
  for (const other of card.querySelectorAll("[data-show-result]")) other.setAttribute("aria-pressed", String(other === tile));
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (card.querySelectorAll("[data-result]"))) {
    part.toggleAttribute("data-off", part.dataset.result !== tile.dataset.showResult);
    if (part.hasAttribute("data-off")) for (const media of part.querySelectorAll("video, audio")) /** @type {HTMLMediaElement} */ (media).pause();
  }
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
if (location.hash === "#workspace") selectTab("results");

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
  if (!(event.target instanceof Element && event.target.id === "workspace")) return;
  // What was pressed may be gone: the way on is from the film that was asked for, or from the head of the rail.
  const selector = getRequestElement(event).matches("[hx-get]") ? "#stage article.stage-card" : "#rail-title";
  if (selector !== "#rail-title" || document.activeElement === document.body)
    /** @type {HTMLElement | null} */ (document.querySelector(selector))?.focus({ preventScroll: true });
});
