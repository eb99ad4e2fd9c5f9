// Plays answers in the page: 16-bit sound at 24 kHz from the kernel, each piece behind the last.

const spokenHz = 24000;
const leastAheadS = 0.02; // what the device has to have before it plays

function render({ model, el }) {
  const context = new AudioContext({ sampleRate: spokenHz });
  const playing = new Set();
  let endsS = 0;
  const note = document.createElement("span");
  note.setAttribute("role", "status");
  el.append(note);
  const play = (bytes) => {
    const pcm = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const sound = Float32Array.from(pcm, (sample) => sample / 32768);
    const buffer = context.createBuffer(1, sound.length, spokenHz);
    buffer.copyToChannel(sound, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(context.destination);
    const startS = Math.max(context.currentTime + leastAheadS, endsS);
    source.start(startS);
    endsS = startS + buffer.duration;
    playing.add(source);
    source.onended = () => playing.delete(source);
  };
  const stop = () => {
    for (const source of playing) source.stop();
    playing.clear();
    endsS = 0;
  };
  const hear = (told, buffers) => {
    if (told.kind === "play") play(buffers[0]);
    if (told.kind === "stop") stop();
    // a page may only sound once it was clicked on
    note.textContent = context.state === "running" ? "" : "Click here to hear the answers.";
  };
  note.onclick = () => context.resume().then(() => (note.textContent = ""));
  model.on("msg:custom", hear);
  return () => {
    model.off("msg:custom", hear);
    stop();
    context.close();
  };
}

export default { render };
