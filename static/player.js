// @ts-check
/**
 * The player of a film's page: a bar of its own over the browser's video, exact to the frame, and keys. Without
 * scripts the browser's own controls serve.
 */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const { FrameClock, formatSeconds } = /** @type {typeof import("./frame-clock.js")} */ (/** @type {any} */ (window));
const announcer = /** @type {HTMLElement} */ (document.getElementById("announcer"));
const player = /** @type {HTMLElement | null} */ (document.querySelector("[data-player]"));
const video = /** @type {HTMLVideoElement | null} */ (document.querySelector("[data-player-video]"));

const SHUTTLE_SPEEDS = [1, 2, 4, 8];
const SEEK_SECONDS = 1;

/** @template {Element} T @param {string} selector @returns {T | null} */
const find = (selector) => /** @type {T | null} */ (document.querySelector(selector));

/* --- The bar ------------------------------------------------------------------------------------ */

/** @param {HTMLElement} box @param {HTMLVideoElement} film */
function startPlayer(box, film) {
  const scrub = /** @type {HTMLInputElement} */ (box.querySelector("[data-scrub]"));
  const time = /** @type {HTMLOutputElement} */ (box.querySelector("[data-time]"));
  const length = /** @type {HTMLElement} */ (box.querySelector("[data-length]"));
  const playLabel = /** @type {HTMLElement} */ (box.querySelector("[data-play-label]"));
  const speed = /** @type {HTMLSelectElement} */ (box.querySelector("[data-speed]"));
  const status = /** @type {HTMLElement} */ (box.querySelector("[data-player-status]"));
  const frameSecond = /** @type {HTMLInputElement | null} */ (box.querySelector("[data-frame-second]"));
  const frames = new FrameClock(film, showTime);
  /** Backwards there is no playing, only going from frame to frame. @type {{speed: number, timer: number, at: number} | null} */
  let reverse = null;

  function showTime() {
    const second = frames.shownAt ?? film.currentTime;
    if (document.activeElement !== scrub || film.paused) scrub.value = String(second);
    const text = formatSeconds(second);
    time.value = text;
    scrub.setAttribute("aria-valuetext", `${text} / ${length.textContent}`);
    if (frameSecond && document.activeElement !== frameSecond) frameSecond.value = frames.second;
  }
  function showLength() {
    if (!Number.isFinite(film.duration)) return;
    scrub.max = String(film.duration);
    length.textContent = formatSeconds(film.duration);
    showTime();
  }
  function showPlaying() {
    const isPlaying = !film.paused || reverse !== null;
    box.toggleAttribute("data-playing", isPlaying);
    playLabel.textContent = (isPlaying ? playLabel.dataset.pause : playLabel.dataset.play) ?? "";
  }
  /** @param {string} command @param {boolean} isOn */
  const press = (command, isOn) => box.querySelector(`[data-command="${command}"]`)?.setAttribute("aria-pressed", String(isOn));

  function stopReverse() {
    if (reverse) cancelAnimationFrame(reverse.timer);
    reverse = null;
    showPlaying();
  }
  /** @param {number} now */
  function goBack(now) {
    if (!reverse) return;
    const passed = ((now - reverse.at) / 1000) * reverse.speed;
    if (!film.seeking && passed >= frames.frameSeconds) {
      reverse.at = now;
      if (film.currentTime <= frames.frameSeconds / 2) return stopReverse();
      frames.seek(film.currentTime - passed);
    }
    reverse.timer = requestAnimationFrame(goBack);
  }
  /** The next speed of a row; the last one stays. @param {number} present */
  const nextSpeed = (present) => SHUTTLE_SPEEDS.find((candidate) => candidate > present) ?? present;
  /** @param {number} rate */
  const tellSpeed = (rate) => (status.textContent = `${rate}×`);

  function pause() {
    stopReverse();
    film.pause();
    film.playbackRate = Number(speed.value);
  }
  async function play() {
    stopReverse();
    // A film at its end begins anew.
    if (film.ended) film.currentTime = 0;
    try {
      await film.play();
    } catch {
      // The browser refuses, or a pause came first: the bar shows that it stands.
    }
  }

  /** @type {Record<string, () => void>} */
  const commands = {
    play: () => (film.paused && !reverse ? void play() : pause()),
    faster: () => {
      film.playbackRate = film.paused ? Number(speed.value) : nextSpeed(film.playbackRate);
      tellSpeed(film.playbackRate);
      void play();
    },
    slower: () => {
      const present = reverse?.speed ?? 0;
      pause();
      reverse = { speed: nextSpeed(present), at: performance.now(), timer: requestAnimationFrame(goBack) };
      tellSpeed(-reverse.speed);
      showPlaying();
    },
    "previous-frame": () => (stopReverse(), void frames.step(-1)),
    "next-frame": () => (stopReverse(), void frames.step(1)),
    first: () => (pause(), frames.seek(0)),
    last: () => (pause(), frames.seek(film.duration)),
    back: () => frames.seek(film.currentTime - SEEK_SECONDS),
    on: () => frames.seek(film.currentTime + SEEK_SECONDS),
    loop: () => press("loop", (film.loop = !film.loop)),
    mute: () => (film.muted = !film.muted),
    "full-screen": toggleFullScreen,
    keys: () => find("#player-keys") && /** @type {HTMLDialogElement} */ (find("#player-keys")).showModal(),
    frame: openFramePicker,
  };

  function toggleFullScreen() {
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (box.requestFullscreen) void box.requestFullscreen();
    // Phones of one maker show nothing but a video.
    else /** @type {any} */ (film).webkitEnterFullscreen?.();
  }
  function openFramePicker() {
    const picker = /** @type {HTMLDetailsElement | null} */ (find("#frame"));
    if (!picker) return;
    pause();
    picker.open = true;
    picker.querySelector("select")?.focus({ preventScroll: true });
    // Once the film has made room.
    requestAnimationFrame(() => picker.scrollIntoView({ block: "nearest" }));
  }

  /** Escape leaves what chooses a frame; the keys belong to the film again. @param {KeyboardEvent} event */
  function closeFramePicker(event) {
    const picker = /** @type {HTMLDetailsElement} */ (event.currentTarget);
    if (event.key !== "Escape" || event.isComposing || !picker.open) return;
    event.preventDefault();
    picker.open = false;
    /** @type {HTMLElement | null} */ (find("[data-command=play]"))?.focus({ preventScroll: true });
  }

  film.controls = false;
  /** @type {HTMLDetailsElement | null} */ (find("#frame"))?.addEventListener("keydown", closeFramePicker);
  film.addEventListener("click", () => commands.play?.());
  film.addEventListener("dblclick", toggleFullScreen);
  for (const name of ["loadedmetadata", "durationchange"]) film.addEventListener(name, showLength);
  for (const name of ["play", "pause", "ended"]) film.addEventListener(name, showPlaying);
  film.addEventListener("seeked", showTime);
  film.addEventListener("volumechange", () => press("mute", film.muted));
  scrub.addEventListener("input", () => (stopReverse(), frames.seek(Number(scrub.value))));
  speed.addEventListener("change", () => (film.playbackRate = Number(speed.value)));
  frameSecond?.addEventListener("change", () => (pause(), frames.seek(Number(frameSecond.value))));
  if (film.readyState) showLength();
  for (const button of box.querySelectorAll("[data-command]"))
    button.addEventListener("click", () => commands[/** @type {HTMLElement} */ (button).dataset.command ?? ""]?.());
  find("[data-open-frame]")?.addEventListener("click", (event) => {
    event.preventDefault();
    /** @type {HTMLElement | null} */ (find("#film-more:popover-open"))?.hidePopover();
    openFramePicker();
  });
  if (location.hash === "#frame") openFramePicker();
  return commands;
}

const commands = player && video ? startPlayer(player, video) : {};

/* --- Keeping a frame --------------------------------------------------------------------------------- */

/** Makes a picture of a frame without leaving the page. @param {HTMLButtonElement} button @param {HTMLFormElement} form */
async function keepFrame(button, form) {
  const said = /** @type {HTMLElement} */ (form.querySelector("[data-frame-said]"));
  const body = new FormData(form);
  const second = Number(body.get("second"));
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.keepFrame ?? "", { method: "POST", body, headers: { "X-CSRFToken": String(body.get("csrfmiddlewaretoken")) } });
    const facts = await answer.json();
    said.textContent = facts.error ?? (messages.frameKept ?? "").replace("{time}", formatSeconds(second));
  } catch {
    said.textContent = messages.frameRefused ?? "";
  }
  button.disabled = false;
  button.focus({ preventScroll: true });
}

document.addEventListener("submit", (event) => {
  const { submitter, target } = event;
  if (!(submitter instanceof HTMLButtonElement) || !submitter.dataset.keepFrame || !(target instanceof HTMLFormElement)) return;
  event.preventDefault();
  void keepFrame(submitter, target);
});

/* --- Keys ------------------------------------------------------------------------------------------- */

/** @type {Record<string, string>} */
const COMMAND_BY_KEY = {
  " ": "play",
  k: "play",
  j: "slower",
  l: "faster",
  ",": "previous-frame",
  ".": "next-frame",
  ArrowLeft: "back",
  ArrowRight: "on",
  Home: "first",
  End: "last",
  m: "mute",
  f: "full-screen",
  c: "frame",
  "?": "keys",
};
/**
 * Keys that press something of the page. A German keyboard has the brackets only with AltGr, so two letters beside
 * each other do the same.
 * @type {Record<string, string>}
 */
const TARGET_BY_KEY = {
  s: "[data-star], #order-star",
  p: "[data-copy-prompt]",
  b: "a[rel=prev]",
  "[": "a[rel=prev]",
  n: "a[rel=next]",
  "]": "a[rel=next]",
};
const FIELDS = "textarea, select, input:not([type=range], [type=checkbox], [type=radio], [type=button], [type=submit]), [contenteditable]";
/** What a focused control does with a key itself. */
const PRESSED_BY_SPACE = "button, summary, a, input, audio";

// Captured: the page's own keys go before those of all pages.
document.addEventListener("keydown", onKey, true);

/** @param {KeyboardEvent} event */
function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (!(target instanceof Element) || target.closest(`${FIELDS}, dialog, audio`)) return;
  if (key === " " && target.closest(PRESSED_BY_SPACE)) return;
  if (key.startsWith("Arrow") && target.closest("input")) return;
  const name = key.length === 1 ? key.toLowerCase() : key;
  const command = commands[COMMAND_BY_KEY[name] ?? ""];
  const pressed = find(TARGET_BY_KEY[name] ?? "[data-no-such-key]");
  if (!command && !pressed) return;
  event.preventDefault();
  if (event.repeat && !["previous-frame", "next-frame", "back", "on"].includes(COMMAND_BY_KEY[name] ?? "")) return;
  if (command) command();
  else if (pressed instanceof HTMLElement) pressed.click();
}

/* --- Back to the list ------------------------------------------------------------------------------- */

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("[data-back-to-list]");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  // The page before this one is the list: there it stands as it was left.
  const before = document.referrer ? new URL(document.referrer) : null;
  if (before?.origin !== location.origin || before.pathname !== link.pathname) return;
  event.preventDefault();
  history.back();
});
