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
  const { elt } = /** @type {CustomEvent} */ (event).detail;
  if (elt.id === "batch-progress" && document.hidden) event.preventDefault();
});

// The second click of a double click is no second order.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target instanceof Element && event.target.closest("#send-button")) event.preventDefault();
});
