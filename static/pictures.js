// @ts-check
/** The pictures page: files are chosen, dropped, pasted or fetched, many at once; tiles are selected. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));
const box = /** @type {HTMLFormElement} */ (document.querySelector("[data-upload-box]"));
const rows = /** @type {HTMLElement} */ (box.querySelector("[data-uploads]"));
const rowTemplate = /** @type {HTMLTemplateElement} */ (document.getElementById("upload-row"));
const PARALLEL_UPLOADS = 2;

/* --- Adding ------------------------------------------------------------------------------------------- */

/** A file or an address on its way: a row with its progress, and why it was refused. */
class Upload {
  /** @param {string} name @param {string} url @param {Record<string, string | File>} values */
  constructor(name, url, values) {
    this.name = name;
    this.url = url;
    this.values = values;
    this.request = new XMLHttpRequest();
    this.isEnded = false;
    this.row = /** @type {HTMLElement} */ (/** @type {Element} */ (rowTemplate.content.firstElementChild).cloneNode(true));
    this.bar = /** @type {HTMLProgressElement} */ (this.row.querySelector("progress"));
    const label = (messages.adding ?? "{name}").replace("{name}", name);
    this.bar.setAttribute("aria-label", label);
    /** @type {Element} */ (this.row.querySelector(".upload-name")).textContent = name;
    this.row.querySelector("[data-cancel-upload]")?.addEventListener("click", () => this.cancel());
    rows.append(this.row);
  }

  /** Sends it; ends when it is in, refused or given up. @returns {Promise<void>} */
  send() {
    if (this.isEnded) return Promise.resolve();
    const body = new FormData();
    for (const [key, value] of Object.entries(this.values)) body.append(key, value);
    const token = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=csrfmiddlewaretoken]"));
    const { request } = this;
    return new Promise((resolve) => {
      request.open("POST", this.url);
      request.responseType = "json";
      request.setRequestHeader("X-CSRFToken", token?.value ?? "");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) this.bar.value = event.loaded / event.total;
      });
      request.addEventListener("load", async () => {
        if (request.status === 200 && request.response?.ref) await this.finish(request.response);
        else this.fail(this.describeFailure());
        resolve();
      });
      request.addEventListener("error", () => resolve(this.fail(messages.fileRefused)));
      request.addEventListener("abort", () => resolve());
      request.send(body);
    });
  }

  describeFailure() {
    const { request } = this;
    if (request.response?.error) return request.response.error;
    if (request.status === 403) return messages.pageOutdated;
    const isSignedOut = new URL(request.responseURL).pathname !== new URL(this.url, location.href).pathname;
    return isSignedOut ? messages.fileSignedOut : messages.fileRefused;
  }

  /** @param {{ref: string, name: string}} asset */
  async finish({ ref, name }) {
    this.isEnded = true;
    await showTile(ref.replace("asset:", ""));
    this.row.remove();
    announcer.textContent = (messages.added ?? "{name}").replace("{name}", name);
  }

  /** @param {string | undefined} text */
  fail(text) {
    this.isEnded = true;
    this.row.removeAttribute("data-uploading");
    this.row.setAttribute("data-failed", "");
    this.bar.remove();
    const line = /** @type {HTMLElement} */ (this.row.querySelector(".errors"));
    line.textContent = text ?? "";
    line.hidden = false;
    line.setAttribute("role", "alert");
  }

  /** Gives it up, or puts the note of its failure away. */
  cancel() {
    this.isEnded = true;
    this.request.abort();
    this.row.remove();
    box.querySelector("input")?.focus();
  }
}

/** @type {Upload[]} */
const waiting = [];
let runningCount = 0;

async function runNext() {
  const upload = waiting.shift();
  if (!upload) return;
  runningCount += 1;
  await upload.send();
  runningCount -= 1;
  startUploads();
}
function startUploads() {
  while (waiting.length && runningCount < PARALLEL_UPLOADS) void runNext();
}
/** @param {Iterable<File>} files */
function addFiles(files) {
  for (const file of files) waiting.push(new Upload(file.name, box.dataset.uploadUrl ?? "", { file }));
  startUploads();
}
function addAddress() {
  const field = /** @type {HTMLInputElement | null} */ (box.querySelector("input[type=url]"));
  const url = field?.value.trim();
  if (!field || !url) return;
  field.value = "";
  waiting.push(new Upload(url, box.dataset.importUrl ?? "", { url }));
  startUploads();
}

/** Puts the tile of a new file in front; one that stands here already is only shown. @param {string} id */
async function showTile(id) {
  const list = document.querySelector("[data-pictures]");
  let tile = document.getElementById(`picture-${id}`);
  if (!tile && list) {
    const response = await fetch((box.dataset.tileUrl ?? "").replace("/0/", `/${id}/`));
    if (!response.ok) return;
    list.insertAdjacentHTML("afterbegin", await response.text());
    document.querySelector("[data-nothing-yet]")?.remove();
    tile = document.getElementById(`picture-${id}`);
  }
  tile?.setAttribute("data-new", "");
}

box.addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.type !== "file" || !target.files) return;
  addFiles([...target.files]);
  target.value = "";
});
box.addEventListener("submit", (event) => event.preventDefault());
box.querySelector("[data-import]")?.addEventListener("click", addAddress);
box.querySelector("input[type=url]")?.addEventListener("keydown", (event) => {
  if (/** @type {KeyboardEvent} */ (event).key !== "Enter" || /** @type {KeyboardEvent} */ (event).isComposing) return;
  event.preventDefault();
  addAddress();
});

/** Whether something of this page itself is dragged. */
let isOwnDrag = false;
document.addEventListener("dragstart", () => (isOwnDrag = true));
document.addEventListener("dragend", () => (isOwnDrag = false));
/** @param {DragEvent} event */
const hasFiles = (event) => !isOwnDrag && (event.dataTransfer?.types.includes("Files") ?? false);
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.setAttribute("data-dropping", "");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.removeAttribute("data-dropping");
});
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.removeAttribute("data-dropping");
  addFiles(/** @type {DataTransfer} */ (event.dataTransfer).files);
});
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData?.files.length) addFiles([...clipboardData.files]);
});
addEventListener("beforeunload", (event) => {
  if (rows.querySelector("[data-uploading]")) event.preventDefault();
});

/* --- Selecting ----------------------------------------------------------------------------------------- */

const listBoxes = () => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("[data-selection] [name=asset]")]);
/** Where a range that Shift selects begins. @type {HTMLInputElement | null} */
let rangeStart = null;

function showCount() {
  const count = listBoxes().filter((checkbox) => checkbox.checked).length;
  const text = (count === 1 ? messages.selectedOne : messages.selectedMany) ?? "";
  const line = document.querySelector("[data-selection-count]");
  if (line) line.textContent = count ? text.replace("{n}", String(count)) : "";
}
/** @param {HTMLInputElement} checkbox @param {boolean} isRange */
function select(checkbox, isRange) {
  const boxes = listBoxes();
  const [from, to] = [rangeStart, checkbox].map((item) => (item ? boxes.indexOf(item) : -1)).sort((a, b) => a - b);
  if (isRange && from !== undefined && from >= 0) for (const item of boxes.slice(from, Number(to) + 1)) item.checked = checkbox.checked;
  rangeStart = checkbox;
  showCount();
}
/** @param {boolean} isChecked */
function selectAll(isChecked) {
  for (const checkbox of listBoxes()) checkbox.checked = isChecked;
  showCount();
  if (!isChecked) listBoxes()[0]?.focus();
}

document.addEventListener("click", (event) => {
  const { target } = event;
  if (!(target instanceof Element)) return;
  if (target.closest("[data-select-all]")) selectAll(true);
  if (target.closest("[data-select-none]")) selectAll(false);
  if (target instanceof HTMLInputElement && target.name === "asset") select(target, event.shiftKey);
});
// Hundreds of ids go as one field: a form takes only so many.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, formData } = /** @type {CustomEvent} */ (event).detail;
  if (!elt.matches("[data-selection]")) return;
  const ids = formData.getAll("asset").join(",");
  formData.delete("asset");
  if (ids) formData.set("asset", ids);
});
document.addEventListener("htmx:afterSettle", showCount);
