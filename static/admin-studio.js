// Adds what the admin theme lacks for keyboards and screen readers. This file is loaded in the head,
// so that it runs before the scripts of the theme.

document.addEventListener("DOMContentLoaded", () => {
  const messages = document.querySelector("meta[name=studio-messages]")?.dataset ?? {};

  document.getElementById("main")?.setAttribute("role", "main");

  // Each scrolling area becomes a landmark, and landmarks need different names.
  const title = document.querySelector("h1")?.textContent.trim() || document.title;
  for (const area of document.querySelectorAll("[data-simplebar]")) {
    const areaName = area.closest("#nav-sidebar") ? messages.pages : area.closest("#changelist-filter") ? messages.filters : title;
    area.dataset.simplebarAriaLabel = areaName || title;
  }

  // Elements with a click handler that are neither link nor button.
  const labels = [
    ["sidebarDesktopOpen = ", messages.menu],
    ["sidebarMobileOpen = ", messages.menu],
    ["openUserLinks = ", messages.account],
    ["filterOpen = true", messages.filters],
    ["switchTheme", ""],
  ];
  for (const element of document.querySelectorAll("span, a:not([href]), div")) {
    const handler = element.getAttribute("x-on:click");
    const match = handler && element.id !== "changelist-filter-close" && labels.find(([start]) => handler.startsWith(start));
    if (!match) continue;
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    if (match[1]) element.setAttribute("aria-label", match[1]);
    if (match[0].startsWith("filterOpen")) element.addEventListener("click", focusFilters);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      element.click();
    });
  }
});

// select2 builds the search fields of the lists without labels. jQuery calls ready handlers in order,
// so this one runs after that of select2.
window.addEventListener("load", () => window.django?.jQuery?.(labelSearchFields));

function labelSearchFields() {
  for (const container of document.querySelectorAll(".select2-container")) {
    const label = container.previousElementSibling?.labels?.[0]?.textContent.trim();
    if (!label) continue;
    for (const part of container.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", label);
    }
  }
}

function focusFilters() {
  setTimeout(() => document.querySelector("#changelist-filter input")?.focus(), 50);
}
