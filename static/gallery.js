// @ts-check
/** The films page: the way back from a film leads to the place where it stood. */

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
  const item = [...document.querySelectorAll(".gallery-item")].find((element) => element.getBoundingClientRect().bottom > 0);
  if (!item) return;
  const opened = document.activeElement?.closest(".gallery-item")?.id ?? "";
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
