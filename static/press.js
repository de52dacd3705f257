// @ts-check
/** The press of Generate: where it comes from, what it waits for, and what is said when it was not taken. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));

const getForm = () => /** @type {HTMLFormElement | null} */ (document.getElementById("generate"));
const getButton = () => /** @type {HTMLButtonElement | null} */ (document.querySelector("#generate [data-action=generate]"));
/** The form refreshes itself on a change event. */
const triggerRefresh = () => document.getElementById("fields")?.dispatchEvent(new Event("change", { bubbles: true }));

/* --- The line above the button -------------------------------------------------------------------- */

const { callbacks } = /** @type {any} */ (window).Idiomorph.defaults;
const mayMorphNode = callbacks.beforeNodeMorphed;
/** No answer knows what stands in this line. @param {Element} node @param {Element} newNode */
callbacks.beforeNodeMorphed = (node, newNode) => node.id !== "press-status" && !isLoadedAgain(node, newNode) && mayMorphNode(node, newNode);
/** Whether the buttons of a card have their prices and the answer only has their place. @param {Element} node @param {Element} newNode */
const isLoadedAgain = (node, newNode) => node.id === newNode.id && node instanceof HTMLElement && node.dataset.again === "loaded";

/**
 * Shows a sentence above the button, without one hides the line.
 * @param {string | undefined} text @param {"waiting" | "stopped" | "signed-out"} [kind]
 */
function showStatus(text, kind = "stopped") {
  const line = document.getElementById("press-status");
  const [words, signIn, takeBack] = [".press-text", ".press-sign-in", "[data-take-back]"].map(
    (selector) => /** @type {HTMLElement | null | undefined} */ (line?.querySelector(selector)),
  );
  if (!line || !words || !signIn || !takeBack) return;
  // Waiting is told when the reader has time for it, what stopped a press at once.
  if (text && kind === "waiting" && words.textContent !== text) announcer.textContent = text;
  line.toggleAttribute("role", false);
  if (text && kind !== "waiting") line.setAttribute("role", "alert");
  words.textContent = text ?? "";
  line.dataset.kind = kind;
  line.hidden = !text;
  signIn.hidden = kind !== "signed-out";
  takeBack.hidden = kind !== "waiting";
}

/* --- A press waits until the page shows what it sends ----------------------------------------------- */

/**
 * A press that has not gone out yet, the price that its button named, and what the page said to look at before paying.
 * @typedef {{form: HTMLFormElement, price: string | undefined, notices: string[]}} Press
 */
/** @type {Press | null} */
let waitingPress = null;
let isSending = false;
/** Counts what was changed in the form; a text changes no price. */
let changeCount = 0;
/** What of that the page shows. */
let shownCount = 0;
/** Refreshes under way, with the changes that each knows of; a queued one begins before the one ahead leaves. @type {Map<XMLHttpRequest, number>} */
const refreshes = new Map();

/** @param {HTMLFormElement} form */
const readNotices = (form) => [...form.querySelectorAll("[data-notice-for] span")].map(({ textContent }) => textContent ?? "");
/** @param {HTMLFormElement} form */
const countUploads = (form) => form.querySelectorAll("[data-uploading]").length;
/** Whether the form will still change by itself. @param {HTMLFormElement} form */
const isBusy = (form) => countUploads(form) > 0 || shownCount < changeCount;

/**
 * Whether a text may name a picture or element that is not there.
 * @param {Element | null} field @returns {field is HTMLTextAreaElement}
 */
const mayBringNotice = (field) => field instanceof HTMLTextAreaElement && /<|@|\{\{|\[(image|element|video)/i.test(field.value);

document.addEventListener(
  "change",
  ({ target }) => {
    const isAddress = target instanceof HTMLInputElement && ["file", "url"].includes(target.type);
    const isPlainText = target instanceof HTMLTextAreaElement && !mayBringNotice(target);
    if (target instanceof Element && target.closest("#fields, #takes") && !isPlainText && !isAddress) changeCount += 1;
  },
  true,
);
document.addEventListener(
  "click",
  ({ target }) => {
    if (target instanceof Element && target.closest("#generate [name=_do]")) changeCount += 1;
  },
  true,
);

/** Brings the form up to date, if nothing does so already: a text typed into a line counts only when the line is left. */
function commitChanges() {
  const field = document.activeElement;
  const isLine = field instanceof HTMLInputElement && ["text", "number"].includes(field.type);
  const isTyped = (isLine || mayBringNotice(field)) && field.form?.id === "generate" && field.value !== field.defaultValue;
  if (isTyped || (shownCount < changeCount && !refreshes.size)) triggerRefresh();
}

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const button = getButton();
    const { submitter } = /** @type {SubmitEvent} */ (event);
    if (!(form instanceof HTMLFormElement) || form.id !== "generate" || isSending || (submitter && submitter !== button)) return;
    const isPressed = waitingPress?.form === form || form.matches(".htmx-request");
    if (!isPressed) {
      showStatus("");
      const isComplete = document.dispatchEvent(new Event("studio:press", { cancelable: true }));
      commitChanges();
      if (!isComplete) {
        event.preventDefault();
        event.stopPropagation();
        return showStatus(messages.pressWithoutFile);
      }
    }
    if (!isPressed && !isBusy(form)) return;
    event.preventDefault();
    event.stopPropagation();
    if (isPressed) return;
    waitingPress = { form, price: button?.dataset.price, notices: readNotices(form) };
    showWaiting(waitingPress);
  },
  true,
);

// What leads to another page is no press of this form: the browser sends it, and htmx never sees it.
document.addEventListener(
  "submit",
  (event) => {
    if (event.submitter?.hasAttribute("data-leaves")) event.stopPropagation();
  },
  true,
);

/** @param {Press} press */
function showWaiting({ form }) {
  const count = countUploads(form);
  const texts = [messages.pressWaits, messages.pressWaitsForPicture, messages.pressWaitsForPictures];
  showStatus(texts[Math.min(count, 2)], "waiting");
}

/** Lets the waiting press go out once nothing is under way; at another price, or with something new to look at, it is asked for again. */
function continuePress() {
  const press = waitingPress;
  const button = getButton();
  if (!press) return;
  if (!press.form.isConnected || !button) return stopPress(messages.pressTakenBack);
  if (isBusy(press.form)) return showWaiting(press);
  if (button.disabled || press.form.querySelector(".error-summary")) return stopPress(messages.pressBlocked);
  if (readNotices(press.form).some((text) => !press.notices.includes(text))) return stopPress(messages.pressBlocked);
  if (button.dataset.price !== press.price) return stopPress(messages.pressPrice);
  waitingPress = null;
  showStatus("");
  isSending = true;
  press.form.requestSubmit(button);
  isSending = false;
}

/** @param {string | undefined} text */
function stopPress(text) {
  if (!waitingPress) return;
  waitingPress = null;
  showStatus(text);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (event.defaultPrevented || detail.requestConfig.elt.id === "generate" || detail.target.id !== "generate") return;
  refreshes.set(detail.xhr, changeCount);
  detail.xhr.addEventListener("loadend", () => {
    refreshes.delete(detail.xhr);
    if (detail.xhr.status !== 200) return stopPress(messages.pressOutdated);
    if (document.querySelector("#press-status .press-text")?.textContent === messages.refreshFailed) showStatus("");
    continuePress();
  });
});
document.addEventListener("htmx:afterSwap", (event) => {
  const { xhr } = /** @type {CustomEvent} */ (event).detail;
  shownCount = Math.max(shownCount, refreshes.get(xhr) ?? 0);
  if (event.target instanceof Element && event.target.id === "editor") shownCount = changeCount;
  continuePress();
});
document.addEventListener("studio:upload-ended", (event) => {
  if (/** @type {CustomEvent} */ (event).detail.isFailed) stopPress(messages.pressWithoutFile);
  else continuePress();
});

// What is changed while a press waits was not pressed.
document.addEventListener("studio:edit", () => stopPress(messages.pressChanged));
document.addEventListener("input", ({ target }) => {
  if (target instanceof Element && target.closest("#generate")) stopPress(messages.pressChanged);
});
document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target.closest("#generate [name=_do]")) stopPress(messages.pressChanged);
  if (!target.closest("[data-take-back]")) return;
  stopPress(messages.pressTakenBack);
  getButton()?.focus();
});

/* --- Where a press comes from ------------------------------------------------------------------------ */

/** An input method takes Enter for itself, in some browsers with the last word of it. @param {KeyboardEvent} event */
const isComposing = (event) => event.isComposing || event.keyCode === 229;

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || isComposing(event)) return;
  const { target } = event;
  const isInForm = target === document.body || (target instanceof Element && target.closest("#editor"));
  if (!isInForm || document.querySelector("dialog[open], [role=dialog]:popover-open")) return;
  event.preventDefault();
  const button = getButton();
  if (button && !button.disabled && !event.repeat) button.form?.requestSubmit(button);
});

// Enter in a field is a press of Generate, which is not the form's first button.
document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.defaultPrevented || isComposing(event)) return;
  if (!(target instanceof HTMLInputElement) || target.form?.id !== "generate") return;
  if (target.type === "file" || target.type === "button" || target.type === "submit") return;
  event.preventDefault();
  const button = getButton();
  if (button && !button.disabled && !event.repeat) button.form?.requestSubmit(button);
});

// The second click of a double click is no second order.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target instanceof Element && event.target.closest("[data-action=generate], [data-again] form")) event.preventDefault();
});

// htmx would send the form to the address, and with the command, of the button that has the focus.
document.addEventListener("htmx:configRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (detail.elt.id !== "generate") return;
  detail.path = detail.elt.getAttribute("hx-post");
  delete detail.parameters._do;
});

/* --- A press or refresh that was not taken ------------------------------------------------------------- */

/** What is known of each request of the form. @type {WeakMap<XMLHttpRequest, {isOnline: boolean, isSent: boolean}>} */
const requests = new WeakMap();

/** Answers that were given before the studio took the press. @type {Record<number, string | undefined>} */
const REFUSALS = {
  400: messages.pressTooLarge,
  403: messages.pressRefused,
  404: messages.pressRefused,
  405: messages.pressRefused,
  411: messages.pressRefused,
  413: messages.pressTooLarge,
  414: messages.pressTooLarge,
  415: messages.pressRefused,
  429: messages.pressTooOften,
  431: messages.pressTooLarge,
};

document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (event.defaultPrevented || !detail.requestConfig.elt.closest("#generate")) return;
  const request = { isOnline: navigator.onLine, isSent: false };
  requests.set(detail.xhr, request);
  // A request that was not sent to its end cannot have been taken.
  detail.xhr.upload.addEventListener("load", () => (request.isSent = true));
});

/** @param {XMLHttpRequest} xhr */
function explainFailedPress(xhr) {
  if (xhr.status) return REFUSALS[xhr.status] ?? messages.pressUnanswered;
  const request = requests.get(xhr);
  if (request?.isSent ?? true) return messages.pressUnanswered;
  return request?.isOnline ? messages.pressUnreachable : messages.pressOffline;
}

/** @param {Event} event */
async function handleFailure(event) {
  const { elt, xhr } = /** @type {CustomEvent} */ (event).detail;
  if (!elt.closest("#generate")) return;
  const isPress = elt.id === "generate";
  if (xhr.status !== 403) return showStatus(isPress ? explainFailedPress(xhr) : messages.refreshFailed);
  const renewal = await renewToken();
  if (renewal === "signed-out") showSignedOut();
  else if (renewal === "other-person") showStatus(messages.otherPerson);
  else if (renewal === "failed") showStatus(isPress ? messages.pressRefused : messages.refreshFailed);
  else if (isPress) showStatus(messages.pressRenewed);
  else triggerRefresh();
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, handleFailure);

/**
 * Takes over the token of a fresh page: signing in again, or losing its cookie, makes the token of this page
 * invalid. Not that of another person, for whom this page was not made.
 * @returns {Promise<"renewed" | "signed-out" | "other-person" | "failed">}
 */
async function renewToken() {
  try {
    const answer = await fetch(getForm()?.getAttribute("action") ?? "");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = /** @type {HTMLInputElement | null} */ (page.querySelector("[name=csrfmiddlewaretoken]"))?.value;
    const person = page.getElementById("messages")?.dataset.person;
    if (!answer.ok || !token) return "failed";
    if (person !== messages.person) return person ? "other-person" : "signed-out";
    document.body.setAttribute("hx-headers", page.body.getAttribute("hx-headers") ?? "");
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) /** @type {HTMLInputElement} */ (field).value = token;
    return "renewed";
  } catch {
    return "failed";
  }
}
document.addEventListener("studio:renew-token", async (event) => /** @type {CustomEvent} */ (event).detail(await renewToken()));

/* --- Signed out meanwhile: the tab keeps what was entered, and signing in leads back to it ---------------- */

function showSignedOut() {
  document.dispatchEvent(new Event("studio:signed-out"));
  waitingPress = null;
  showStatus(messages.signedOut, "signed-out");
}

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { elt, xhr } = /** @type {CustomEvent} */ (event).detail;
  if (!xhr.getResponseHeader("HX-Redirect")) return;
  document.dispatchEvent(new Event("studio:signed-out"));
  // What is not a request of the form, like the poller, leads to the sign-in page by itself.
  if (!elt.closest("#generate")) return;
  event.preventDefault();
  showSignedOut();
});
document.addEventListener("studio:restored", () => showStatus(messages.formRestored));
