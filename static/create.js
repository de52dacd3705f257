// @ts-check
/**
 * The scripts of the create page. Collected, they are one file: fewer requests, and a smaller page than each
 * compressed by itself.
 */

import "./form.js";
import "./press.js";
import "./media.js";
import "./workspace.js";
