// The call that this browser takes part in, from ring to hang-up: what is known of it.
// Pure: no clock, no socket, no media of its own.

import type { Problem } from "./problem.ts";

/** What somebody sends. */
export interface Media {
  readonly audio: boolean;
  readonly video: boolean;
}

/** Both sides hear the same one. */
export type EndReason =
  | "hangup"
  | "rejected"
  | "busy"
  | "noAnswer"
  | "cancelled"
  | "disconnected"
  | "mediaFailed"
  | "answeredElsewhere"
  | "loggedOut"
  | "incompatible";

/** Why there is no call any more, or never was one: then in the server's words. */
export type CallEnd =
  | { readonly kind: "ended"; readonly reason: EndReason }
  | { readonly kind: "refused"; readonly code: string; readonly details: string };

/** `paused` sends black, or silence. */
export type Input = "absent" | "on" | "paused";

/** What this browser sends into a call. */
export interface Own {
  /** To show; null while nothing is open (yet). */
  readonly stream: MediaStream | null;
  /** The camera, or in its place the screen. */
  readonly camera: Input;
  readonly microphone: Input;
  readonly screen: boolean;
  /** What could not be opened, or was lost; the call goes on without it. */
  readonly problem: Problem | null;
}

/** What is known of a call that was accepted. */
export interface Talk {
  readonly callId: string;
  /** The other account's name. */
  readonly with: string;
  readonly outgoing: boolean;
  /** When it was accepted, ms since the epoch. */
  readonly since: number;
  readonly own: Own;
  /** What the other side says that it sends: muted, camera off. */
  readonly theirs: Media;
  /** The other side's picture and sound; null until there is something. */
  readonly stream: MediaStream | null;
  /** Nothing arrives for 2 s or more. */
  readonly unstable: boolean;
  /** The other side lost the server; it may come back. */
  readonly away: boolean;
  /** Why nothing arrives. */
  readonly problem: Problem | null;
}

export type CallState =
  | { readonly phase: "idle" }
  /** `callId` and `since` are null until it rings there. */
  | {
      readonly phase: "ringingOut";
      readonly callId: string | null;
      readonly with: string;
      readonly media: Media;
      readonly since: number | null;
      readonly own: Own;
    }
  /** `answered`: the user did, and the server did not say yet who was first. */
  | {
      readonly phase: "ringingIn";
      readonly callId: string;
      readonly with: string;
      /** What the caller will send. */
      readonly media: Media;
      readonly since: number;
      readonly answered: boolean;
    }
  /** Accepted; nothing of the other side is there yet. */
  | ({ readonly phase: "connecting" } & Talk)
  | ({ readonly phase: "active" } & Talk)
  /** Shown until it is dismissed, or the next call begins. */
  | {
      readonly phase: "ended";
      readonly with: string;
      readonly outgoing: boolean;
      readonly end: CallEnd;
      /** In ms; null if it was not accepted. */
      readonly talked: number | null;
    };

export const idle: CallState = { phase: "idle" };
