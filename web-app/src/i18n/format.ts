// Numbers, times and durations as they are written in the user's language. Pure.

import type { Translate } from "./index.ts";

/** "12.05"; `digits` after the point at most. */
export function number({ locale }: Translate, value: number, digits = 0): string {
  return value.toLocaleString(locale, { maximumFractionDigits: digits });
}

/** "2.1 Mbit/s"; bits per second in. */
export function bitrate({ locale }: Translate, bps: number): string {
  if (bps < 1_000_000) return `${Math.round(bps / 1000).toLocaleString(locale)} kbit/s`;
  const options = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return `${(bps / 1_000_000).toLocaleString(locale, options)} Mbit/s`;
}

/** "3 May 2026, 14:05"; RFC 3339 or ms since the epoch in. */
export function dateTime({ locale }: Translate, time: string | number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(time),
  );
}

/** "5 minutes ago"; RFC 3339 or ms since the epoch in. */
export function ago({ locale }: Translate, time: string | number, now: number): string {
  const seconds = Math.min(0, Math.round((new Date(time).getTime() - now) / 1000));
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, length] of UNITS) {
    if (-seconds >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(0, "second");
}

/** "1 hr 2 min 5 sec"; without what is nothing. */
export function duration({ locale }: Translate, ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  const parts = [
    ["hour", Math.floor(whole / 3600)],
    ["minute", Math.floor(whole / 60) % 60],
    ["second", whole % 60],
  ] as const;
  const said = parts.filter(([unit, value]) => value > 0 || (unit === "second" && whole === 0));
  return said
    .map(([unit, value]) =>
      value.toLocaleString(locale, { style: "unit", unit, unitDisplay: "short" }),
    )
    .join(" ");
}

/** A clock that runs: "2:05", "1:02:05". */
export function clock(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const rest = two(whole % 60);
  return minutes < 60
    ? `${minutes}:${rest}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;
