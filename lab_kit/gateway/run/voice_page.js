// Speak to the server from its own page, in Deepgram's dialect. Stands behind browser_capture.js,
// which has openMicrophone. All times are of this page's clock: no two clocks are compared.

const mostUnsentBytes = 64000; // two seconds of sound; what a connection cannot take is left out
const keptTurns = 20;
const part = (id) => document.getElementById(id);
const [button, level, key, note, text, age, turns] =
  ["speak", "level", "key", "note", "text", "age", "turns"].map(part);

let stop = null;
let firstHeardMs = null; // when the stream's first sample sounded
let lostS = 0;

function address() {
  const query = "encoding=linear16&sample_rate=16000&interim_results=true";
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/listen?${query}`;
}

function hear(message) {
  const heardMs = performance.now();
  const told = JSON.parse(message);
  if (told.type !== "Results") return;
  const best = told.channel.alternatives[0];
  if (!best?.transcript) return;
  text.textContent = best.transcript;
  text.classList.toggle("interim", !told.is_final);
  const endS = best.words?.at(-1)?.end ?? told.start + told.duration;
  const delayMs = Math.round(heardMs - (firstHeardMs + 1000 * endS));
  age.textContent = `${told.is_final ? "Final" : "So far"}, ${delayMs} ms after its last word.`;
  if (!told.is_final) return;
  const row = document.createElement("li");
  row.append(Object.assign(document.createElement("b"), { textContent: `${delayMs} ms ` }), best.transcript);
  row.classList.toggle("late", delayMs > 300);
  turns.prepend(row);
  while (turns.children.length > keptTurns) turns.lastChild.remove();
}

function why(closed) {
  if (closed.code === 1000) return "";
  if (closed.code === 1006) return "The server was not reached, or refused: is a key needed?";
  return `The server ended the stream: ${closed.reason || closed.code}`;
}

async function start() {
  button.disabled = true;
  note.textContent = "Asking the browser for the microphone …";
  firstHeardMs = null;
  lostS = 0;
  let socket;
  try {
    socket = new WebSocket(address(), key.value ? ["token", key.value] : []);
  } catch {
    button.disabled = false;
    note.textContent = "A browser cannot send a key with these characters.";
    return;
  }
  const onChunk = (chunk) => {
    level.value = chunk.peak;
    lostS += chunk.lostS;
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > mostUnsentBytes) {
      lostS += captureChunkSamples / captureRateHz;
      return;
    }
    firstHeardMs ??= chunk.heardMs - (1000 * captureChunkSamples) / captureRateHz;
    socket.send(chunk.pcm);
    const lost = lostS > 0.05 ? ` ${lostS.toFixed(1)} s of sound were lost.` : "";
    note.textContent = `Listening.${lost}`;
  };
  let close = () => {};
  stop = () => {
    close();
    if (socket.readyState === WebSocket.OPEN) socket.send('{"type": "CloseStream"}');
    else socket.close();
    button.textContent = "Speak";
    stop = null;
  };
  socket.onmessage = ({ data }) => hear(data);
  socket.onclose = (closed) => {
    stop?.();
    note.textContent = why(closed);
  };
  try {
    close = await openMicrophone({ echoCancellation: true, noiseSuppression: true, onChunk });
    if (!stop) close(); // the server hung up meanwhile
    else button.textContent = "Stop";
  } catch (error) {
    stop?.();
    socket.onclose = null;
    note.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

button.onclick = () => (stop ? stop() : start());
window.addEventListener("pagehide", () => stop?.());
part("voice").hidden = false;
