// The server's side of a WebSocket, in the hands of a test.

export class FakeSocket {
  readonly OPEN = 1;
  readonly sent: string[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  asWebSocket(): WebSocket {
    return this as unknown as WebSocket;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
  }

  accept(): void {
    this.readyState = this.OPEN;
    this.onopen?.();
  }

  say(message: string | object): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** 1006 is a loss without a Close frame. */
  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  /** What was sent since the last call, parsed. */
  heard(): unknown[] {
    return this.sent.splice(0).map((text) => JSON.parse(text) as unknown);
  }
}
