// What this browser remembers between visits. Nothing of it leaves the browser but the name.
// public/theme.js reads the theme of it, too.

import type { CaptureChoice } from "./capture.ts";
import type { VideoCodec } from "./codecs.ts";
import { isLanguage, type Language } from "../i18n/index.ts";

export interface Settings extends CaptureChoice {
  readonly name: string;
  readonly codec: VideoCodec;
  readonly muted: boolean;
  /** Where sound comes out; "" is the system's default. */
  readonly speaker: string;
  /** Null is the browser's. */
  readonly language: Language | null;
  readonly theme: Theme;
  /** Whether a call is heard before it is accepted. */
  readonly ringtone: boolean;
}

export type Theme = "system" | "light" | "dark";

const KEY = "intercom.settings";

export const defaults: Settings = {
  name: "",
  codec: "VP8",
  camera: "",
  microphone: "",
  muted: false,
  speaker: "",
  language: null,
  theme: "system",
  ringtone: true,
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
  const { name, codec, camera, microphone, muted, speaker, language, theme, ringtone } =
    value as Record<string, unknown>;
  return {
    name: typeof name === "string" ? name.slice(0, 64) : defaults.name,
    codec: codec === "H264" ? "H264" : "VP8",
    camera: device(camera),
    microphone: device(microphone),
    muted: muted === true,
    speaker: typeof speaker === "string" ? speaker : defaults.speaker,
    language: isLanguage(language) ? language : null,
    theme: theme === "light" || theme === "dark" ? theme : "system",
    ringtone: ringtone !== false,
  };
}

function device(value: unknown): string | null {
  return typeof value === "string" || value === null ? value : "";
}
