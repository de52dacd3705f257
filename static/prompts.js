// @ts-check
/** Prompts: placeholders of templates, what the menus under a prompt put into it, and names completed while typing. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));

/* --- Placeholders of a template ---------------------------------------------------------------- */

/** As the server finds them. */
const PLACEHOLDER = /\{([^{}\n]{1,40})\}/g;

/** @param {HTMLTextAreaElement} field */
function showPlaceholders(field) {
  const line = /** @type {HTMLElement | null} */ (field.form?.querySelector("[data-placeholder-names]"));
  if (!line) return;
  const names = new Set([...field.value.matchAll(PLACEHOLDER)].map((match) => match[1].trim()).filter(Boolean));
  line.textContent = names.size ? `${line.dataset.words} ${[...names].join(", ")}` : "";
}
for (const field of document.querySelectorAll("[data-placeholders-of]")) showPlaceholders(/** @type {HTMLTextAreaElement} */ (field));

/** The template with what was typed so far. @param {HTMLFormElement} form */
function fillTemplate(form) {
  const preview = /** @type {HTMLElement} */ (form.querySelector("[data-template-text]"));
  /** @type {Map<string, string>} */
  const values = new Map();
  for (const input of form.querySelectorAll("input[data-fill]")) values.set(input.getAttribute("data-fill") ?? "", /** @type {HTMLInputElement} */ (input).value.trim());
  return (preview.dataset.templateText ?? "").replace(PLACEHOLDER, (whole, name) => values.get(name.trim()) || whole);
}

document.addEventListener("input", ({ target }) => {
  if (target instanceof HTMLTextAreaElement && target.matches("[data-placeholders-of]")) showPlaceholders(target);
  const form = target instanceof Element && target.closest("form[data-use-template]");
  if (form instanceof HTMLFormElement) /** @type {HTMLElement} */ (form.querySelector("[data-template-text]")).textContent = fillTemplate(form);
});

/* --- What a menu puts into the prompt ------------------------------------------------------------ */

const PROMPTS = "#generate textarea.prompt";
const menu = document.getElementById("prompt-menu");
/** The prompt that was written in last. @type {Element | null} */
let lastPrompt = document.activeElement?.matches(PROMPTS) ? document.activeElement : null;

document.addEventListener("focusin", ({ target }) => {
  if (target instanceof HTMLTextAreaElement && target.matches(PROMPTS)) lastPrompt = target;
});

/** The style of the menus comes with this script: a page that nobody writes on needs neither. */
const style = new Promise((resolve) => {
  if (!messages.promptsStyle) return resolve(null);
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: messages.promptsStyle });
  for (const name of ["load", "error"]) link.addEventListener(name, resolve);
  document.head.append(link);
});

/** Shows what was read into the menu, beside the word that was pressed. @param {HTMLElement} source */
export async function openMenu(source) {
  await style;
  if (!menu) return;
  menu.toggleAttribute("data-ready", true);
  if (!menu.matches(":popover-open")) /** @type {any} */ (menu).showPopover({ source });
  const first = menu.querySelector("[autofocus], a, input");
  if (first instanceof HTMLElement) first.focus();
}

/** @returns {HTMLTextAreaElement | null} */
function findPrompt() {
  const fields = /** @type {HTMLTextAreaElement[]} */ ([...document.querySelectorAll(PROMPTS)]).filter((field) => !field.readOnly);
  return fields.find((field) => field === lastPrompt) ?? fields[0] ?? null;
}

/** In place of a part of a text, so that the browser's own undo knows of it. @param {HTMLTextAreaElement} field @param {string} text @param {number} start @param {number} end */
function insertText(field, text, start, end) {
  field.focus();
  field.setSelectionRange(start, end);
  if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

/** @param {string} text */
function putPrompt(text) {
  const field = findPrompt();
  menu?.hidePopover();
  if (!field) return;
  const before = field.value;
  insertText(field, text, 0, before.length);
  field.dispatchEvent(new Event("change", { bubbles: true }));
  for (const note of document.querySelectorAll("[data-prompt-undo]")) note.remove();
  if (!before.trim() || before === text) return;
  const template = /** @type {HTMLTemplateElement | null} */ (document.getElementById("prompt-undo"));
  const note = template && /** @type {Element} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
  if (!note) return;
  note.toggleAttribute("data-note", true); // a note of the form: an answer leaves it
  note.querySelector("[data-undo]")?.addEventListener("click", () => {
    note.remove();
    insertText(field, before, 0, field.value.length);
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  field.closest(".control, .cell")?.append(note);
  announcer.textContent = note.querySelector("span")?.firstChild?.textContent ?? "";
}

// Before the form's own listener, which would follow the link.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target instanceof Element && event.target.closest("#prompt-menu [data-put-prompt]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || !findPrompt()) return;
    event.preventDefault();
    putPrompt(link.querySelector("[data-put-text]")?.textContent ?? "");
  },
  true,
);

document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches("#prompt-menu [data-use-template]") || !findPrompt()) return;
  event.preventDefault();
  putPrompt(fillTemplate(event.target));
});

/* --- Completion while typing --------------------------------------------------------------------- */

/** @typedef {{text: string, label: string, about: string, picture: string}} Option */
/** What is being typed: its first character, and what follows it. @typedef {{start: number, sign: string, typed: string}} Token */

const MAX_OPTIONS = 8;
const list = Object.assign(document.createElement("ul"), { id: "completion", className: "completion", role: "listbox", ariaLabel: messages.completion ?? "" });
list.popover = "manual";
/** @type {HTMLTextAreaElement | null} */
let field = null;
/** @type {Option[]} */
let options = [];
let active = 0;
/** @type {Promise<Option[]> | null} */
let members = null;
/** What an @ is for, as the server says it while there is nobody to choose. @type {{text: string, link: string, url: string} | null} */
let lesson = null;
const hint = Object.assign(document.createElement("div"), { id: "completion-hint", className: "completion completion-hint" });
hint.popover = "manual";
/** The text that the hint stands under. @type {HTMLTextAreaElement | null} */
let hintField = null;
let isHintDismissed = false;

/** @param {string} text */
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Those behind an @: read once. @returns {Promise<Option[]>} */
const readMembers = async () => {
  try {
    const answer = await fetch(messages.castNames ?? "", { headers: { Accept: "application/json" } });
    /** @type {{members: {name: string, about: string, picture: string}[], lesson: typeof lesson}} */
    const found = await answer.json();
    lesson = found.lesson;
    if (lesson) members = null; // the first one may be made meanwhile
    return found.members.map(({ name, about, picture }) => ({ text: `@${name}`, label: `@${name}`, about, picture }));
  } catch {
    members = null; // asked again with the next letter
    return [];
  }
};

/** Tags of the pictures and elements that the form has now, numbered as the model counts them. @returns {Option[]} */
function listTags() {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById("generate"));
  const { imageReferences = "", elementReferences = "" } = form?.dataset ?? {};
  const items = imageReferences.split(" ").flatMap((name) => [...(name ? document.querySelectorAll(`[data-media="${CSS.escape(name)}"] [data-media-item]`) : [])]);
  const images = items.map((item, index) => ({
    text: `<<<image_${index + 1}>>>`,
    label: `image_${index + 1}`,
    about: item.querySelector(".media-item-square")?.getAttribute("title") ?? "",
    picture: item.querySelector("img")?.getAttribute("src") ?? "",
  }));
  const names = elementReferences.split(" ").flatMap((name) => (name ? [...(form?.querySelectorAll(`textarea[name="${CSS.escape(name)}"]`) ?? [])] : []));
  const lines = names.flatMap((area) => /** @type {HTMLTextAreaElement} */ (area).value.split("\n").filter((line) => line.trim()));
  const elements = lines.map((line, index) => ({ text: `<<<element_${index + 1}>>>`, label: `element_${index + 1}`, about: line.trim(), picture: "" }));
  return [...images, ...elements];
}

/** @param {HTMLTextAreaElement} area @returns {Token | null} */
function findToken(area) {
  if (area.selectionStart !== area.selectionEnd) return null;
  const before = area.value.slice(0, area.selectionStart);
  const match = /(?<![\p{L}\p{N}_.@])(@)([\p{L}\p{N}_]{0,40})$/u.exec(before) ?? /(<<<)(\w{0,20})$/.exec(before);
  return match && { start: match.index, sign: match[1], typed: match[2] };
}

/** @param {HTMLTextAreaElement} area */
async function complete(area) {
  const token = findToken(area);
  if (token?.sign !== "@") closeHint();
  if (!token || area.readOnly) return close();
  const all = token.sign === "@" ? await (members ??= readMembers()) : listTags();
  await style;
  if (JSON.stringify(findToken(area)) !== JSON.stringify(token) || document.activeElement !== area) return;
  if (token.sign === "@" && lesson) return openHint(area, lesson);
  closeHint();
  const typed = fold(token.typed);
  const found = all.filter(({ label }) => fold(label.replace("@", "")).startsWith(typed)).slice(0, MAX_OPTIONS);
  // Who has typed the whole name needs no list.
  if (!found.length || (found.length === 1 && typed && fold(found[0].label.replace("@", "")) === typed)) return close();
  open(area, found);
}

/** Says what an @ is for. It takes no key but Escape: the text goes on as it is typed. @param {HTMLTextAreaElement} area @param {{text: string, link: string, url: string}} words */
function openHint(area, { text, link, url }) {
  close();
  if (isHintDismissed || hintField === area) return;
  hint.replaceChildren(text, " ", Object.assign(document.createElement("a"), { href: url, target: "_blank", rel: "noopener", textContent: link }));
  if (!hint.isConnected) document.querySelector("main")?.append(hint);
  // Tab leads from the text to the link.
  if (!hint.matches(":popover-open")) /** @type {any} */ (hint).showPopover({ source: area });
  hintField = area;
  announcer.textContent = text;
  place();
}

function closeHint() {
  hintField = null;
  if (hint.matches(":popover-open")) hint.hidePopover();
}

/** @param {HTMLTextAreaElement} area @param {Option[]} found */
function open(area, found) {
  const isNew = field !== area || found.length !== options.length;
  field = area;
  options = found;
  active = 0;
  list.replaceChildren(...found.map(buildOption));
  if (!list.isConnected) document.querySelector("main")?.append(list);
  if (!list.matches(":popover-open")) list.showPopover();
  area.setAttribute("aria-controls", list.id);
  if (isNew) announcer.textContent = (messages.completionCount ?? "").replace("{n}", String(found.length));
  place();
  markActive();
}

/** @param {Option} option @param {number} index */
function buildOption({ label, about, picture }, index) {
  const item = Object.assign(document.createElement("li"), { id: `completion-${index}`, role: "option" });
  item.dataset.index = String(index);
  if (picture) item.append(Object.assign(document.createElement("img"), { src: picture, alt: "", width: 32, height: 32 }));
  item.append(Object.assign(document.createElement("b"), { textContent: label }));
  if (about) item.append(" ", Object.assign(document.createElement("span"), { textContent: about }));
  return item;
}

/** Under the text; where the window ends before, over it. */
function place() {
  const area = field ?? hintField;
  if (!area) return;
  const popup = field ? list : hint;
  const { left, top, bottom, width } = area.getBoundingClientRect();
  const height = popup.offsetHeight;
  const visibleHeight = window.visualViewport?.height ?? innerHeight;
  const isBelow = bottom + height + 4 <= visibleHeight || top < height;
  popup.style.setProperty("inset-inline-start", `${left}px`);
  popup.style.setProperty("inset-block-start", `${isBelow ? Math.min(bottom + 4, Math.max(0, visibleHeight - height)) : top - height - 4}px`);
  popup.style.setProperty("max-inline-size", `${width}px`);
}

function markActive() {
  for (const [index, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(index === active));
  list.children[active]?.scrollIntoView({ block: "nearest" });
  field?.setAttribute("aria-activedescendant", `completion-${active}`);
}

function close() {
  if (!field) return;
  field.removeAttribute("aria-activedescendant");
  field.removeAttribute("aria-controls");
  field = null;
  options = [];
  if (list.matches(":popover-open")) list.hidePopover();
}

/** @param {number} index */
function choose(index) {
  const area = field;
  const token = area && findToken(area);
  const option = options[index];
  close();
  if (!area || !token || !option) return;
  const end = area.selectionStart;
  const rest = area.value.slice(end);
  // What the model reads as a tag ends with >>>; those that stand there already are replaced.
  const closing = token.sign === "<<<" ? (/^>{1,3}/.exec(rest)?.[0].length ?? 0) : 0;
  const gap = /^[\s\p{P}]/u.test(rest.slice(closing)) ? "" : " ";
  insertText(area, option.text + gap, token.start, end + closing);
}

document.addEventListener("input", ({ target }) => {
  if (target instanceof HTMLTextAreaElement && target.matches(PROMPTS)) void complete(target);
});

// Before the keys of the page and of the form.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Escape" && hintField && event.target instanceof Node && (event.target === hintField || hint.contains(event.target))) {
      const area = hintField;
      isHintDismissed = true;
      closeHint();
      area.focus();
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (!field || event.target !== field || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      active = (active + step + options.length) % options.length;
      markActive();
    } else if (event.key === "Enter" || event.key === "Tab") choose(active);
    else if (event.key === "Escape") close();
    else {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

for (const popup of [list, hint]) popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the text keeps the focus
list.addEventListener("click", ({ target }) => {
  const item = target instanceof Element && target.closest("li");
  if (item instanceof HTMLElement) choose(Number(item.dataset.index));
});
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  if (target === field) close();
  const isLeft = target === hintField || (target instanceof Node && hint.contains(target));
  if (isLeft && relatedTarget !== hintField && !(relatedTarget instanceof Node && hint.contains(relatedTarget))) closeHint();
});
document.addEventListener("scroll", ({ target }) => target !== list && place(), true);
addEventListener("resize", place);
document.addEventListener("htmx:afterSettle", () => {
  if (hintField && !hintField.isConnected) closeHint();
  if (field && !field.isConnected) close();
  place();
  if (field) markActive();
});

// The script is read when somebody begins to write: what was typed meanwhile counts.
if (lastPrompt instanceof HTMLTextAreaElement) void complete(lastPrompt);
