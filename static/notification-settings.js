// @ts-check
/** The page of notifications: the browser's own permission, and the time zone of this device. */

const messages = /** @type {HTMLTemplateElement} */ (document.getElementById("messages")).dataset;
const pageAlert = /** @type {HTMLElement} */ (document.getElementById("page-alert"));
const switchInput = /** @type {HTMLInputElement} */ (document.querySelector("[name=in_browser]"));
const zoneInput = /** @type {HTMLInputElement} */ (document.querySelector("[name=time_zone]"));

/** The browser asks the person, and only after they pressed something. */
async function askPermission() {
  if (!switchInput.checked) return;
  const permission = "Notification" in window ? await Notification.requestPermission() : "missing";
  if (permission === "granted") return;
  switchInput.checked = false;
  pageAlert.textContent = (permission === "missing" ? messages.notificationsMissing : messages.notificationsDenied) ?? "";
  pageAlert.hidden = false;
}
switchInput.addEventListener("change", askPermission);

// Nobody chose a zone yet: that of the device is the better guess.
if (zoneInput.value === "UTC") zoneInput.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
