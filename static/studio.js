// @ts-check
/** Used by all pages: what a morph keeps, running timers, copying of details, failed requests, signing out. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const language = document.documentElement.lang;

/* --- What a morph keeps ----------------------------------------------------------------------- */

const { callbacks } = /** @type {any} */ (window).Idiomorph.defaults;
/** An opened <details> stays open, a resized textarea keeps its size, a poster that is gone stays away. @param {string} name @param {Element} _ @param {string} action */
callbacks.beforeAttributeUpdated = (name, _, action) => !(["open", "style", "data-broken"].includes(name) && action === "remove");
/** The server does not know of running uploads; a note stays until it is dismissed. @param {Node} node */
callbacks.beforeNodeRemoved = (node) => !(node instanceof Element && node.matches("[data-uploading], [data-note]"));

/* --- Posters that are gone ---------------------------------------------------------------------- */

/** The icon under a poster is seen in its place. @param {EventTarget | null} target */
function hideBrokenPoster(target) {
  if (target instanceof HTMLImageElement && target.matches("[data-poster]")) target.toggleAttribute("data-broken", true);
}
document.addEventListener("error", ({ target }) => hideBrokenPoster(target), true);
for (const image of document.images) if (image.complete && image.currentSrc && !image.naturalWidth) hideBrokenPoster(image);

/* --- Timers ----------------------------------------------------------------------------------- */

/** The text last written into a clock, and since when it counts. @type {WeakMap<Element, {text: string, baseSeconds: number, startedAtMs: number}>} */
const clocks = new WeakMap();

/** Seconds of "1:02:05". @param {string} text */
const parseClock = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** Seconds as 1:05 or 1:02:05. @param {number} seconds */
function formatClock(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

/** Counts on from the server's text, because the clock of this device may be wrong. @param {Element} element */
function updateClock(element) {
  const text = element.textContent ?? "";
  let clock = clocks.get(element);
  if (!clock || clock.text !== text) clock = { text, baseSeconds: parseClock(text), startedAtMs: performance.now() };
  clock.text = formatClock(clock.baseSeconds + (performance.now() - clock.startedAtMs) / 1000);
  clocks.set(element, clock);
  if (clock.text !== text) element.textContent = clock.text;
}

const UNITS_IN_SECONDS = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]);
/** Made when it is first needed: that takes as long as all else here. @type {Intl.RelativeTimeFormat | undefined} */
let relativeFormat;

/** @param {HTMLTimeElement} element */
function updateAge(element) {
  const ageSeconds = Math.max(0, (Date.now() - Date.parse(element.dateTime)) / 1000);
  const [unit, unitSeconds] = UNITS_IN_SECONDS.find(([, seconds]) => ageSeconds >= seconds) ?? UNITS_IN_SECONDS[3];
  relativeFormat ??= new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });
  element.textContent = relativeFormat.format(-Math.floor(ageSeconds / unitSeconds), unit);
}

/** When a timer got its present data. @type {WeakMap<Element, {data: string, startedAtMs: number}>} */
const timers = new WeakMap();

/** 50 seconds, 4 minutes, 3 hours; rounded like `format_approx_duration`. @param {number} seconds */
function formatRounded(seconds) {
  const rounded = Math.ceil(seconds / 10) * 10;
  const minutes = Math.floor((rounded + 30) / 60);
  const [value, unit] = rounded < 90 ? [rounded, "second"] : minutes < 120 ? [minutes, "minute"] : [Math.floor((minutes + 30) / 60), "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** Counts on from the server's seconds until the server sends others. @param {HTMLElement} element */
function updateTimer(element) {
  const { timer: data = "", template, fallback } = element.dataset;
  const [, baseSeconds, step, thresholdSeconds] = data.split(" ").map(Number);
  let timer = timers.get(element);
  if (!timer || timer.data !== data) timer = { data, startedAtMs: performance.now() };
  timers.set(element, timer);
  const seconds = baseSeconds + (step * (performance.now() - timer.startedAtMs)) / 1000;
  const text = seconds < thresholdSeconds ? fallback : template?.replace("{time}", formatRounded(seconds));
  if (element.textContent !== text) element.textContent = text ?? "";
}

/** What counts, and how. @type {[selector: string, update: (element: any) => void][]} */
const TIMES = [
  ["[data-started]", updateClock],
  ["[data-timer]", updateTimer],
  ["time[data-age]", updateAge],
];
let nextUpdate = 0;

/** Goes on every second while something counts and somebody may see it. */
function updateTimes() {
  clearTimeout(nextUpdate);
  if (document.hidden) return;
  let count = 0;
  for (const [selector, update] of TIMES) {
    for (const element of document.querySelectorAll(selector)) {
      update(element);
      count += 1;
    }
  }
  if (count) nextUpdate = setTimeout(updateTimes, 1000);
}
for (const name of ["htmx:afterSettle", "visibilitychange"]) document.addEventListener(name, updateTimes);
updateTimes();

/* --- Copying ------------------------------------------------------------------------------------ */

/** The lines of a list, or a text as it is. @param {HTMLElement} button @returns {[HTMLElement | null, string]} */
function readCopied({ dataset }) {
  if (dataset.copyText) {
    const source = document.getElementById(dataset.copyText);
    return [source, source?.textContent ?? ""];
  }
  const list = document.getElementById(dataset.copy ?? "");
  return [list, [...(list?.children ?? [])].map((entry) => [...entry.children].map((part) => part.textContent).join(": ")).join("\n")];
}

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element && target.closest("[data-copy], [data-copy-text]");
  const [source, text] = button instanceof HTMLElement ? readCopied(button) : [null, ""];
  if (!button || !source) return;
  try {
    await navigator.clipboard.writeText(text);
    /** @type {HTMLElement} */ (document.getElementById("announcer")).textContent = messages.copied ?? "";
    button.toggleAttribute("data-copied", true);
  } catch {
    // Without https there is no clipboard: select the text, so that it can be copied by hand.
    getSelection()?.selectAllChildren(source);
  }
});

/* --- Failed requests ---------------------------------------------------------------------------- */

const pageAlert = /** @type {HTMLElement} */ (document.getElementById("page-alert"));

/** The form and the poller show their own messages. @param {Event} event */
function showRequestError(event) {
  const element = /** @type {CustomEvent} */ (event).detail.elt;
  if (element.closest("#generate, #poller")) return;
  pageAlert.textContent = messages.requestFailed ?? "";
  pageAlert.hidden = false;
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, showRequestError);

/* --- The command palette and the keys ----------------------------------------------------------- */

/** Keys that belong to what is being typed are left alone. @param {EventTarget | null} target */
const isTyping = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio], [type=range]), textarea, select"));

/** What opens at a key or a press. @type {Record<string, string>} */
const OPENERS = { palette: "openPalette", keys: "openKeys" };

/** The script is fetched when it is first needed. @param {string} name */
async function openTool(name) {
  const script = await import(messages.paletteScript ?? "");
  await script[OPENERS[name]]();
}

document.addEventListener("keydown", (event) => {
  if (!messages.paletteScript || event.defaultPrevented || event.altKey) return;
  const isPaletteKey = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k";
  const isHelpKey = event.key === "?" && !event.ctrlKey && !event.metaKey && !isTyping(event.target);
  if (!isPaletteKey && !isHelpKey) return;
  event.preventDefault();
  openTool(isPaletteKey ? "palette" : "keys");
});
document.addEventListener("click", ({ target }) => {
  const opener = target instanceof Element && target.closest("[data-open-tool]");
  if (!(opener instanceof HTMLElement)) return;
  /** @type {HTMLElement | null} */ (opener.closest(":popover-open"))?.hidePopover();
  openTool(opener.dataset.openTool ?? "");
});

/* --- The clock of this device ------------------------------------------------------------------- */

// Pages show times and days as this device does.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const secure = location.protocol === "https:" ? "; secure" : "";
if (timeZone) document.cookie = `time_zone=${timeZone}; path=/; max-age=31536000; samesite=lax${secure}`;

/* --- Signing out -------------------------------------------------------------------------------- */

// What a tab keeps for its person is nothing for the next one.
document.addEventListener("submit", ({ target }) => {
  if (!(target instanceof Element) || !target.matches("[data-sign-out]")) return;
  try {
    sessionStorage.clear();
  } catch {
    // Without session storage nothing was kept.
  }
});
