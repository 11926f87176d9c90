// The words on the wire: the stock signalling protocol (gst), as this app speaks it.
// Mirrors `protocol/src/gst.rs`; `vectors/gst` keeps the two equal. Knows nothing of sockets.

export type Role = "producer" | "listener" | "consumer";

/** What a peer says about itself. Anything that is not an object counts as nothing said. */
export type Meta = Readonly<Record<string, unknown>>;

export interface Listed {
  readonly id: string;
  readonly meta: Meta;
  /** Whose it is, if it is anybody's. */
  readonly account?: string;
}

export interface Description {
  readonly type: "offer" | "answer";
  readonly sdp: string;
}

export interface Candidate {
  readonly candidate: string;
  readonly sdpMLineIndex: number;
  readonly [other: string]: unknown;
}

export type PeerMessage = { readonly type: "peer"; readonly sessionId: string } & (
  { readonly sdp: Description } | { readonly ice: Candidate }
);

export type ClientMessage =
  | { readonly type: "setProtocolVersion"; readonly version: "v1_0" | "v1_1" }
  | { readonly type: "setPeerStatus"; readonly roles: readonly Role[]; readonly meta: Meta | null }
  | { readonly type: "startSession"; readonly peerId: string; readonly offer?: string }
  | { readonly type: "endSession"; readonly sessionId: string }
  | { readonly type: "endSessionV1_1"; readonly sessionId: string; readonly error?: string }
  | PeerMessage
  | { readonly type: "list" }
  | { readonly type: "listConsumers" };

export type ServerMessage =
  | { readonly type: "welcome"; readonly peerId: string }
  | {
      readonly type: "peerStatusChanged";
      readonly peerId: string;
      readonly roles: readonly Role[];
      readonly meta: Meta;
    }
  | {
      readonly type: "startSession";
      readonly peerId: string;
      readonly sessionId: string;
      readonly offer: string | null;
    }
  | { readonly type: "sessionStarted"; readonly peerId: string; readonly sessionId: string }
  | { readonly type: "endSession"; readonly sessionId: string; readonly error: string | null }
  | PeerMessage
  | { readonly type: "list"; readonly producers: readonly Listed[] }
  | { readonly type: "listConsumers"; readonly consumers: readonly Listed[] }
  | { readonly type: "error"; readonly details: string };

/** The text is not a message of this protocol. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
}

/** Reads one text message of the server. Throws {@link BadMessage}. */
export function parseServerMessage(text: string): ServerMessage {
  const fields = new Fields(parseJson(text));
  const type = fields.string("type");
  switch (type) {
    case "welcome":
      return { type, peerId: fields.string("peerId") };
    case "peerStatusChanged":
      return {
        type,
        peerId: fields.string("peerId"),
        roles: fields.roles(),
        meta: toMeta(fields.any("meta")),
      };
    case "startSession":
      return {
        type,
        peerId: fields.string("peerId"),
        sessionId: fields.string("sessionId"),
        offer: fields.optionalString("offer"),
      };
    case "sessionStarted":
      return { type, peerId: fields.string("peerId"), sessionId: fields.string("sessionId") };
    case "endSession":
      return { type, sessionId: fields.string("sessionId"), error: null };
    case "endSessionV1_1":
      return {
        type: "endSession",
        sessionId: fields.string("sessionId"),
        error: fields.optionalString("error"),
      };
    case "peer":
      return parsePeer(fields);
    case "list":
      return { type, producers: fields.listed("producers") };
    case "listConsumers":
      return { type, consumers: fields.listed("consumers") };
    case "error":
      return { type, details: fields.string("details") };
    default:
      throw new BadMessage(`unknown message type ${JSON.stringify(type)}`);
  }
}

/** The message as JSON text. */
export function print(message: ClientMessage): string {
  return JSON.stringify(message);
}

/** The name a peer goes by, or a short form of its id. */
export function peerName(peer: Listed): string {
  for (const key of ["name", "display-name"]) {
    const value = peer.meta[key];
    if (typeof value === "string" && value.trim() !== "") return value.trim().slice(0, 64);
  }
  return peer.id.slice(0, 8);
}

function parsePeer(fields: Fields): ServerMessage {
  const sessionId = fields.string("sessionId");
  const sdp = fields.any("sdp");
  const ice = fields.any("ice");
  if ((sdp === undefined) === (ice === undefined)) throw new BadMessage("need either sdp or ice");
  if (sdp !== undefined) return { type: "peer", sessionId, sdp: parseDescription(sdp) };
  return { type: "peer", sessionId, ice: parseCandidate(ice) };
}

function parseDescription(value: unknown): Description {
  const fields = new Fields(value);
  const type = fields.string("type");
  if (type !== "offer" && type !== "answer")
    throw new BadMessage("sdp is neither offer nor answer");
  return { type, sdp: fields.string("sdp") };
}

function parseCandidate(value: unknown): Candidate {
  const fields = new Fields(value);
  const index = fields.any("sdpMLineIndex");
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0) {
    throw new BadMessage("sdpMLineIndex is not an index");
  }
  return { ...fields.all, candidate: fields.string("candidate"), sdpMLineIndex: index };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadMessage("not JSON");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toMeta(value: unknown): Meta {
  return isObject(value) ? value : {};
}

function isRole(value: unknown): value is Role {
  return value === "producer" || value === "listener" || value === "consumer";
}

/** The fields of a JSON object, each read as what it must be. */
class Fields {
  readonly all: Record<string, unknown>;

  constructor(value: unknown) {
    if (!isObject(value)) throw new BadMessage("not an object");
    this.all = value;
  }

  any(name: string): unknown {
    return this.all[name];
  }

  string(name: string): string {
    const value = this.all[name];
    if (typeof value !== "string") throw new BadMessage(`missing field ${name}`);
    return value;
  }

  optionalString(name: string): string | null {
    const value = this.all[name];
    if (value === undefined || value === null) return null;
    return this.string(name);
  }

  roles(): Role[] {
    const value = this.all["roles"];
    if (!Array.isArray(value) || !value.every(isRole)) throw new BadMessage("bad field roles");
    return value;
  }

  listed(name: string): Listed[] {
    const value = this.all[name];
    if (!Array.isArray(value)) throw new BadMessage(`missing field ${name}`);
    return value.map((item) => {
      const fields = new Fields(item);
      return { id: fields.string("id"), meta: toMeta(fields.any("meta")) };
    });
  }
}
