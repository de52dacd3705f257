// @ts-check
/**
 * Files of the media controls: chosen, dropped, pasted, imported from a URL, picked from the library or
 * taken from a video. Each is sent at once; the form holds only its reference.
 */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const assetPicker = /** @type {HTMLDialogElement} */ (document.getElementById("asset-picker"));
const pageAlert = /** @type {HTMLElement} */ (document.getElementById("page-alert"));

/** @typedef {{ref: string, name: string}} UploadedAsset */

/** @param {EventTarget | Element | null} element @returns {HTMLElement | null} */
const closestControl = (element) => (element instanceof Element ? element.closest("[data-media]") : null);
/** The current control of a parameter: a refresh may have replaced the element that a request began with. @param {string | undefined} name */
const findControl = (name) => /** @type {HTMLElement | null} */ (document.querySelector(`[data-media="${CSS.escape(name ?? "")}"]`));
/** The first control that takes another file. */
const findControlWithRoom = () => /** @type {HTMLElement | null} */ (document.querySelector("[data-media][data-has-room]"));

/** Shows an error at a control; "" removes it. @param {HTMLElement} control @param {string} text */
function showError(control, text) {
  const line = control.querySelector("[data-error-for]");
  if (!line) return;
  line.textContent = text;
  line.toggleAttribute("role", false);
  if (text) line.setAttribute("role", "alert");
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

/* --- Uploads ----------------------------------------------------------------------------------------- */

/**
 * Sends values by POST and resolves with the new asset. XMLHttpRequest, because fetch reports no upload progress.
 * @param {string} url
 * @param {Record<string, string | File>} values
 * @param {(event: ProgressEvent) => void} [onProgress]
 * @returns {Promise<UploadedAsset>} rejects with an Error whose message can be shown
 */
function postForAsset(url, values, onProgress) {
  const body = new FormData();
  for (const [name, value] of Object.entries(values)) body.append(name, value);
  const token = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=csrfmiddlewaretoken]"));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.setRequestHeader("X-CSRFToken", token?.value ?? "");
    if (onProgress) request.upload.addEventListener("progress", onProgress);
    request.addEventListener("load", () => {
      if (request.status === 200 && request.response?.ref) resolve(request.response);
      else reject(new Error(request.response?.error ?? messages.fileRefused));
    });
    request.addEventListener("error", () => reject(new Error(messages.fileRefused)));
    request.send(body);
  });
}

/** Shows a progress bar during an upload, then adds the asset. @param {HTMLElement} control @param {string} name @param {(bar: HTMLProgressElement) => Promise<UploadedAsset>} upload */
async function addAsset(control, name, upload) {
  const row = document.createElement("li");
  const bar = document.createElement("progress");
  const label = (messages.adding ?? "{name}").replace("{name}", name);
  row.className = "upload";
  row.dataset.uploading = "";
  bar.setAttribute("aria-label", label);
  row.append(label, bar);
  showError(control, "");
  control.querySelector("[data-uploads]")?.append(row);
  try {
    const { ref } = await upload(bar);
    row.remove();
    const currentControl = findControl(control.dataset.media);
    if (currentControl) insertAsset(currentControl, ref);
    return true;
  } catch (error) {
    row.remove();
    showError(findControl(control.dataset.media) ?? control, error instanceof Error ? error.message : "");
    return false;
  }
}

/** @param {HTMLElement} control @param {File} file */
function uploadFile(control, file) {
  const kind = control.dataset.mediaKind ?? "";
  return addAsset(control, file.name, (bar) =>
    postForAsset(control.dataset.uploadUrl ?? "", { file, kind }, (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    }),
  );
}

/** @param {HTMLElement} control @param {Iterable<File>} files */
function uploadFiles(control, files) {
  if (!control.hasAttribute("data-has-room")) return showError(control, messages.mediaFull ?? "");
  const accepted = control.hasAttribute("data-multiple") ? [...files] : [...files].slice(0, 1);
  for (const file of accepted) void uploadFile(control, file);
}

/** Imports a file from a URL; if that fails, the URL is put back, to be corrected. @param {HTMLElement} control */
async function importFromUrl(control) {
  const field = /** @type {HTMLInputElement | null} */ (control.querySelector("input[type=url]"));
  const url = field?.value.trim();
  if (!field || !url) return;
  field.value = "";
  const kind = control.dataset.mediaKind ?? "";
  const isAdded = await addAsset(control, url, () => postForAsset(control.dataset.importUrl ?? "", { url, kind }));
  const currentField = document.getElementById(field.id);
  if (!isAdded && currentField instanceof HTMLInputElement && !currentField.value) currentField.value = url;
}

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

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
/** @param {HTMLElement | null} control */
function markDropTarget(control) {
  for (const marked of document.querySelectorAll("[data-dropping]")) marked.removeAttribute("data-dropping");
  control?.setAttribute("data-dropping", "");
}

document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  markDropTarget(closestControl(event.target) ?? findControlWithRoom());
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) markDropTarget(null);
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  markDropTarget(null);
  const control = closestControl(event.target) ?? findControlWithRoom();
  if (control && event.dataTransfer) uploadFiles(control, event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files;
  const focused = closestControl(document.activeElement);
  const control = focused?.hasAttribute("data-has-room") ? focused : findControlWithRoom();
  if (!files?.length || !control) return;
  event.preventDefault();
  uploadFiles(control, files);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || event.target.type !== "url") return;
  const control = closestControl(event.target);
  if (!control) return;
  event.preventDefault();
  void importFromUrl(control);
});

/* --- Buttons -------------------------------------------------------------------------------------------- */

/** @param {HTMLElement} button */
function removeItem(button) {
  const control = closestControl(button);
  if (!control) return;
  button.closest("[data-media-item]")?.remove();
  control.setAttribute("data-has-room", "");
  control.focus({ preventScroll: true });
  triggerRefresh(control);
}

/** @param {HTMLElement} button */
function moveItem(button) {
  const item = button.closest("[data-media-item]");
  const other = button.dataset.move === "up" ? item?.previousElementSibling : item?.nextElementSibling;
  if (!item || !other) return;
  if (button.dataset.move === "up") other.before(item);
  else other.after(item);
  button.focus();
  triggerRefresh(item);
}

/** Crops or converts a picture; the copy replaces it in the form. @param {HTMLElement} button */
async function editPicture(button) {
  const control = closestControl(button);
  const checkbox = /** @type {HTMLInputElement | null | undefined} */ (button.closest("[data-media-item]")?.querySelector("[type=checkbox]"));
  if (!control || !checkbox) return;
  const [width, height] = (button.dataset.fit ?? "").split("x");
  /** @type {Record<string, string>} */
  const edit = height ? { action: "fit", width: width ?? "", height } : { action: "jpeg" };
  try {
    checkbox.value = (await postForAsset(button.dataset.editUrl ?? "", edit)).ref;
    triggerRefresh(checkbox);
  } catch (error) {
    showError(control, error instanceof Error ? error.message : "");
  }
}

/** Adds the present frame of a video to the form. @param {HTMLElement} button */
async function addFrame(button) {
  const video = document.getElementById(button.dataset.video ?? "");
  const control = findControlWithRoom();
  pageAlert.hidden = control !== null;
  pageAlert.textContent = (document.querySelector("[data-media]") ? messages.mediaFull : messages.noMediaControl) ?? "";
  if (!control || !(video instanceof HTMLVideoElement)) return;
  const second = video.currentTime.toFixed(3);
  await addAsset(control, `${second} s`, () => postForAsset(button.dataset.frameUrl ?? "", { second }));
}

/** @param {HTMLElement} button */
function pickAsset(button) {
  const picker = /** @type {HTMLElement | null} */ (button.closest("[data-asset-picker]"));
  const control = findControl(picker?.dataset.param);
  assetPicker.close();
  if (control) insertAsset(control, button.dataset.assetRef ?? "");
}

/** @type {[string, (button: HTMLElement) => void][]} */
const BUTTON_HANDLERS = [
  ["[data-remove]", removeItem],
  ["[data-move]", moveItem],
  ["[data-fit]", editPicture],
  ["[data-frame-url]", addFrame],
  ["[data-asset-ref]", pickAsset],
  ["[data-fetch]", (button) => importFromUrl(/** @type {HTMLElement} */ (closestControl(button)))],
];

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target === assetPicker) assetPicker.close();
  for (const [selector, handle] of BUTTON_HANDLERS) {
    const button = target.closest(selector);
    if (button instanceof HTMLElement) handle(button);
  }
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target instanceof Element && target.id === "asset-picker-content" && !assetPicker.open) assetPicker.showModal();
});
