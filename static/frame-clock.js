// @ts-check
/** Which frame of a film is on the screen, and how long a frame lasts: for the player, and for films that are compared. */

const SHORTEST_FRAME_SECONDS = 1 / 60; // of a film that was not seen running
const LONGEST_FRAME_SECONDS = 1 / 4;
const FRAME_WAIT_MS = 200; // after a seek: for a frame that is the same as before the browser may say nothing
const FRAME_TIMES = 12;

export class FrameClock {
  /** @param {HTMLVideoElement} film @param {() => void} onFrame */
  constructor(film, onFrame) {
    this.film = film;
    this.onFrame = onFrame;
    /** Once it is known. @type {number | null} */
    this.knownFrameSeconds = null;
    /** When the frame on the screen begins; null where the browser does not say. @type {number | null} */
    this.shownAt = null;
    /** After a seek, until its frame is shown: the film's time says more than the frame before. */
    this.isAwaitingFrame = false;
    /** Times of frames that were seen in a row. @type {{time: number, count: number}[]} */
    this.seen = [];
    /** Steps under way: one that is asked for while a frame is looked for waits for its turn. */
    this.steps = Promise.resolve();
    if ("requestVideoFrameCallback" in film) {
      // Of a first frame that was there before this script the browser says nothing.
      if (film.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && film.currentTime === 0) this.shownAt = 0;
      this.watch();
    } else this.followClock();
  }

  watch() {
    this.film.requestVideoFrameCallback((_now, { mediaTime, presentedFrames }) => {
      this.shownAt = mediaTime;
      if (!this.film.seeking) this.isAwaitingFrame = false;
      if (!this.film.paused) this.measure(mediaTime, presentedFrames);
      this.onFrame();
      this.watch();
    });
  }

  followClock() {
    for (const name of ["timeupdate", "seeked"]) this.film.addEventListener(name, () => this.onFrame());
  }

  /** @param {number} time @param {number} count */
  measure(time, count) {
    const last = this.seen.at(-1);
    if (last && (count !== last.count + 1 || time <= last.time)) this.seen = [];
    this.seen.push({ time, count });
    if (this.seen.length < FRAME_TIMES) return;
    const first = this.seen.shift();
    if (first) this.knownFrameSeconds = (time - first.time) / (count - first.count);
  }

  get frameSeconds() {
    return this.knownFrameSeconds ?? SHORTEST_FRAME_SECONDS;
  }

  /** The middle of the frame on the screen: whatever is rounded, it stays that frame. In seconds. */
  get middle() {
    const isOnTheWay = this.shownAt === null || this.isAwaitingFrame;
    return isOnTheWay ? this.film.currentTime : /** @type {number} */ (this.shownAt) + this.frameSeconds / 2;
  }

  /** A second, in thousandths, at which this frame is shown. */
  get second() {
    return (Math.ceil((this.shownAt ?? this.film.currentTime) * 1000) / 1000).toFixed(3);
  }

  /** @param {1 | -1} direction */
  step(direction) {
    return (this.steps = this.steps.then(() => this.stepOnce(direction)));
  }

  /** @param {1 | -1} direction */
  async stepOnce(direction) {
    this.film.pause();
    if (this.knownFrameSeconds !== null || this.shownAt === null) return this.seek(this.middle + direction * this.frameSeconds);
    await this.learn(direction);
  }

  /** Finds out how long a frame lasts, by a step to the next one; what is known stays. @param {1 | -1} direction */
  async learn(direction) {
    if (this.knownFrameSeconds === null && this.shownAt !== null) await this.feel(direction, this.shownAt);
  }

  /**
   * To the next frame of a film whose frames have an unknown length: in strides of half the shortest frame, so that
   * none is passed over, until another one is shown.
   * @param {1 | -1} direction @param {number} from when the frame on the screen begins
   */
  async feel(direction, from) {
    const stride = SHORTEST_FRAME_SECONDS / 2;
    const start = direction < 0 ? -stride : 3 * stride;
    for (let distance = start; Math.abs(distance) < LONGEST_FRAME_SECONDS; distance += direction * stride) {
      if (from + distance < 0 || from + distance >= this.film.duration) return;
      this.seek(from + distance);
      await this.waitForFrame();
      if (this.shownAt === null || this.shownAt === from) continue;
      this.knownFrameSeconds = Math.abs(this.shownAt - from);
      return;
    }
  }

  /** Until a frame is shown for a seek that began just now, however long it takes. @returns {Promise<void>} */
  waitForFrame() {
    return new Promise((resolve) => {
      this.film.requestVideoFrameCallback(() => resolve());
      this.film.addEventListener("seeked", () => setTimeout(resolve, FRAME_WAIT_MS), { once: true });
      this.film.addEventListener("error", () => resolve(), { once: true });
    });
  }

  /** @param {number} second */
  seek(second) {
    const end = Number.isFinite(this.film.duration) ? this.film.duration : 0;
    this.isAwaitingFrame = true;
    this.film.currentTime = Math.min(Math.max(second, 0), Math.max(end - this.frameSeconds / 2, 0));
  }
}

/** Two digits, and two decimals as the page's language writes them. */
const secondsFormat = new Intl.NumberFormat(document.documentElement.lang, { minimumIntegerDigits: 2, minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** 0:04.17 @param {number} seconds */
export function formatSeconds(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${secondsFormat.format(seconds - minutes * 60)}`;
}

// The scripts that follow find both here: an import would not know the name that the file is served by.
Object.assign(window, { FrameClock, formatSeconds });
