// @ts-check
/**
 * What a person put into the form of this tab stays this tab's own over a reload and on the way back, whatever
 * other tabs write: drafts on the server are for coming back. Kept in the tab's session storage until it is sent.
 */

/** @typedef {[name: string, text: string][]} Texts */

const UNSENT_NAMES = ["csrfmiddlewaretoken", "_since", "_rail", "from_model"];
/** Names that say which form this is, not what it holds. */
const FORM_NAMES = ["form_key", "_page", "_defaults"];

const getForm = () => /** @type {HTMLFormElement | null} */ (document.querySelector("#generate"));
const storageName = () => `form ${getForm()?.dataset.model}`;

/** What the form holds now. @returns {Texts} */
function readTexts() {
  const form = getForm();
  if (!form) return [];
  return [...new FormData(form)].flatMap(([name, value]) =>
    typeof value === "string" && !UNSENT_NAMES.includes(name) ? [/** @type {[string, string]} */ ([name, value])] : [],
  );
}

/** @returns {Texts} */
function loadTexts() {
  try {
    return JSON.parse(sessionStorage.getItem(storageName()) ?? "[]");
  } catch {
    return [];
  }
}

function storeTexts() {
  try {
    sessionStorage.setItem(storageName(), JSON.stringify(readTexts()));
  } catch {
    // Without session storage the draft is what comes back.
  }
}

function forgetTexts() {
  try {
    sessionStorage.removeItem(storageName());
  } catch {
    // as above
  }
}

/** @param {EventTarget | null} target */
const isInForm = (target) => target instanceof Element && target.closest("#generate") !== null;

for (const name of ["input", "change"]) {
  document.addEventListener(name, ({ target }) => {
    if (isInForm(target)) storeTexts();
  });
}
// An answer may change what the form holds: rows, pictures, its keys.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target instanceof Element && (target.id === "editor" || (isInForm(target) && loadTexts().length))) storeTexts();
});
document.addEventListener("studio:submitted", forgetTexts);

/* --- Putting it back ------------------------------------------------------------------------------- */

/** @param {Texts} texts without the names of FORM_NAMES, as one text to compare */
const describe = (texts) => JSON.stringify(texts.filter(([name]) => !FORM_NAMES.includes(name)));

/** Puts the texts into the form; what has no control yet is sent along, and the answer shows it. @param {HTMLFormElement} form @param {Texts} texts */
function writeTexts(form, texts) {
  const remaining = new Map();
  for (const [name, text] of texts) remaining.set(name, [...(remaining.get(name) ?? []), text]);
  for (const control of /** @type {HTMLInputElement[]} */ ([...form.elements])) {
    if (!control.name || UNSENT_NAMES.includes(control.name) || ["file", "submit", "button"].includes(control.type)) continue;
    const left = remaining.get(control.name) ?? [];
    if (control.type === "radio" || control.type === "checkbox") {
      control.checked = left.includes(control.value);
      if (control.checked) left.splice(left.indexOf(control.value), 1);
    } else control.value = left.shift() ?? "";
  }
  const fields = form.querySelector("#fields");
  for (const [name, left] of remaining) {
    for (const value of left) fields?.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
}

/** An address that says what the form begins with: an earlier film, an example, nothing. */
const hasInitialQuery = () => ["from", "recipe", "afresh", "draft"].some((name) => new URLSearchParams(location.search).has(name));

function restoreTexts() {
  const form = getForm();
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  const texts = loadTexts();
  if (!form || !texts.length || (navigation?.type === "navigate" && hasInitialQuery())) return;
  if (describe(texts) === describe(readTexts())) {
    // One form is never sent twice, also when the page is loaded again before the answer to a press.
    writeTexts(form, [...readTexts().filter(([name]) => name !== "form_key"), ...texts.filter(([name]) => name === "form_key")]);
    return;
  }
  writeTexts(form, texts);
  // They speak of what the server began with.
  for (const note of form.querySelectorAll("[data-note]")) note.remove();
  form.querySelector("#fields")?.dispatchEvent(new Event("change", { bubbles: true }));
}
// htmx is ready then: its own listener stands first.
document.addEventListener("DOMContentLoaded", restoreTexts);

/* --- On the way to the settings of an earlier film -------------------------------------------------- */

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[href*='?from='], a[href*='?recipe=']");
  const form = getForm();
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!(link instanceof HTMLAnchorElement) || !form || !isPlain || event.defaultPrevented) return;
  const url = new URL(link.href);
  url.searchParams.set("unsent", (new FormData(form).get("_page") ?? "").toString().split(" ")[0] ?? "");
  if (!loadTexts().length) return;
  event.preventDefault();
  // The draft must hold the last letters before the next page offers it.
  const refreshUrl = form.querySelector("#fields")?.getAttribute("hx-post") ?? "";
  const goOn = () => location.assign(url);
  fetch(refreshUrl, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } }).then(goOn, goOn);
});
