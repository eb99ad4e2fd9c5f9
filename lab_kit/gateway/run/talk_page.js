// Talk with the server from its own page, in the words of OpenAI's Realtime API. Stands behind
// browser_capture.js, which has openMicrophone, and voice_page.js. All times are of this page's
// clock, but for those of one turn's stages, which the server tells against the pause it heard.

{
  const spokenHz = 24000;
  const leastAhead = 0.02; // seconds: what the device has to have before it plays
  const audible = 10 ** (-50 / 20);
  const lanes = [
    ["recognizer", "paused_ns", "heard_ns", "#1265c1"],
    ["language model", "heard_ns", "written_ns", "#8560cb"],
    ["speech", "written_ns", "spoken_ns", "#b0609a"],
    ["agent", "sent_ns", null, "#7a828c"],
  ];
  const talk = part("talk");
  const state = part("state");
  const said = part("said");
  const stages = part("stages");

  // Plays 16-bit sound at 24 kHz, each piece behind the one before it.
  class Loudspeaker {
    constructor() {
      this.context = new AudioContext({ sampleRate: spokenHz });
      this.playing = new Set();
      this.begin();
    }
    begin() {
      this.beganS = null;
      this.endsS = 0;
    }
    // Returns when, in ms of performance.now(), the piece begins to be heard.
    play(pcm) {
      const sound = Float32Array.from(pcm, (sample) => sample / 32768);
      const buffer = this.context.createBuffer(1, sound.length, spokenHz);
      buffer.copyToChannel(sound, 0);
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.context.destination);
      const startS = Math.max(this.context.currentTime + leastAhead, this.endsS);
      source.start(startS);
      this.beganS ??= startS;
      this.endsS = startS + buffer.duration;
      this.playing.add(source);
      source.onended = () => this.playing.delete(source);
      const lateS = this.context.outputLatency || this.context.baseLatency || 0;
      return performance.now() + 1000 * (startS - this.context.currentTime + lateS);
    }
    // Returns how much of what was begun last was played, in ms.
    stop() {
      for (const source of this.playing) source.stop();
      this.playing.clear();
      const playedS = Math.min(this.context.currentTime, this.endsS) - (this.beganS ?? Infinity);
      this.endsS = 0;
      return Math.max(0, 1000 * playedS);
    }
    close() {
      this.context.close();
    }
  }

  // 16 kHz to 24 kHz: three samples for two, on the lines between them.
  class Faster {
    constructor() {
      this.last = 0;
      this.at = 0; // of the next sample, counted from `last`
    }
    push(pcm) {
      const input = new Int16Array(pcm);
      const faster = [];
      for (; this.at < input.length; this.at += 2 / 3) {
        const below = Math.floor(this.at);
        const from = below ? input[below - 1] : this.last;
        faster.push(Math.round(from + (this.at - below) * (input[below] - from)));
      }
      this.at -= input.length;
      this.last = input.at(-1);
      return Int16Array.from(faster);
    }
  }

  const toBase64 = (pcm) => {
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let n = 0; n < bytes.length; n += 4096) {
      text += String.fromCharCode(...bytes.subarray(n, n + 4096));
    }
    return btoa(text);
  };
  const fromBase64 = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  };

  // One turn: when its steps were done, in ms after the caller's last sound as the server heard it.
  function draw(timing, delayMs) {
    const endNs = timing.ended_ns - 1e6 * (delayMs - (timing.sent_ns - timing.ended_ns) / 1e6);
    const afterMs = (ns) => (ns - endNs) / 1e6;
    const scale = 480 / Math.max(450, 1.3 * delayMs);
    const rows = lanes.map(([name, from, to, color], row) => {
      const left = from === "sent_ns" ? delayMs : Math.max(0, afterMs(timing[from]));
      const right = to ? Math.max(left, afterMs(timing[to])) : 480 / scale;
      const y = 14 + 22 * row;
      return `<text x="0" y="${y + 11}">${name}</text><rect x="${120 + left * scale}" y="${y}"
        width="${Math.max(1, (right - left) * scale)}" height="14" fill="${color}"/>`;
    });
    const limit = 120 + 300 * scale;
    stages.innerHTML = `<svg viewBox="0 0 600 106" width="600" role="img"
      aria-label="what happened in the silence before the answer" fill="currentColor"
      font-size="12">${rows.join("")}<line x1="${limit}" x2="${limit}" y1="6" y2="102"
      stroke="#c4122f" stroke-width="2" stroke-dasharray="6 4"/></svg>`;
  }

  let open = null;

  function converse() {
    const protocols = ["realtime"];
    if (key.value) protocols.push(`openai-insecure-api-key.${key.value}`);
    const address = new URL("/v1/realtime?model=lab", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, protocols);
    const speaker = new Loudspeaker();
    const faster = new Faster();
    let close = () => {};
    let zeroMs = 0;
    let sentSamples = 0;
    let item = null;
    let isAnswering = false;
    let isStopped = false;
    let row = null;
    const send = (event) => socket.readyState === 1 && socket.send(JSON.stringify(event));
    const mine = {
      stop(why = "") {
        close();
        close = () => {};
        socket.close();
        speaker.stop();
        speaker.close();
        if (open !== mine) return;
        open = null;
        talk.textContent = "Talk";
        state.textContent = why;
      },
    };
    const say = (who, text) => {
      const line = document.createElement("li");
      line.append(Object.assign(document.createElement("b"), { textContent: who }), text);
      said.prepend(line);
      while (said.children.length > keptTurns) said.lastChild.remove();
      return line;
    };
    const told = {
      "session.created": async () => {
        const input = { transcription: { model: "whisper-1" } };
        send({ type: "session.update", session: { type: "realtime", audio: { input } } });
        try {
          const switches = { echoCancellation: true, noiseSuppression: true };
          close = await openMicrophone({ ...switches, onChunk, onEnd: mine.stop });
          if (open === mine) state.textContent = "listening";
          else close();
        } catch (error) {
          mine.stop(error.message);
        }
      },
      "input_audio_buffer.speech_started": () => {
        if (!isAnswering && !speaker.playing.size) return;
        const playedMs = Math.round(speaker.stop());
        isStopped = true;
        state.textContent = "interrupted";
        if (!item) return;
        const about = { item_id: item, content_index: 0, audio_end_ms: playedMs };
        send({ type: "conversation.item.truncate", ...about });
      },
      "input_audio_buffer.speech_stopped": () => (state.textContent = "thinking"),
      "conversation.item.input_audio_transcription.completed": (event) =>
        event.transcript && say("you ", event.transcript),
      "response.created": () => {
        isAnswering = true;
        isStopped = false;
        item = row = null;
        speaker.begin();
      },
      "response.output_audio_transcript.delta": (event) => {
        row ??= say("lab ", "");
        row.append(event.delta);
      },
      "response.output_audio.delta": (event) => {
        if (isStopped) return;
        item = event.item_id;
        const pcm = fromBase64(event.delta);
        const startMs = speaker.play(pcm);
        state.textContent = "speaking";
        const timing = event.lab?.timing;
        if (!timing || !timing.speech_end_s) return;
        const quiet = pcm.findIndex((sample) => Math.abs(sample) > 32768 * audible);
        const heardMs = startMs + (1000 * Math.max(0, quiet)) / spokenHz;
        const delayMs = Math.round(heardMs - (zeroMs + 1000 * timing.speech_end_s));
        const left = Math.abs(300 - delayMs);
        age.textContent = `${delayMs} ms, ${left} ${delayMs > 300 ? "over" : "inside"} the limit`;
        draw(timing, delayMs);
      },
      "response.done": ({ response }) => {
        isAnswering = false;
        const why = response.status_details?.error?.message;
        if (response.status === "failed") state.textContent = why ?? "no answer";
        else if (!speaker.playing.size) state.textContent = "listening";
      },
      error: ({ error }) => (state.textContent = error.message),
    };
    const onChunk = (chunk) => {
      level.value = chunk.peak;
      sentSamples += captureChunkSamples;
      zeroMs = chunk.heardMs - (1000 * sentSamples) / captureRateHz;
      send({ type: "input_audio_buffer.append", audio: toBase64(faster.push(chunk.pcm)) });
      if (state.textContent === "speaking" && !isAnswering && !speaker.playing.size) {
        state.textContent = "listening";
      }
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      told[event.type]?.(event);
    };
    socket.onclose = ({ reason }) => mine.stop(reason || "The server has hung up, or wants a key.");
    return mine;
  }

  talk.onclick = () => {
    if (open) {
      open.stop();
      return;
    }
    running?.stop();
    state.textContent = "getting ready";
    talk.textContent = "Hang up";
    open = converse();
  };
  window.addEventListener("pagehide", () => open?.stop());
}
