// @ts-check
/** The form: it counts, it slides, it sends on Ctrl+Enter, and it never sends and refreshes at once. */

const words = /** @type {HTMLTemplateElement} */ (document.getElementById("words")).dataset;

/** @param {string} selector */
const one = (selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector));

/* --- While typing ----------------------------------------------------------------------------- */

/** Code points, as the server counts them. @param {HTMLInputElement | HTMLTextAreaElement} field */
function count(field) {
  const counter = one(`[data-count-for="${field.id}"]`);
  if (!counter) return;
  const length = [...field.value].length;
  const limit = counter.dataset.limit;
  counter.textContent = limit ? `${length} / ${limit}` : String(length);
  counter.toggleAttribute("data-over", limit !== undefined && length > Number(limit));
}

/** Slider and number show one value; only the number has a name. @param {HTMLInputElement} field */
function mirror(field) {
  const other = field.dataset.sliderFor
    ? document.getElementById(field.dataset.sliderFor)
    : one(`[data-slider-for="${field.id}"]`);
  if (other instanceof HTMLInputElement && field.value !== "") other.value = field.value;
}

document.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement)) return;
  count(target);
  if (target instanceof HTMLInputElement) mirror(target);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const button = /** @type {HTMLButtonElement | null} */ (one("#generate [data-action=generate]"));
  if (!button || button.disabled || event.repeat) return;
  event.preventDefault();
  button.form?.requestSubmit(button);
});

document.addEventListener("click", ({ target }) => {
  if (target instanceof Element) target.closest("[data-dismiss]")?.closest("[data-note]")?.remove();
});

/* --- Sending wins over refreshing -------------------------------------------------------------- */

let changed = 0;
let asked = 0;
document.addEventListener("change", () => (changed = performance.now()), true);

/** Whether the press of the button is on its way. */
const sending = () => one("#generate")?.classList.contains("htmx-request") ?? false;
/** Whether this element asks for the form anew. @param {Element} asker */
const refreshes = (asker) => asker.id !== "generate" && asker.closest("#generate") !== null;

document.addEventListener("htmx:beforeRequest", (event) => {
  const asker = /** @type {CustomEvent} */ (event).detail.elt;
  if (!refreshes(asker)) return;
  if (sending()) event.preventDefault();
  asked = performance.now();
});
// An answer that is older than the last change would take that change back; a newer one is coming.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (!["generate", "receipt"].includes(detail.target.id) || !refreshes(detail.requestConfig.elt)) return;
  if (sending() || changed > asked || !detail.target.isConnected) detail.shouldSwap = false;
});

/** @param {Event} event */
function complain(event) {
  const asker = /** @type {CustomEvent} */ (event).detail.elt;
  const line = one("#unsent");
  if (!line || !asker.closest("#generate")) return;
  line.textContent = (asker.id === "generate" ? words.unsent : words.stale) ?? "";
  line.hidden = false;
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, complain);

/* --- After an answer: where a person goes on ---------------------------------------------------- */

/** @param {Element} form */
function firstWrong(form) {
  const wrong = form.querySelector("[aria-invalid=true], fieldset[data-invalid]");
  const inner = wrong?.matches("fieldset") ? wrong.querySelector("input:checked, input:enabled") : null;
  return /** @type {HTMLElement | null} */ (inner ?? wrong);
}

document.addEventListener("htmx:afterSwap", (event) => {
  const { target, detail } = /** @type {CustomEvent} */ (event);
  if (!(target instanceof Element)) return;
  if (target.id === "studio") one("#model-now")?.focus();
  if (target.id !== "generate" || detail.requestConfig?.elt.id !== "generate") return;
  const wrong = firstWrong(target);
  (wrong ?? one("#generate-button"))?.focus({ preventScroll: !wrong });
  if (!wrong && !target.querySelector(".form-error:not([hidden])")) document.dispatchEvent(new Event("studio:sent"));
});
