// What a device's loudspeaker was given, as a WAV file.

import { readFile } from "node:fs/promises";

const INTEGER = 1;
const FLOAT = 3;
/** Of which the last part is listened to. */
const WINDOW_SECONDS = 0.2;

/**
 * How much of the power of the last 200 ms of a file is at this frequency (Hz, a multiple of 5), 0
 * to 1. 0 for silence, and while there is less.
 */
export async function toneShare(path: string, frequency: number): Promise<number> {
  const { samples, rate } = await lastSamples(path);
  if (samples.length < Math.max(1, Math.round(rate * WINDOW_SECONDS))) return 0;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0);
  if (Math.sqrt(power / samples.length) < 0.001) return 0;
  return (2 * goertzel(samples, frequency / rate)) / (samples.length * power);
}

/** The squared magnitude of one bin of the Fourier transform; cycles a sample. */
function goertzel(samples: readonly number[], cycles: number): number {
  const turn = 2 * Math.cos(2 * Math.PI * cycles);
  let [last, before] = [0, 0];
  for (const sample of samples) [last, before] = [sample + turn * last - before, last];
  return last * last + before * before - turn * last * before;
}

/** Of the first channel. */
async function lastSamples(path: string): Promise<{ samples: number[]; rate: number }> {
  const file = await readFile(path).catch(() => Buffer.alloc(0));
  const start = file.indexOf("data") + 8;
  if (start < 36) return { samples: [], rate: 1 };
  const [kind, channels, bits] = [20, 22, 34].map((at) => file.readUInt16LE(at));
  const rate = file.readUInt32LE(24);
  const frame = ((bits ?? 0) / 8) * (channels ?? 0);
  const read = (at: number): number => {
    if (kind === FLOAT && bits === 32) return file.readFloatLE(at);
    if (kind === INTEGER && bits === 16) return file.readInt16LE(at) / 32768;
    throw new Error(`samples of kind ${kind} with ${bits} bits`);
  };
  const end = Math.floor((file.length - start) / frame);
  const first = Math.max(0, end - Math.round(rate * WINDOW_SECONDS));
  const samples = Array.from({ length: end - first }, (_, n) => read(start + (first + n) * frame));
  return { samples, rate };
}
