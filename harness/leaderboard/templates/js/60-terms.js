// What a measure means: its term is shown beside a heading or a word while that is pointed at, touched or has the focus.

const glossTip = element("div", { id: "tip", role: "tooltip", hidden: "" });
(document.querySelector("main") ?? document.body).append(glossTip);
let explained = null; // what the tip stands beside, and what of it was described by what before

/** The element with a term that a node lies in, what of it can have the focus, and the words of the term; or null. */
function termAt(node) {
  const holder = node.closest?.("[data-term], th[data-key]");
  const slug = holder && (holder.dataset.term ?? data.terms?.[holder.dataset.key]);
  const words = slug && document.getElementById(`term-${slug}`);
  return words ? { holder, target: holder.querySelector("button, a") ?? holder, words } : null;
}

function explain({ holder, target, words }) {
  if (explained?.holder === holder) return;
  unexplain();
  const copied = (part) => [...words.querySelector(part).childNodes].map((node) => node.cloneNode(true));
  glossTip.replaceChildren(element("strong", {}, ...copied("dt")), element("span", {}, ...copied("dd")));
  glossTip.hidden = false;
  explained = { holder, target, before: target.getAttribute("aria-describedby") };
  target.setAttribute("aria-describedby", [explained.before, "tip"].filter(Boolean).join(" "));
  placeBeside(holder);
}

function unexplain() {
  if (!explained) return;
  const { target, before } = explained;
  if (before === null) target.removeAttribute("aria-describedby");
  else target.setAttribute("aria-describedby", before);
  explained = null;
  glossTip.hidden = true;
}

/** Below the element, or above it where there is no room; always wholly inside the window. */
function placeBeside(holder) {
  const place = holder.getBoundingClientRect();
  const { width, height } = glossTip.getBoundingClientRect();
  const left = Math.max(8, Math.min(place.left, root.clientWidth - width - 8));
  const below = place.bottom + 6;
  const top = below + height <= innerHeight - 8 ? below : Math.max(8, place.top - height - 6);
  glossTip.style.left = `${left}px`;
  glossTip.style.top = `${top}px`;
}

let leaving = null; // the wait before a tip goes, in which the pointer can get to it
document.addEventListener("pointerover", ({ target, pointerType }) => {
  const found = pointerType === "touch" ? null : termAt(target);
  if (found || target.closest?.("#tip")) clearTimeout(leaving);
  if (found) explain(found);
});
document.addEventListener("pointerout", ({ target, relatedTarget, pointerType }) => {
  if (!explained || pointerType === "touch" || !(termAt(target) || target.closest?.("#tip"))) return;
  if (relatedTarget && (explained.holder.contains(relatedTarget) || glossTip.contains(relatedTarget))) return;
  clearTimeout(leaving);
  leaving = setTimeout(() => explained && !explained.holder.contains(document.activeElement) && unexplain(), 150);
});
document.addEventListener("focusin", ({ target }) => {
  const found = target.matches?.(":focus-visible") ? termAt(target) : null;
  if (found) explain(found);
  else if (!glossTip.contains(target) && explained && !explained.holder.contains(target)) unexplain();
});
document.addEventListener("focusout", () => unexplain());
document.addEventListener("keydown", ({ key }) => key === "Escape" && unexplain());
document.addEventListener("scroll", () => explained && placeBeside(explained.holder), { capture: true, passive: true });

// A word that leads to its term explains itself at the first touch, and leads there at the second.
let touched = null;
document.addEventListener("pointerdown", ({ target, pointerType }) => {
  const found = pointerType === "touch" ? termAt(target) : null;
  touched = found && explained?.holder !== found.holder ? found.holder : null;
  if (found) explain(found);
  else if (pointerType === "touch" && !glossTip.contains(target)) unexplain();
});
document.addEventListener("click", (event) => {
  if (touched?.matches("a") && touched.contains(event.target)) event.preventDefault();
  touched = null;
});
