// @ts-check
/** Selecting films on a page that lists them: by a box, a range, all of the page, all that match; and the bar for them. */

const bar = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-select-bar]"));
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));

/** The boxes of films, in the page's order. */
const boxes = () => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[type="checkbox"][name="id"][form="film-actions"]')]);

/** What is selected; the page may get its films anew meanwhile. @type {Set<string>} */
const selected = new Set();
let isSelecting = false;
/** Where a range begins. */
let anchor = "";

/** @template {HTMLElement} T @param {string} selector @returns {T | null} */
const find = (selector) => document.querySelector(selector);
const allBox = () => /** @type {HTMLInputElement | null} */ (find("[data-select-all]"));

/** @param {HTMLInputElement} box @param {boolean} isOn */
function setBox(box, isOn) {
  box.checked = isOn;
  if (isOn) selected.add(box.value);
  else selected.delete(box.value);
}

/** Say how many are selected, on the bar and to a screen reader. */
function update() {
  if (!bar) return;
  const all = allBox();
  const count = selected.size;
  isSelecting ||= count > 0;
  bar.toggleAttribute("data-open", isSelecting);
  document.body.toggleAttribute("data-selecting", isSelecting);
  find("[data-select-start]")?.setAttribute("aria-pressed", String(isSelecting));
  const words = bar.dataset;
  const text = all?.checked ? words.matching?.replace("{n}", all.dataset.count ?? "") : count === 1 ? words.one : count ? words.many?.replace("{n}", String(count)) : words.none;
  const counter = find("[data-select-count]");
  if (!counter || counter.textContent === text) return;
  counter.textContent = text ?? "";
  if (isSelecting) announcer.textContent = text ?? "";
}

/** What the form may not name one by one, because all are meant. */
function clear() {
  for (const box of boxes()) setBox(box, false);
  selected.clear();
  const all = allBox();
  if (all) all.checked = false;
}

function end() {
  clear();
  isSelecting = false;
  for (const popover of document.querySelectorAll(".select-popover:popover-open")) /** @type {HTMLElement} */ (popover).hidePopover();
  update();
  announcer.textContent = bar?.dataset.ended ?? "";
}

/** From the box that was used last to this one. @param {HTMLInputElement} box @param {boolean} isOn */
function setRange(box, isOn) {
  const list = boxes();
  const from = list.findIndex((other) => other.value === anchor);
  const to = list.indexOf(box);
  for (const other of list.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1)) setBox(other, isOn);
}

/** @param {HTMLInputElement} box @param {boolean} isOn @param {boolean} isRange */
function choose(box, isOn, isRange) {
  const all = allBox();
  if (all) all.checked = false;
  if (isRange) setRange(box, isOn);
  else setBox(box, isOn);
  anchor = box.value;
  update();
}

function choosePage() {
  for (const box of boxes()) setBox(box, true);
  isSelecting = true;
  update();
}

/** @param {MouseEvent} event */
function handleClick(event) {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  if (target.closest("[data-select-start]")) {
    if (isSelecting) return end();
    isSelecting = true;
    update();
    boxes()[0]?.focus({ preventScroll: true });
  } else if (target.closest("[data-select-end]")) {
    end();
    find("[data-select-start]")?.focus();
  } else if (target.closest("[data-select-page]")) {
    choosePage();
  } else {
    handleTile(event, target);
  }
}

/** While one selects, a film is a large box; with Ctrl or Cmd always. @param {MouseEvent} event @param {Element} target */
function handleTile(event, target) {
  const box = /** @type {HTMLInputElement | null | undefined} */ (target.closest("[data-generation]")?.querySelector('.select-tick input'));
  if (!box || target.closest("button, summary, select, form")) return;
  if (target === box) return choose(box, box.checked, event.shiftKey);
  const isTick = Boolean(target.closest(".select-tick"));
  if (!isTick && !isSelecting && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  choose(box, event.shiftKey ? true : !box.checked, event.shiftKey);
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.matches("textarea, select, input:not([type='checkbox'])");
  if (event.key === "Enter" && target.dataset.enter) {
    event.preventDefault();
    document.getElementById(target.dataset.enter)?.click();
  } else if (event.key === "Escape" && isSelecting && !isTyping && !document.querySelector(":popover-open, dialog[open]")) {
    end();
    find("[data-select-start]")?.focus();
  } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a" && isSelecting && !isTyping) {
    event.preventDefault();
    choosePage();
  }
}

/** Many ids go as one field: a server takes only so many fields. @param {FormDataEvent} event */
function packIds(event) {
  event.formData.delete("id");
  event.formData.set("id", [...selected].join(","));
}

/** What was done is shown where the films stand; a list that can come anew does. @param {Event} event */
function handleChange(event) {
  const { action, ids } = /** @type {{action: string, ids: number[]}} */ (/** @type {CustomEvent} */ (event).detail);
  for (const popover of document.querySelectorAll(".select-popover:popover-open")) /** @type {HTMLElement} */ (popover).hidePopover();
  const isGone = ["trash", "restore"].includes(action);
  for (const id of ids) {
    for (const tile of document.querySelectorAll(`article[data-generation="${id}"]`)) {
      if (isGone) tile.remove();
      else if (action === "star" || action === "unstar") tile.toggleAttribute("data-starred", action === "star");
    }
  }
  if (isGone) end();
  const list = find("[data-film-list]");
  const htmx = /** @type {any} */ (window).htmx;
  const options = { target: `#${list?.id}`, select: `#${list?.id}`, swap: "morph:outerHTML", headers: { "HX-Request": "false" } };
  if (list) htmx.ajax("GET", location.href, options);
  else if (!ids.length) location.reload();
}

/** What was refused is read in the dialog it was typed in, which lies over the bar. */
function showRefusal() {
  const popover = find(".select-popover:popover-open");
  const refusal = find("#change-notices [data-kind=error]");
  if (!popover || !refusal) return;
  forgetRefusals();
  popover.append(refusal);
  /** @type {HTMLElement | null} */ (popover.querySelector("input, select"))?.focus();
}

function forgetRefusals() {
  for (const refusal of document.querySelectorAll(".select-popover .change-notice")) refusal.remove();
}

/** What came anew does not know what is selected. */
function restoreBoxes() {
  for (const box of boxes()) box.checked = selected.has(box.value);
}

if (bar) {
  for (const box of boxes()) if (box.checked) selected.add(box.value);
  document.addEventListener("click", handleClick, true);
  document.addEventListener("keydown", handleKey);
  document.addEventListener("htmx:afterSettle", restoreBoxes);
  document.addEventListener("htmx:afterSettle", showRefusal);
  // It does not bubble. A dialog that is closed or opened is without what was refused in it before.
  document.addEventListener("beforetoggle", forgetRefusals, true);
  document.addEventListener("films-changed", handleChange);
  bar.addEventListener("formdata", packIds);
  allBox()?.addEventListener("change", update);
  update();
}
