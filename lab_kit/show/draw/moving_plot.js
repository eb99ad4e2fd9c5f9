// Draws the figure of a MovingPlot, and again each time the kernel sends another.

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

async function render({ model, el }) {
  const Plotly = await plotly(model.get("_plotly_code"));
  let frame = 0;
  let askedMs = 0;
  const draw = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!el.clientWidth) return; // not on the page yet, or in a tab that is not shown
    const { data, layout } = inTheme(model.get("figure"), model.get("_on_dark"));
    Plotly.react(el, data, layout);
  };
  // Figures that came while the page was busy are left out: only the newest is drawn. A page may be
  // so busy with what comes that it never gets to a frame; it draws once a second all the same.
  const ask = () => {
    if (!frame) {
      frame = requestAnimationFrame(draw);
      askedMs = performance.now();
    } else if (!document.hidden && performance.now() - askedMs > longestWaitMs) {
      draw();
    }
  };
  const fit = () => {
    ask();
    if (el.data && el.clientWidth) Plotly.Plots.resize(el);
  };
  const widths = new ResizeObserver(fit);
  model.on("change:figure", ask);
  widths.observe(el);
  return () => {
    cancelAnimationFrame(frame);
    widths.disconnect();
    Plotly.purge(el);
  };
}
