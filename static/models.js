// @ts-check
/** The list of models: search, filter, and the arrow keys. */

const count = () => /** @type {HTMLElement | null} */ (document.querySelector("[data-model-count]"));
const listRows = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#model-rows > tr")]);

/** Without case and accents. @param {string} text */
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** Shows the models that have all words of the search and what was asked for. */
function filterModels() {
  const search = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-model-search]"));
  const filter = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-model-filter]:checked"));
  const words = fold(search?.value ?? "").split(/\s+/).filter(Boolean);
  const rows = listRows();
  for (const row of rows) {
    const text = fold(row.dataset.words ?? "");
    const hasFeature = !filter?.value || (row.dataset.features ?? "").split(" ").includes(filter.value);
    row.hidden = !hasFeature || !words.every((word) => text.includes(word));
  }
  const status = count();
  if (!status) return;
  const shown = rows.filter((row) => !row.hidden).length;
  const { none, one, many } = status.dataset;
  const said = shown > 1 ? (many ?? "").replace("{count}", String(shown)) : ((shown ? one : none) ?? "");
  if (status.textContent !== said) status.textContent = said;
}

const listLinks = () => listRows().filter((row) => !row.hidden).map((row) => /** @type {HTMLElement} */ (row.querySelector("a")));

document.addEventListener("input", ({ target }) => {
  if (target instanceof Element && target.matches("[data-model-search], [data-model-filter]")) filterModels();
});

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!(target instanceof HTMLElement) || !target.closest("#model-list") || event.altKey || event.ctrlKey || event.metaKey) return;
  const isSearch = target.matches("[data-model-search]");
  const links = listLinks();
  const place = links.findIndex((link) => link === target || link.closest("tr") === target.closest("tr"));
  /** @type {Record<string, HTMLElement | undefined>} */
  const goals = isSearch ? { ArrowDown: links[0] } : { ArrowDown: links[place + 1], ArrowUp: links[place - 1] ?? undefined, Home: links[0], End: links.at(-1) };
  if (isSearch && key === "Enter" && !event.isComposing) {
    event.preventDefault();
    return links[0]?.click();
  }
  if (target.matches("[data-model-filter]") || !(key in goals)) return;
  event.preventDefault();
  if (key === "ArrowUp" && place === 0) return /** @type {HTMLElement | null} */ (document.querySelector("[data-model-search]"))?.focus();
  goals[key]?.focus();
});

// A pinned model changes its place; what is searched for stays.
document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (!(target instanceof Element)) return;
  if (target.closest("#model-list")) filterModels();
  if (target.id === "model-list") begin();
});

/** The search has the focus where it does not open a keyboard over the list. */
function begin() {
  filterModels();
  const search = /** @type {HTMLElement | null} */ (document.querySelector("#model-picker [data-model-search]"));
  if (search && matchMedia("(pointer: fine)").matches) search.focus();
}
begin();
