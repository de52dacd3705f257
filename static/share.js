// @ts-check
/** Shared films: the time of a comment, the way to it, films side by side; copying a link. */

/** The player that was used last. @type {HTMLMediaElement | null} */
let lastPlayer = null;

const listPlayers = () => /** @type {HTMLMediaElement[]} */ ([...document.querySelectorAll("[data-film]")]);
const findPlayer = (/** @type {string | undefined} */ number) => listPlayers().find((player) => player.dataset.film === number);

/** The decimal point of the page's language. */
const decimalPoint = (1.5).toLocaleString(document.documentElement.lang).charAt(1);

/** 0:04.2, as `format_second` writes it. @param {number} seconds */
function formatSecond(seconds) {
  const tenths = Math.floor(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}${decimalPoint}${tenths % 10}`;
}

/* --- The time of a comment -------------------------------------------------------------------- */

/** @param {HTMLMediaElement} player */
function showTime(player) {
  const form = document.querySelector("[data-answer]");
  const label = form?.querySelector(".answer-time");
  if (!(form instanceof HTMLFormElement) || !(label instanceof HTMLElement)) return;
  const box = /** @type {HTMLInputElement} */ (label.querySelector("input"));
  const about = form.elements.namedItem("number");
  if (label.hidden) box.checked = true;
  label.hidden = false;
  /** @type {HTMLElement} */ (label.querySelector("output")).textContent = formatSecond(player.currentTime);
  if (about instanceof HTMLSelectElement) about.value = player.dataset.film ?? "";
  storeTime(form);
}

/** The hidden field holds the time only while it is wanted. @param {HTMLFormElement} form */
function storeTime(form) {
  const label = /** @type {HTMLElement | null} */ (form.querySelector(".answer-time"));
  const about = form.elements.namedItem("number");
  const second = form.elements.namedItem("second");
  const isWanted = label !== null && !label.hidden && /** @type {HTMLInputElement} */ (label.querySelector("input")).checked;
  const isAboutIt = !(about instanceof HTMLSelectElement) || about.value === lastPlayer?.dataset.film;
  if (second instanceof HTMLInputElement) second.value = isWanted && isAboutIt && lastPlayer ? lastPlayer.currentTime.toFixed(3) : "";
  label?.toggleAttribute("data-off", !isAboutIt);
}

for (const name of ["play", "pause", "seeked", "timeupdate"]) {
  document.addEventListener(
    name,
    ({ target }) => {
      if (!(target instanceof HTMLMediaElement) || !target.dataset.film) return;
      if (name === "timeupdate" && target !== lastPlayer) return;
      if (lastPlayer && lastPlayer !== target && name === "play" && !isTogether) lastPlayer.pause();
      // Before it was played or moved, it has no time of which anybody would speak.
      if (name !== "timeupdate") lastPlayer = target;
      showTime(target);
    },
    true,
  );
}

// Whoever begins to write means what is seen at that moment.
document.addEventListener("input", ({ target }) => {
  if (target instanceof HTMLTextAreaElement && target.closest("[data-answer]")) for (const player of listPlayers()) player.pause();
});
document.addEventListener("change", ({ target }) => {
  const form = target instanceof Element ? target.closest("[data-answer]") : null;
  if (form instanceof HTMLFormElement) storeTime(form);
});

/* --- The name is asked once ------------------------------------------------------------------- */

const nameField = () => document.querySelector("[data-answer] [name=guest_name]");
const storageName = `guest ${location.pathname}`;

document.addEventListener("change", ({ target }) => {
  if (target !== nameField() || !(target instanceof HTMLInputElement)) return;
  try {
    sessionStorage.setItem(storageName, target.value);
  } catch {
    // Then it is asked again after a reload.
  }
});
function restoreName() {
  const field = nameField();
  try {
    if (field instanceof HTMLInputElement && !field.value) field.value = sessionStorage.getItem(storageName) ?? "";
  } catch {
    // It is typed again.
  }
}

/* --- Answers ---------------------------------------------------------------------------------- */

document.addEventListener("htmx:afterSwap", () => {
  const conversation = document.getElementById("conversation");
  const announcer = document.getElementById("announcer");
  if (!conversation || !announcer) return;
  const note = conversation.dataset.note;
  document.getElementById("page-alert")?.setAttribute("hidden", "");
  announcer.textContent = note ?? "";
  if (lastPlayer) showTime(lastPlayer);
  const wrongField = conversation.querySelector("[aria-invalid=true]");
  if (wrongField instanceof HTMLElement) wrongField.focus();
  else conversation.focus({ preventScroll: Boolean(note) });
});
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, () => document.querySelector("main.guest") && document.getElementById("page-alert")?.removeAttribute("hidden"));
}

/* --- The way to a time, films side by side, the link ------------------------------------------ */

/** @param {HTMLElement} link */
function seek(link) {
  const player = findPlayer(link.dataset.number);
  if (!player) return false;
  player.pause();
  player.currentTime = Number(link.dataset.seek);
  player.scrollIntoView({ block: "nearest" });
  player.focus({ preventScroll: true });
  return true;
}

let isTogether = false;

/** @param {HTMLElement} button */
function playTogether(button) {
  const text = /** @type {HTMLElement} */ (button.querySelector("span"));
  button.dataset.playText ??= text.textContent ?? "";
  isTogether = !isTogether;
  text.textContent = (isTogether ? button.dataset.pauseText : button.dataset.playText) ?? "";
  listPlayers().forEach((player, index) => {
    if (!isTogether) return player.pause();
    player.muted = index > 0;
    player.currentTime = 0;
    player.play().catch(() => {});
  });
}
document.addEventListener(
  "ended",
  () => {
    const button = document.querySelector("[data-play-together]");
    if (isTogether && button instanceof HTMLElement && listPlayers().every((player) => player.ended || player.paused)) playTogether(button);
  },
  true,
);

/** @param {HTMLElement} button */
async function copyLink(button) {
  const field = document.getElementById(button.dataset.copyLink ?? "");
  if (!(field instanceof HTMLInputElement)) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    if (!document.execCommand("copy")) return; // it is selected: a key copies it
  }
  const text = button.querySelector("span");
  if (text) text.textContent = button.dataset.copiedText ?? "";
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = button.dataset.copiedText ?? "";
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const link = event.target.closest("[data-seek]");
  if (link instanceof HTMLElement && seek(link)) event.preventDefault();
  const together = event.target.closest("[data-play-together]");
  if (together instanceof HTMLElement) playTogether(together);
  const copy = event.target.closest("[data-copy-link]");
  if (copy instanceof HTMLElement) copyLink(copy);
  if (event.target instanceof HTMLInputElement && event.target.matches("[data-select]")) event.target.select();
});

restoreName();
