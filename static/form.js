// @ts-check
/** The form: counters, sliders, what its submit and refresh requests may change, and what stays in this tab until it is sent. */

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
  const text = [limit ? `${length} / ${limit}` : length, excessText].filter(Boolean).join(" · ");
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

/* --- Prompts written before ----------------------------------------------------------------------- */

/** Read when somebody begins to write, or opens a menu under the prompt. */
const readPromptsScript = () => import(messages.promptsScript ?? "");
for (const name of ["focusin", "pointerdown"]) {
  document.addEventListener(name, ({ target }) => {
    if (target instanceof Element && target.closest("textarea.prompt, [data-prompt-tool]")) void readPromptsScript();
  });
}
document.addEventListener("htmx:afterSwap", async (event) => {
  const { target, detail } = /** @type {CustomEvent} */ (event);
  if (target instanceof HTMLElement && target.id === "prompt-menu") (await readPromptsScript()).openMenu(detail.requestConfig.elt);
});

/* --- Options ------------------------------------------------------------------------------------------ */

/** An option that cannot be chosen says why when it is pressed. */
document.addEventListener("click", ({ target }) => {
  const chip = target instanceof Element ? target.closest("[data-about]") : null;
  if (chip instanceof HTMLElement) document.getElementById(chip.dataset.about ?? "")?.showPopover({ source: chip });
});

/* --- No answer undoes what was changed since its request --------------------------------------------- */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */
/** A control that is sent with the form, and what it held. @typedef {{element: Control, name: string, text: string}} Entry */

const TEXT_FIELDS = "textarea, input:not([type=radio], [type=checkbox])";

const getForm = () => /** @type {HTMLFormElement | null} */ (find("#generate"));
/** @returns {Control[]} */
const listControls = () => /** @type {Control[]} */ ([...(getForm()?.elements ?? [])]);

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
callbacks.beforeNodeMorphed = (node) => !(keptElements.has(node) && node.matches("[data-media], select"));

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

/* --- What is entered stays this tab's own until it is sent --------------------------------------------- */

// Over a reload, a way back and a new sign-in, whatever other tabs write: drafts are for coming back another day.

/** @typedef {[name: string, text: string][]} Texts */

/** What belongs to the page and not to what was entered. */
const PAGE_FIELDS = ["csrfmiddlewaretoken", "_since", "_rail", "_pending", "_do", "from_model"];
/** What says which form it is, not what it holds. */
const FORM_FIELDS = ["form_key", "_page", "_defaults"];

const STORAGE_PREFIX = "form ";
const storageName = () => `${STORAGE_PREFIX}${messages.person} ${getForm()?.dataset.model}`;

/** What the form holds now. @returns {Texts} */
function readTexts() {
  const entries = /** @type {Texts} */ ([...new FormData(getForm() ?? undefined)]);
  return entries.filter(([name, value]) => typeof value === "string" && !PAGE_FIELDS.includes(name));
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
/** Nobody finds here what somebody else entered. */
function forgetOthers() {
  const own = `${STORAGE_PREFIX}${messages.person} `;
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(STORAGE_PREFIX) && !name.startsWith(own)) sessionStorage.removeItem(name);
}

/** @param {EventTarget | null} target */
const isInForm = (target) => target instanceof Element && target.closest("#generate") !== null;

for (const name of ["input", "change"]) document.addEventListener(name, ({ target }) => isInForm(target) && storeTexts());
// An answer may change what the form holds: rows, pictures, its keys.
document.addEventListener("htmx:afterSettle", ({ target }) => {
  if (target instanceof Element && (target.id === "editor" || (isInForm(target) && loadTexts().length))) storeTexts();
});
// A press under way at a reload is known again by its key.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.defaultPrevented && /** @type {CustomEvent} */ (event).detail.requestConfig.elt.id === "generate") storeTexts();
});
const forgetTexts = () => tryStorage(() => sessionStorage.removeItem(storageName()));
document.addEventListener("studio:submitted", forgetTexts);

const signedOutName = () => `${STORAGE_PREFIX}${messages.person} signed out`;
document.addEventListener("studio:signed-out", () => {
  if (!loadTexts().length) return; // nothing that was not sent
  storeTexts();
  tryStorage(() => sessionStorage.setItem(signedOutName(), "yes"));
});
/** Whether this page is the first one after its person was signed out of an earlier one. @returns {boolean} */
function takeSignedOut() {
  const isSignedOut = tryStorage(() => sessionStorage.getItem(signedOutName())) === "yes";
  tryStorage(() => sessionStorage.removeItem(signedOutName()));
  return isSignedOut;
}

/** @param {Texts} texts without the names of FORM_FIELDS, as one text to compare */
const describe = (texts) => JSON.stringify(texts.filter(([name]) => !FORM_FIELDS.includes(name)));

/** What has no control yet is sent along, and the answer shows it. @param {HTMLFormElement} form @param {Texts} texts */
function writeTexts(form, texts) {
  const left = [...texts];
  /** @param {(entry: Texts[number]) => boolean} isWanted */
  const take = (isWanted) => left.splice(left.findIndex(isWanted), left.some(isWanted) ? 1 : 0)[0];
  for (const control of /** @type {HTMLInputElement[]} */ ([...form.elements])) {
    const { name, type } = control;
    if (!name || PAGE_FIELDS.includes(name) || ["file", "submit"].includes(type)) continue;
    if (["radio", "checkbox"].includes(type)) control.checked = take((entry) => entry[0] === name && entry[1] === control.value) !== undefined;
    else control.value = take((entry) => entry[0] === name)?.[1] ?? "";
  }
  for (const [name, value] of left) form.querySelector("#fields")?.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
}

/** An address that says what the form begins with: an earlier film, an example, nothing. */
const hasInitialQuery = () => /[?&](from|recipe|afresh|draft|preset|prompt_of|template)\b/.test(location.search);

// htmx is ready then: its own listener stands first.
document.addEventListener("DOMContentLoaded", () => {
  const form = getForm();
  tryStorage(forgetOthers);
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  const isBackAgain = takeSignedOut();
  if (!isBackAgain && navigation?.type === "navigate" && hasInitialQuery()) return forgetTexts();
  const texts = loadTexts();
  if (!form || !texts.length) return;
  if (isBackAgain) document.dispatchEvent(new Event("studio:restored"));
  const isSame = describe(texts) === describe(readTexts());
  // One form is never sent twice, also when the page is loaded again before the answer to a press.
  writeTexts(form, isSame ? readTexts().map((entry) => (entry[0] === "form_key" ? (texts.find(([name]) => name === "form_key") ?? entry) : entry)) : texts);
  if (isSame) return;
  // They speak of what the server began with.
  for (const note of form.querySelectorAll("[data-note]")) note.remove();
  triggerRefresh();
});

/** press.js takes over the token of a fresh page, and says how that went. @returns {Promise<string>} */
const renewToken = () => new Promise((resolve) => document.dispatchEvent(new CustomEvent("studio:renew-token", { detail: resolve })));

// On the way to the settings of an earlier film: the draft must hold the last letters before the next page offers it.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a:is([href*='?from='], [href*='?recipe='], [href*='?preset='], [href*='?prompt_of='])");
  const form = getForm();
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!(link instanceof HTMLAnchorElement) || !form || !isPlain || event.defaultPrevented || !loadTexts().length) return;
  event.preventDefault();
  const url = new URL(link.href);
  const body = new FormData(form);
  url.searchParams.set("unsent", String(body.get("_page")).split(" ")[0] ?? "");
  const goOn = () => location.assign(url);
  const keep = () => fetch(form.querySelector("#fields")?.getAttribute("hx-post") ?? "", { method: "POST", body, headers: { "HX-Request": "true" } });
  /** A token that is no longer valid is renewed once. @param {Response} answer @param {boolean} isRepeated */
  const goOnIfKept = async ({ status, headers }, isRepeated) => {
    if (status === 403) {
      if (isRepeated || (await renewToken()) !== "renewed") return triggerRefresh(); // which says why
      body.set("csrfmiddlewaretoken", String(new FormData(form).get("csrfmiddlewaretoken")));
      return goOnIfKept(await keep(), true);
    }
    if (headers.has("HX-Redirect")) document.dispatchEvent(new Event("studio:signed-out"));
    goOn();
  };
  keep().then((answer) => goOnIfKept(answer, false)).catch(goOn);
});
