// @ts-check
/** The films page: the way back from a film leads to the place where it stood. */

/** The film that stands first in the window, how far from its upper edge, and the one that was opened.
 * @typedef {{id: string, top: number, opened: string}} Place */

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
  scrollBy({ top: item.getBoundingClientRect().top - place.top, behavior: "instant" });
}

restorePlace();
addEventListener("pagehide", storePlace);
