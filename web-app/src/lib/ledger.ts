// What makes a connection outlive its socket: how many messages came in, and those that went out
// and are perhaps not there yet (docs/ref/intercom.md). Pure. The token is in memory only.

/** After how many messages the server is told that they came in… */
export const ACK_EVERY = 16;
/** …or after how long. */
export const ACK_AFTER_MS = 5_000;
/** Messages that are kept until the server says that it has them… */
const KEPT = 256;
/** …and the characters that they may have together. */
const KEPT_CHARACTERS = 256 * 1024;
/** A count that cannot be. Whoever has lost something itself asks so for a new beginning. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** What `hello.resume` says. */
export interface Resume {
  readonly resumeToken: string;
  readonly received: number;
}

/** A message that went out. */
interface Kept {
  readonly text: string;
  readonly isMeant: () => boolean;
}

/** Both counts of one connection, which was just welcomed. */
export class Ledger {
  #token: string;
  #received = 0;
  #told = 0;
  #kept: Kept[] = [];
  #characters = 0;
  /** Messages that went out before the first that is kept. */
  #before = 0;
  /** Messages that the server is known to have. */
  #arrived = 0;

  constructor(token: string) {
    this.#token = token;
  }

  get resume(): Resume {
    const isWhole = this.#before <= this.#arrived;
    return { resumeToken: this.#token, received: isWhole ? this.#received : NEVER };
  }

  /** What the server perhaps lacks. */
  get kept(): readonly string[] {
    return this.#kept.map(({ text }) => text);
  }

  /** A message goes out, now or later; later only if it is still meant then. */
  keep(text: string, isMeant = (): boolean => true): void {
    this.#kept.push({ text, isMeant });
    this.#characters += text.length;
    while (this.#kept.length > KEPT || this.#characters > KEPT_CHARACTERS) this.#dropFirst();
  }

  /** A message came in; true when the server is to be told at once. */
  count(): boolean {
    this.#received += 1;
    return this.#received - this.#told >= ACK_EVERY;
  }

  /** Whether messages came in that the server was not told of. */
  get owes(): boolean {
    return this.#received > this.#told;
  }

  /** What the server is told. */
  tell(): number {
    this.#told = this.#received;
    return this.#received;
  }

  /** The server has so many. */
  acknowledged(received: number): void {
    this.#arrived = Math.max(this.#arrived, Math.min(received, this.#sent));
    while (this.#before < this.#arrived) this.#dropFirst();
  }

  /** The socket is back, and the server has so many. False when that cannot be. */
  resumed(token: string, received: number): boolean {
    if (received < this.#before || received > this.#sent) return false;
    this.acknowledged(received);
    // What the server never had is in no count of its.
    this.#kept = this.#kept.filter(({ isMeant }) => isMeant());
    this.#characters = this.#kept.reduce((sum, { text }) => sum + text.length, 0);
    this.#token = token;
    this.#told = this.#received;
    return true;
  }

  get #sent(): number {
    return this.#before + this.#kept.length;
  }

  #dropFirst(): void {
    this.#characters -= this.#kept.shift()?.text.length ?? 0;
    this.#before += 1;
  }
}
