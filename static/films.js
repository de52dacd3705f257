// @ts-check
/** The films page: the way back to the same place, films that come by themselves or play under the pointer, addresses without empty filters. */

/* --- The way back ------------------------------------------------------------------------------- */

/** The film that stands first in the window, how far from its upper edge, and the one that was opened.
 * @typedef {{id: string, top: number, opened: string}} Place */

const SETTLING_FRAMES = 6;
const storageName = () => `place ${location.pathname}${location.search}`;

/** @returns {Place | null} */
function loadPlace() {
  try {
    return JSON.parse(sessionStorage.getItem(storageName()) ?? "null");
  } catch {
    return null;
  }
}

function storePlace() {
  const item = [...document.querySelectorAll("[data-generation]")].find((element) => element.getBoundingClientRect().bottom > 0);
  if (!item) return;
  const opened = document.activeElement?.closest("[data-generation]")?.id ?? "";
  try {
    sessionStorage.setItem(storageName(), JSON.stringify({ id: item.id, top: item.getBoundingClientRect().top, opened }));
  } catch {
    // Without session storage the browser's own way back has to do.
  }
}

function restorePlace() {
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  const place = navigation?.type === "navigate" ? null : loadPlace();
  const item = place && document.getElementById(place.id);
  if (!place || !item) return;
  // The browser's own would count from the top, where newer films may stand by now.
  history.scrollRestoration = "manual";
  document.getElementById(place.opened)?.querySelector("a")?.focus({ preventScroll: true });
  keepAt(item, place.top, SETTLING_FRAMES);
}

/**
 * Films out of sight have a guessed height; those that come into sight get their own within the next frames.
 * @param {HTMLElement} item @param {number} top @param {number} frames
 */
function keepAt(item, top, frames) {
  scrollBy({ top: item.getBoundingClientRect().top - top, behavior: "instant" });
  if (frames) requestAnimationFrame(() => keepAt(item, top, frames - 1));
}

restorePlace();
addEventListener("pagehide", storePlace);

/* --- Films that come by themselves --------------------------------------------------------------- */

/** Further films are asked for a window's height before the end is in sight. A full page ends in a link: there the foot is reached. */
const endWatcher = new IntersectionObserver(loadMore, { rootMargin: "0px 0px 100%" });

/** @param {IntersectionObserverEntry[]} entries */
function loadMore(entries) {
  if (!entries.some((entry) => entry.isIntersecting) || isSavingData()) return;
  endWatcher.disconnect(); // Once: where no answer came, the button waits for a press.
  for (const { target } of entries) /** @type {HTMLElement} */ (target).click();
}

function watchEnd() {
  endWatcher.disconnect();
  const button = document.querySelector("#load-more a[hx-get]");
  if (button) endWatcher.observe(button);
}

/** Whoever pressed the button goes on at the first of the new films. @param {Event} event */
function keepFocus(event) {
  const { target } = /** @type {CustomEvent} */ (event).detail;
  const last = target.matches("#load-more") && target.contains(document.activeElement) && target.previousElementSibling;
  if (!last) return;
  const focusNext = () => /** @type {HTMLElement | null} */ (document.querySelector(`#${last.id} ~ article h3 a`))?.focus({ preventScroll: true });
  document.addEventListener("htmx:afterSettle", focusNext, { once: true });
}

// Nobody who only looks at the newest films loads more than these.
addEventListener("scroll", () => (watchEnd(), document.addEventListener("htmx:afterSettle", watchEnd)), { once: true, passive: true });
document.addEventListener("htmx:beforeSwap", keepFocus);

/* --- Films that play under the pointer ----------------------------------------------------------- */

const PREVIEW_DELAY_MS = 300;
const wantsStillness = matchMedia("(prefers-reduced-motion: reduce)");
/** The tile that the pointer is on. @type {Element | null} */
let hoveredTile = null;
let previewTimer = 0;
/** The one that plays: a page with many would take all memory. @type {HTMLVideoElement | null} */
let preview = null;

/** @returns {boolean} */
function isSavingData() {
  return Boolean(/** @type {any} */ (navigator).connection?.saveData);
}

function stopPreview() {
  clearTimeout(previewTimer);
  if (!preview) return;
  preview.removeAttribute("src");
  preview.load(); // gives back what it loaded
  preview.remove();
  preview = null;
}

/** @param {Element} tile */
function startPreview(tile) {
  const frame = tile.querySelector("[data-preview]");
  if (!(frame instanceof HTMLElement)) return;
  const video = document.createElement("video");
  video.muted = true;
  video.loop = true;
  video.playsInline = true;
  video.tabIndex = -1;
  video.setAttribute("aria-hidden", "true");
  video.src = frame.dataset.preview ?? "";
  // Its poster stays in sight until there is a picture.
  video.addEventListener("playing", () => video.toggleAttribute("data-playing", true), { once: true });
  preview = video;
  frame.querySelector("img")?.after(video);
  video.play().catch(() => video === preview && stopPreview());
}

document.addEventListener("pointerover", (event) => {
  const tile = event.target instanceof Element ? event.target.closest("[data-generation]") : null;
  if (tile === hoveredTile) return;
  hoveredTile = tile;
  stopPreview();
  if (!tile || event.pointerType !== "mouse" || wantsStillness.matches || isSavingData()) return;
  previewTimer = setTimeout(() => startPreview(tile), PREVIEW_DELAY_MS);
});
document.documentElement.addEventListener("pointerleave", () => {
  hoveredTile = null;
  stopPreview();
});
addEventListener("pagehide", stopPreview);

/* --- Addresses without empty filters -------------------------------------------------------------- */

document.addEventListener("formdata", (event) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches("[data-terse]")) return;
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});
