// What is heard while it rings: one cycle of each tone as samples, to be played in a loop. Pure.

/** `ring`: somebody calls here. `ringBack`: it rings at the other end. */
export type Tone = "ring" | "ringBack";

/** Samples between -1 and 1 that join at both ends without a click. */
export function cycle(tone: Tone, sampleRate: number): Float32Array<ArrayBuffer> {
  switch (tone) {
    case "ring":
      return chime(sampleRate);
    case "ringBack":
      return beep(sampleRate);
  }
}

/** A door's two notes, twice, and a pause. */
function chime(sampleRate: number): Float32Array<ArrayBuffer> {
  const samples = silence(sampleRate, 3.2);
  for (const [at, hertz] of [
    [0, 784],
    [0.35, 622],
    [0.95, 784],
    [1.3, 622],
  ] as const) {
    strike(samples, sampleRate, at, hertz);
  }
  return samples;
}

/** One note as a bell has it: loud at once, then fading, an octave above it fading faster. */
function strike(samples: Float32Array, sampleRate: number, at: number, hertz: number): void {
  const first = Math.round(at * sampleRate);
  const length = Math.min(samples.length - first, Math.round(1.6 * sampleRate));
  for (let i = 0; i < length; i += 1) {
    const seconds = i / sampleRate;
    const attack = Math.min(1, seconds / 0.008);
    const end = Math.min(1, (length - i) / sampleRate / 0.05);
    const note = Math.sin(2 * Math.PI * hertz * seconds) * Math.exp(-3.2 * seconds);
    const octave = Math.sin(4 * Math.PI * hertz * seconds) * Math.exp(-6 * seconds);
    const sample = (samples[first + i] ?? 0) + attack * end * (0.3 * note + 0.1 * octave);
    samples[first + i] = sample;
  }
}

/** The tone of European exchanges: 425 Hz, one second in five, quietly. */
function beep(sampleRate: number): Float32Array<ArrayBuffer> {
  const samples = silence(sampleRate, 5);
  for (let i = 0; i < sampleRate; i += 1) {
    const seconds = i / sampleRate;
    const edges = Math.min(1, seconds / 0.02, (1 - seconds) / 0.02);
    samples[i] = 0.12 * edges * Math.sin(2 * Math.PI * 425 * seconds);
  }
  return samples;
}

function silence(sampleRate: number, seconds: number): Float32Array<ArrayBuffer> {
  return new Float32Array(Math.round(sampleRate * seconds));
}
