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
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** There is a picture, or sound if there is no picture to come. */
  readonly playing: boolean;
}

/** The fields of `inbound-rtp` that are read here; all but the first are absent at times. */
interface Inbound {
  readonly type: string;
  readonly timestamp: number;
  readonly kind?: string;
  readonly bytesReceived?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly framesPerSecond?: number;
  readonly framesDecoded?: number;
}

export function summarise(report: Iterable<unknown>, last: MediaStats | null): MediaStats {
  const inbound = [...entries(report)].filter(({ type }) => type === "inbound-rtp");
  const video = inbound.find(({ kind }) => kind === "video");
  const audio = inbound.find(({ kind }) => kind === "audio");
  const at = Math.max(last?.at ?? 0, ...inbound.map(({ timestamp }) => timestamp));
  const bytes = inbound.reduce((sum, { bytesReceived }) => sum + (bytesReceived ?? 0), 0);
  const framesDecoded = video?.framesDecoded ?? 0;
  return {
    at,
    bytes,
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    framesPerSecond: Math.round(video?.framesPerSecond ?? 0),
    framesDecoded,
    bitsPerSecond: rate(at, bytes, last),
    hasVideo: video !== undefined,
    hasAudio: audio !== undefined,
    playing: video ? framesDecoded > 0 : (audio?.bytesReceived ?? 0) > 0,
  };
}

/** Bits per second; steps of less than half a second say nothing and keep the last figure. */
function rate(at: number, bytes: number, last: MediaStats | null): number {
  if (!last || last.at === 0) return 0;
  const seconds = (at - last.at) / 1000;
  if (seconds < 0.1) return last.bitsPerSecond;
  return Math.max(0, Math.round(((bytes - last.bytes) * 8) / seconds));
}

/** An `RTCStatsReport` iterates over pairs. */
function* entries(report: Iterable<unknown>): Iterable<Inbound> {
  for (const pair of report) {
    if (Array.isArray(pair)) yield pair[1] as Inbound;
  }
}
