// @ts-check
/**
 * Cropping a picture: a frame over it (cropperjs), the same in numbers, and what will come of it drawn in place.
 *
 * The box is in pixels of the picture after it was turned and mirrored, as the server takes it. It may reach
 * beyond the picture: what is outside becomes the border.
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */
/** @typedef {HTMLElement & Box & {aspectRatio: number, $change: (x: number, y: number, width: number, height: number, ratio?: number, force?: boolean) => void}} Selection */

const MARGIN_PIXELS = 28;
const BLURRED_SIDE = 24;
const MOVE_STEP = 0.01; // of the longer side, with Shift ten times as far
const BOX_NAMES = /** @type {const} */ (["x", "y", "width", "height"]);

class Cropper {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.stage = /** @type {HTMLElement} */ (form.querySelector("cropper-canvas"));
    this.selection = /** @type {Selection} */ (form.querySelector("cropper-selection"));
    this.drawing = /** @type {HTMLCanvasElement} */ (form.querySelector("[data-crop-drawing]"));
    this.isPlacing = false;
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.image = new Image();
    this.image.src = form.dataset.image ?? "";
    /** @type {Box} */
    this.box = this.getWhole();
    this.listen();
  }

  /* What the form says. */
  /** @param {string} name */
  getField(name) {
    return /** @type {any} */ (this.form.elements.namedItem(name));
  }
  /** @param {string} name */
  getNumber(name) {
    return Math.round(Number(this.getField(name).value)) || 0;
  }
  get turn() {
    return Number(this.getField("turn").value);
  }
  get isPadded() {
    return this.getField("padded").value === "on";
  }
  /** Width by height; NaN while it is free. */
  get ratio() {
    const [width, height] = this.getField("shape").value.split(/[:x]/).map(Number);
    return height ? width / height : NaN;
  }
  /** The picture as it lies there, after it was turned. @returns {Box} */
  getWhole() {
    const { width, height } = this.form.dataset;
    const sides = [Number(width), Number(height)];
    if (this.turn % 180) sides.reverse();
    return { x: 0, y: 0, width: sides[0] ?? 1, height: sides[1] ?? 1 };
  }

  listen() {
    const { form, selection, stage } = this;
    form.addEventListener("input", ({ target }) => this.handleInput(/** @type {HTMLInputElement} */ (target)));
    form.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("[data-turn]") : null;
      if (button instanceof HTMLElement) this.turnBy(Number(button.dataset.turn));
    });
    form.addEventListener("submit", (event) => this.submit(event));
    selection.addEventListener("change", (event) => {
      if (!this.isPlacing && event.target === selection) this.readSelection(/** @type {CustomEvent} */ (event).detail);
    });
    selection.addEventListener("keydown", (event) => this.handleKey(event));
    stage.addEventListener("actionend", () => this.arrange());
    this.image.addEventListener("load", () => this.reset());
    new ResizeObserver(() => this.arrange()).observe(stage);
    customElements.whenDefined("cropper-selection").then(() => this.reset());
  }

  /** @param {HTMLInputElement} field */
  handleInput(field) {
    if (["shape", "padded", "turn"].includes(field.name)) return this.reset();
    if (BOX_NAMES.some((name) => name === field.name)) return this.readNumbers(field.name);
    this.draw();
    this.describe();
  }

  /** @param {number} degrees */
  turnBy(degrees) {
    this.getField("turn").value = String((this.turn + degrees) % 360);
    this.reset();
  }

  /** Places the box anew: of the chosen ratio as large as it fits, or as small as it fits around; else everything. */
  reset() {
    const size = /^(\d+)x(\d+)$/.exec(this.getField("shape").value);
    this.getField("result_width").value = size?.[1] ?? "";
    this.getField("result_height").value = size?.[2] ?? "";
    const whole = this.getWhole();
    this.box = Number.isNaN(this.ratio) ? whole : placeBox(whole, this.ratio, this.isPadded);
    this.selection.aspectRatio = this.ratio;
    this.arrange();
  }

  /** @param {string} changed */
  readNumbers(changed) {
    for (const name of BOX_NAMES) this.box[name] = this.getNumber(name);
    this.box.width = Math.max(1, this.box.width);
    this.box.height = Math.max(1, this.box.height);
    if (!Number.isNaN(this.ratio)) {
      if (changed === "height") this.box.width = Math.max(1, Math.round(this.box.height * this.ratio));
      else this.box.height = Math.max(1, Math.round(this.box.width / this.ratio));
    }
    this.arrange(changed);
  }

  /** Takes over what was dragged. @param {Box} shown in pixels of the page */
  readSelection(shown) {
    const width = Math.max(1, Math.round(shown.width / this.scale));
    const height = Math.max(1, Math.round(Number.isNaN(this.ratio) ? shown.height / this.scale : width / this.ratio));
    this.box = { x: Math.round((shown.x - this.left) / this.scale), y: Math.round((shown.y - this.top) / this.scale), width, height };
    this.writeNumbers();
    this.draw();
    this.describe();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    const { box } = this;
    const step = Math.max(1, Math.round(Math.max(box.width, box.height) * MOVE_STEP * (event.shiftKey ? 10 : 1)));
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => (box.x -= step),
      ArrowRight: () => (box.x += step),
      ArrowUp: () => (box.y -= step),
      ArrowDown: () => (box.y += step),
      "+": () => growBox(box, step),
      "=": () => growBox(box, step),
      "-": () => growBox(box, -step),
    };
    const act = actions[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
    this.arrange();
  }

  /** Shows the box and all of the picture, as large as there is room. @param {string} [typed] a number that is being typed */
  arrange(typed) {
    const { box } = this;
    const whole = this.getWhole();
    const { clientWidth, clientHeight } = this.stage;
    if (!clientWidth) return;
    const x = Math.min(0, box.x);
    const y = Math.min(0, box.y);
    const width = Math.max(whole.width, box.x + box.width) - x;
    const height = Math.max(whole.height, box.y + box.height) - y;
    this.scale = Math.min((clientWidth - 2 * MARGIN_PIXELS) / width, (clientHeight - 2 * MARGIN_PIXELS) / height);
    this.left = (clientWidth - width * this.scale) / 2 - x * this.scale;
    this.top = (clientHeight - height * this.scale) / 2 - y * this.scale;
    this.isPlacing = true;
    this.selection.$change?.(this.left + box.x * this.scale, this.top + box.y * this.scale, box.width * this.scale, box.height * this.scale, NaN, true);
    this.isPlacing = false;
    this.writeNumbers(typed);
    this.draw();
    this.describe();
  }

  /** @param {string} [typed] */
  writeNumbers(typed) {
    for (const name of BOX_NAMES) if (name !== typed) this.getField(name).value = String(this.box[name]);
    const whole = this.getWhole();
    const { x, y, width, height } = this.box;
    const isInside = x >= 0 && y >= 0 && x + width <= whole.width && y + height <= whole.height;
    /** @type {HTMLElement} */ (this.form.querySelector("[data-border]")).hidden = isInside;
  }

  describe() {
    const width = this.getNumber("result_width") || this.box.width;
    const height = this.getNumber("result_height") || this.box.height;
    const { resultText = "{size}", enlargedText = "" } = this.form.dataset;
    const factor = Math.max(width / this.box.width, height / this.box.height);
    const enlarged = factor > 1.05 ? ` ${enlargedText.replace("{n}", Number(factor.toFixed(1)).toLocaleString(document.documentElement.lang))}` : "";
    /** @type {Element} */ (this.form.querySelector("[data-crop-result]")).textContent = resultText.replace("{size}", `${width} × ${height}`) + enlarged;
  }

  /** Draws the border and the picture where they are. */
  draw() {
    const { drawing, image, scale, left, top, box } = this;
    const context = drawing.getContext("2d");
    if (!context || !image.naturalWidth) return;
    const ratio = devicePixelRatio || 1;
    drawing.width = this.stage.clientWidth * ratio;
    drawing.height = this.stage.clientHeight * ratio;
    context.scale(ratio, ratio);
    const shown = { x: left + box.x * scale, y: top + box.y * scale, width: box.width * scale, height: box.height * scale };
    if (this.getField("border").value === "blur") this.drawBlurred(context, shown);
    else {
      context.fillStyle = this.getField("colour").value;
      context.fillRect(shown.x, shown.y, shown.width, shown.height);
    }
    const whole = this.getWhole();
    this.drawTurned(context, left, top, whole.width * scale, whole.height * scale);
  }

  /** The picture as it is turned and mirrored. @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} width @param {number} height */
  drawTurned(context, x, y, width, height) {
    const sides = this.turn % 180 ? [height, width] : [width, height];
    const [imageWidth = width, imageHeight = height] = sides;
    context.save();
    context.translate(x + width / 2, y + height / 2);
    if (this.getField("mirror").checked) context.scale(-1, 1);
    context.rotate((this.turn * Math.PI) / 180);
    context.drawImage(this.image, -imageWidth / 2, -imageHeight / 2, imageWidth, imageHeight);
    context.restore();
  }

  /** The picture fills the box, drawn very small and then large. @param {CanvasRenderingContext2D} context @param {Box} shown */
  drawBlurred(context, shown) {
    const small = document.createElement("canvas");
    const factor = BLURRED_SIDE / Math.max(shown.width, shown.height);
    small.width = Math.max(1, Math.round(shown.width * factor));
    small.height = Math.max(1, Math.round(shown.height * factor));
    const smallContext = small.getContext("2d");
    if (!smallContext) return;
    const whole = this.getWhole();
    const cover = Math.max(small.width / whole.width, small.height / whole.height);
    const [width, height] = [whole.width * cover, whole.height * cover];
    smallContext.imageSmoothingQuality = "high";
    this.drawTurned(smallContext, (small.width - width) / 2, (small.height - height) / 2, width, height);
    context.save();
    context.beginPath();
    context.rect(shown.x, shown.y, shown.width, shown.height);
    context.clip();
    // Where a browser knows no filter, the small picture is blurred enough by being enlarged.
    context.filter = `blur(${Math.round(Math.max(shown.width, shown.height) / BLURRED_SIDE / 2)}px)`;
    context.drawImage(small, shown.x, shown.y, shown.width, shown.height);
    context.restore();
  }

  /** In the dialog of a form the copy takes the picture's place there. @param {SubmitEvent} event */
  submit(event) {
    const dialog = this.form.closest("dialog");
    if (!dialog) return;
    event.preventDefault();
    const { ref, slot, name, editUrl } = this.form.dataset;
    const values = { ...Object.fromEntries(new FormData(this.form)), action: "crop" };
    dialog.close();
    document.dispatchEvent(new CustomEvent("studio:crop", { detail: { ref, slot, name, editUrl, values } }));
  }
}

/** As `place_box` of the server. @param {Box} whole @param {number} ratio @param {boolean} isPadded @returns {Box} */
function placeBox(whole, ratio, isPadded) {
  const isWider = whole.width > whole.height * ratio;
  const width = isWider === isPadded ? whole.width : Math.max(1, Math.round(whole.height * ratio));
  const height = isWider === isPadded ? Math.max(1, Math.round(whole.width / ratio)) : whole.height;
  return { x: Math.floor((whole.width - width) / 2), y: Math.floor((whole.height - height) / 2), width, height };
}

/** Grows a box around its centre and keeps its ratio. @param {Box} box @param {number} step */
function growBox(box, step) {
  const width = Math.max(1, box.width + 2 * step);
  const height = Math.max(1, Math.round((box.height * width) / box.width));
  box.x += Math.round((box.width - width) / 2);
  box.y += Math.round((box.height - height) / 2);
  box.width = width;
  box.height = height;
}

function start() {
  const form = document.querySelector("[data-crop]:not([data-ready])");
  if (!(form instanceof HTMLFormElement)) return;
  form.setAttribute("data-ready", "");
  new Cropper(form);
}
document.addEventListener("htmx:afterSettle", start);
start();
