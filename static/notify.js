// @ts-check
/** What the create page says while nobody looks at it: its title, a dot on its icon, a notification, a sound. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const icon = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=icon]"));
const plainTitle = document.title;
const plainIcon = icon.getAttribute("href") ?? "";
const LIVE_STATES = ["queued", "sending", "unknown", "running", "saving"];
const TOLD_STATES = ["completed", "failed"];
const TONES = /** @type {const} */ ({ completed: [660, 880], failed: [440, 330] }); // hertz
const TONE_SECONDS = 0.14;

/** State by generation, as last seen. @type {Map<string, string>} */
const states = new Map();
let unseenCount = 0;

/** What this device may do; asked when it is first needed, and again with every news. @returns {Promise<{browser: boolean, sound: boolean}>} */
async function askPermissions() {
  try {
    const response = await fetch(messages.notificationDevice ?? "", { headers: { "HX-Request": "true" } });
    return await response.json();
  } catch {
    return { browser: false, sound: false }; // offline or signed out: nothing to tell, either
  }
}

/** One element for each generation on the page. @returns {Map<string, HTMLElement>} */
function listCards() {
  const cards = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-generation][data-status]"));
  return new Map([...cards].map((card) => [card.dataset.generation ?? "", card]));
}

/** “(2) 62 % · Create”: how many are on their way, and how far those are that run. @param {HTMLElement[]} cards */
function updateTitle(cards) {
  const live = cards.filter((card) => LIVE_STATES.includes(card.dataset.status ?? "") && !card.hasAttribute("data-dismissed"));
  const bars = live.flatMap((card) => card.querySelector("progress") ?? []);
  const percent = bars.length ? Math.round(bars.reduce((sum, bar) => sum + bar.value, 0) / bars.length) : null;
  const parts = [live.length ? `(${live.length})` : "", percent === null ? "" : `${percent} %`].filter(Boolean);
  const title = parts.length ? `${parts.join(" ")} · ${plainTitle}` : plainTitle;
  if (document.title !== title) document.title = title;
  const count = document.getElementById("live-count");
  if (count) count.textContent = live.length ? String(live.length) : "";
}

/** @param {number} count */
function showUnseen(count) {
  unseenCount = count;
  const href = count ? (messages.newsIcon ?? plainIcon) : plainIcon;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

/** @param {"completed" | "failed"} state */
function playTones(state) {
  const audio = new AudioContext();
  const volume = new GainNode(audio, { gain: 0.08 });
  volume.connect(audio.destination);
  TONES[state].forEach((frequency, index) => {
    const tone = new OscillatorNode(audio, { frequency });
    tone.connect(volume);
    tone.start(audio.currentTime + index * TONE_SECONDS);
    tone.stop(audio.currentTime + (index + 1) * TONE_SECONDS);
  });
  setTimeout(() => audio.close(), 1000);
}

/** @param {HTMLElement} card */
function showNotification(card) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const title = card.querySelector("[data-state-text]")?.textContent ?? "";
  const body = card.querySelector("[data-prompt], .card-prompt, .stage-prompt")?.textContent?.trim().slice(0, 120) ?? "";
  const notification = new Notification(title, { body, tag: card.id, icon: plainIcon });
  notification.addEventListener("click", () => {
    window.focus();
    notification.close();
  });
}

/** @param {HTMLElement[]} cards those that just ended */
async function tell(cards) {
  const isAway = document.hidden || !document.hasFocus();
  if (isAway) showUnseen(unseenCount + cards.length);
  const permissions = await askPermissions();
  const hasFailed = cards.some((card) => card.dataset.status === "failed");
  if (permissions.sound) playTones(hasFailed ? "failed" : "completed");
  if (permissions.browser && isAway) cards.forEach(showNotification);
}

function followStates() {
  const cards = listCards();
  const ended = [...cards].filter(([id, card]) => {
    const before = states.get(id);
    return before && LIVE_STATES.includes(before) && TOLD_STATES.includes(card.dataset.status ?? "");
  });
  for (const [id, card] of cards) states.set(id, card.dataset.status ?? "");
  updateTitle([...cards.values()]);
  if (ended.length) tell(ended.map(([, card]) => card));
}

followStates();
document.addEventListener("htmx:afterSettle", followStates);
addEventListener("focus", () => showUnseen(0));
document.addEventListener("visibilitychange", () => document.hidden || showUnseen(0));
