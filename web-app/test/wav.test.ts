import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toneShare } from "../e2e/wav.ts";

let dir = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "intercom-wav-"));
});

afterAll(async () => rm(dir, { recursive: true }));

it.each([
  [48_000, 2],
  [44_100, 1],
])("a tone is found in a file of %i Hz and %i channels", async (rate, channels) => {
  const file = await write(rate, channels, (time) => 0.3 * Math.sin(2 * Math.PI * 440 * time));
  expect(await toneShare(file, 440)).toBeCloseTo(1, 2);
  expect(await toneShare(file, 660)).toBeLessThan(0.001);
});

it("no tone is found in clicks, in silence, and where there is no file yet", async () => {
  const clicks = await write(48_000, 1, (time) => (Math.round(time * 48_000) % 480 === 0 ? 1 : 0));
  expect(await toneShare(clicks, 440)).toBeLessThan(0.1);
  expect(await toneShare(await write(48_000, 1, () => 0), 440)).toBe(0);
  expect(await toneShare(join(dir, "none"), 440)).toBe(0);
});

/** One second of 16 bit samples. */
async function write(
  rate: number,
  channels: number,
  sample: (time: number) => number,
): Promise<string> {
  const file = Buffer.alloc(44 + rate * channels * 2);
  file.write("RIFF", 0);
  file.write("WAVEfmt ", 8);
  for (const [at, value] of [
    [20, 1],
    [22, channels],
    [34, 16],
  ] as const)
    file.writeUInt16LE(value, at);
  file.writeUInt32LE(rate, 24);
  file.write("data", 36);
  for (let n = 0; n < rate * channels; n += 1) {
    const value = sample(Math.floor(n / channels) / rate);
    file.writeInt16LE(Math.round(value * 32_767), 44 + n * 2);
  }
  const path = join(dir, `${rate}-${channels}-${Math.random()}`);
  await writeFile(path, file);
  return path;
}
