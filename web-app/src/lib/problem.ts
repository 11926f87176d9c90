// Everything that can go wrong, as a type. What is said about it is in words.ts.

export type Problem =
  | { readonly kind: "loginWrong" }
  /** Passwords are tried too fast; `until` in ms since the epoch. */
  | { readonly kind: "loginTooSoon"; readonly seconds: number; readonly until: number }
  | { readonly kind: "loginRefused"; readonly code?: string; readonly details: string }
  /** The server took the login, and the browser did not keep it. */
  | { readonly kind: "loginLost" }
  | { readonly kind: "sessionEnded" }
  | { readonly kind: "serverAway" }
  /** The server does not let this browser in. */
  | { readonly kind: "refused"; readonly status: 400 | 401 | 403; readonly details: string }
  /** An admin has closed the connection. */
  | { readonly kind: "cut" }
  /** The server refused one request. */
  | { readonly kind: "requestRefused"; readonly code?: string; readonly details: string }
  /** Camera and microphone exist on secure pages only. */
  | { readonly kind: "insecureContext" }
  | { readonly kind: "captureDenied"; readonly what: Capture }
  | { readonly kind: "captureAbsent"; readonly what: Capture }
  | { readonly kind: "captureBusy"; readonly what: Capture }
  | { readonly kind: "captureLost"; readonly what: Capture }
  | { readonly kind: "captureFailed"; readonly what: Capture; readonly details: string }
  /** The two ends never reached each other, or lost each other. */
  | { readonly kind: "iceFailed" }
  /** Nothing was offered within the time that is allowed. */
  | { readonly kind: "noAnswer" }
  /** The other end waited in vain for our answer. */
  | { readonly kind: "unheard" }
  /** The two ends reached each other, and got no further. */
  | { readonly kind: "dtlsFailed" }
  /** Our certificate did not arrive as the announced one. */
  | { readonly kind: "fingerprintMismatch" }
  /** The two ends have no codec in common. */
  | { readonly kind: "codecIncompatible" }
  | { readonly kind: "producerLeft" }
  /** It sends to one at a time, and somebody else has it. */
  | { readonly kind: "taken" }
  /** Connected, but no picture or sound for a while. */
  | { readonly kind: "mediaStopped" }
  | { readonly kind: "negotiationFailed"; readonly details: string };

export type Capture = "camera" | "microphone" | "both";

/**
 * Why the other end ended a session. Devices begin with a code (docs/ref/elements.md), others say
 * what they like.
 */
export function endProblem(reason: string): Problem {
  const [, code, details] = /^(\w+): (.*)$/s.exec(reason) ?? [];
  switch (code) {
    case "noAnswer":
      return { kind: "unheard" };
    case "iceFailed":
    case "dtlsFailed":
    case "fingerprintMismatch":
      return { kind: code };
    case "turnRefused":
      return { kind: "iceFailed" };
    case "codec":
      return { kind: "codecIncompatible" };
    case "noMedia":
    case "peerGone":
      return { kind: "mediaStopped" };
    case "badDescription":
      return { kind: "negotiationFailed", details: details ?? "" };
    default:
      return { kind: "negotiationFailed", details: reason };
  }
}

/** Sorts what `getUserMedia` throws. */
export function captureProblem(error: unknown, what: Capture): Problem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return { kind: "captureDenied", what };
    case "NotFoundError":
    case "OverconstrainedError":
      return { kind: "captureAbsent", what };
    case "NotReadableError":
    case "AbortError":
      return { kind: "captureBusy", what };
    default:
      return { kind: "captureFailed", what, details: String(error) };
  }
}
