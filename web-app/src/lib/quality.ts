// How good what is shown is: the latest figures, and the last minute of them. Pure.

import type { MediaStats } from "./stats.ts";

export interface Quality {
  readonly latest: MediaStats;
  /** One a second at most, the oldest first; the latest is among them. */
  readonly series: readonly MediaStats[];
}

/** By the key of what is watched, {@link CALL} or {@link SENT}. */
export type Qualities = Readonly<Record<string, Quality>>;

/** The key of the call's picture. */
export const CALL = "call";

/** The key of what we send into the call. */
export const SENT = "sent";

export type CallKey = typeof CALL | typeof SENT;

const LENGTH = 60;

/** Figures that came less than this after the last ones take their place, ms. */
const STEP = 900;

export function measured(qualities: Qualities, key: string, latest: MediaStats): Qualities {
  const past = qualities[key]?.series ?? [];
  const before = past.at(-2);
  const kept = before && latest.at - before.at < STEP ? past.slice(0, -1) : past;
  return { ...qualities, [key]: { latest, series: [...kept, latest].slice(-LENGTH) } };
}

export function forgotten(qualities: Qualities, key: string): Qualities {
  if (!(key in qualities)) return qualities;
  return Object.fromEntries(Object.entries(qualities).filter(([other]) => other !== key));
}
