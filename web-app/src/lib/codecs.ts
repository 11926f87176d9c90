// Which codecs are offered when this browser sends, and whether an answer took them.
// Pure: codec lists and SDP text in, answers out.

export type VideoCodec = "VP8" | "H264";

/** As in `RTCRtpCodec`. */
export interface Codec {
  readonly mimeType: string;
  readonly clockRate: number;
  readonly channels?: number;
  readonly sdpFmtpLine?: string;
}

/**
 * What to offer for video, best first: the chosen codec, the other one, retransmission.
 *
 * RED and ULPFEC are left out: a `webrtcsrc` on GStreamer 1.22 shows nothing at all of a VP8
 * stream that comes in RED. So is everything that it cannot decode reliably (AV1), and H.264
 * beyond the constrained baseline profile, which small devices decode in hardware.
 */
export function videoPreferences<T extends Codec>(available: readonly T[], first: VideoCodec): T[] {
  const second = first === "VP8" ? "H264" : "VP8";
  return [
    ...available.filter((codec) => isVideo(codec, first)),
    ...available.filter((codec) => isVideo(codec, second)),
    ...available.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx"),
  ];
}

/** What to offer for sound: Opus, and not the redundant form of it. */
export function audioPreferences<T extends Codec>(available: readonly T[]): T[] {
  return available.filter((codec) => codec.mimeType.toLowerCase() === "audio/opus");
}

export function canSend(available: readonly Codec[], codec: VideoCodec): boolean {
  return available.some((candidate) => isVideo(candidate, codec));
}

/** True when a description takes none of the m-lines of this kind, though it has some. */
export function rejects(sdp: string, kind: "video" | "audio"): boolean {
  const ports = [...sdp.matchAll(new RegExp(`^m=${kind} (\\d+) `, "gm"))].map((match) => match[1]);
  return ports.length > 0 && ports.every((port) => port === "0");
}

function isVideo(codec: Codec, name: VideoCodec): boolean {
  if (codec.mimeType.toLowerCase() !== `video/${name.toLowerCase()}`) return false;
  return name === "VP8" || isConstrainedBaseline(codec.sdpFmtpLine ?? "");
}

function isConstrainedBaseline(fmtp: string): boolean {
  const profile = /profile-level-id=([0-9a-f]{6})/i.exec(fmtp)?.[1]?.toLowerCase();
  return profile !== undefined && profile.startsWith("42e0") && /packetization-mode=1/.test(fmtp);
}
