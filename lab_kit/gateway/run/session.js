// A session of the server's own live stream, which goes on when its connection is lost: over a
// WebSocket, or by posts upwards and server-sent events down. What the server has not taken is kept
// and sent again; what was heard is counted, and asked for from there on.

const mostUntakenBytes = 2000000; // a minute of sound; beyond it the server is not there any more
const longestWaitMs = 2000;

class LabSession {
  constructor({ wire, key, rateHz, onMessage, onEnd }) {
    Object.assign(this, { wire, key, rateHz, onMessage, onEnd });
    this.id = null; // what the server calls the session
    this.seen = 0; // number of its last message
    this.number = 0; // of our last message
    this.untaken = []; // ours that it has not taken: { number, payload }
    this.isOver = false;
    this.isReady = false; // what is said may be sent
    this.windowMs = 0; // how long the session waits for us
    this.lostMs = 0; // when the connection was lost, while there is none
    this.waitMs = 100;
    this.connect();
  }

  get untakenBytes() {
    return this.untaken.reduce((sum, { payload }) => sum + (payload.byteLength ?? 0), 0);
  }

  send(payload) {
    if (this.isOver) return;
    this.untaken.push({ number: ++this.number, payload });
    if (this.untakenBytes > mostUntakenBytes) this.end("The server takes no more sound.");
    else if (this.isReady) this.transmit(this.untaken.at(-1));
  }

  finish() {
    this.send({ type: "finish" });
  }

  end(why) {
    if (this.isOver) return;
    this.isOver = true;
    this.socket?.close();
    this.reading?.abort();
    this.onEnd(why);
  }

  connect() {
    if (this.wire === "events") this.readEvents();
    else this.openSocket();
  }

  // -- what is heard ---------------------------------------------------------------------------

  hear(message) {
    if (this.isOver) return;
    if (message.type === "session_resumed") {
      this.forget(message.taken);
      this.goOn();
      return;
    }
    if (message.sequence !== this.seen + 1) return; // told before
    this.seen = message.sequence;
    this.forget(message.taken);
    if (message.type === "session_begun") {
      this.id = message.session;
      this.windowMs = 1000 * message.resume_window_s;
      this.goOn();
    }
    this.onMessage(message);
    if (message.type === "error" && message.fatal) this.failure = message.error.message;
    if (message.type === "session_ended") this.end(this.failure ?? "");
  }

  forget(taken) {
    while (this.untaken.length && this.untaken[0].number <= taken) this.untaken.shift();
  }

  // there is a connection: what was not taken goes over it, in order
  goOn() {
    this.lostMs = 0;
    this.waitMs = 100;
    if (this.isReady) return;
    this.isReady = true;
    for (const message of [...this.untaken]) this.transmit(message);
  }

  lose(why) {
    this.isReady = false;
    if (this.isOver) return;
    const nowMs = performance.now();
    this.lostMs ||= nowMs;
    if (!this.id || nowMs - this.lostMs > this.windowMs) {
      this.end(why);
      return;
    }
    setTimeout(() => this.isOver || this.connect(), this.waitMs * Math.random());
    this.waitMs = Math.min(2 * this.waitMs, longestWaitMs);
  }

  transmit({ number, payload }) {
    if (this.wire === "events") {
      this.posting ??= this.post().finally(() => (this.posting = null));
      return;
    }
    const isSound = payload instanceof ArrayBuffer || ArrayBuffer.isView(payload);
    this.socket.send(isSound ? payload : JSON.stringify(payload));
  }

  // -- over a WebSocket ------------------------------------------------------------------------

  openSocket() {
    const query = this.id
      ? `session=${this.id}&after=${this.seen}`
      : `sample_rate_hz=${this.rateHz}`;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const offered = this.key ? ["lab.v1", this.key] : [];
    const socket = new WebSocket(`${scheme}://${location.host}/v1/stream?${query}`, offered);
    this.socket = socket;
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      const unreached = "The server was not reached, or refused: is a key needed?";
      this.lose(code === 1006 ? unreached : `The server ended the stream: ${reason || code}`);
    };
  }

  // -- by posts and events ---------------------------------------------------------------------

  async ask(path, options = {}) {
    const headers = { ...options.headers };
    if (this.key) headers.authorization = `Bearer ${this.key}`;
    const answer = await fetch(path, { ...options, headers });
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(told.error?.message ?? `${answer.status}`), {
      isFinal: answer.status < 500,
    });
  }

  async readEvents() {
    const reading = new AbortController();
    this.reading = reading;
    try {
      if (!this.id) {
        const body = JSON.stringify({ sample_rate_hz: this.rateHz });
        const begun = await this.ask("/v1/streams", { method: "POST", body });
        const told = await begun.json();
        this.id = told.session;
        this.windowMs = 1000 * told.resume_window_s;
      }
      const { signal } = reading;
      const path = `/v1/streams/${this.id}/events?after=${this.seen}`;
      const answer = await this.ask(path, { signal });
      const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { value, done } = await lines.read();
        if (done) break;
        const parts = (rest + value).split("\n");
        rest = parts.pop();
        for (const line of parts) {
          if (line.startsWith("data: ")) this.hear(JSON.parse(line.slice(6)));
        }
      }
      this.lose("The server ended the stream.");
    } catch (error) {
      if (this.reading !== reading || this.isOver) return;
      if (error.isFinal) this.end(error.message);
      else this.lose("The server was not reached.");
    }
  }

  // one at a time, in order; whatever fails is sent again when there is a connection
  async post() {
    while (this.isReady && this.untaken.length) {
      const { number, payload } = this.untaken[0];
      const isSound = payload instanceof ArrayBuffer || ArrayBuffer.isView(payload);
      const headers = { "content-type": isSound ? "application/octet-stream" : "application/json" };
      const body = isSound ? payload : JSON.stringify(payload);
      const path = `/v1/streams/${this.id}/messages?number=${number}`;
      try {
        const answer = await this.ask(path, { method: "POST", headers, body });
        this.forget((await answer.json()).taken);
      } catch (error) {
        if (error.isFinal) this.end(error.message);
        await new Promise((resume) => setTimeout(resume, this.waitMs));
      }
    }
  }
}
