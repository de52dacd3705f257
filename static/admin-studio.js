// What the admin theme leaves out for people who use a keyboard or a screen reader.
// Runs before the theme's own scripts start, because this file stands in the head.

document.addEventListener("DOMContentLoaded", () => {
  const words = document.querySelector("meta[name=studio-words]")?.dataset ?? {};

  document.getElementById("main")?.setAttribute("role", "main");

  // Each scrolling area becomes a landmark: two of them must not bear the same name.
  const title = document.querySelector("h1")?.textContent.trim() || document.title;
  for (const area of document.querySelectorAll("[data-simplebar]")) {
    const inside = area.closest("#nav-sidebar") ? words.pages : area.closest("#changelist-filter") ? words.filters : title;
    area.dataset.simplebarAriaLabel = inside || title;
  }

  // Signs that are clicked but are neither link nor button.
  const names = [
    ["sidebarDesktopOpen = ", words.menu],
    ["sidebarMobileOpen = ", words.menu],
    ["openUserLinks = ", words.account],
    ["filterOpen = true", words.filters],
    ["switchTheme", ""],
  ];
  for (const sign of document.querySelectorAll("span, a:not([href]), div")) {
    const does = sign.getAttribute("x-on:click");
    const known = does && sign.id !== "changelist-filter-close" && names.find(([start]) => does.startsWith(start));
    if (!known) continue;
    sign.setAttribute("role", "button");
    sign.tabIndex = 0;
    if (known[1]) sign.setAttribute("aria-label", known[1]);
    if (known[0].startsWith("filterOpen")) sign.addEventListener("click", intoFilters);
    sign.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sign.click();
    });
  }
});

// The search fields of the lists are made by a library that leaves out their names. jQuery calls its
// waiting functions in turn, so this one comes after that library's.
window.addEventListener("load", () => window.django?.jQuery?.(nameSearchFields));

function nameSearchFields() {
  for (const made of document.querySelectorAll(".select2-container")) {
    const name = made.previousElementSibling?.labels?.[0]?.textContent.trim();
    if (!name) continue;
    for (const part of made.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox]")) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", name);
    }
  }
}

function intoFilters() {
  setTimeout(() => document.querySelector("#changelist-filter input")?.focus(), 50);
}
