// plotly.js is unpacked when the first figure comes near, or when the reader has had time to look; printing; the theme.

async function unpack() {
  const bytes = bytesOf(document.getElementById("library").textContent);
  const script = document.createElement("script");
  if (window.DecompressionStream) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    script.textContent = await new Response(stream).text();
  } else script.textContent = new TextDecoder().decode(inflated(bytes.subarray(GZIP_HEAD)));
  document.head.append(script);
  Plotly.setPlotConfig({ showSendToCloud: false, plotlyServerURL: "", topojsonURL: "", displaylogo: false });
}

let library = null;
/** The library, unpacked once; where that fails, every figure says so. */
const plotly = () =>
  (library ??= unpack().catch((error) => {
    console.error(`the figures: ${error.name}`);
    plots.forEach((plot) => unable(plot));
    throw error;
  }));

/** Once the library is there, or nothing: that it is not has been said. */
const ready = (act) => plotly().then(act, () => {});

const nearness = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const plot = plots.get(entry.target.dataset.plot);
      plot.near = entry.isIntersecting;
      if (plot.near && plot.stale) ready(() => plot.near && plot.stale && draw(plot));
    }
  },
  { rootMargin: "600px" },
);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => changed("theme"));

const closedToPrint = new Set(); // tables of numbers that printing has closed
addEventListener("beforeprint", () => {
  root.classList.add("printing");
  for (const details of all("details.numbers[open]")) {
    closedToPrint.add(details);
    details.open = false;
  }
  if (window.Plotly) plots.forEach((plot) => draw(plot));
});
addEventListener("afterprint", () => {
  root.classList.remove("printing");
  for (const details of closedToPrint) details.open = true;
  closedToPrint.clear();
  redraw();
});

const idle = window.requestIdleCallback ?? setTimeout;
const LOOK_AROUND = 1500; // milliseconds in which the page is wholly the reader's
if (plots.size)
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      for (const plot of plots.values()) nearness.observe(plot.node);
      setTimeout(() => idle(() => ready(() => {})), LOOK_AROUND);
    }),
  );
