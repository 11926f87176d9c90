// The RoomRTC desktop program, as far as its server sees of it: lines over TLS.

import { once } from "node:events";
import { createInterface } from "node:readline";
import { connect, type TLSSocket } from "node:tls";
import { PATIENCE_MS } from "./harness.ts";
import { PASSWORD } from "./people.ts";

export class LineProgram {
  readonly #socket: TLSSocket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#lines = createInterface(socket)[Symbol.asyncIterator]();
  }

  /** Whatever certificate there is, as the program does it. */
  static async logIn(port: number, name: string): Promise<LineProgram> {
    const servername = "roomrtc.local";
    const socket = connect({ port, host: "localhost", servername, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const program = new LineProgram(socket);
    program.say(`LOGIN|username:${name}|password:${PASSWORD}`);
    await program.hears("LOGIN_SUCCESS");
    return program;
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** Waits for a line that begins so; others are passed over. */
  async hears(begin: string): Promise<string> {
    const isLate = AbortSignal.timeout(PATIENCE_MS);
    isLate.addEventListener("abort", () => this.#socket.destroy());
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done) throw new Error(`no line like ${begin}`);
      if (value.startsWith(begin)) return value;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
