// @ts-check
/** The form: counters, sliders, and what its submit and refresh requests may change on the page. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));

/** @param {string} selector */
const find = (selector) => /** @type {HTMLElement | null} */ (document.querySelector(selector));

/* --- While typing ----------------------------------------------------------------------------- */

/** As the server counts: code points, without blanks around the text. @param {string} text */
const countCharacters = (text) => [...text.replaceAll("\0", "").trim()].length;

/** Shows the length of a text beside its limit, and how much is too much. @param {HTMLInputElement | HTMLTextAreaElement} field */
function updateCounter(field) {
  const counter = find(`[data-count-for="${field.id}"]`);
  if (!counter) return;
  const length = countCharacters(field.value);
  const { limit } = counter.dataset;
  const excess = Math.max(0, length - Number(limit ?? Infinity));
  const excessText = excess ? (messages.tooLong ?? "").replace("{count}", String(excess)) : "";
  const text = `${length}${limit ? ` / ${limit}` : ""}${excessText && ` · ${excessText}`}`;
  if (counter.textContent !== text) counter.textContent = text;
  if (excess && !counter.hasAttribute("data-over-limit")) announcer.textContent = excessText;
  counter.toggleAttribute("data-over-limit", excess > 0);
}

function updateCounters() {
  for (const counter of document.querySelectorAll("[data-count-for]")) {
    const field = document.getElementById(counter.getAttribute("data-count-for") ?? "");
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) updateCounter(field);
  }
}
updateCounters();
document.addEventListener("htmx:afterSwap", updateCounters);

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

document.addEventListener("click", ({ target }) => {
  if (target instanceof Element) target.closest("[data-dismiss]")?.closest("[data-note]")?.remove();
});

/* --- No answer undoes what was changed since its request --------------------------------------------- */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */
/** A control that is sent with the form, and what it held. @typedef {{element: Control, name: string, text: string}} Entry */

const TEXT_FIELDS = "textarea, input:not([type=radio], [type=checkbox])";

/** @returns {Control[]} */
const listControls = () => /** @type {Control[]} */ ([...(/** @type {HTMLFormElement | null} */ (find("#generate"))?.elements ?? [])]);

/** What the form would send now; uploads under way and addresses being typed change nothing yet. @returns {Entry[]} */
function readEntries() {
  return listControls()
    .filter(({ name, disabled, type }) => name && name !== "_pending" && !disabled && !["button", "submit", "file", "url"].includes(type))
    .filter((element) => !(element instanceof HTMLInputElement && ["radio", "checkbox"].includes(element.type) && !element.checked))
    .map((element) => ({ element, name: element.name, text: element.value }));
}

/** Names of the controls whose entries differ. @param {Entry[]} before @param {Entry[]} after @returns {Set<string>} */
function findChangedNames(before, after) {
  /** @param {Entry[]} entries @param {string} name */
  const collectTexts = (entries, name) => JSON.stringify(entries.filter((entry) => entry.name === name).map(({ text }) => text));
  const names = new Set([...before, ...after].map(({ name }) => name));
  return new Set([...names].filter((name) => collectTexts(before, name) !== collectTexts(after, name)));
}

const getFocusedField = () => (document.activeElement?.matches(TEXT_FIELDS) ? document.activeElement : null);
/** @param {string} name */
const findMediaControl = (name) => find(`#generate [data-media="${CSS.escape(name)}"]`);
/** The form refreshes itself on a change event. */
const triggerRefresh = () => find("#fields")?.dispatchEvent(new Event("change", { bubbles: true }));

/** What each request of the form sent. @type {WeakMap<XMLHttpRequest, Entry[]>} */
const sentEntries = new WeakMap();
/** Elements that the present morph leaves as they are. @type {Set<Element>} */
let keptElements = new Set();
/**
 * A form being submitted, what it sent, what had the focus, and whether something was changed since (null
 * without an answer). The form leaves the page when another model is chosen meanwhile.
 * @typedef {{form: Element, sent: Entry[], focus: Element | null, isRefreshNeeded: boolean | null}} Submit
 */
/** @type {Submit | null} */
let submit = null;
const isSubmitting = () => submit?.form.isConnected ?? false;

const { callbacks } = /** @type {any} */ (window).Idiomorph.defaults;
const mayUpdateAttribute = callbacks.beforeAttributeUpdated;
/** @param {string} name @param {Element} element @param {string} action */
callbacks.beforeAttributeUpdated = (name, element, action) =>
  mayUpdateAttribute(name, element, action) && !(["value", "checked"].includes(name) && keptElements.has(element));
/** @param {Element} node */
callbacks.beforeNodeMorphed = (node) => !(keptElements.has(node) && node.matches("[data-media]"));

/** Asks again with what the form holds now; a command is given again. @param {HTMLElement} element that asked */
const repeatRefresh = (element) => (element instanceof HTMLButtonElement ? element.click() : triggerRefresh());

/** Whether a request renders the form again without submitting it. @param {any} detail of an htmx event */
const isRefresh = ({ requestConfig, target }) => requestConfig.elt.id !== "generate" && ["generate", "quote"].includes(target.id);

// A submit takes precedence: no refresh runs beside it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const { elt } = detail.requestConfig;
  if (event.defaultPrevented) return;
  if (elt.id === "generate") {
    const started = { form: elt, sent: readEntries(), focus: document.activeElement, isRefreshNeeded: null };
    submit = started;
    // The request itself says its end: htmx has no event on the page for a form that left it.
    detail.xhr.addEventListener("loadend", () => finishSubmit(started));
    /** @type {any} */ (window).htmx.trigger("#fields", "htmx:abort");
  } else if (!isRefresh(detail)) return;
  else if (isSubmitting()) return event.preventDefault();
  sentEntries.set(detail.xhr, readEntries());
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  const sent = sentEntries.get(detail.xhr);
  if (!sent) return;
  const field = getFocusedField();
  keptElements = new Set([...(field ? [field] : []), ...document.querySelectorAll("#generate input[type=url]")]);
  if (isRefresh(detail)) dropOutdatedRefresh(detail, sent, field);
  else keepChangesOfSubmit(sent);
  // Notes speak of how the form was opened; a press that failed leaves them.
  if (!isRefresh(detail) && detail.shouldSwap) for (const note of document.querySelectorAll("#generate [data-note]")) note.remove();
});

/** A field being written in does not count: it is kept. @param {any} detail of an htmx event @param {Entry[]} sent @param {Element | null} field */
function dropOutdatedRefresh(detail, sent, field) {
  /** @param {Entry} entry */
  const isElsewhere = ({ element }) => element !== field;
  if (detail.target.isConnected && !isSubmitting()) {
    if (!findChangedNames(sent.filter(isElsewhere), readEntries().filter(isElsewhere)).size) return;
    repeatRefresh(detail.requestConfig.elt);
  }
  detail.shouldSwap = false;
}

/** @param {Entry[]} sent */
function keepChangesOfSubmit(sent) {
  const changedNames = findChangedNames(sent, readEntries());
  if (submit) submit.isRefreshNeeded = changedNames.size > 0;
  for (const control of listControls()) if (changedNames.has(control.name)) keptElements.add(control);
  for (const control of [...changedNames].map(findMediaControl)) if (control) keptElements.add(control);
}

/** @param {Submit} finished */
function finishSubmit(finished) {
  if (submit === finished) submit = null;
  if (!finished.form.isConnected) return;
  if (finished.isRefreshNeeded ?? findChangedNames(finished.sent, readEntries()).size > 0) triggerRefresh();
}

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
  // Who went on meanwhile keeps the focus.
  if (document.activeElement === submit?.focus || document.activeElement === document.body) invalid?.focus();
  if (!invalid && !target.querySelector(".form-error:not([hidden])")) document.dispatchEvent(new Event("studio:submitted"));
});
