// What a connection's statistics come to. Pure: a report in, a summary out.

export interface MediaStats {
  /** Time of the report, ms. */
  readonly at: number;
  /** Received so far, all media. */
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly framesDecoded: number;
  /** Bits per second since the last summary; 0 in the first. */
  readonly bitsPerSecond: number;
  /** The share of packets that were lost since the last summary, 0 to 1. */
  readonly loss: number;
  /** Of the picture, or of the sound if there is no picture; ms. */
  readonly jitter: number;
  /** To the other end and back, ms; null until it was measured. */
  readonly roundTrip: number | null;
  /** Of the picture, or of the sound if there is no picture: "VP8"; null until it is known. */
  readonly codec: string | null;
  /** How long the picture stood still since the last summary, ms. */
  readonly frozen: number;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** There is a picture, or sound if there is no picture to come. */
  readonly playing: boolean;
  /** Counted from the beginning, for the next summary. */
  readonly counted: Counted;
}

interface Counted {
  readonly packets: number;
  readonly lost: number;
  /** Ms. */
  readonly frozen: number;
}

/** The fields of a report's entries that are read here; all but the first two are absent at times. */
interface Entry {
  readonly type: string;
  readonly timestamp: number;
  readonly kind?: string;
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  readonly fractionLost?: number;
  readonly roundTripTime?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly jitter?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly framesPerSecond?: number;
  readonly framesDecoded?: number;
  readonly totalFreezesDuration?: number;
  readonly codecId?: string;
  readonly id?: string;
  readonly mimeType?: string;
  readonly nominated?: boolean;
  readonly currentRoundTripTime?: number;
}

export function summarise(report: Iterable<unknown>, last: MediaStats | null): MediaStats {
  const all = [...entries(report)];
  const inbound = all.filter(({ type }) => type === "inbound-rtp");
  const video = inbound.find(({ kind }) => kind === "video");
  const audio = inbound.find(({ kind }) => kind === "audio");
  const main = video ?? audio;
  const at = Math.max(last?.at ?? 0, ...inbound.map(({ timestamp }) => timestamp));
  const bytes = sum(inbound, "bytesReceived");
  const framesDecoded = video?.framesDecoded ?? 0;
  const counted = {
    packets: sum(inbound, "packetsReceived"),
    lost: sum(inbound, "packetsLost"),
    frozen: Math.round((video?.totalFreezesDuration ?? 0) * 1000),
  };
  return {
    at,
    bytes,
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    framesPerSecond: Math.round(video?.framesPerSecond ?? 0),
    framesDecoded,
    bitsPerSecond: rate(at, bytes, last),
    loss: loss(counted, last?.counted),
    jitter: Math.round((main?.jitter ?? 0) * 1000),
    roundTrip: roundTrip(all),
    codec: codec(all, main),
    frozen: Math.max(0, counted.frozen - (last?.counted.frozen ?? 0)),
    hasVideo: video !== undefined,
    hasAudio: audio !== undefined,
    playing: video ? framesDecoded > 0 : (audio?.bytesReceived ?? 0) > 0,
    counted,
  };
}

/**
 * The same of what is sent: loss, jitter and round trip are what the other end says of it. Frames
 * are not decoded here, and nothing is known of a picture that stands still there.
 */
export function summariseSent(report: Iterable<unknown>, last: MediaStats | null): MediaStats {
  const all = [...entries(report)];
  const outbound = all.filter(({ type }) => type === "outbound-rtp");
  const video = outbound.find(({ kind }) => kind === "video");
  const main = video ?? outbound.find(({ kind }) => kind === "audio");
  const heard = all.find(({ type, kind }) => type === "remote-inbound-rtp" && kind === main?.kind);
  const at = Math.max(last?.at ?? 0, ...outbound.map(({ timestamp }) => timestamp));
  const bytes = sum(outbound, "bytesSent");
  return {
    at,
    bytes,
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    framesPerSecond: Math.round(video?.framesPerSecond ?? 0),
    framesDecoded: 0,
    bitsPerSecond: rate(at, bytes, last),
    loss: Math.min(1, Math.max(0, heard?.fractionLost ?? 0)),
    jitter: Math.round((heard?.jitter ?? 0) * 1000),
    roundTrip: heard?.roundTripTime === undefined ? roundTrip(all) : ms(heard.roundTripTime),
    codec: codec(all, main),
    frozen: 0,
    hasVideo: video?.frameWidth !== undefined,
    hasAudio: outbound.some(({ kind }) => kind === "audio"),
    playing: bytes > 0,
    counted: { packets: 0, lost: 0, frozen: 0 },
  };
}

/** Bits per second; steps of less than a tenth of a second say nothing and keep the last figure. */
function rate(at: number, bytes: number, last: MediaStats | null): number {
  if (!last || last.at === 0) return 0;
  const seconds = (at - last.at) / 1000;
  if (seconds < 0.1) return last.bitsPerSecond;
  return Math.max(0, Math.round(((bytes - last.bytes) * 8) / seconds));
}

/** What comes late, or twice, may take back what counted as lost. */
function loss(now: Counted, before: Counted | undefined): number {
  const lost = now.lost - (before?.lost ?? 0);
  const due = lost + now.packets - (before?.packets ?? 0);
  return due > 0 ? Math.min(1, Math.max(0, lost / due)) : 0;
}

function roundTrip(all: readonly Entry[]): number | null {
  const pair = all.find(
    (entry) => entry.type === "candidate-pair" && entry.nominated && entry.currentRoundTripTime,
  );
  return pair?.currentRoundTripTime === undefined ? null : ms(pair.currentRoundTripTime);
}

function ms(seconds: number): number {
  return Math.round(seconds * 1000);
}

function codec(all: readonly Entry[], main: Entry | undefined): string | null {
  const used = all.find(({ type, id }) => type === "codec" && id === main?.codecId);
  return used?.mimeType?.split("/")[1] ?? null;
}

function sum(
  all: readonly Entry[],
  field: "bytesReceived" | "bytesSent" | "packetsReceived" | "packetsLost",
): number {
  return all.reduce((total, entry) => total + (entry[field] ?? 0), 0);
}

/** An `RTCStatsReport` iterates over pairs. */
function* entries(report: Iterable<unknown>): Iterable<Entry> {
  for (const pair of report) {
    if (Array.isArray(pair)) yield pair[1] as Entry;
  }
}
