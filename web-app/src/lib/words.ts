// What the page says: states and problems in words that tell what to do. Pure.

import type { Translate } from "../i18n/index.ts";
import { unnamed } from "../i18n/phrases/common.ts";
import { connection } from "../i18n/phrases/connection.ts";
import {
  captureAbsent,
  captureBusy,
  captureDenied,
  captureFailed,
  captureLost,
  captureProblems,
  loginProblems,
  mediaProblems,
  serverProblems,
} from "../i18n/phrases/problems.ts";
import { refusals } from "../i18n/phrases/refusals.ts";
import { sending } from "../i18n/phrases/sending.ts";
import { watching } from "../i18n/phrases/watching.ts";
import type { Device } from "./capture.ts";
import type { Problem } from "./problem.ts";
import type { SocketState } from "./socket.ts";

export interface Words {
  readonly title: string;
  readonly advice: string;
}

export function describeProblem(t: Translate, problem: Problem): Words {
  switch (problem.kind) {
    case "loginWrong":
      return { title: t(loginProblems.wrong), advice: t(loginProblems.wrongAdvice) };
    case "loginTooSoon":
      return {
        title: t(loginProblems.tooSoon),
        advice: t(loginProblems.tooSoonAdvice, { count: problem.seconds }),
      };
    case "loginRefused":
      return {
        title: t(loginProblems.refused),
        advice: describeCode(t, problem.code, problem.details),
      };
    case "loginLost":
      return { title: t(loginProblems.lost), advice: t(loginProblems.lostAdvice) };
    case "sessionEnded":
      return { title: t(loginProblems.ended), advice: t(loginProblems.endedAdvice) };
    case "serverAway":
      return { title: t(serverProblems.away), advice: t(serverProblems.awayAdvice) };
    case "refused":
      return describeRefusal(t, problem.status, problem.details);
    case "cut":
      return { title: t(serverProblems.cut), advice: t(serverProblems.cutAdvice) };
    case "requestRefused":
      return {
        title: t(serverProblems.said),
        advice: describeCode(t, problem.code, problem.details),
      };
    case "insecureContext":
      return { title: t(captureProblems.insecure), advice: t(captureProblems.insecureAdvice) };
    case "captureDenied":
      return { title: t(captureDenied[problem.what]), advice: t(captureProblems.deniedAdvice) };
    case "captureAbsent":
      return { title: t(captureAbsent[problem.what]), advice: t(captureProblems.absentAdvice) };
    case "captureBusy":
      return { title: t(captureBusy[problem.what]), advice: t(captureProblems.busyAdvice) };
    case "captureLost":
      return { title: t(captureLost[problem.what]), advice: t(captureProblems.lostAdvice) };
    case "captureFailed":
      return { title: t(captureFailed[problem.what]), advice: sentence(problem.details) };
    case "iceFailed":
      return { title: t(mediaProblems.iceFailed), advice: t(mediaProblems.iceFailedAdvice) };
    case "noAnswer":
      return { title: t(mediaProblems.noAnswer), advice: t(mediaProblems.noAnswerAdvice) };
    case "unheard":
      return { title: t(mediaProblems.unheard), advice: t(mediaProblems.unheardAdvice) };
    case "dtlsFailed":
      return { title: t(mediaProblems.keys), advice: t(mediaProblems.keysAdvice) };
    case "fingerprintMismatch":
      return { title: t(mediaProblems.impostor), advice: t(mediaProblems.impostorAdvice) };
    case "codecIncompatible":
      return { title: t(mediaProblems.codec), advice: t(mediaProblems.codecAdvice) };
    case "producerLeft":
      return { title: t(mediaProblems.left), advice: t(mediaProblems.leftAdvice) };
    case "taken":
      return { title: t(mediaProblems.taken), advice: t(mediaProblems.takenAdvice) };
    case "mediaStopped":
      return { title: t(mediaProblems.stopped), advice: t(mediaProblems.stoppedAdvice) };
    case "negotiationFailed":
      return { title: t(mediaProblems.negotiation), advice: sentence(problem.details) };
  }
}

/** Why the server refused something; in its own words where there are no others. */
export function describeCode(t: Translate, code: string | undefined, details: string): string {
  return code !== undefined && isKnown(code) ? t(refusals[code]) : sentence(details);
}

/** The state of signalling, in a few words. `now` and `retryAt` are ms since the epoch. */
export function describeSignalling(
  t: Translate,
  state: SocketState,
  registered: boolean,
  now: number,
): string {
  switch (state.phase) {
    case "connecting":
      return t(connection.connecting);
    case "open":
      return t(registered ? connection.connected : connection.connecting);
    case "waiting":
      return t(connection.unreachable, { retry: retryIn(t, state.retryAt, now) });
    case "refused":
      return t(connection.refused);
    case "cut":
      return t(connection.cut);
  }
}

/** "trying again in 3 s" */
export function retryIn(t: Translate, retryAt: number, now: number): string {
  const seconds = secondsUntil(retryAt, now);
  return seconds > 1 ? t(connection.retryIn, { seconds }) : t(connection.retry);
}

/** Whole seconds that are left; both in ms since the epoch. */
export function secondsUntil(then: number, now: number): number {
  return Math.max(0, Math.ceil((then - now) / 1000));
}

/** What a device is called; browsers tell names only after one has been opened. */
export function deviceLabel(
  t: Translate,
  kind: keyof typeof unnamed,
  { label }: Device,
  index: number,
): string {
  return label || t(unnamed[kind], { number: index + 1 });
}

/** A browser by its system: "Browser on Android". */
export function browserName(t: Translate, userAgent: string): string {
  const system = SYSTEMS.find((candidate) => userAgent.includes(candidate));
  if (!system) return t(watching.browser);
  return t(sending.browserOn, { system: system === "Macintosh" ? "Mac" : system });
}

const SYSTEMS = ["Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux"] as const;

function describeRefusal(t: Translate, status: 400 | 401 | 403, details: string): Words {
  switch (status) {
    case 401:
      return { title: t(serverProblems.noCookie), advice: t(serverProblems.noCookieAdvice) };
    case 403: {
      const params = { details: sentence(details), address: address() };
      return {
        title: t(serverProblems.foreign),
        advice: t(serverProblems.foreignAdvice, params).trim(),
      };
    }
    case 400:
      return {
        title: t(serverProblems.blocked),
        advice: t(serverProblems.blockedAdvice, { address: address() }),
      };
  }
}

function isKnown(code: string): code is keyof typeof refusals {
  return Object.hasOwn(refusals, code);
}

function address(): string {
  return globalThis.location?.origin ?? "ADDRESS";
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
