// @ts-check
/** What every page needs: gentle morphing, clocks that tick, and a word when something breaks. */

const words = /** @type {HTMLTemplateElement} */ (document.getElementById("words")).dataset;
const language = document.documentElement.lang;

/* --- Morphing: what a person is doing stays as it is ---------------------------------------- */

const TYPED = "textarea, input:not([type=radio], [type=checkbox])";
const { defaults } = /** @type {any} */ (window).Idiomorph;

// Asked at each morph: only a control that is typed in right now keeps its value against the server's.
Object.defineProperty(defaults, "ignoreActiveValue", {
  get: () => document.activeElement?.matches(TYPED) ?? false,
  enumerable: true,
});
/** A fold that a person opened stays open, a box they drew larger large. @param {string} name @param {Element} _ @param {string} how */
defaults.callbacks.beforeAttributeUpdated = (name, _, how) => !(["open", "style"].includes(name) && how === "remove");
/** An upload under way is not known to the server yet; a note stays until it is put away. @param {Node} node */
defaults.callbacks.beforeNodeRemoved = (node) => !(node instanceof Element && node.matches("[data-uploading], [data-note]"));

/* --- Clocks ----------------------------------------------------------------------------------- */

/** What we last wrote into a clock, and from where it counts. @type {WeakMap<Element, {shown: string, base: number, at: number}>} */
const clocks = new WeakMap();

/** "1:02:05" in seconds. @param {string} text */
const seconds = (text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** Seconds as 1:05 or 1:02:05. @param {number} total */
function clock(total) {
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, Math.floor(total) % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

/** Count on from the server's figure: the clock of this device may be wrong. @param {Element} element */
function count(element) {
  const text = element.textContent ?? "";
  let known = clocks.get(element);
  if (!known || known.shown !== text) known = { shown: text, base: seconds(text), at: performance.now() };
  known.shown = clock(known.base + (performance.now() - known.at) / 1000);
  clocks.set(element, known);
  if (known.shown !== text) element.textContent = known.shown;
}

const STEPS = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]);
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "short" });

/** @param {HTMLTimeElement} element */
function age(element) {
  const past = Math.max(0, (Date.now() - Date.parse(element.dateTime)) / 1000);
  const [unit, size] = STEPS.find(([, size]) => past >= size) ?? STEPS[3];
  element.textContent = relative.format(-Math.floor(past / size), unit);
}

/** When we first saw what the server told of a span. @type {WeakMap<Element, {count: string, at: number}>} */
const spans = new WeakMap();

/** 50 seconds, 4 minutes, 3 hours; as `about_text` on the server says it. @param {number} total */
function about(total) {
  const rounded = Math.ceil(total / 10) * 10;
  const minutes = Math.floor((rounded + 30) / 60);
  const [value, unit] = rounded < 90 ? [rounded, "second"] : minutes < 120 ? [minutes, "minute"] : [Math.floor((minutes + 30) / 60), "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** A span in words goes on from the server's figure until it tells another one. @param {HTMLElement} element */
function goOn(element) {
  const { span = "", words, otherwise } = element.dataset;
  const [, seconds, step, begins] = span.split(" ").map(Number);
  let known = spans.get(element);
  if (!known || known.count !== span) known = { count: span, at: performance.now() };
  spans.set(element, known);
  const total = seconds + (step * (performance.now() - known.at)) / 1000;
  const text = total < begins ? otherwise : words?.replace("{time}", about(total));
  if (element.textContent !== text) element.textContent = text ?? "";
}

function tick() {
  if (document.hidden) return;
  document.querySelectorAll("[data-started]").forEach(count);
  document.querySelectorAll("[data-span]").forEach((element) => goOn(/** @type {HTMLElement} */ (element)));
  document.querySelectorAll("time[data-age]").forEach((element) => age(/** @type {HTMLTimeElement} */ (element)));
}
setInterval(tick, 1000);
document.addEventListener("htmx:afterSettle", tick);
tick();

/* --- Support details ---------------------------------------------------------------------------- */

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element && target.closest("[data-copy]");
  const facts = button instanceof HTMLElement && document.getElementById(button.dataset.copy ?? "");
  if (!facts) return;
  const lines = [...facts.children].map((line) => [...line.children].map((part) => part.textContent).join(": "));
  try {
    await navigator.clipboard.writeText(lines.join("\n"));
    /** @type {HTMLElement} */ (document.getElementById("said")).textContent = words.copied ?? "";
    button.toggleAttribute("data-copied", true);
  } catch {
    // No clipboard over plain http: marked, a person copies it by hand.
    getSelection()?.selectAllChildren(facts);
  }
});

/* --- Trouble ---------------------------------------------------------------------------------- */

const trouble = /** @type {HTMLElement} */ (document.getElementById("trouble"));

/** Forms and the poller speak for themselves. @param {Event} event */
function complain(event) {
  const asker = /** @type {CustomEvent} */ (event).detail.elt;
  if (asker.closest("#generate, #live")) return;
  trouble.textContent = words.broken ?? "";
  trouble.hidden = false;
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, complain);
