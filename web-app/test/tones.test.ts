import { describe, expect, test } from "vitest";
import { cycle } from "../src/lib/tones.ts";

const RATE = 8_000;

describe.each(["ring", "ringBack"] as const)("%s", (tone) => {
  const samples = cycle(tone, RATE);

  test("is heard, never clipped, and joins its own beginning without a click", () => {
    const peak = samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
    expect(peak).toBeGreaterThan(0.1);
    expect(peak).toBeLessThan(0.9);
    expect(Math.abs(samples[0] ?? 1)).toBeLessThan(0.01);
    expect(Math.abs(samples.at(-1) ?? 1)).toBeLessThan(0.01);
  });

  test("leaves a pause in each round", () => {
    const last = samples.subarray(-RATE / 10);
    expect(last.every((sample) => Math.abs(sample) < 0.02)).toBe(true);
  });
});
