// @ts-check
/** The editor of a cut: a part in the player, its in and out point, the order, the length, a look at the whole. */

const editor = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-cut-editor]"));
const list = /** @type {HTMLElement | null} */ (document.getElementById("part-rows"));
const player = /** @type {HTMLVideoElement | null} */ (editor?.querySelector(".cut-player video") ?? null);
const words = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;

const listRows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-part]")]);
/** @param {HTMLElement} row @param {"begin" | "end"} name */
const fieldOf = (row, name) => /** @type {HTMLInputElement} */ (row.querySelector(`[name=${name}]`));
/** @param {HTMLElement} row */
const lengthOf = (row) => Number(row.dataset.seconds);
/** @param {HTMLElement} row */
const beginOf = (row) => Math.max(0, fieldOf(row, "begin").valueAsNumber || 0);
/** @param {HTMLElement} row */
function endOf(row) {
  const value = fieldOf(row, "end").valueAsNumber;
  return Number.isNaN(value) ? lengthOf(row) : Math.min(value, lengthOf(row));
}

/** The part in the player. @type {HTMLElement | undefined} */
let chosen;
/** Whether the parts are played one after the other. */
let isPlayingCut = false;

/** The decimal point of the page's language. */
const decimalPoint = (1.5).toLocaleString(document.documentElement.lang).charAt(1);

/** 0:14.5, as `format_length` writes it. @param {number} seconds */
function formatLength(seconds) {
  const tenths = Math.floor(seconds * 10 + 0.5);
  const whole = Math.floor(tenths / 10);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return `${shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":")}${decimalPoint}${tenths % 10}`;
}

function update() {
  const rows = listRows();
  const total = editor?.querySelector("[data-total]");
  if (total) total.textContent = formatLength(rows.reduce((sum, row) => sum + Math.max(0, endOf(row) - beginOf(row)), 0));
  rows.forEach((row, index) => {
    for (const name of /** @type {const} */ (["begin", "end"])) {
      const field = fieldOf(row, name);
      const label = field.labels?.[0];
      field.id = `part-${index}-${name}`;
      if (label) label.htmlFor = field.id;
      const error = field.getAttribute("aria-describedby");
      if (error && !document.getElementById(error)) field.removeAttribute("aria-describedby");
    }
    for (const button of row.querySelectorAll("[data-move]")) {
      if (!(button instanceof HTMLButtonElement)) continue;
      button.value = `${button.dataset.move}:${index}`;
      button.disabled = (button.dataset.move === "up" && index === 0) || (button.dataset.move === "down" && index === rows.length - 1);
    }
  });
  editor?.querySelector(".cut-player")?.toggleAttribute("hidden", !rows.length);
}

/** @param {HTMLElement} row @param {number} [second] */
function choose(row, second = beginOf(row)) {
  if (!player) return;
  chosen?.removeAttribute("aria-current");
  chosen = row;
  row.setAttribute("aria-current", "true");
  const url = row.dataset.url ?? "";
  if (player.getAttribute("src") !== url) player.setAttribute("src", url);
  player.currentTime = second;
}

/** @param {"begin" | "end"} name */
function setPoint(name) {
  if (!chosen || !player) return;
  const field = fieldOf(chosen, name);
  const atEnd = name === "end" && player.currentTime >= lengthOf(chosen) - 0.02;
  field.value = atEnd ? "" : String(Math.round(player.currentTime * 1000) / 1000);
  update();
}

/* --- The order -------------------------------------------------------------------------------- */

/** @param {HTMLElement} row @param {string} text */
function announce(row, text) {
  const announcer = document.getElementById("announcer");
  const rows = listRows();
  const number = String(rows.indexOf(row) + 1);
  if (announcer) announcer.textContent = text.replace("{title}", row.dataset.title ?? "").replace("{n}", number).replace("{count}", String(rows.length));
}

/** @param {HTMLElement} row @param {string} move */
function change(row, move) {
  const neighbour = move === "up" ? row.previousElementSibling : row.nextElementSibling;
  if (move === "copy") {
    const copy = /** @type {HTMLElement} */ (row.cloneNode(true));
    copy.removeAttribute("aria-current");
    for (const name of /** @type {const} */ (["begin", "end"])) fieldOf(copy, name).value = fieldOf(row, name).value;
    copy.querySelectorAll(".errors").forEach((error) => error.remove());
    row.after(copy);
    copy.querySelector("input[name=begin]")?.scrollIntoView({ block: "nearest" });
    update();
    return announce(copy, words.partMoved ?? "");
  }
  if (move === "remove") {
    const next = /** @type {HTMLElement | null} */ (row.nextElementSibling ?? row.previousElementSibling);
    const focused = next?.querySelector("[data-move=remove]") ?? editor?.querySelector(".cut-offer summary");
    if (chosen === row && next) choose(next);
    row.remove();
    update();
    if (focused instanceof HTMLElement) focused.focus();
    return announce(row, words.partRemoved ?? "");
  }
  if (!neighbour) return;
  if (move === "up") neighbour.before(row);
  else neighbour.after(row);
  update();
  const button = row.querySelector(`[data-move=${move}]`);
  // At the end of the list the button that was pressed has nothing left to do.
  if (button instanceof HTMLButtonElement) (button.disabled ? row.querySelector(`[data-move=${move === "up" ? "down" : "up"}]`) : button)?.focus?.();
  announce(row, words.partMoved ?? "");
}

/** @type {HTMLElement | null} */
let dragged = null;
list?.addEventListener("dragstart", (event) => {
  dragged = event.target instanceof Element ? event.target.closest("[data-part]") : null;
  dragged?.setAttribute("data-dragged", "");
  event.dataTransfer?.setData("text/plain", dragged?.dataset.title ?? "");
});
list?.addEventListener("dragover", (event) => {
  if (!dragged || !(event.target instanceof Element)) return;
  event.preventDefault();
  const over = event.target.closest("[data-part]");
  if (!over || over === dragged) return;
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged);
  else over.after(dragged);
});
list?.addEventListener("dragend", () => {
  dragged?.removeAttribute("data-dragged");
  if (dragged) announce(dragged, words.partMoved ?? "");
  dragged = null;
  update();
});
// Only by its poster: in a field, dragging chooses text.
list?.addEventListener("pointerdown", ({ target }) => {
  const row = target instanceof Element ? target.closest("[data-part]") : null;
  row?.toggleAttribute("draggable", false);
  if (row instanceof HTMLElement) row.draggable = target instanceof Element && Boolean(target.closest(".part-poster"));
});

/* --- A look at the whole ---------------------------------------------------------------------- */

const playButton = /** @type {HTMLElement | null} */ (editor?.querySelector("[data-play-cut]") ?? null);

/** @param {boolean} isPlaying */
function setPlayingCut(isPlaying) {
  const text = playButton?.querySelector("span");
  if (!playButton || !text || !player) return;
  playButton.dataset.playText ??= text.textContent ?? "";
  isPlayingCut = isPlaying;
  text.textContent = (isPlaying ? playButton.dataset.stopText : playButton.dataset.playText) ?? "";
  if (!isPlaying) player.pause();
}

function followCut() {
  if (!isPlayingCut || !player || !chosen) return;
  if (!player.ended && player.currentTime < endOf(chosen) - 0.02) return;
  const rows = listRows();
  const next = rows[rows.indexOf(chosen) + 1];
  if (!next) return setPlayingCut(false);
  choose(next);
  player.play().catch(() => setPlayingCut(false));
}
player?.addEventListener("timeupdate", followCut);
player?.addEventListener("ended", followCut);

/* --- What was pressed ------------------------------------------------------------------------- */

editor?.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const row = event.target.closest("[data-part]");
  const move = event.target.closest("[data-move]");
  if (row instanceof HTMLElement && move instanceof HTMLElement) {
    event.preventDefault();
    return change(row, move.dataset.move ?? "");
  }
  if (row instanceof HTMLElement && event.target.closest("[data-choose], .part-poster")) return choose(row);
  const point = event.target.closest("[data-set]");
  if (point instanceof HTMLElement) return setPoint(point.dataset.set === "end" ? "end" : "begin");
  if (event.target.closest("[data-play-cut]")) {
    const [first] = listRows();
    setPlayingCut(!isPlayingCut);
    if (isPlayingCut && first) {
      choose(first);
      player?.play().catch(() => setPlayingCut(false));
    }
  }
});
editor?.addEventListener("focusin", ({ target }) => {
  const row = target instanceof Element ? target.closest("[data-part]") : null;
  if (row instanceof HTMLElement && target instanceof HTMLInputElement && row !== chosen) choose(row);
});
editor?.addEventListener("input", ({ target }) => {
  const row = target instanceof Element ? target.closest("[data-part]") : null;
  if (!(row instanceof HTMLElement) || !(target instanceof HTMLInputElement)) return;
  update();
  if (chosen === row && player?.paused) player.currentTime = target.name === "end" ? endOf(row) : beginOf(row);
});

update();
const [firstRow] = listRows();
if (firstRow) choose(firstRow);
