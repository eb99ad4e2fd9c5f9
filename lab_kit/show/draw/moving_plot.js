// Draws the card of a MovingPlot and its marks over it, and again each time the kernel sends others.

export default { render };

const noPlotly = (error) => {
  globalThis.labKitPlotly = undefined; // so that the next plot tries again
  throw error;
};

// Once a page: a browser needs a second and more for it. It is a script that gives itself to
// whatever module system it finds, so it gets one to itself.
function plotly(code) {
  const before = "const module = {exports: {}}, exports = module.exports, define = undefined;\n";
  const after = "\nexport default module.exports;";
  globalThis.labKitPlotly ??= (async () => {
    const url = URL.createObjectURL(new Blob([before, code, after], { type: "text/javascript" }));
    try {
      return (await import(url)).default;
    } finally {
      URL.revokeObjectURL(url);
    }
  })().catch(noPlotly);
  return globalThis.labKitPlotly;
}

const longestWaitMs = 1000;
const calmPeriodMs = 1000;
// JupyterLab leaves so much to the right of an HTML output, and so of the still picture.
const pagePadding = "20px";

// JupyterLab says on the body which theme it shows; another page says it by its color scheme.
function isDark() {
  const told = document.body.dataset.jpThemeLight;
  if (told) return told === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function inTheme(figure, onDark) {
  if (!isDark()) return figure;
  const colors = (text) => text.replace(/#[0-9a-f]{6}/g, (color) => onDark[color] ?? color);
  return JSON.parse(colors(JSON.stringify(figure)));
}

// A card as wide as its place, within the widths of still pictures, and room for marks over it.
// The place is inside the widget's element, whose style is the layout's: ipywidgets takes what is no
// part of it away, and on a busy page it does so after this.
function frame(el, [least, most]) {
  const place = document.createElement("div");
  place.classList.add("lab-moving");
  // the marks may be a fraction of a pixel higher than the card
  Object.assign(place.style, { paddingRight: pagePadding, overflow: "auto hidden" });
  const box = document.createElement("div");
  const widths = { minWidth: `${least}px`, maxWidth: `${most}px` };
  Object.assign(box.style, { position: "relative", ...widths });
  const card = document.createElement("img");
  Object.assign(card.style, { width: "100%", display: "block" });
  const marks = document.createElement("div");
  Object.assign(marks.style, { position: "absolute", left: 0, top: 0, transformOrigin: "0 0" });
  box.append(card, marks);
  place.append(box);
  el.append(place);
  return { box, card, marks };
}

async function render({ model, el }) {
  const { box, card, marks } = frame(el, model.get("_widths_px"));
  const showCard = () => {
    const svg = model.get("card");
    const told = new DOMParser().parseFromString(svg, "image/svg+xml").querySelector("desc");
    card.alt = told?.textContent ?? "";
    card.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  };
  showCard();
  model.on("change:card", showCard);
  const Plotly = await plotly(model.get("_plotly_code"));
  let frameAsked = 0;
  let askedMs = 0;
  let drawnMs = -Infinity;
  const draw = () => {
    cancelAnimationFrame(frameAsked);
    frameAsked = 0;
    if (!box.clientWidth) return; // not on the page yet, or in a tab that is not shown
    const { data, layout } = inTheme(model.get("figure"), model.get("_on_dark"));
    marks.style.setProperty("--lab-paper", layout.meta.paper);
    marks.style.width = `${layout.width}px`;
    marks.style.transform = `scale(${box.clientWidth / layout.width})`;
    Plotly.react(marks, data, layout, { staticPlot: true });
    drawnMs = performance.now();
  };
  // Figures that came while the page was busy are left out: only the newest is drawn. A page may be
  // so busy with what comes that it never gets to a frame; it draws once a second all the same.
  const ask = () => {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (isCalm && performance.now() - drawnMs < calmPeriodMs) return; // the next comes soon
    if (!frameAsked) {
      frameAsked = requestAnimationFrame(draw);
      askedMs = performance.now();
    } else if (!document.hidden && performance.now() - askedMs > longestWaitMs) {
      draw();
    }
  };
  const fit = () => {
    drawnMs = -Infinity; // another width is no motion
    ask();
  };
  const widths = new ResizeObserver(fit);
  model.on("change:figure", ask);
  widths.observe(box);
  return () => {
    cancelAnimationFrame(frameAsked);
    widths.disconnect();
    Plotly.purge(marks);
  };
}
