// @ts-check
/** Pictures for the form: chosen, dropped, pasted, fetched, picked or cut; each goes up at once. */

const words = /** @type {HTMLTemplateElement} */ (document.getElementById("words")).dataset;
const library = /** @type {HTMLDialogElement} */ (document.getElementById("library"));
const trouble = /** @type {HTMLElement} */ (document.getElementById("trouble"));

/** @typedef {{ref: string, name: string}} Added */

/** @param {EventTarget | Element | null} element @returns {HTMLElement | null} */
const controlOf = (element) => (element instanceof Element ? element.closest("[data-media]") : null);
/** The control of a parameter as it stands now: a refresh may have replaced the one we began with. @param {string | undefined} name */
const controlNamed = (name) => /** @type {HTMLElement | null} */ (document.querySelector(`[data-media="${CSS.escape(name ?? "")}"]`));
const roomy = () => /** @type {HTMLElement | null} */ (document.querySelector("[data-media][data-room]"));

/** Where it went wrong, in one sentence; "" takes it back. @param {HTMLElement} control @param {string} sentence */
function complain(control, sentence) {
  const place = control.querySelector("[data-error-for]");
  if (!place) return;
  place.textContent = sentence;
  place.toggleAttribute("role", false);
  if (sentence) place.setAttribute("role", "alert");
}

/** Name a file in the form and let the server draw it. @param {HTMLElement} control @param {string} ref */
function insert(control, ref) {
  const box = Object.assign(document.createElement("input"), { type: "checkbox", hidden: true, checked: true, value: ref });
  box.name = control.dataset.media ?? "";
  const item = document.createElement("li");
  item.append(box);
  item.hidden = true;
  control.querySelector("[data-slots]")?.append(item);
  changed(control);
}

/** @param {Element} element */
const changed = (element) => element.dispatchEvent(new Event("change", { bubbles: true }));

/* --- Asking the studio ------------------------------------------------------------------------------- */

/**
 * POST a few values; what was added comes back. XMLHttpRequest, because fetch cannot tell how far an upload is.
 * @param {string} url
 * @param {Record<string, string | File>} values
 * @param {(event: ProgressEvent) => void} [onProgress]
 * @returns {Promise<Added>} rejects with an Error whose message is for people
 */
function ask(url, values, onProgress) {
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
      else reject(new Error(request.response?.error ?? words.refused));
    });
    request.addEventListener("error", () => reject(new Error(words.refused)));
    request.send(body);
  });
}

/** @param {HTMLElement} control @param {string} name @param {(bar: HTMLProgressElement) => Promise<Added>} work */
async function add(control, name, work) {
  const line = document.createElement("li");
  const bar = document.createElement("progress");
  const label = (words.adding ?? "{name}").replace("{name}", name);
  line.className = "upload";
  line.dataset.uploading = "";
  bar.setAttribute("aria-label", label);
  line.append(label, bar);
  complain(control, "");
  control.querySelector("[data-uploads]")?.append(line);
  try {
    const { ref } = await work(bar);
    line.remove();
    const now = controlNamed(control.dataset.media);
    if (now) insert(now, ref);
    return true;
  } catch (error) {
    line.remove();
    complain(controlNamed(control.dataset.media) ?? control, error instanceof Error ? error.message : "");
    return false;
  }
}

/** @param {HTMLElement} control @param {File} file */
function upload(control, file) {
  const kind = (control.dataset.accept ?? "image").slice(0, 5); // image, video and audio have five letters
  return add(control, file.name, (bar) =>
    ask(control.dataset.upload ?? "", { file, kind }, (event) => {
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    }),
  );
}

/** @param {HTMLElement} control @param {Iterable<File>} files */
function take(control, files) {
  if (!control.hasAttribute("data-room")) return complain(control, words.full ?? "");
  const wanted = control.hasAttribute("data-multiple") ? [...files] : [...files].slice(0, 1);
  for (const file of wanted) void upload(control, file);
}

/** An address that could not be opened stands there again, to be mended. @param {HTMLElement} control */
async function fetchAddress(control) {
  const field = /** @type {HTMLInputElement | null} */ (control.querySelector("input[type=url]"));
  const url = field?.value.trim();
  if (!field || !url) return;
  field.value = "";
  const kind = (control.dataset.accept ?? "image").slice(0, 5);
  const added = await add(control, url, () => ask(control.dataset.address ?? "", { url, kind }));
  const now = document.getElementById(field.id);
  if (!added && now instanceof HTMLInputElement && !now.value) now.value = url;
}

/* --- Choosing, dropping, pasting ----------------------------------------------------------------------- */

// Captured before htmx hears of it: files and addresses travel by themselves, not with the form.
document.addEventListener(
  "change",
  (event) => {
    const field = event.target;
    const control = controlOf(field);
    if (!control || !(field instanceof HTMLInputElement) || !["file", "url"].includes(field.type)) return;
    event.stopPropagation();
    if (field.type !== "file" || !field.files?.length) return;
    take(control, [...field.files]);
    field.value = "";
  },
  true,
);

/** @param {DragEvent} event */
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
/** @param {HTMLElement | null} control */
function mark(control) {
  for (const marked of document.querySelectorAll("[data-dropping]")) marked.removeAttribute("data-dropping");
  control?.setAttribute("data-dropping", "");
}

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  mark(controlOf(event.target) ?? roomy());
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) mark(null);
});
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  mark(null);
  const control = controlOf(event.target) ?? roomy();
  if (control && event.dataTransfer) take(control, event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files;
  const near = controlOf(document.activeElement);
  const control = near?.hasAttribute("data-room") ? near : roomy();
  if (!files?.length || !control) return;
  event.preventDefault();
  take(control, files);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || event.target.type !== "url") return;
  const control = controlOf(event.target);
  if (!control) return;
  event.preventDefault();
  void fetchAddress(control);
});

/* --- Buttons -------------------------------------------------------------------------------------------- */

/** @param {HTMLElement} button */
function remove(button) {
  const control = controlOf(button);
  if (!control) return;
  button.closest("[data-slot]")?.remove();
  control.setAttribute("data-room", "");
  control.focus({ preventScroll: true });
  changed(control);
}

/** @param {HTMLElement} button */
function move(button) {
  const slot = button.closest("[data-slot]");
  const other = button.dataset.move === "up" ? slot?.previousElementSibling : slot?.nextElementSibling;
  if (!slot || !other) return;
  if (button.dataset.move === "up") other.before(slot);
  else other.after(slot);
  button.focus();
  changed(slot);
}

/** Cut or convert a picture: the copy takes its place. @param {HTMLElement} button */
async function fit(button) {
  const control = controlOf(button);
  const box = /** @type {HTMLInputElement | null | undefined} */ (button.closest("[data-slot]")?.querySelector("[type=checkbox]"));
  if (!control || !box) return;
  const [width, height] = (button.dataset.fit ?? "").split("x");
  /** @type {Record<string, string>} */
  const wish = height ? { action: "fit", width: width ?? "", height } : { action: "jpeg" };
  try {
    box.value = (await ask(button.dataset.edit ?? "", wish)).ref;
    changed(box);
  } catch (error) {
    complain(control, error instanceof Error ? error.message : "");
  }
}

/** The frame that a film stands at, as a picture for the form. @param {HTMLElement} button */
async function frame(button) {
  const film = document.getElementById(button.dataset.video ?? "");
  const control = roomy();
  trouble.hidden = control !== null;
  trouble.textContent = (document.querySelector("[data-media]") ? words.full : words.noSlot) ?? "";
  if (!control || !(film instanceof HTMLVideoElement)) return;
  const second = film.currentTime.toFixed(3);
  await add(control, `${second} s`, () => ask(button.dataset.frame ?? "", { second }));
}

/** @param {HTMLElement} button */
function pick(button) {
  const picker = /** @type {HTMLElement | null} */ (button.closest("[data-picker]"));
  const control = controlNamed(picker?.dataset.param);
  library.close();
  if (control) insert(control, button.dataset.pick ?? "");
}

/** @type {[string, (button: HTMLElement) => void][]} */
const BUTTONS = [
  ["[data-remove]", remove],
  ["[data-move]", move],
  ["[data-fit]", fit],
  ["[data-frame]", frame],
  ["[data-pick]", pick],
  ["[data-fetch]", (button) => fetchAddress(/** @type {HTMLElement} */ (controlOf(button)))],
];

document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target === library) library.close();
  for (const [selector, act] of BUTTONS) {
    const button = target.closest(selector);
    if (button instanceof HTMLElement) act(button);
  }
});
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target instanceof Element && target.id === "library-files" && !library.open) library.showModal();
});
