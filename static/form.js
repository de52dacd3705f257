// @ts-check
/** The form: counters, sliders, Ctrl+Enter, and the order of its submit and refresh requests. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector));

/* --- While typing ----------------------------------------------------------------------------- */

/** Counts code points, as the server does. @param {HTMLInputElement | HTMLTextAreaElement} field */
function updateCounter(field) {
  const counter = find(`[data-count-for="${field.id}"]`);
  if (!counter) return;
  const length = [...field.value].length;
  const limit = counter.dataset.limit;
  counter.textContent = limit ? `${length} / ${limit}` : String(length);
  counter.toggleAttribute("data-over-limit", limit !== undefined && length > Number(limit));
}

/** A slider and its number field show the same value; only the field is submitted. @param {HTMLInputElement} field */
function syncSlider(field) {
  const other = field.dataset.sliderFor
    ? document.getElementById(field.dataset.sliderFor)
    : find(`[data-slider-for="${field.id}"]`);
  if (other instanceof HTMLInputElement && field.value !== "") other.value = field.value;
}

document.addEventListener("input", ({ target }) => {
  if (!(target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement)) return;
  updateCounter(target);
  if (target instanceof HTMLInputElement) syncSlider(target);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const button = /** @type {HTMLButtonElement | null} */ (find("#generate [data-action=generate]"));
  if (!button || button.disabled || event.repeat) return;
  event.preventDefault();
  button.form?.requestSubmit(button);
});

document.addEventListener("click", ({ target }) => {
  if (target instanceof Element) target.closest("[data-dismiss]")?.closest("[data-note]")?.remove();
});

/* --- A submit takes precedence over a refresh --------------------------------------------------- */

let changedAtMs = 0;
let refreshedAtMs = 0;
document.addEventListener("change", () => (changedAtMs = performance.now()), true);

/** Whether a submit is under way. */
const isSubmitting = () => find("#generate")?.classList.contains("htmx-request") ?? false;
/** Whether a request of this element refreshes the form. @param {Element} element */
const isRefresh = (element) => element.id !== "generate" && element.closest("#generate") !== null;

document.addEventListener("htmx:beforeRequest", (event) => {
  const element = /** @type {CustomEvent} */ (event).detail.elt;
  if (!isRefresh(element)) return;
  if (isSubmitting()) event.preventDefault();
  refreshedAtMs = performance.now();
});
// An answer older than the last change would undo that change; a newer request follows.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (!["generate", "quote"].includes(detail.target.id) || !isRefresh(detail.requestConfig.elt)) return;
  if (isSubmitting() || changedAtMs > refreshedAtMs || !detail.target.isConnected) detail.shouldSwap = false;
});

/** @param {Event} event */
function showRequestError(event) {
  const element = /** @type {CustomEvent} */ (event).detail.elt;
  const line = find("#submit-error");
  if (!line || !element.closest("#generate")) return;
  line.textContent = (element.id === "generate" ? messages.submitFailed : messages.refreshFailed) ?? "";
  line.hidden = false;
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, showRequestError);

/* --- Focus after an answer ---------------------------------------------------------------------- */

/** @param {Element} form */
function findFirstInvalid(form) {
  const invalid = form.querySelector("[aria-invalid=true], fieldset[data-invalid]");
  const input = invalid?.matches("fieldset") ? invalid.querySelector("input:checked, input:enabled") : null;
  return /** @type {HTMLElement | null} */ (input ?? invalid);
}

document.addEventListener("htmx:afterSwap", (event) => {
  const { target, detail } = /** @type {CustomEvent} */ (event);
  if (!(target instanceof Element)) return;
  if (target.id === "editor") find("#model-button")?.focus();
  if (target.id !== "generate" || detail.requestConfig?.elt.id !== "generate") return;
  const invalid = findFirstInvalid(target);
  (invalid ?? find("#generate-button"))?.focus({ preventScroll: !invalid });
  if (!invalid && !target.querySelector(".form-error:not([hidden])")) document.dispatchEvent(new Event("studio:submitted"));
});
