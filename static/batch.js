// @ts-check
/** A batch: ticks of many rows at once, and a page that does not ask while nobody looks. */

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-tick]")) : null;
  const form = button?.closest("form");
  if (!button || !form) return;
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name=ticked]:enabled"))) box.checked = button.dataset.tick === "all";
  form.dispatchEvent(new Event("change", { bubbles: true }));
});

// The sum stays as it was shown until the answer: the press is held against it.
document.addEventListener("htmx:configRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail.elt.id === "batch-table") detail.parameters._do = "check";
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, xhr } = /** @type {CustomEvent} */ (event).detail;
  if (elt.id === "batch-progress" && document.hidden) event.preventDefault();
  if (elt.id === "batch-table") sentFields.set(xhr, readFields());
});

/* --- No answer undoes what was changed since its request ------------------------------------------- */

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} TableField */
/** What each request sent, by the id of its field. @type {WeakMap<XMLHttpRequest, Map<string, string>>} */
const sentFields = new WeakMap();
/** What was changed since the request that is answered now. @type {[string, string][]} */
let changedFields = [];

/** @param {TableField} field */
const isTick = (field) => field.type === "checkbox";
const readFields = () =>
  new Map(
    /** @type {TableField[]} */ ([...document.querySelectorAll("#batch-table :is(input, select, textarea)[id]")]).map((field) => [
      field.id,
      isTick(field) ? String(/** @type {HTMLInputElement} */ (field).checked) : field.value,
    ]),
  );

document.addEventListener("htmx:beforeSwap", (event) => {
  const sent = sentFields.get(/** @type {CustomEvent} */ (event).detail.xhr);
  changedFields = sent ? [...readFields()].filter(([id, text]) => sent.get(id) !== text) : [];
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, text] of changedFields) {
    const field = /** @type {TableField | null} */ (document.getElementById(id));
    if (!field) continue;
    if (isTick(field)) /** @type {HTMLInputElement} */ (field).checked = text === "true" && !field.disabled;
    else field.value = text;
  }
  changedFields = [];
});

// What was written above the table since it was made stays, also where a press of the table is refused.
document.addEventListener("submit", ({ target }) => {
  const written = /** @type {HTMLTextAreaElement | null} */ (document.getElementById("batch-prompts"));
  const carried = /** @type {HTMLInputElement | null} */ (document.querySelector("#batch-table [name=prompts]"));
  if (target instanceof HTMLFormElement && target.id === "batch-table" && written && carried) carried.value = written.value;
});

// Enter in a line of the table is the end of that line, not a press: what it changes is checked in its place.
document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.key !== "Enter" || event.isComposing || !(target instanceof HTMLInputElement) || target.type === "checkbox" || !target.closest("#batch-table")) return;
  event.preventDefault();
  target.dispatchEvent(new Event("change", { bubbles: true }));
});

// The table is made afresh, but not what was entered beside its button.
document.addEventListener("formdata", (event) => {
  const table = /** @type {HTMLFormElement | null} */ (document.getElementById("batch-table"));
  if (!table || !(event.target instanceof HTMLFormElement) || event.target.id !== "batch-form") return;
  const entered = new FormData(table);
  for (const name of ["title", "max_failures", "_project", "_new_project"]) if (entered.has(name)) event.formData.set(name, entered.get(name) ?? "");
});

// The second click of a double click is no second order.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target instanceof Element && event.target.closest("#send-button")) event.preventDefault();
});
