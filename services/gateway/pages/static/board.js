// What changes by itself shall not move what somebody reads, and what is new shall be seen.
(() => {
  "use strict";
  const held = new WeakMap();
  const items = (list) => [...list.querySelectorAll(":scope > [id], :scope > ol > [id]")];

  // The first item that is in sight, and where; nothing at the top of the page, where news is to be seen.
  const anchor = (list) => {
    if (window.scrollY < 40) return null;
    const item = items(list).find((each) => each.getBoundingClientRect().bottom > 0);
    return item ? { id: item.id, top: item.getBoundingClientRect().top } : null;
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const list = event.detail.target;
    held.set(document.body, { anchor: anchor(list), known: new Set(items(list).map((each) => each.id)) });
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const before = held.get(document.body);
    const list = document.getElementById(event.detail.target.id);
    if (!before || !list) return;
    held.delete(document.body);
    for (const item of items(list)) if (!before.known.has(item.id)) item.classList.add("fresh");
    const item = before.anchor && document.getElementById(before.anchor.id);
    if (item) window.scrollBy({ top: item.getBoundingClientRect().top - before.anchor.top, behavior: "instant" });
  });
})();
