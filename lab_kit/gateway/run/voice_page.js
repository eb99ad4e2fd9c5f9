// Speak to the server from its own page, in its own messages. Stands behind browser_capture.js,
// which has openMicrophone, and session.js. All times are of this page's clock: no two clocks are
// compared.

const keptTurns = 20;
const part = (id) => document.getElementById(id);
const [button, level, key, wire, note, text, age, turns] =
  ["speak", "level", "key", "wire", "note", "text", "age", "turns"].map(part);

let running = null; // the session that is open or opening; one that was stopped may still answer

// `zeroMs` is when the first sample that the server has sounded, by what was left out meanwhile.
function hear(message, zeroMs) {
  const heardMs = performance.now();
  const isFinal = message.type === "final";
  if ((!isFinal && message.type !== "interim") || !message.text) return;
  text.textContent = message.text;
  text.classList.toggle("interim", !isFinal);
  const endS = message.words?.at(-1)?.end_s ?? message.end_s;
  const delayMs = Math.round(heardMs - (zeroMs + 1000 * endS));
  age.textContent = `${isFinal ? "Final" : "So far"}, ${delayMs} ms after its last word.`;
  if (!isFinal) return;
  const row = document.createElement("li");
  const delay = Object.assign(document.createElement("b"), { textContent: `${delayMs} ms ` });
  row.append(delay, message.text);
  row.classList.toggle("late", delayMs > 300);
  turns.prepend(row);
  while (turns.children.length > keptTurns) turns.lastChild.remove();
}

async function start() {
  button.disabled = true;
  note.textContent = "Asking the browser for the microphone …";
  let zeroMs = 0;
  let sentSamples = 0;
  let lostS = 0;
  let close = () => {};
  const mine = {
    told: "",
    stop(told) {
      mine.told = told || mine.told;
      close();
      close = () => {};
      session.finish();
      if (told && (running === mine || !running)) note.textContent = told;
      if (running !== mine) return;
      running = null;
      button.textContent = "Speak";
    },
  };
  let session;
  try {
    session = new LabSession({
      wire: wire.value,
      key: key.value,
      rateHz: captureRateHz,
      onMessage: (message) => hear(message, zeroMs),
      onEnd: (why) => {
        const isNewest = running === mine || !running;
        mine.stop();
        if (isNewest) note.textContent = why || mine.told;
      },
    });
  } catch {
    button.disabled = false;
    note.textContent = "A browser cannot send a key with these characters.";
    return;
  }
  running = mine;
  const onChunk = (chunk) => {
    level.value = chunk.peak;
    lostS += chunk.lostS;
    sentSamples += captureChunkSamples;
    zeroMs = chunk.heardMs - (1000 * sentSamples) / captureRateHz;
    session.send(chunk.pcm);
    const lost = lostS > 0.05 ? ` ${lostS.toFixed(1)} s of sound were lost.` : "";
    const away = session.lostMs ? " The connection is lost; what you say is kept." : "";
    note.textContent = `Listening.${lost}${away}`;
  };
  try {
    const switches = { echoCancellation: true, noiseSuppression: true };
    close = await openMicrophone({ ...switches, onChunk, onEnd: mine.stop });
    if (running === mine) button.textContent = "Stop";
    else mine.stop(); // the server hung up meanwhile
  } catch (error) {
    mine.stop(error.message);
  } finally {
    button.disabled = false;
  }
}

button.onclick = () => (running ? running.stop() : start());
window.addEventListener("pagehide", () => running?.stop());
part("voice").hidden = false;
