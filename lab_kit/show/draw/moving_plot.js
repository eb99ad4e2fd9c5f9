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

async function render({ model, el }) {
  const Plotly = await plotly(model.get("_plotly_code"));
  let asked = 0;
  const draw = () => {
    asked = 0;
    if (!el.clientWidth) return; // not on the page yet, or in a hidden tab
    const { data, layout } = model.get("figure");
    Plotly.react(el, data, layout);
  };
  // Figures that came while the page was busy are left out: only the newest is drawn.
  const ask = () => {
    asked ||= requestAnimationFrame(draw);
  };
  const fit = () => {
    ask();
    if (el.data && el.clientWidth) Plotly.Plots.resize(el);
  };
  const widths = new ResizeObserver(fit);
  model.on("change:figure", ask);
  widths.observe(el);
  return () => {
    cancelAnimationFrame(asked);
    widths.disconnect();
    Plotly.purge(el);
  };
}
