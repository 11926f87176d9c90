// A WebSocket that comes back by itself: text in, text out, and where it stands.
// Knows of the protocol its name only. The server may be restarted at any time; media does not depend
// on this socket, so that all it has to do is to be there again soon.

import { backoff } from "./backoff.ts";
import { SUBPROTOCOL } from "./extension.ts";

/**
 * Why there is no WebSocket, as the server says over HTTP: no login (401), a foreign page (403), or
 * nothing but that this was no handshake (400), so that something in between keeps it back.
 */
export type Refusal = { readonly status: 400 | 401 | 403; readonly details: string };

export type SocketState =
  | { readonly phase: "connecting" }
  | { readonly phase: "open" }
  /** Lost or never reached; the next attempt is at `retryAt` (ms since the epoch). */
  | { readonly phase: "waiting"; readonly retryAt: number }
  /** The server answers, but does not let us in; tried again at `retryAt`. */
  | { readonly phase: "refused"; readonly refusal: Refusal; readonly retryAt: number }
  /** Somebody in charge closed it; not tried again before the user wants it. */
  | { readonly phase: "cut" };

export interface SocketEvents {
  stateChanged(state: SocketState): void;
  received(text: string): void;
  /** The server said with this code why it closes; `stateChanged` follows. */
  closed(code: number): void;
}

/** What the socket needs of the browser. */
export interface Network {
  open(url: string): WebSocket;
  /** Why the server would not let us in, if that is the reason: a WebSocket does not tell. */
  probe(url: string): Promise<Refusal | null>;
  /** In [0, 1). */
  random(): number;
}

const REFUSED_RETRY_MS = 15_000;
/** A server that is just starting may answer the probe and not yet have taken the WebSocket. */
const BLOCKED_AFTER_FAILURES = 4;
const CONNECT_DEADLINE_MS = 8_000;
/** The login is no longer good. */
const LOGGED_OUT = 4401;
/** Somebody in charge closed it. */
const CUT = 4403;

export class Socket {
  readonly #url: string;
  readonly #events: SocketEvents;
  readonly #network: Network;
  #ws: WebSocket | null = null;
  /**
   * Seemingly dead. A Close frame that reaches the server after all would end what was to outlive
   * this socket, so that they are not closed before the server has taken the next one.
   */
  #given = new Set<WebSocket>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #running = false;

  constructor(url: string, events: SocketEvents, network: Network = browser) {
    this.#url = url;
    this.#events = events;
    this.#network = network;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  /** Closes it, with a Close frame: the server does not wait for us. */
  stop(): void {
    this.#running = false;
    this.#drop();
    this.settled();
  }

  /** Does not wait for the next attempt; nothing happens while a connection is up or under way. */
  retryNow(): void {
    if (this.#running && this.#ws === null) this.#connect();
  }

  /** Gives up a connection that is only seemingly alive, and connects again. */
  reconnect(): void {
    if (this.#ws === null) return;
    this.#giveUp();
    if (this.#running) this.#lost();
  }

  /** Begins again at once. */
  restart(): void {
    if (this.#running) this.#connect();
  }

  /** The server has taken this connection: older ones may be closed. */
  settled(): void {
    for (const ws of this.#given) ws.close();
    this.#given.clear();
  }

  /** False while there is no connection: nothing is queued, what was said then is out of date. */
  send(text: string): boolean {
    const ws = this.#ws;
    if (!ws || ws.readyState !== ws.OPEN) return false;
    ws.send(text);
    return true;
  }

  #connect(): void {
    this.#drop();
    this.#events.stateChanged({ phase: "connecting" });
    const ws = this.#network.open(this.#url);
    this.#ws = ws;
    this.#timer = setTimeout(() => this.reconnect(), CONNECT_DEADLINE_MS);
    let opened = false;
    ws.onopen = () => {
      opened = true;
      clearTimeout(this.#timer);
      this.#events.stateChanged({ phase: "open" });
    };
    ws.onmessage = (event: MessageEvent<unknown>) => {
      // Only a server that speaks proves that retrying quickly makes sense.
      this.#failures = 0;
      if (typeof event.data === "string") this.#events.received(event.data);
    };
    ws.onclose = ({ code }) => {
      if (this.#ws !== ws) return;
      this.#drop();
      this.#events.closed(code);
      if (code === CUT) this.#events.stateChanged({ phase: "cut" });
      else if (opened && code !== LOGGED_OUT) this.#lost();
      else void this.#unreachable();
    };
  }

  #drop(): void {
    this.#letGo()?.close();
  }

  #giveUp(): void {
    const ws = this.#letGo();
    if (!ws) return;
    if (ws.readyState === ws.OPEN) this.#given.add(ws);
    else ws.close();
  }

  /** Nothing of it is heard any more. */
  #letGo(): WebSocket | null {
    clearTimeout(this.#timer);
    const ws = this.#ws;
    this.#ws = null;
    if (ws) ws.onopen = ws.onmessage = ws.onclose = null;
    return ws;
  }

  #lost(): void {
    const wait = this.#backoff();
    this.#events.stateChanged({ phase: "waiting", retryAt: Date.now() + wait });
    this.#connectAfter(wait);
  }

  async #unreachable(): Promise<void> {
    this.#lost();
    const timer = this.#timer;
    const refusal = await this.#network.probe(this.#url);
    const overtaken = timer !== this.#timer || this.#ws !== null || !this.#running;
    if (!refusal || overtaken) return;
    if (refusal.status === 400 && this.#failures < BLOCKED_AFTER_FAILURES) return;
    this.#events.stateChanged({
      phase: "refused",
      refusal,
      retryAt: Date.now() + REFUSED_RETRY_MS,
    });
    clearTimeout(this.#timer);
    this.#connectAfter(REFUSED_RETRY_MS);
  }

  #connectAfter(ms: number): void {
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #backoff(): number {
    const wait = backoff(this.#failures, this.#network.random());
    this.#failures += 1;
    return wait;
  }
}

const browser: Network = {
  open: (url) => new WebSocket(url, SUBPROTOCOL),
  probe: probeOverHttp,
  random: Math.random,
};

/**
 * Asks the same address over HTTP, where status and sentence can be read. With POST the browser
 * shows the page's origin, as with a WebSocket; without one the server would not count the cookie.
 */
async function probeOverHttp(url: string): Promise<Refusal | null> {
  try {
    const response = await fetch(url.replace(/^ws/, "http"), {
      method: "POST",
      cache: "no-store",
      redirect: "manual",
      signal: AbortSignal.timeout(5_000),
    });
    const { status } = response;
    if (status !== 400 && status !== 401 && status !== 403) return null;
    return { status, details: (await response.text()).trim().slice(0, 300) };
  } catch {
    return null;
  }
}
