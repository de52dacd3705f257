// @ts-check
/**
 * Several films on one clock, that of the longest: they play, stop and seek together, and whoever drifts is brought
 * back. One of them is heard. Without scripts each has the browser's own controls.
 */

const { FrameClock, formatSeconds } = /** @type {typeof import("./frame-clock.js")} */ (/** @type {any} */ (window));

const box = /** @type {HTMLElement} */ (document.querySelector("[data-compare]"));
const films = [...box.querySelectorAll("video")];
const scrub = /** @type {HTMLInputElement} */ (box.querySelector("[data-scrub]"));
const time = /** @type {HTMLOutputElement} */ (box.querySelector("[data-time]"));
const length = /** @type {HTMLElement} */ (box.querySelector("[data-length]"));
const speed = /** @type {HTMLSelectElement} */ (box.querySelector("[data-speed]"));
const playLabel = /** @type {HTMLElement} */ (box.querySelector("[data-play-label]"));
const sounds = /** @type {HTMLInputElement[]} */ ([...box.querySelectorAll("[name=sound]")]);

const SEEK_SECONDS = 1;
const NOTICED_DRIFT_SECONDS = 0.03; // less than a frame
const JUMP_DRIFT_SECONDS = 0.35; // more than can be caught up without being seen
const MAX_RATE_CHANGE = 0.15;

/** The film whose time is the clock: the longest, so that all are seen to their end. */
let clock = films[0];
let isPlaying = false;
let isLooped = false;
/** Those under way: a key that is pressed while a frame is looked for waits for its turn. */
let steps = Promise.resolve();
const frames = new Map(films.map((film) => [film, new FrameClock(film, () => film === clock && followClock())]));
/** @param {HTMLVideoElement} film */
const getFrames = (film) => /** @type {InstanceType<typeof FrameClock>} */ (frames.get(film));

/** @param {HTMLVideoElement} film */
const getLength = (film) => (Number.isFinite(film.duration) ? film.duration : 0);

function showTime() {
  if (document.activeElement !== scrub || !isPlaying) scrub.value = String(clock.currentTime);
  time.value = formatSeconds(clock.currentTime);
  scrub.setAttribute("aria-valuetext", `${time.value} / ${length.textContent}`);
}
function chooseClock() {
  clock = films.reduce((longest, film) => (getLength(film) > getLength(longest) ? film : longest));
  scrub.max = String(getLength(clock));
  length.textContent = formatSeconds(getLength(clock));
  showTime();
}
function showPlaying() {
  box.toggleAttribute("data-playing", isPlaying);
  playLabel.textContent = (isPlaying ? playLabel.dataset.pause : playLabel.dataset.play) ?? "";
}

/** A film that has ended earlier waits at its last frame. @param {HTMLVideoElement} film @param {number} second */
const hasFrameAt = (film, second) => second < getLength(film) - getFrames(film).frameSeconds / 2;

/** @param {number} second */
function seek(second) {
  for (const film of films) getFrames(film).seek(second);
}

function pause() {
  isPlaying = false;
  for (const film of films) film.pause();
  seek(clock.currentTime);
  showPlaying();
}
async function play() {
  if (clock.ended || !hasFrameAt(clock, clock.currentTime)) seek(0);
  else seek(clock.currentTime);
  isPlaying = true;
  showPlaying();
  for (const film of films) film.playbackRate = Number(speed.value);
  try {
    await Promise.all(films.filter((film) => hasFrameAt(film, clock.currentTime)).map((film) => film.play()));
  } catch {
    // The browser refused, or a pause came first.
  }
}

/** Brings the others to the clock: by a little more or less speed, from far away by a jump. */
function correctDrift() {
  for (const film of films) {
    if (film === clock || film.seeking || !hasFrameAt(film, clock.currentTime)) continue;
    if (film.paused && isPlaying && !film.ended) void film.play().catch(() => undefined);
    const drift = film.currentTime - clock.currentTime;
    const change = Math.min(Math.max(drift, -MAX_RATE_CHANGE), MAX_RATE_CHANGE);
    if (Math.abs(drift) > JUMP_DRIFT_SECONDS) film.currentTime = clock.currentTime;
    film.playbackRate = Number(speed.value) * (Math.abs(drift) > NOTICED_DRIFT_SECONDS ? 1 - change : 1);
  }
}

function followClock() {
  if (isPlaying) correctDrift();
  showTime();
}

/** By the shortest frame of the films that go on: none of any of them is passed over. @param {1 | -1} direction */
async function step(direction) {
  if (isPlaying) pause();
  const running = films.filter((film) => film === clock || hasFrameAt(film, clock.currentTime)).map(getFrames);
  const middles = new Map(running.map((each) => [each, each.middle]));
  await Promise.all(running.map((each) => each.learn(direction)));
  const known = running.filter((each) => each.knownFrameSeconds !== null);
  const finest = known.reduce((one, other) => (other.frameSeconds < one.frameSeconds ? other : one), known[0] ?? getFrames(clock));
  seek((middles.get(finest) ?? clock.currentTime) + direction * finest.frameSeconds);
}
/** @param {1 | -1} direction */
const queueStep = (direction) => (steps = steps.then(() => step(direction)));
/** @param {number} index of the film; of none for -1 */
function chooseSound(index) {
  films.forEach((film, number) => (film.muted = number !== index));
  for (const sound of sounds) sound.checked = Number(sound.value) === index;
}

/** @type {Record<string, () => void>} */
const commands = {
  play: () => (isPlaying ? pause() : void play()),
  "previous-frame": () => void queueStep(-1),
  "next-frame": () => void queueStep(1),
  back: () => seek(clock.currentTime - SEEK_SECONDS),
  on: () => seek(clock.currentTime + SEEK_SECONDS),
  first: () => seek(0),
  last: () => seek(getLength(clock)),
  loop: () => {
    isLooped = !isLooped;
    box.querySelector('[data-command="loop"]')?.setAttribute("aria-pressed", String(isLooped));
  },
};
/** @type {Record<string, string>} */
const COMMAND_BY_KEY = { " ": "play", k: "play", ",": "previous-frame", ".": "next-frame", ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };

for (const film of films) {
  film.controls = false;
  film.addEventListener("click", () => commands.play?.());
  film.addEventListener("loadedmetadata", chooseClock);
  film.addEventListener("seeked", showTime);
  film.addEventListener("ended", () => {
    if (film !== clock || !isPlaying) return;
    if (isLooped) void play();
    else pause();
  });
}
chooseClock();
chooseSound(0);
scrub.addEventListener("input", () => seek(Number(scrub.value)));
speed.addEventListener("change", () => films.forEach((film) => (film.playbackRate = Number(speed.value))));
for (const sound of sounds) sound.addEventListener("change", () => chooseSound(Number(sound.value)));
for (const button of box.querySelectorAll("[data-command]"))
  button.addEventListener("click", () => commands[/** @type {HTMLElement} */ (button).dataset.command ?? ""]?.());

const only = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-only]"));
only?.addEventListener("change", () => document.querySelector(".compare-table")?.toggleAttribute("data-only", only.checked));

const FIELDS = "textarea, select, input:not([type=radio], [type=checkbox], [type=range])";
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (!(target instanceof Element) || target.closest(`${FIELDS}, dialog`)) return;
  if (key === " " && target.closest("button, a, input, summary")) return;
  if (/^(Arrow|Home|End)/.test(key) && target.closest("input, [role=region]")) return;
  const command = commands[COMMAND_BY_KEY[key.length === 1 ? key.toLowerCase() : key] ?? ""];
  const number = Number(key) - 1;
  if (command) command();
  else if (key !== " " && films[number]) chooseSound(number);
  else return;
  event.preventDefault();
});
