// How long to wait before the next attempt to reach a server. Pure.

const FIRST_MS = 250;
/** A call is given up 30 s after its end was lost: there must be time for several attempts. */
const LAST_MS = 4_000;

/**
 * In ms, after so many failures in a row. Grows to a bound; `random`, in [0, 1), keeps a houseful of
 * tablets from arriving all at once.
 */
export function backoff(failures: number, random: number): number {
  const full = Math.min(LAST_MS, FIRST_MS * 1.6 ** failures);
  return Math.round(full * (0.5 + random / 2));
}
