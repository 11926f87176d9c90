// The page and the server speak the same words: the recorded exchanges in vectors.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  parseServerMessage,
  print,
  type Request,
  type ServerMessage,
} from "../src/lib/messages.ts";

const media = { audio: true, video: true };

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

const VECTORS = ["gst", "intercom"].flatMap((dialect) => {
  const dir = new URL(`../../vectors/${dialect}/`, import.meta.url);
  return readdirSync(dir)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(new URL(file, dir), "utf8")) as Vector);
});
const HEARD = VECTORS.flatMap(({ steps }) => steps.flatMap(({ hear }) => hear ?? []));
const SENT = VECTORS.flatMap(({ steps }) => steps.flatMap(({ send }) => send ?? []));

describe("the vectors", () => {
  it("have every message that a server says, and all of it is understood", () => {
    const types = new Set(HEARD.map((message) => parse(message).type));
    expect([...types].sort()).toEqual(
      [
        "accountGone",
        "accounts",
        "ack",
        "callAccepted",
        "callAway",
        "callBack",
        "callEnded",
        "callPeer",
        "callPeerGone",
        "callRinging",
        "callUpdated",
        "done",
        "endSession",
        "error",
        "iceServers",
        "incomingCall",
        "list",
        "listConsumers",
        "loggedOut",
        "peer",
        "peerStatusChanged",
        "presence",
        "resumed",
        "room",
        "roomMessage",
        "roomPeerJoined",
        "roomPeerLeft",
        "sessionStarted",
        "snapshot",
        "startSession",
        "welcome",
      ].sort(),
    );
  });

  it.each(HEARD.map((message) => [message.type, message] as const))(
    "lose nothing when %s is read",
    (_type, message) => {
      expect(parse(message)).toMatchObject(expected(message));
    },
  );

  it.each<Request>([
    { type: "setPeerStatus", roles: ["listener", "producer"], meta: { name: "tablet" } },
    { type: "startSession", peerId: "door" },
    { type: "peer", sessionId: "s", sdp: { type: "answer", sdp: "v=0" } },
    { type: "peer", sessionId: "s", ice: { candidate: "candidate:1", sdpMLineIndex: 0 } },
    { type: "endSession", sessionId: "s" },
    { type: "list" },
    { type: "listAccounts" },
    { type: "getIceServers" },
    { type: "offerCall", to: "phone", media },
    { type: "answerCall", callId: "c", accept: true, media },
    { type: "answerCall", callId: "c", accept: false, reason: "busy" },
    { type: "attachPeer", callId: "c", peerId: "p" },
    { type: "updateCall", callId: "c", media },
    { type: "endCall", callId: "c", reason: "hangup" },
  ])("have $type just as it is printed here", (message) => {
    const printed = JSON.parse(print(message)) as Message;
    expect(SENT.map(shape)).toContain(shape(printed));
  });

  it("have the three ways of this page to begin and to end", () => {
    const [hello, resume] = [SENT.filter(({ type }) => type === "hello"), "resume"];
    expect(hello.some((message) => resume in message)).toBe(true);
    expect(SENT.map(shape)).toContain("logout: type");
    expect(SENT.map(shape)).toContain("ack: received type");
  });
});

function parse(message: Message): ServerMessage {
  return parseServerMessage(JSON.stringify(message)).message;
}

/** What reading makes of it: no meta is an empty one, and 1.1's end of a session is an end. */
function expected({ id: _, role: __, ...message }: Message): object {
  const type = message.type === "endSessionV1_1" ? "endSession" : message.type;
  const text = JSON.stringify({ ...message, type });
  return JSON.parse(text, (name, value: unknown) =>
    name === "meta" && value === null ? {} : value,
  ) as object;
}

/** The type of a message and the names of its fields, and of theirs where they have a fixed form. */
function shape({ id: _, ...message }: Message): string {
  const fields = Object.entries(message).map(([name, value]) =>
    name === "sdp" || name === "ice"
      ? `${name}(${Object.keys(value as object)
          .sort()
          .join(" ")})`
      : name,
  );
  return `${message.type}: ${fields.sort().join(" ")}`;
}
