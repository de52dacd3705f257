// @ts-check
/**
 * Files of the media controls: chosen, dropped, pasted, imported from a URL, picked from the library or
 * taken from a video. Each is sent at once; the form holds only its reference.
 */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const assetPicker = /** @type {HTMLDialogElement} */ (document.getElementById("asset-picker"));
const cropDialog = /** @type {HTMLDialogElement} */ (document.getElementById("crop-dialog"));
const pageAlert = /** @type {HTMLElement} */ (document.getElementById("page-alert"));

/** @typedef {{ref: string, name: string}} UploadedAsset */

/** @param {EventTarget | Element | null} element @returns {HTMLElement | null} */
const closestControl = (element) => (element instanceof Element ? element.closest("[data-media]") : null);
/** The current control of a parameter: a refresh may have replaced the element that a request began with. @param {string | undefined} name */
const findControl = (name) => /** @type {HTMLElement | null} */ (document.querySelector(`[data-media="${CSS.escape(name ?? "")}"]`));
const listControls = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-media]")]);
/** How many more files a control takes, those under way counted in. @param {HTMLElement} control */
function countRoom(control) {
  const used = control.querySelectorAll("[data-media-items] input:checked, [data-uploading]:not([data-replacing])").length;
  return control.hasAttribute("data-disabled") ? 0 : Number(control.dataset.maxItems || Infinity) - used;
}
/** The first control that takes another file. @param {string} [kind] */
const findControlWithRoom = (kind) =>
  listControls().find((control) => countRoom(control) > 0 && (!kind || control.dataset.mediaKind === kind));

/** Tells at the top of the page what has no place of its own; "" removes it. @param {string | undefined} text */
function showPageAlert(text) {
  pageAlert.textContent = text ?? "";
  pageAlert.hidden = !text;
}
/** Why no control of the page takes a file. */
function explainNoRoom() {
  const reason = document.querySelector("[data-media][data-disabled] .disabled-reason")?.textContent;
  return listControls().length ? (reason ?? messages.mediaFull) : messages.noMediaControl;
}

/** What is wrong with files, by parameter. It stays until something else is done there. @type {Map<string, string[]>} */
const errors = new Map();

/** Shows the errors of a control beside those that the server found. @param {HTMLElement | null} control */
function showErrors(control) {
  const line = control?.querySelector(":scope > [data-error-for]");
  if (!control || !line) return;
  for (const shown of line.querySelectorAll("[data-upload-error]")) shown.remove();
  for (const text of errors.get(control.dataset.media ?? "") ?? []) {
    const span = Object.assign(document.createElement("span"), { textContent: text });
    span.setAttribute("data-upload-error", "");
    line.append(span);
  }
  if (line.children.length) line.setAttribute("role", "alert");
  else line.removeAttribute("role");
}
/** @param {HTMLElement} control @param {string} text */
function addError(control, text) {
  const name = control.dataset.media ?? "";
  errors.set(name, [...(errors.get(name) ?? []), text]);
  showErrors(control);
}
/** @param {HTMLElement} control */
function clearErrors(control) {
  errors.delete(control.dataset.media ?? "");
  showErrors(control);
}

/** Adds a file to the form; the refresh that follows renders it. @param {HTMLElement} control @param {string} ref */
function insertAsset(control, ref) {
  const checkbox = Object.assign(document.createElement("input"), { type: "checkbox", hidden: true, checked: true, value: ref });
  checkbox.name = control.dataset.media ?? "";
  const item = document.createElement("li");
  item.append(checkbox);
  item.hidden = true;
  control.querySelector("[data-media-items]")?.append(item);
  triggerRefresh(control);
}

/** The form refreshes itself on a change event. @param {Element} element */
const triggerRefresh = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));
/** Something of the form was changed by hand: a press that waits was not meant for that. */
const announceEdit = () => document.dispatchEvent(new Event("studio:edit"));

/* --- Uploads ----------------------------------------------------------------------------------------- */

/** A new token for this page; whether there is one. @returns {Promise<string>} */
const renewToken = () => new Promise((resolve) => document.dispatchEvent(new CustomEvent("studio:renew-token", { detail: resolve })));

/**
 * Sends values by POST and resolves with the new asset. XMLHttpRequest, because fetch reports no upload progress.
 * @param {string} url
 * @param {Record<string, string | File>} values
 * @param {{signal: AbortSignal, onProgress?: (event: ProgressEvent) => void, isRepeated?: boolean}} options
 * @returns {Promise<UploadedAsset>} rejects with an Error whose message can be shown
 */
function postForAsset(url, values, options) {
  const body = new FormData();
  for (const [name, value] of Object.entries(values)) body.append(name, value);
  const token = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=csrfmiddlewaretoken]"));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.setRequestHeader("X-CSRFToken", token?.value ?? "");
    if (options.onProgress) request.upload.addEventListener("progress", options.onProgress);
    request.addEventListener("load", async () => {
      if (request.status === 200 && request.response?.ref) return resolve(request.response);
      // The token of a page that was open for long, or of an earlier sign-in, is not valid any more.
      const isRenewed = request.status === 403 && !options.isRepeated && (await renewToken()) === "renewed";
      if (isRenewed) return resolve(postForAsset(url, values, { ...options, isRepeated: true }));
      const isSignedOut = new URL(request.responseURL).pathname !== new URL(url, location.href).pathname;
      reject(new Error(request.response?.error ?? (isSignedOut ? messages.fileSignedOut : messages.fileRefused)));
    });
    request.addEventListener("error", () => reject(new Error(messages.fileRefused)));
    options.signal.addEventListener("abort", () => request.abort());
    if (!options.signal.aborted) request.send(body);
  });
}

/** An upload under way: its file goes to the control `name` of the form that the page shows by then. */
class Upload {
  /** @param {HTMLElement} control @param {string} label */
  constructor(control, label) {
    this.name = control.dataset.media ?? "";
    this.kind = control.dataset.mediaKind ?? "";
    this.abortion = new AbortController();
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("upload-row"));
    this.row = /** @type {HTMLElement} */ (/** @type {Element} */ (template.content.firstElementChild).cloneNode(true));
    this.bar = /** @type {HTMLProgressElement} */ (this.row.querySelector("progress"));
    this.bar.setAttribute("aria-label", label);
    /** @type {Element} */ (this.row.querySelector(".upload-name")).textContent = label;
    this.row.querySelector("[data-cancel-upload]")?.addEventListener("click", () => this.cancel());
    this.placeIn(control);
    uploads.add(this);
  }

  /** The form says which control still waits for a file, so that no press goes out without it. @param {HTMLElement} control */
  placeIn(control) {
    this.name = control.dataset.media ?? "";
    /** @type {HTMLInputElement} */ (this.row.querySelector("[name=_pending]")).value = this.name;
    control.querySelector("[data-uploads]")?.append(this.row);
  }

  cancel() {
    this.abortion.abort();
    const control = findControl(this.name);
    announceEdit();
    this.end();
    control?.focus({ preventScroll: true });
  }

  end({ isFailed = false } = {}) {
    if (!uploads.delete(this)) return;
    this.row.remove();
    document.dispatchEvent(new CustomEvent("studio:upload-ended", { detail: { isFailed } }));
  }
}

/** @type {Set<Upload>} */
const uploads = new Set();
/** Files arrive in the form in the order in which they were given: each waits for those before it. @type {Map<string, Promise<unknown>>} */
const turns = new Map();
/** Ends when no other model is being loaded, whose form would not know of a file that arrives now. */
let modelSwitch = Promise.resolve();

/**
 * Shows that a file is on its way, and hands it over in its turn.
 * @param {HTMLElement} control
 * @param {string} label
 * @param {(upload: Upload) => Promise<UploadedAsset>} request
 * @param {{describeError?: (text: string) => string, onArrival?: (control: HTMLElement, ref: string) => void}} [options]
 * @returns {Promise<boolean>} whether the file came
 */
function runUpload(control, label, request, { describeError = (text) => text, onArrival = insertAsset } = {}) {
  const upload = new Upload(control, label);
  const { name } = upload;
  const isNew = onArrival === insertAsset;
  const turn = isNew ? turns.get(name) : null;
  const arrival = (async () => {
    try {
      const { ref, name: fileName } = await request(upload);
      await turn;
      await modelSwitch;
      if (upload.abortion.signal.aborted) return false;
      const currentControl = upload.row.isConnected ? findControl(upload.name) : null;
      // First in, then no longer under way: no press can fall between.
      if (currentControl) onArrival(currentControl, ref);
      else showPageAlert(messages.fileKept?.replace("{name}", fileName));
      upload.end();
      return true;
    } catch (error) {
      const currentControl = findControl(upload.name);
      if (!upload.abortion.signal.aborted && currentControl) addError(currentControl, describeError(error instanceof Error ? error.message : ""));
      upload.end({ isFailed: true });
      return false;
    }
  })();
  // A file that failed or was given up lets nobody pass those before it.
  if (isNew) turns.set(name, Promise.all([turn, arrival]));
  return arrival;
}

/** @param {HTMLElement} control @param {File} file @param {boolean} isNamed whether an error names the file */
function uploadFile(control, file, isNamed) {
  const values = { file, kind: control.dataset.mediaKind ?? "" };
  const url = control.dataset.uploadUrl ?? "";
  const label = (messages.adding ?? "{name}").replace("{name}", file.name);
  void runUpload(
    control,
    label,
    ({ bar, abortion }) =>
      postForAsset(url, values, {
        signal: abortion.signal,
        onProgress: (event) => {
          if (event.lengthComputable) bar.value = event.loaded / event.total;
        },
      }),
    { describeError: (text) => (isNamed ? `${file.name}: ${text}` : text) },
  );
}

/** Takes as many files as there is room for, and names the others. @param {HTMLElement} control @param {Iterable<File>} files */
function uploadFiles(control, files) {
  const all = [...files];
  const room = countRoom(control);
  announceEdit();
  showPageAlert("");
  clearErrors(control);
  if (room < 1) return addError(control, control.querySelector(".disabled-reason")?.textContent ?? messages.mediaFull ?? "");
  const names = all.slice(room).map(({ name }) => name);
  if (names.length) addError(control, (messages.mediaLeftOut ?? "{names}").replace("{names}", names.join(", ")));
  for (const file of all.slice(0, room)) uploadFile(control, file, all.length > 1);
}

/** @param {HTMLElement} control */
const getAddressField = (control) => /** @type {HTMLInputElement | null} */ (control.querySelector("input[type=url]"));
/** @param {HTMLElement} control */
const getAddress = (control) => getAddressField(control)?.value.trim();

/** Imports a file from a URL; if that fails, the URL is put back, to be corrected. @param {HTMLElement} control */
async function importFromUrl(control) {
  const field = getAddressField(control);
  const url = getAddress(control);
  if (!field || !url) return;
  clearErrors(control);
  if (countRoom(control) < 1) return addError(control, messages.mediaFull ?? "");
  field.value = "";
  const values = { url, kind: control.dataset.mediaKind ?? "" };
  const label = (messages.adding ?? "{name}").replace("{name}", url);
  const importUrl = control.dataset.importUrl ?? "";
  const isAdded = await runUpload(control, label, ({ abortion }) => postForAsset(importUrl, values, { signal: abortion.signal }));
  const currentField = document.getElementById(field.id);
  if (!isAdded && currentField instanceof HTMLInputElement && !currentField.value) currentField.value = url;
}

// An address that was typed and not added yet goes along with a press, once it is seen as a picture. One without a place stops it.
document.addEventListener("studio:press", (event) => {
  for (const control of listControls()) {
    if (getAddress(control) && countRoom(control) < 1) event.preventDefault();
    void importFromUrl(control);
  }
});

// Until then no request of the form takes half an address along.
document.addEventListener("htmx:configRequest", (event) => {
  const { target, formData } = /** @type {CustomEvent} */ (event).detail;
  if (!["generate", "quote"].includes(target?.id)) return;
  for (const { name, value } of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("#generate input[type=url]"))) {
    const others = formData.getAll(name).filter((/** @type {unknown} */ text) => text !== value);
    formData.delete(name);
    for (const other of others) formData.append(name, other);
  }
});

// Uploads follow to the form of another model, if it has a place for them.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { target, xhr } = /** @type {CustomEvent} */ (event).detail;
  if (target.id === "editor" && !event.defaultPrevented) modelSwitch = new Promise((resolve) => xhr.addEventListener("loadend", () => resolve()));
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target.id === "editor") {
    errors.clear();
    for (const upload of uploads) {
      const place = findControlWithRoom(upload.kind);
      if (!upload.row.isConnected && place) upload.placeIn(place);
    }
  }
  for (const name of errors.keys()) showErrors(findControl(name));
});

// Leaving the page would give the uploads up.
addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-uploading]")) event.preventDefault();
});

/* --- Choosing, dropping, pasting ----------------------------------------------------------------------- */

// Captured before htmx handles it: files and URLs are sent by the functions above, not with the form.
document.addEventListener(
  "change",
  (event) => {
    const field = event.target;
    const control = closestControl(field);
    if (!control || !(field instanceof HTMLInputElement) || !["file", "url"].includes(field.type)) return;
    event.stopPropagation();
    if (field.type !== "file" || !field.files?.length) return;
    uploadFiles(control, [...field.files]);
    field.value = "";
  },
  true,
);

const TEXT_FIELDS = "textarea, input:is([type=text], [type=url], [type=number], [type=search])";
/** @param {EventTarget | null} target @returns {target is HTMLInputElement | HTMLTextAreaElement} */
const isTextField = (target) => target instanceof Element && target.matches(TEXT_FIELDS) && !target.matches(":disabled, :read-only");
/** Whether something of this page itself is dragged: its pictures are here already. */
let isOwnDrag = false;
document.addEventListener("dragstart", () => (isOwnDrag = true));
document.addEventListener("dragend", () => (isOwnDrag = false));

/** @param {DragEvent} event @param {string} type */
const hasType = (event, type) => !isOwnDrag && (event.dataTransfer?.types.includes(type) ?? false);
/** @param {DragEvent} event */
const hasFiles = (event) => hasType(event, "Files");
/** An address that would be opened in place of this page; a text field takes it as text. @param {DragEvent} event */
const hasAddress = (event) => hasType(event, "text/uri-list") && !isTextField(event.target);
/** @param {HTMLElement | null} control */
function markDropTarget(control) {
  for (const marked of document.querySelectorAll("[data-dropping]")) marked.removeAttribute("data-dropping");
  control?.setAttribute("data-dropping", "");
}

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event) && !hasAddress(event)) return;
  event.preventDefault();
  markDropTarget(closestControl(event.target) ?? findControlWithRoom() ?? null);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) markDropTarget(null);
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event) && !hasAddress(event)) return;
  event.preventDefault();
  markDropTarget(null);
  const { files } = /** @type {DataTransfer} */ (event.dataTransfer);
  const control = closestControl(event.target);
  if (files.length) return takeFiles(control, files);
  const address = event.dataTransfer?.getData("text/uri-list").split(/\r?\n/).find((line) => /^https?:/.test(line));
  const field = control?.querySelector("input[type=url]");
  if (!control || !address || !(field instanceof HTMLInputElement)) return;
  announceEdit();
  field.value = address;
  void importFromUrl(control);
});

/** Files without a place of their own go to the first control with room. @param {HTMLElement | null | undefined} control @param {FileList} files */
function takeFiles(control, files) {
  const place = control ?? findControlWithRoom();
  if (place) uploadFiles(place, files);
  else showPageAlert(explainNoRoom());
}

/** Whether a text is only the names of the files that came with it, as some file managers add them. @param {string} text @param {FileList} files */
function namesOnly(text, files) {
  const names = new Set([...files].map(({ name }) => name));
  return text.split(/\r?\n/).every((line) => names.has(decodeName(line.trim().split(/[\\/]/).at(-1) ?? "")));
}
/** @param {string} name */
function decodeName(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files;
  const text = event.clipboardData?.getData("text/plain").trim();
  if (!files?.length) return;
  // Word and Excel bring a picture along with every text.
  if (text && isTextField(event.target) && !namesOnly(text, files)) return;
  event.preventDefault();
  const focused = closestControl(document.activeElement);
  takeFiles(focused && countRoom(focused) > 0 ? focused : null, files);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || event.target.type !== "url") return;
  const control = closestControl(event.target);
  // With Ctrl it is a press of Generate, and an input method takes Enter for itself.
  if (!control || event.ctrlKey || event.metaKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (event.repeat) return;
  announceEdit();
  void importFromUrl(control);
});

/* --- Buttons -------------------------------------------------------------------------------------------- */

/** @param {HTMLElement} button */
function removeItem(button) {
  const control = closestControl(button);
  if (!control) return;
  announceEdit();
  clearErrors(control);
  button.closest("[data-media-item]")?.remove();
  control.setAttribute("data-has-room", "");
  control.focus({ preventScroll: true });
  triggerRefresh(control);
}

/** @param {HTMLElement} item @returns {HTMLInputElement | null} */
const getCheckbox = (item) => item.querySelector("[type=checkbox]");
/** @param {Element | null | undefined} control */
const listItems = (control) => /** @type {HTMLElement[]} */ ([...(control?.querySelectorAll("[data-media-item]") ?? [])]);

/**
 * Puts a file before another one, or last, in a control of its kind. Where there is no room, the one that
 * stands there takes its place. The form sends the files in the order in which they stand.
 * @param {HTMLElement} item @param {HTMLElement} control @param {HTMLElement | null} before
 * @returns {boolean} whether it moved
 */
function placeItem(item, control, before) {
  const origin = closestControl(item);
  const checkbox = getCheckbox(item);
  if (!origin || !checkbox || before === item) return false;
  const isElsewhere = control !== origin;
  if (isElsewhere && (control.hasAttribute("data-disabled") || control.dataset.mediaKind !== origin.dataset.mediaKind)) return false;
  if (!isElsewhere && item.nextElementSibling === before) return false;
  let next = before;
  if (isElsewhere && countRoom(control) < 1) {
    const other = before ?? listItems(control).at(-1);
    const otherCheckbox = other && getCheckbox(other);
    if (!other || !otherCheckbox) return false;
    next = /** @type {HTMLElement | null} */ (other.nextElementSibling);
    item.before(other);
    otherCheckbox.name = checkbox.name;
  }
  checkbox.name = control.dataset.media ?? "";
  control.querySelector("[data-media-items]")?.insertBefore(item, next);
  announceEdit();
  for (const changed of [origin, control]) clearErrors(changed);
  triggerRefresh(control);
  return true;
}

/** One place on or back; from the last place of a control to the next control, and the other way. @param {HTMLElement} item @param {boolean} isForward */
function stepItem(item, isForward) {
  const control = closestControl(item);
  if (!control) return;
  const items = listItems(control);
  const neighbour = items[items.indexOf(item) + (isForward ? 1 : -1)];
  const controls = listControls();
  const otherControl = controls[controls.indexOf(control) + (isForward ? 1 : -1)];
  const square = () => /** @type {HTMLElement | null} */ (item.querySelector(".media-item-square"))?.focus();
  if (neighbour) placeItem(item, control, isForward ? (items[items.indexOf(item) + 2] ?? null) : neighbour);
  else if (otherControl) placeItem(item, otherControl, isForward ? (listItems(otherControl)[0] ?? null) : null);
  square();
}

/** @param {HTMLElement} button */
function moveItem(button) {
  const item = /** @type {HTMLElement | null} */ (button.closest("[data-media-item]"));
  if (item) stepItem(item, button.dataset.move === "down");
}

document.addEventListener("keydown", (event) => {
  const square = event.target instanceof Element && event.target.closest(".media-item-square");
  if (!square || !event.altKey || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const isForward = (event.key === "ArrowRight") === (getComputedStyle(square).direction === "ltr");
  stepItem(/** @type {HTMLElement} */ (square.closest("[data-media-item]")), isForward);
});

/** The file of this form that is dragged. @type {HTMLElement | null} */
let draggedItem = null;

/** Where a dragged file would go. @param {DragEvent} event @returns {{control: HTMLElement, before: HTMLElement | null, over: HTMLElement | null} | null} */
function findDropPlace(event) {
  const control = closestControl(event.target);
  if (!draggedItem || !control || control.dataset.mediaKind !== closestControl(draggedItem)?.dataset.mediaKind) return null;
  const over = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-media-item]")) : null;
  if (!over) return { control, before: null, over };
  const { left, width } = over.getBoundingClientRect();
  const isAfter = event.clientX > left + width / 2 === (getComputedStyle(over).direction === "ltr");
  return { control, before: isAfter ? /** @type {HTMLElement | null} */ (over.nextElementSibling) : over, over };
}
function clearDropMarks() {
  for (const marked of document.querySelectorAll("[data-drop]")) marked.removeAttribute("data-drop");
}
document.addEventListener("dragstart", (event) => {
  draggedItem = event.target instanceof Element ? event.target.closest("[data-media-item]") : null;
  if (!draggedItem || !event.dataTransfer) return;
  draggedItem.setAttribute("data-dragged", "");
  event.dataTransfer.effectAllowed = "move";
});
document.addEventListener("dragover", (event) => {
  if (!draggedItem) return;
  clearDropMarks();
  markDropTarget(null);
  const place = findDropPlace(event);
  if (!place) return;
  event.preventDefault();
  if (place.over) place.over.setAttribute("data-drop", place.before === place.over ? "before" : "after");
  else markDropTarget(place.control);
});
document.addEventListener("drop", (event) => {
  const place = findDropPlace(event);
  if (!draggedItem || !place) return;
  event.preventDefault();
  // A full slot gives up the picture on which the other is dropped.
  const isFull = place.control !== closestControl(draggedItem) && countRoom(place.control) < 1;
  placeItem(draggedItem, place.control, isFull ? place.over : place.before);
});
document.addEventListener("dragend", () => {
  draggedItem?.removeAttribute("data-dragged");
  draggedItem = null;
  clearDropMarks();
  markDropTarget(null);
});

/** Fits or converts a picture; the copy takes its place in the form. @param {HTMLElement} button */
function editPicture(button) {
  const control = closestControl(button);
  const item = document.getElementById(button.dataset.item ?? "");
  const ref = item && getCheckbox(item)?.value;
  if (!control || !ref) return;
  const [width, height] = (button.dataset.fit ?? "").split("x");
  /** @type {Record<string, string>} */
  const edit = height ? { action: "fit", width: width ?? "", height } : { action: "jpeg" };
  const name = item?.querySelector(".media-item-name")?.textContent?.trim() ?? "";
  replaceByEdit(control, ref, name, button.dataset.editUrl ?? "", edit);
}

/** @param {HTMLElement} control @param {string} ref @param {string} name @param {string} url @param {Record<string, string>} edit */
function replaceByEdit(control, ref, name, url, edit) {
  announceEdit();
  clearErrors(control);
  void runUpload(
    control,
    (messages.changing ?? "{name}").replace("{name}", name),
    ({ row, abortion }) => {
      row.setAttribute("data-replacing", "");
      return postForAsset(url, edit, { signal: abortion.signal });
    },
    { onArrival: (currentControl, newRef) => replaceAsset(currentControl, ref, newRef) },
  );
}

document.addEventListener("studio:crop", (event) => {
  const { ref, slot, name, editUrl, values } = /** @type {CustomEvent} */ (event).detail;
  const control = findControl(slot);
  if (control) replaceByEdit(control, ref, name, editUrl, values);
});

/** @param {HTMLElement} control @param {string} oldRef @param {string} newRef */
function replaceAsset(control, oldRef, newRef) {
  const checkbox = /** @type {HTMLInputElement | null} */ (control.querySelector(`[type=checkbox][value="${CSS.escape(oldRef)}"]`));
  if (!checkbox) return; // removed meanwhile
  checkbox.value = newRef;
  triggerRefresh(checkbox);
}

/** Adds the present frame of a video to the form. @param {HTMLElement} button */
function addFrame(button) {
  const video = document.getElementById(button.dataset.video ?? "");
  const control = findControlWithRoom("image");
  showPageAlert(control ? "" : explainNoRoom());
  if (!control || !(video instanceof HTMLVideoElement)) return;
  const second = video.currentTime.toFixed(3);
  const label = (messages.adding ?? "{name}").replace("{name}", `${second} s`);
  announceEdit();
  clearErrors(control);
  void runUpload(control, label, ({ abortion }) => postForAsset(button.dataset.frameUrl ?? "", { second }, { signal: abortion.signal }));
}

/** The control that the dialog "From my library" fills. */
const findPickerControl = () => findControl(/** @type {HTMLElement | null} */ (assetPicker.querySelector("[data-asset-picker]"))?.dataset.param);
/** @param {HTMLElement} control */
const listChosen = (control) => /** @type {HTMLInputElement[]} */ ([...control.querySelectorAll("[data-media-items] input:checked")]);

/** Shows in the dialog which files the form has. */
function markPicked() {
  const control = findPickerControl();
  const refs = new Set(control ? listChosen(control).map(({ value }) => value) : []);
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (assetPicker.querySelectorAll("[data-asset-ref]"))) {
    button.setAttribute("aria-pressed", String(refs.has(button.dataset.assetRef ?? "")));
  }
}
/** @param {string | undefined} text */
function showPickerMessage(text) {
  const line = assetPicker.querySelector("[data-picker-message]");
  if (line) line.textContent = text ?? "";
}

/** Puts a file in, or takes it out again; where one fits, it takes the other's place. @param {HTMLElement} button */
function pickAsset(button) {
  const control = findPickerControl();
  if (!control) return assetPicker.close();
  const name = button.querySelector(".asset-picker-name")?.textContent ?? "";
  const ref = button.dataset.assetRef ?? "";
  const chosen = listChosen(control);
  const same = chosen.find(({ value }) => value === ref);
  announceEdit();
  clearErrors(control);
  showPickerMessage("");
  if (same) {
    (same.closest("[data-media-item]") ?? same.parentElement)?.remove();
    control.setAttribute("data-has-room", "");
    triggerRefresh(control);
  } else if (control.dataset.maxItems === "1" && chosen[0] && !control.hasAttribute("data-disabled")) {
    replaceAsset(control, chosen[0].value, ref);
  } else if (countRoom(control) < 1) showPickerMessage(messages.mediaFull);
  else {
    const label = (messages.adding ?? "{name}").replace("{name}", name);
    void runUpload(control, label, async () => ({ ref, name })).then(markPicked);
  }
  markPicked();
}

assetPicker.addEventListener("change", ({ target }) => {
  const control = findPickerControl();
  if (!control || !(target instanceof HTMLInputElement) || !target.matches("[data-picker-upload]") || !target.files) return;
  const names = [...target.files].map(({ name }) => name).join(", ");
  uploadFiles(control, [...target.files]);
  target.value = "";
  showPickerMessage(errors.get(control.dataset.media ?? "")?.join(" ") ?? (messages.adding ?? "{name}").replace("{name}", names));
});
// What was added meanwhile stands in the list, too.
document.addEventListener("studio:upload-ended", () => {
  const search = assetPicker.querySelector("[data-picker-search]");
  const control = findPickerControl();
  if (!assetPicker.open || !search || !control) return;
  showPickerMessage(errors.get(control.dataset.media ?? "")?.join(" "));
  search.dispatchEvent(new Event("studio:again"));
});

/** @param {HTMLElement} button */
function addAddress(button) {
  announceEdit();
  void importFromUrl(/** @type {HTMLElement} */ (closestControl(button)));
}

/** @type {[string, (button: HTMLElement) => void][]} */
const BUTTON_HANDLERS = [
  ["[data-remove]", removeItem],
  ["[data-move]", moveItem],
  ["[data-fit]", editPicture],
  ["[data-frame-url]", addFrame],
  ["[data-asset-ref]", pickAsset],
  ["[data-fetch]", addAddress],
  ["[data-close-picker]", () => assetPicker.close()],
];

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target === assetPicker || target === cropDialog) target.close();
  for (const [selector, handle] of BUTTON_HANDLERS) {
    const button = target.closest(selector);
    if (button instanceof HTMLElement) handle(button);
  }
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target instanceof Element && target.id === "asset-picker-content" && !assetPicker.open) assetPicker.showModal();
  if (target instanceof Element && target.id === "crop-content" && !cropDialog.open) cropDialog.showModal();
});
document.addEventListener("htmx:afterSettle", () => {
  if (assetPicker.open) markPicked();
});
// The form says at once what was deleted there and is chosen here.
document.addEventListener("htmx:afterSwap", (event) => {
  const { target, requestConfig } = /** @type {CustomEvent} */ (event).detail;
  if (target?.id !== "asset-picker-content" || requestConfig.verb !== "post") return;
  announceEdit();
  const fields = document.getElementById("fields");
  if (fields) triggerRefresh(fields);
});
