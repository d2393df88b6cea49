// What the reader chose of each figure is part of the view: it stands in the page's address, and comes back with it.

for (const plot of plots.values()) {
  const figure = plot.node.closest("figure");
  const choosers = all("select[data-chooser]", figure);
  if (choosers.length)
    keep(
      `figure.${plot.name}`,
      () => (choosers.some((one) => one.value !== "0") ? choosers.map((one) => one.value).join(".") : ""),
      (text) => {
        const options = text ? text.split(".") : choosers.map(() => "0");
        if (options.length !== choosers.length) return;
        for (const [place, chooser] of choosers.entries()) {
          if (![...chooser.options].some((option) => option.value === options[place])) continue;
          chooser.value = options[place];
          chooseView(chooser);
        }
      },
    );
  const keys = all("button[data-group]", figure).map((button) => ({ button, first: button.getAttribute("aria-pressed") }));
  if (keys.length)
    keep(
      `key.${plot.name}`,
      () =>
        keys
          .filter(({ button, first }) => button.getAttribute("aria-pressed") !== first)
          .map(({ button }) => button.dataset.group)
          .join("."),
      (text) => {
        const turned = new Set(text.split("."));
        for (const { button, first } of keys)
          if (turned.has(button.dataset.group) !== (button.getAttribute("aria-pressed") !== first)) button.click();
      },
    );
}
