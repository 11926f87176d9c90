// What this browser remembers between visits. Nothing of it leaves the browser but the name.

import type { CaptureChoice } from "./capture.ts";
import type { VideoCodec } from "./codecs.ts";

export interface Settings extends CaptureChoice {
  readonly name: string;
  readonly codec: VideoCodec;
  readonly muted: boolean;
}

const KEY = "intercom.settings";

export const defaults: Settings = {
  name: "",
  codec: "VP8",
  camera: "",
  microphone: "",
  muted: false,
};

export function load(storage: Pick<Storage, "getItem">): Settings {
  try {
    return parse(JSON.parse(storage.getItem(KEY) ?? "null"));
  } catch {
    return defaults;
  }
}

/** A browser may refuse to store; then it remembers nothing, and that is all. */
export function save(storage: Pick<Storage, "setItem">, settings: Settings): void {
  try {
    storage.setItem(KEY, JSON.stringify(settings));
  } catch {
    console.info("settings are not kept: this browser does not store them");
  }
}

function parse(value: unknown): Settings {
  if (typeof value !== "object" || value === null) return defaults;
  const { name, codec, camera, microphone, muted } = value as Record<string, unknown>;
  return {
    name: typeof name === "string" ? name.slice(0, 64) : defaults.name,
    codec: codec === "H264" ? "H264" : "VP8",
    camera: device(camera),
    microphone: device(microphone),
    muted: muted === true,
  };
}

function device(value: unknown): string | null {
  return typeof value === "string" || value === null ? value : "";
}
