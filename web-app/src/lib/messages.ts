// The words on the wire: the stock signalling protocol (gst), as this app speaks it, and how both
// it and the extension are read. Mirrors `protocol/src/gst.rs`; `vectors/gst` keeps the two equal.
// Knows nothing of sockets.

import { parseExtension, type ExtensionMessage, type ExtensionRequest } from "./extension.ts";
import { BadMessage, Fields, isObject } from "./fields.ts";

export { BadMessage } from "./fields.ts";

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

/** Whatever is counted; with a number, the answer repeats it. */
export type Request = ClientMessage | ExtensionRequest;

export type ServerMessage =
  | ExtensionMessage
  | {
      readonly type: "peerStatusChanged";
      readonly peerId: string;
      readonly roles: readonly Role[];
      readonly meta: Meta;
      readonly account?: string;
    }
  | {
      readonly type: "startSession";
      readonly peerId: string;
      readonly sessionId: string;
      readonly offer: string | null;
      /** The call that it is part of. */
      readonly callId: string | null;
    }
  | { readonly type: "sessionStarted"; readonly peerId: string; readonly sessionId: string }
  | { readonly type: "endSession"; readonly sessionId: string; readonly error: string | null }
  | PeerMessage
  | { readonly type: "list"; readonly producers: readonly Listed[] }
  | { readonly type: "listConsumers"; readonly consumers: readonly Listed[] }
  /** `code` is null in the stock protocol. */
  | { readonly type: "error"; readonly code: string | null; readonly details: string };

/** A message, and the number of the request that it answers. */
export type Tagged = { readonly message: ServerMessage; readonly id: number | null };

/** Reads one text message of the server. Throws {@link BadMessage}. */
export function parseServerMessage(text: string): Tagged {
  const fields = new Fields(parseJson(text));
  const id = fields.any("id");
  return { message: parse(fields), id: typeof id === "number" ? id : null };
}

function parse(fields: Fields): ServerMessage {
  const type = fields.string("type");
  switch (type) {
    case "peerStatusChanged":
      return {
        type,
        peerId: fields.string("peerId"),
        roles: roles(fields),
        meta: toMeta(fields.any("meta")),
        ...whose(fields),
      };
    case "startSession":
      return {
        type,
        peerId: fields.string("peerId"),
        sessionId: fields.string("sessionId"),
        offer: fields.optionalString("offer"),
        callId: fields.optionalString("callId"),
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
      return { type, producers: listed(fields, "producers") };
    case "listConsumers":
      return { type, consumers: listed(fields, "consumers") };
    case "error":
      return { type, code: fields.optionalString("code"), details: fields.string("details") };
    default: {
      const message = parseExtension(type, fields);
      if (message) return message;
      throw new BadMessage(`unknown message type ${JSON.stringify(type)}`);
    }
  }
}

/** The message as JSON text. */
export function print(message: Request, id?: number): string {
  return JSON.stringify(id === undefined ? message : { ...message, id });
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

function toMeta(value: unknown): Meta {
  return isObject(value) ? value : {};
}

function isRole(value: unknown): value is Role {
  return value === "producer" || value === "listener" || value === "consumer";
}

function roles(fields: Fields): Role[] {
  const value = fields.any("roles");
  if (!Array.isArray(value) || !value.every(isRole)) throw new BadMessage("bad field roles");
  return value;
}

function listed(fields: Fields, name: string): Listed[] {
  return fields.objects(name).map((item) => ({
    id: item.string("id"),
    meta: toMeta(item.any("meta")),
    ...whose(item),
  }));
}

function whose(fields: Fields): { account?: string } {
  const account = fields.optionalString("account");
  return account === null ? {} : { account };
}
