// What a device's loudspeaker was given, as a WAV file.

import { readFile } from "node:fs/promises";

const INTEGER = 1;
const FLOAT = 3;

/** The loudest sample of a file, 0 to 1. */
export async function peak(path: string): Promise<number> {
  const file = await readFile(path);
  const [kind, bits] = [file.readUInt16LE(20), file.readUInt16LE(34)];
  const data = file.subarray(file.indexOf("data") + 8);
  const samples = Array.from({ length: Math.floor(data.length / (bits / 8)) }, (_, index) => {
    if (kind === FLOAT && bits === 32) return data.readFloatLE(index * 4);
    if (kind === INTEGER && bits === 16) return data.readInt16LE(index * 2) / 32768;
    throw new Error(`samples of kind ${kind} with ${bits} bits`);
  });
  return samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
}
