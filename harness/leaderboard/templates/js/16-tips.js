// What a mark or a dash in the table stands for: shown beside it while it is pointed at or has the focus.

let tipShown = null;

/** Put the words of a tip below it, or above it where there is no room, inside the window. */
function placeTip(tip) {
  const words = tip.querySelector(".tipped");
  const place = tip.getBoundingClientRect();
  const { width, height } = words.getBoundingClientRect();
  const below = place.bottom + 6;
  words.style.left = `${Math.max(8, Math.min(place.left - 8, root.clientWidth - width - 8))}px`;
  words.style.top = `${below + height <= innerHeight - 8 ? below : place.top - height - 6}px`;
}

function showTip({ target }) {
  const tip = target.closest?.(".tip") ?? null;
  if (tip === tipShown) return;
  tipShown?.classList.remove("away");
  tipShown = tip;
  if (tip) placeTip(tip);
}

for (const event of ["mouseover", "focusin"]) document.addEventListener(event, showTip);
document.addEventListener("keydown", ({ key }) => key === "Escape" && tipShown?.classList.add("away"));
document.addEventListener("scroll", () => tipShown && placeTip(tipShown), { capture: true, passive: true });
