// The reader's own microphone as a widget: a button, a level, two switches, and chunks to the
// kernel while it listens. Stands behind browser_capture.js, which has openMicrophone.

const pingsEveryMs = 2000;
const firstPings = 5;
const gone = "The kernel that drew this is gone. Run the cell again.";

function part(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function render({ model, el }) {
  const button = part("button", { className: "jupyter-button lab-microphone-button" });
  const level = part("meter", { min: 0, max: 1, ariaLabel: "level of the microphone" });
  const echo = part("input", { type: "checkbox", checked: true });
  const noise = part("input", { type: "checkbox", checked: true });
  const note = part("span", { className: "lab-microphone-note" });
  note.setAttribute("role", "status");
  const switches = part("span", {}, part("label", {}, echo, " echo cancellation "), part("label", {}, noise, " noise suppression"));
  const row = part("div", {}, button, level, switches, note);
  row.style.cssText = "display:flex;flex-wrap:wrap;gap:12px;align-items:center";
  el.append(row);

  let close = null;
  let take = ""; // names one capture: the kernel hears the newest only
  let number = 0;
  let lostS = 0;
  let pinging = 0;
  let isGone = false;

  const show = () => {
    const isOn = close !== null;
    button.textContent = isOn ? "Turn the microphone off" : "Use the microphone";
    echo.disabled = noise.disabled = isOn;
    level.hidden = !isOn;
    if (isOn) {
      const listens = model.get("is_listening");
      const told = ` ${lostS.toFixed(1)} s of sound were lost: this page was too slow.`;
      const lost = lostS > 0.05 ? told : "";
      note.textContent = (listens ? "The kernel hears you." : "On; nothing is sent yet.") + lost;
    }
  };
  const tell = (...message) => {
    try {
      model.send(...message);
    } catch {
      turnOff(gone); // a widget of a kernel that was restarted cannot send
      return false;
    }
    return true;
  };
  const ping = () => tell({ kind: "ping", page_ms: performance.now() });
  const onChunk = (chunk) => {
    level.value = chunk.peak;
    lostS += chunk.lostS;
    if (!model.get("is_listening")) return;
    const heard = { heard_ms: chunk.heardMs, lost_s: chunk.lostS };
    tell({ kind: "chunk", take, number: number++, ...heard }, undefined, [chunk.pcm]);
  };
  const turnOff = (why = "") => {
    clearInterval(pinging);
    if (!close) return;
    close();
    close = null;
    if (why !== gone) tell({ kind: "end", take });
    show();
    note.textContent = why;
  };
  const leave = () => {
    isGone = true;
    turnOff();
  };
  const turnOn = async () => {
    button.disabled = true;
    note.textContent = "Asking the browser …";
    try {
      number = lostS = 0;
      const chosen = { echoCancellation: echo.checked, noiseSuppression: noise.checked };
      const opened = await openMicrophone({ ...chosen, onChunk, onEnd: turnOff });
      if (isGone) {
        opened(); // the page let go of this widget while the browser asked
        return;
      }
      close = opened;
      take = `${performance.timeOrigin} ${performance.now()}`;
      if (!tell({ kind: "begin", take })) return;
      for (let n = 0; n < firstPings; n++) ping();
      pinging = setInterval(ping, pingsEveryMs);
      show();
    } catch (error) {
      note.textContent = error.message;
      tell({ kind: "refused", why: error.message });
    } finally {
      button.disabled = false;
    }
  };
  // The kernel answers a ping with its own time; the quickest answer is the best comparison.
  const hear = (told) => {
    if (told.kind === "open" && !close && !button.disabled) turnOn();
    if (told.kind === "close" && told.take === take) turnOff();
    if (told.kind !== "pong") return;
    const now = performance.now();
    const offset_ms = told.kernel_ms - (told.page_ms + now) / 2;
    tell({ kind: "clock", offset_ms, round_trip_ms: now - told.page_ms });
  };
  button.onclick = () => (close ? turnOff() : turnOn());
  model.on("msg:custom", hear);
  model.on("change:is_listening", show);
  window.addEventListener("pagehide", leave);
  if (!navigator.mediaDevices) {
    note.textContent = "A browser gives the microphone only to pages from https or from localhost.";
  }
  show();
  return () => {
    window.removeEventListener("pagehide", leave);
    model.off("msg:custom", hear);
    model.off("change:is_listening", show);
    leave();
  };
}

export default { render };
