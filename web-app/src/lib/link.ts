// A connection that outlives its socket: says hello, resumes where it broke, counts and repeats
// (docs/ref/intercom.md). Knows what a message is, and nothing of what is said.

import type { Aside, LinkMessage } from "./extension.ts";
import { another } from "./instance.ts";
import { ACK_AFTER_MS, Ledger } from "./ledger.ts";
import { BadMessage, parseServerMessage, type ServerMessage, type Tagged } from "./messages.ts";
import { Socket, type Network, type SocketState } from "./socket.ts";

export type Welcome = Extract<LinkMessage, { type: "welcome" }>;
/** What is not the link's own. */
export type LinkedMessage = Exclude<ServerMessage, LinkMessage>;

export interface LinkEvents {
  stateChanged(state: SocketState): void;
  /** The server knows nothing of us but who we are; what was said before is lost. */
  welcomed(welcome: Welcome): void;
  /** On where it broke; nothing is lost. */
  resumed(): void;
  /** What was said on both sides is perhaps lost; a snapshot follows. */
  reset(restarted: boolean): void;
  received(message: LinkedMessage, id: number | null): void;
}

const WELCOME_DEADLINE_MS = 10_000;
/** Another connection has our peer id. */
const REPLACED = 4409;

export class Link {
  readonly #events: LinkEvents;
  readonly #socket: Socket;
  #instance: Promise<string>;
  /** Null while there is nothing to come back to. */
  #ledger: Ledger | null = null;
  #isUp = false;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #ack: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, events: LinkEvents, instance: Promise<string>, network?: Network) {
    this.#events = events;
    this.#instance = instance;
    const socketEvents = {
      stateChanged: (state: SocketState) => this.#socketChanged(state),
      received: (text: string) => this.#received(text),
      closed: (code: number) => this.#closed(code),
    };
    this.#socket = new Socket(url, socketEvents, network);
  }

  /** Whether what is said now arrives now. */
  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    this.#socket.start();
  }

  /** Closes it for good: the server ends at once what is ours. */
  stop(): void {
    if (this.#isUp) this.#aside({ type: "logout" });
    this.#down();
    this.#ledger = null;
    this.#socket.stop();
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  /** Gives up a socket that is only seemingly alive. */
  reconnect(): void {
    this.#socket.reconnect();
  }

  /**
   * Now, or when the socket is back, if it is still meant then. False when there is nothing that
   * could come back.
   */
  say(text: string, isMeant?: () => boolean): boolean {
    this.#ledger?.keep(text, isMeant);
    if (this.#isUp) this.#socket.send(text);
    return this.#isUp || this.#ledger !== null;
  }

  #socketChanged(state: SocketState): void {
    this.#down();
    if (state.phase === "open") void this.#greet();
    this.#events.stateChanged(state);
  }

  #down(): void {
    this.#isUp = false;
    clearTimeout(this.#deadline);
    clearTimeout(this.#ack);
    this.#ack = undefined;
  }

  #closed(code: number): void {
    if (code !== REPLACED) return;
    this.#ledger = null;
    this.#instance = Promise.resolve(another());
  }

  async #greet(): Promise<void> {
    const deadline = setTimeout(() => this.#socket.reconnect(), WELCOME_DEADLINE_MS);
    this.#deadline = deadline;
    const instance = await this.#instance;
    // Another socket may have taken its place meanwhile.
    if (deadline !== this.#deadline) return;
    const resume = this.#ledger?.resume;
    this.#aside({ type: "hello", instance, ...(resume && { resume }) });
  }

  #received(text: string): void {
    let read: Tagged | null = null;
    try {
      read = parseServerMessage(text);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      console.warn("signalling: message ignored:", error.message);
    }
    if (!this.#isUp) {
      if (read) this.#answered(read.message);
      return;
    }
    const message = read?.message;
    switch (message?.type) {
      case "ack":
        this.#ledger?.acknowledged(message.received);
        return;
      case "welcome":
      case "resumed":
      case "loggedOut":
        return;
    }
    this.#count();
    if (message) this.#events.received(message, read?.id ?? null);
  }

  /** The answer to `hello`. */
  #answered(message: ServerMessage): void {
    if (message.type === "welcome") {
      const { resumeToken } = message;
      this.#ledger = resumeToken === null ? null : new Ledger(resumeToken);
      this.#up();
      this.#events.welcomed(message);
    } else if (message.type === "resumed") {
      this.#resumed(message);
    } else if (message.type === "error" && message.code === "cannotResume") {
      this.#ledger = null;
      this.#socket.restart();
    }
  }

  #resumed({ received, resumeToken, reset, restarted }: Resumed): void {
    if (reset) {
      this.#ledger = new Ledger(resumeToken);
      this.#up();
      this.#events.reset(restarted);
    } else if (this.#ledger?.resumed(resumeToken, received)) {
      this.#up();
      for (const text of this.#ledger.kept) this.#socket.send(text);
      this.#events.resumed();
    } else {
      // Both count, and differ.
      this.#ledger = null;
      this.#socket.restart();
    }
  }

  #up(): void {
    clearTimeout(this.#deadline);
    this.#isUp = true;
    this.#socket.settled();
  }

  #count(): void {
    if (!this.#ledger) return;
    if (this.#ledger.count()) this.#tell();
    else this.#ack ??= setTimeout(() => this.#tell(), ACK_AFTER_MS);
  }

  #tell(): void {
    clearTimeout(this.#ack);
    this.#ack = undefined;
    if (this.#ledger?.owes) this.#aside({ type: "ack", received: this.#ledger.tell() });
  }

  /** Not counted. */
  #aside(message: Aside): void {
    this.#socket.send(JSON.stringify(message));
  }
}

type Resumed = Extract<LinkMessage, { type: "resumed" }>;
