// Speak to the server from its own page, in Deepgram's dialect. Stands behind browser_capture.js,
// which has openMicrophone. All times are of this page's clock: no two clocks are compared.

const mostUnsentBytes = 64000; // two seconds of sound; what a connection cannot take is left out
const keptTurns = 20;
const part = (id) => document.getElementById(id);
const [button, level, key, note, text, age, turns] =
  ["speak", "level", "key", "note", "text", "age", "turns"].map(part);

let session = null; // the stream that is open or opening; one that was stopped may still answer

function address() {
  const query = "encoding=linear16&sample_rate=16000&interim_results=true";
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/listen?${query}`;
}

// `zeroMs` is when the first sample that the server has sounded, by what was left out meanwhile.
function hear(message, zeroMs) {
  const heardMs = performance.now();
  const told = JSON.parse(message);
  if (told.type !== "Results") return;
  const best = told.channel.alternatives[0];
  if (!best?.transcript) return;
  text.textContent = best.transcript;
  text.classList.toggle("interim", !told.is_final);
  const endS = best.words?.at(-1)?.end ?? told.start + told.duration;
  const delayMs = Math.round(heardMs - (zeroMs + 1000 * endS));
  age.textContent = `${told.is_final ? "Final" : "So far"}, ${delayMs} ms after its last word.`;
  if (!told.is_final) return;
  const row = document.createElement("li");
  const delay = Object.assign(document.createElement("b"), { textContent: `${delayMs} ms ` });
  row.append(delay, best.transcript);
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
  let socket;
  try {
    socket = new WebSocket(address(), key.value ? ["token", key.value] : []);
  } catch {
    button.disabled = false;
    note.textContent = "A browser cannot send a key with these characters.";
    return;
  }
  let zeroMs = 0;
  let sentSamples = 0;
  let lostS = 0;
  let close = () => {};
  const mine = {
    stop(told) {
      close();
      close = () => {};
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type": "CloseStream"}');
      else socket.close();
      if (told && (session === mine || !session)) note.textContent = told;
      if (session !== mine) return;
      session = null;
      button.textContent = "Speak";
    },
  };
  session = mine;
  const onChunk = (chunk) => {
    level.value = chunk.peak;
    lostS += chunk.lostS;
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > mostUnsentBytes) {
      lostS += captureChunkSamples / captureRateHz;
      return;
    }
    sentSamples += captureChunkSamples;
    zeroMs = chunk.heardMs - (1000 * sentSamples) / captureRateHz;
    socket.send(chunk.pcm);
    const lost = lostS > 0.05 ? ` ${lostS.toFixed(1)} s of sound were lost.` : "";
    note.textContent = `Listening.${lost}`;
  };
  socket.onmessage = ({ data }) => hear(data, zeroMs);
  socket.onclose = (closed) => {
    const isNewest = session === mine || !session;
    mine.stop();
    if (isNewest) note.textContent = why(closed);
  };
  try {
    const switches = { echoCancellation: true, noiseSuppression: true };
    close = await openMicrophone({ ...switches, onChunk, onEnd: mine.stop });
    if (session === mine) button.textContent = "Stop";
    else mine.stop(); // the server hung up meanwhile
  } catch (error) {
    socket.onclose = null;
    mine.stop(error.message);
  } finally {
    button.disabled = false;
  }
}

button.onclick = () => (session ? session.stop() : start());
window.addEventListener("pagehide", () => session?.stop());
part("voice").hidden = false;
