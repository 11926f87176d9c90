// What the page says: states and problems in words that tell what to do. Pure.

import type { Capture, Problem } from "./problem.ts";
import type { SocketState } from "./socket.ts";

export interface Words {
  readonly title: string;
  readonly advice: string;
}

export function describeProblem(problem: Problem): Words {
  switch (problem.kind) {
    case "loginWrong":
      return {
        title: "Name or password is wrong",
        advice: "Check both; capital letters count in the password.",
      };
    case "loginTooSoon":
      return {
        title: "Too many failed attempts",
        advice: `The server takes the next one in ${count(problem.seconds, "second")}.`,
      };
    case "loginRefused":
      return { title: "The server did not take that", advice: sentence(problem.details) };
    case "loginLost":
      return {
        title: "The browser does not keep the login",
        advice: "Open the https address of this server, and allow its cookies.",
      };
    case "sessionEnded":
      return {
        title: "You were logged out",
        advice: "The login was ended or its password changed. Log in again to go on.",
      };
    case "serverAway":
      return {
        title: "The server does not answer",
        advice: "Is it running, and are you in its network? Then try again.",
      };
    case "refused":
      return describeRefusal(problem.status, problem.details);
    case "requestRefused":
      return { title: "The server said no", advice: sentence(problem.details) };
    case "insecureContext":
      return {
        title: "This page is not secure",
        advice:
          "Browsers give out camera and microphone on https pages only. Open the https address of this server.",
      };
    case "captureDenied":
      return {
        title: `The browser may not use your ${device(problem.what)}`,
        advice:
          "Allow it in the site settings next to the address, and in the settings of your system; then try again.",
      };
    case "captureAbsent":
      return {
        title: `No ${device(problem.what)} found`,
        advice: "Plug one in or choose another one, then try again.",
      };
    case "captureBusy":
      return {
        title: `Your ${device(problem.what)} cannot be opened`,
        advice: "Another program is probably using it. Close that one, then try again.",
      };
    case "captureLost":
      return {
        title: `Your ${device(problem.what)} was unplugged`,
        advice: "Plug it in again or choose another one. Whoever watches stays connected.",
      };
    case "captureFailed":
      return {
        title: `Your ${device(problem.what)} did not start`,
        advice: sentence(problem.details),
      };
    case "iceFailed":
      return {
        title: "No way to the other end",
        advice:
          "Signalling works, but picture and sound find no path. Are both ends in the same network, and does a firewall or guest network keep them apart?",
      };
    case "noAnswer":
      return {
        title: "The other end does not answer",
        advice: "It is registered, but it offered nothing in time. It may be overloaded or stuck.",
      };
    case "codecIncompatible":
      return {
        title: "This browser cannot play it",
        advice:
          "The two ends have no video codec in common. VP8 or H.264 (constrained baseline) work everywhere.",
      };
    case "producerLeft":
      return {
        title: "It went off the air",
        advice: "The picture comes back by itself when it returns.",
      };
    case "mediaStopped":
      return {
        title: "Picture and sound stopped",
        advice: "The other end stopped sending. Trying to get it back.",
      };
    case "negotiationFailed":
      return { title: "The connection could not be agreed on", advice: sentence(problem.details) };
  }
}

/** The state of signalling, in a few words. `now` and `retryAt` are ms since the epoch. */
export function describeSignalling(state: SocketState, registered: boolean, now: number): string {
  switch (state.phase) {
    case "connecting":
      return "Connecting";
    case "open":
      return registered ? "Connected" : "Connecting";
    case "waiting":
      return `Server unreachable, ${retryIn(state.retryAt, now)}`;
    case "refused":
      return "Not let in";
  }
}

/** "trying again in 3 s" */
export function retryIn(retryAt: number, now: number): string {
  const seconds = secondsUntil(retryAt, now);
  return seconds > 1 ? `trying again in ${seconds} s` : "trying again";
}

/** Whole seconds that are left; both in ms since the epoch. */
export function secondsUntil(then: number, now: number): number {
  return Math.max(0, Math.ceil((then - now) / 1000));
}

/** "1 person is watching" */
export function viewers(count: number): string {
  if (count === 0) return "Nobody is watching yet";
  return count === 1 ? "1 viewer is watching" : `${count} viewers are watching`;
}

/** "2.1 Mbit/s"; bits per second in. */
export function bitrate(bps: number): string {
  return bps >= 1_000_000
    ? `${(bps / 1_000_000).toFixed(1)} Mbit/s`
    : `${Math.round(bps / 1000)} kbit/s`;
}

function describeRefusal(status: 400 | 401 | 403, details: string): Words {
  switch (status) {
    case 401:
      return {
        title: "The login does not reach the server",
        advice:
          "Reload the page. A proxy in between must pass cookies on to the WebSocket as well.",
      };
    case 403:
      return {
        title: "This server refuses pages from this address",
        advice:
          `${sentence(details)} Whoever runs it can add --allowed-origin ${address()}.`.trim(),
      };
    case 400:
      return {
        title: "The connection does not get through",
        advice: `The server answers, but no WebSocket reaches it. A proxy in between must pass WebSockets on and keep the Host header, or the server needs --allowed-origin ${address()}.`,
      };
  }
}

function count(number: number, unit: string): string {
  return number === 1 ? `1 ${unit}` : `${number} ${unit}s`;
}

function address(): string {
  return globalThis.location?.origin ?? "ADDRESS";
}

function device(what: Capture): string {
  return what === "both" ? "camera and microphone" : what;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
