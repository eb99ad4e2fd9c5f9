// A microphone in a browser: mono 16-bit sound at 16 kHz in chunks, each with the page's time at
// which its last sample sounded. No module of its own: who uses it puts its own code behind it.

const captureRateHz = 16000;
const captureChunkSamples = 640; // 40 ms

// Runs on the page's audio thread. Resamples there by a windowed sinc: the sound at any moment is a
// sum of the samples around it, and what is too high for 16 kHz is left out.
const captureWorklet = `
const rateHz = ${captureRateHz}, chunkSamples = ${captureChunkSamples};
const step = sampleRate / rateHz; // input samples to an output sample
const cut = 0.92 / Math.max(1, step); // of the input's Nyquist: what 16 kHz has room for
const half = Math.ceil(16 * Math.max(1, step)); // input samples on either side
const fine = 128; // points of the filter to an input sample
const filter = new Float32Array(half * fine + 2);
for (let n = 0; n < half * fine; n++) {
  const t = n / fine, x = Math.PI * t * cut;
  const sinc = n ? Math.sin(x) / x : 1;
  filter[n] = cut * sinc * (0.5 + 0.5 * Math.cos(Math.PI * t / half));
}
const mostMissing = sampleRate; // a longer gap is filled with a second of silence

registerProcessor("lab-capture", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.began = null; // the first frame that was heard
    this.input = new Float32Array(4 * sampleRate);
    this.have = half; // silence before the first sample
    this.from = -half; // frame of input[0], counted from the beginning
    this.next = 0; // where the next output sample lies, counted likewise
    this.chunk = new Int16Array(chunkSamples);
    this.filled = 0;
    this.peak = 0;
    this.lost = 0;
  }
  take(block) {
    this.input.set(block, this.have);
    this.have += block.length;
  }
  process([channels]) {
    this.began ??= currentFrame;
    const length = channels.length ? channels[0].length : 128;
    const missing = currentFrame - this.began - (this.from + this.have);
    if (missing > 0) {
      this.lost += missing / sampleRate;
      this.take(new Float32Array(Math.min(missing, mostMissing)));
      const beyond = Math.max(0, missing - mostMissing);
      this.from += beyond;
      this.next += beyond;
    }
    const mono = new Float32Array(length);
    for (const channel of channels) {
      for (let n = 0; n < length; n++) mono[n] += channel[n] / channels.length;
    }
    this.take(mono);
    this.resample();
    return true;
  }
  resample() {
    for (; this.next + half < this.from + this.have; this.next += step) {
      const middle = this.next - this.from, first = Math.ceil(middle - half);
      let sum = 0;
      for (let n = Math.max(0, first); n < middle + half && n < this.have; n++) {
        const at = Math.abs(n - middle) * fine, below = Math.floor(at);
        if (below < half * fine) {
          const weight = filter[below] + (at - below) * (filter[below + 1] - filter[below]);
          sum += this.input[n] * weight;
        }
      }
      this.put(sum);
    }
    const done = Math.floor(this.next - this.from) - half;
    if (done > sampleRate) {
      this.input.copyWithin(0, done, this.have);
      this.have -= done;
      this.from += done;
    }
  }
  put(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.chunk[this.filled++] = Math.round(clipped * 32767);
    if (this.filled < chunkSamples) return;
    const endS = (this.began + this.next) / sampleRate;
    const pcm = this.chunk.buffer;
    this.port.postMessage({ pcm, endS, peak: this.peak, lostS: this.lost }, [pcm]);
    this.chunk = new Int16Array(chunkSamples);
    this.filled = this.peak = this.lost = 0;
  }
});`;

const whyNoMicrophone = {
  NotAllowedError:
    "The browser refused the microphone. Allow it for this page, beside the address, and try again.",
  NotFoundError: "No microphone was found. Plug one in and try again, or stream the clip.",
  NotReadableError: "Another program holds the microphone. Close it and try again.",
};

// Asks for the microphone and calls `onChunk` with {pcm, heardMs, peak, lostS} until it is closed:
// `pcm` is an ArrayBuffer of 16-bit samples, `heardMs` is on the clock of performance.now(), and
// `lostS` is sound that the page was too slow to take. Calls `onEnd` with the reason when the device
// goes away. Resolves to a function that closes it. Throws an Error that a reader understands.
async function openMicrophone({ echoCancellation, noiseSuppression, onChunk, onEnd }) {
  if (!navigator.mediaDevices) {
    throw new Error("A browser gives the microphone only to pages from https or from localhost.");
  }
  let stream;
  try {
    const audio = { channelCount: 1, echoCancellation, noiseSuppression, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(whyNoMicrophone[error.name] ?? `No microphone: ${error.name}.`);
  }
  const [track] = stream.getAudioTracks();
  let context = null;
  const close = () => {
    track.onended = null;
    for (const each of stream.getTracks()) each.stop();
    if (context && context.state !== "closed") context.close();
  };
  track.onended = () => onEnd("The microphone is gone: unplugged, or no longer allowed.");
  try {
    context = new AudioContext({ latencyHint: "interactive" });
    const url = URL.createObjectURL(new Blob([captureWorklet], { type: "text/javascript" }));
    await context.audioWorklet.addModule(url);
    URL.revokeObjectURL(url);
    await context.resume();
  } catch (error) {
    close();
    throw new Error(`This browser cannot process sound: ${error.message}.`);
  }
  // what the device needs until the page has a sample, where the browser tells
  const deviceMs = 1000 * (track.getSettings().latency ?? 0);
  const capture = new AudioWorkletNode(context, "lab-capture");
  capture.port.onmessage = ({ data }) => {
    const agoMs = Math.max(0, 1000 * (context.currentTime - data.endS));
    onChunk({ ...data, heardMs: performance.now() - agoMs - deviceMs });
  };
  // a node is asked for sound only if it leads somewhere; this one gives silence
  context.createMediaStreamSource(stream).connect(capture).connect(context.destination);
  return close;
}
