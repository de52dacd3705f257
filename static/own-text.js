// @ts-check
/** What is typed in this tab stays its own over a reload, whatever other tabs write. Drafts are for coming back. */

/** @typedef {[name: string, text: string][]} Texts */

const UNSENT_NAMES = ["csrfmiddlewaretoken", "_since", "_rail", "from_model"];
/** Names that say which form this is, not what it holds. */
const FORM_NAMES = ["form_key", "_page", "_defaults"];

const getForm = () => /** @type {HTMLFormElement | null} */ (document.querySelector("#generate"));
const storageName = () => `form ${getForm()?.dataset.model}`;

/** What the form holds now. @returns {Texts} */
function readTexts() {
  const entries = /** @type {Texts} */ ([...new FormData(getForm() ?? undefined)]);
  return entries.filter(([name, value]) => typeof value === "string" && !UNSENT_NAMES.includes(name));
}

/** Without session storage the draft is what comes back. @param {() => any} use */
function tryStorage(use) {
  try {
    return use();
  } catch {}
}
/** @returns {Texts} */
const loadTexts = () => tryStorage(() => JSON.parse(sessionStorage.getItem(storageName()) ?? "[]")) ?? [];
const storeTexts = () => tryStorage(() => sessionStorage.setItem(storageName(), JSON.stringify(readTexts())));

/** @param {EventTarget | null} target */
const isInForm = (target) => target instanceof Element && target.closest("#generate") !== null;

for (const name of ["input", "change"]) document.addEventListener(name, ({ target }) => isInForm(target) && storeTexts());
// An answer may change what the form holds: rows, pictures, its keys.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target instanceof Element && (target.id === "editor" || (isInForm(target) && loadTexts().length))) storeTexts();
});
document.addEventListener("studio:submitted", () => tryStorage(() => sessionStorage.removeItem(storageName())));

/** @param {Texts} texts without the names of FORM_NAMES, as one text to compare */
const describe = (texts) => JSON.stringify(texts.filter(([name]) => !FORM_NAMES.includes(name)));

/** What has no control yet is sent along, and the answer shows it. @param {HTMLFormElement} form @param {Texts} texts */
function writeTexts(form, texts) {
  const left = [...texts];
  /** @param {(entry: Texts[number]) => boolean} isWanted */
  const take = (isWanted) => left.splice(left.findIndex(isWanted), left.some(isWanted) ? 1 : 0)[0];
  for (const control of /** @type {HTMLInputElement[]} */ ([...form.elements])) {
    const { name, type } = control;
    if (!name || UNSENT_NAMES.includes(name) || ["file", "submit"].includes(type)) continue;
    if (["radio", "checkbox"].includes(type)) control.checked = take((entry) => entry[0] === name && entry[1] === control.value) !== undefined;
    else control.value = take((entry) => entry[0] === name)?.[1] ?? "";
  }
  for (const [name, value] of left) form.querySelector("#fields")?.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
}

/** An address that says what the form begins with: an earlier film, an example, nothing. */
const hasInitialQuery = () => /[?&](from|recipe|afresh|draft)\b/.test(location.search);

// htmx is ready then: its own listener stands first.
document.addEventListener("DOMContentLoaded", () => {
  const form = getForm();
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  const texts = loadTexts();
  if (!form || !texts.length || (navigation?.type === "navigate" && hasInitialQuery())) return;
  const isSame = describe(texts) === describe(readTexts());
  // One form is never sent twice, also when the page is loaded again before the answer to a press.
  writeTexts(form, isSame ? readTexts().map((entry) => (entry[0] === "form_key" ? (texts.find(([name]) => name === "form_key") ?? entry) : entry)) : texts);
  if (isSame) return;
  // They speak of what the server began with.
  for (const note of form.querySelectorAll("[data-note]")) note.remove();
  form.querySelector("#fields")?.dispatchEvent(new Event("change", { bubbles: true }));
});

// On the way to the settings of an earlier film: the draft must hold the last letters before the next page offers it.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[href*='?from='], a[href*='?recipe=']");
  const form = getForm();
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!(link instanceof HTMLAnchorElement) || !form || !isPlain || event.defaultPrevented || !loadTexts().length) return;
  event.preventDefault();
  const url = new URL(link.href);
  const body = new FormData(form);
  url.searchParams.set("unsent", String(body.get("_page")).split(" ")[0] ?? "");
  const goOn = () => location.assign(url);
  fetch(form.querySelector("#fields")?.getAttribute("hx-post") ?? "", { method: "POST", body, headers: { "HX-Request": "true" } }).then(goOn, goOn);
});
