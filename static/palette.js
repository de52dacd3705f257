// @ts-check
/** The command palette (Ctrl/Cmd+K) and the list of keys (?): both are fetched when first asked for. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
/** @type {Promise<{palette: HTMLDialogElement, keys: HTMLDialogElement}> | undefined} */
let dialogs;

/** Without case and accents. @param {string} text */
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** @param {HTMLDialogElement} palette */
const listOptions = (palette) => /** @type {HTMLElement[]} */ ([...palette.querySelectorAll("[role=option]")]);

async function fetchDialogs() {
  const response = await fetch(messages.palette ?? "", { headers: { "HX-Request": "true" } });
  const redirect = response.headers.get("HX-Redirect");
  if (redirect) location.assign(redirect);
  if (!response.ok) throw new Error(`palette: ${response.status}`);
  const { body } = new DOMParser().parseFromString(await response.text(), "text/html");
  document.body.append(...body.children);
  const palette = /** @type {HTMLDialogElement} */ (document.getElementById("palette"));
  bindPalette(palette);
  return { palette, keys: /** @type {HTMLDialogElement} */ (document.getElementById("keys")) };
}

/** A failed answer is asked for again next time. */
function getDialogs() {
  dialogs ??= fetchDialogs().catch((error) => {
    dialogs = undefined;
    throw error;
  });
  return dialogs;
}

/** @param {HTMLDialogElement} palette */
function bindPalette(palette) {
  const input = /** @type {HTMLInputElement} */ (palette.querySelector("input"));
  input.addEventListener("input", () => filterOptions(palette, input));
  input.addEventListener("keydown", (event) => moveSelection(event, palette, input));
  palette.addEventListener("click", ({ target }) => {
    if (target === palette) palette.close();
    const option = target instanceof Element && target.closest("[role=option]");
    if (option instanceof HTMLElement) runCommand(option, palette, input);
  });
}

/** @param {HTMLDialogElement} palette @param {HTMLInputElement} input @param {HTMLElement | undefined} option */
function selectOption(palette, input, option) {
  for (const item of listOptions(palette)) item.setAttribute("aria-selected", String(item === option));
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

/** @param {HTMLDialogElement} palette @param {HTMLInputElement} input */
function filterOptions(palette, input) {
  const words = fold(input.value).split(/\s+/).filter(Boolean);
  const options = listOptions(palette);
  for (const option of options) {
    const text = fold(`${option.textContent} ${option.dataset.words ?? ""}`);
    const isMissing = option.dataset.press && !document.querySelector(option.dataset.press);
    // The last one looks among the films for what was typed.
    const isFound = option.dataset.search === undefined ? words.every((word) => text.includes(word)) : words.length > 0;
    option.hidden = Boolean(isMissing) || !isFound;
  }
  selectOption(palette, input, options.find((option) => !option.hidden));
}

/** @param {KeyboardEvent} event @param {HTMLDialogElement} palette @param {HTMLInputElement} input */
function moveSelection(event, palette, input) {
  const shown = listOptions(palette).filter((option) => !option.hidden);
  const index = shown.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const places = new Map([["ArrowDown", index + 1], ["ArrowUp", index - 1]]);
  const place = places.get(event.key);
  if (place !== undefined && shown.length) selectOption(palette, input, shown[(place + shown.length) % shown.length]);
  else if (event.key === "Enter" && !event.isComposing && shown[index]) runCommand(shown[index], palette, input);
  else return;
  event.preventDefault();
}

/** @param {HTMLElement} option @param {HTMLDialogElement} palette @param {HTMLInputElement} input */
function runCommand(option, palette, input) {
  const { href, press, search } = option.dataset;
  palette.close();
  if (search !== undefined) location.assign(search + encodeURIComponent(input.value.trim()));
  else if (href) location.assign(href);
  else if (press) /** @type {HTMLElement | null} */ (document.querySelector(press))?.click();
  else openKeys();
}

export async function openPalette() {
  const { palette } = await getDialogs();
  if (palette.open) return palette.close();
  if (document.querySelector("dialog[open]")) return;
  const input = /** @type {HTMLInputElement} */ (palette.querySelector("input"));
  input.value = "";
  palette.showModal();
  filterOptions(palette, input);
}

export async function openKeys() {
  const { keys } = await getDialogs();
  if (!document.querySelector("dialog[open]")) keys.showModal();
}
