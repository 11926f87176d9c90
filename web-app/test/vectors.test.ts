// The page and the server speak the same words: the recorded exchanges in vectors/gst.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseServerMessage, print, type ClientMessage } from "../src/lib/messages.ts";

interface Step {
  readonly send?: Message;
  readonly hear?: Message;
}

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface Vector {
  readonly name: string;
  readonly steps: readonly Step[];
}

const DIR = new URL("../../vectors/gst/", import.meta.url);
const VECTORS = readdirSync(DIR)
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(new URL(file, DIR), "utf8")) as Vector);
const HEARD = VECTORS.flatMap(({ steps }) => steps.flatMap(({ hear }) => hear ?? []));
const SENT = VECTORS.flatMap(({ steps }) => steps.flatMap(({ send }) => send ?? []));

describe("the vectors", () => {
  it("have every message that a server says, and all of it is understood", () => {
    const types = new Set(HEARD.map((message) => parseServerMessage(JSON.stringify(message)).type));
    expect([...types].sort()).toEqual(
      [
        "endSession",
        "error",
        "list",
        "listConsumers",
        "peer",
        "peerStatusChanged",
        "sessionStarted",
        "startSession",
        "welcome",
      ].sort(),
    );
  });

  it.each(HEARD.map((message) => [message.type, message] as const))(
    "lose nothing when %s is read",
    (_type, message) => {
      const read = parseServerMessage(JSON.stringify(message)) as object;
      expect(read).toMatchObject(expected(message));
    },
  );

  it.each<ClientMessage>([
    { type: "setPeerStatus", roles: ["listener", "producer"], meta: { name: "tablet" } },
    { type: "startSession", peerId: "door" },
    { type: "peer", sessionId: "s", sdp: { type: "answer", sdp: "v=0" } },
    { type: "peer", sessionId: "s", ice: { candidate: "candidate:1", sdpMLineIndex: 0 } },
    { type: "endSession", sessionId: "s" },
    { type: "list" },
  ])("have $type just as it is printed here", (message) => {
    const printed = JSON.parse(print(message)) as Message;
    expect(SENT.map(shape)).toContain(shape(printed));
  });
});

/** What reading makes of it: no meta is an empty one, and 1.1's end of a session is an end. */
function expected(message: Message): object {
  const type = message.type === "endSessionV1_1" ? "endSession" : message.type;
  const text = JSON.stringify({ ...message, type });
  return JSON.parse(text, (name, value: unknown) =>
    name === "meta" && value === null ? {} : value,
  ) as object;
}

/** The type of a message and the names of its fields, and of theirs where they have a fixed form. */
function shape(message: Message): string {
  const fields = Object.entries(message).map(([name, value]) =>
    name === "sdp" || name === "ice"
      ? `${name}(${Object.keys(value as object)
          .sort()
          .join(" ")})`
      : name,
  );
  return `${message.type}: ${fields.sort().join(" ")}`;
}
