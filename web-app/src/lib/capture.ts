// Camera and microphone of this browser: which there are, and opening them.
// Every failure is a Problem. Touches no DOM.

import { captureProblem, type Capture, type Problem } from "./problem.ts";

/** A device id; "" is the system's default, null is none. */
export interface CaptureChoice {
  readonly camera: string | null;
  readonly microphone: string | null;
}

export interface Device {
  readonly id: string;
  /** "" before the browser tells it. */
  readonly label: string;
}

export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
}

/** What could be opened, and what could not. */
export type Captured =
  | { readonly ok: true; readonly stream: MediaStream; readonly problem: Problem | null }
  | { readonly ok: false; readonly problem: Problem };

/** The devices by name. Browsers tell names only after one of them has been opened. */
export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return {
    cameras: named(all, "videoinput"),
    microphones: named(all, "audioinput"),
  };
}

/** Where sound can come out; none where a page may not choose that. */
export async function listSpeakers(): Promise<Device[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return named(all, "audiooutput").filter(({ id }) => id !== "default");
}

/** Opens what is chosen. One device that fails does not keep the other one from being used. */
export async function open(choice: CaptureChoice): Promise<Captured> {
  if (!navigator.mediaDevices) return { ok: false, problem: { kind: "insecureContext" } };
  const wanted = wants(choice);
  if (wanted === null) return { ok: false, problem: { kind: "captureAbsent", what: "both" } };
  const whole = await tryOpen(choice, wanted);
  if (whole.ok || wanted !== "both" || whole.problem.kind === "captureDenied") return whole;
  return openSeparately(choice, whole.problem);
}

async function openSeparately(choice: CaptureChoice, problem: Problem): Promise<Captured> {
  const picture = await tryOpen({ ...choice, microphone: null }, "camera");
  const sound = await tryOpen({ ...choice, camera: null }, "microphone");
  if (picture.ok && !sound.ok) return { ...picture, problem: sound.problem };
  if (sound.ok && !picture.ok) return { ...sound, problem: picture.problem };
  if (!picture.ok || !sound.ok) return { ok: false, problem };
  const tracks = [...picture.stream.getTracks(), ...sound.stream.getTracks()];
  return { ok: true, stream: new MediaStream(tracks), problem: null };
}

async function tryOpen(choice: CaptureChoice, what: Capture): Promise<Captured> {
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints(choice));
    return { ok: true, stream, problem: null };
  } catch (error) {
    return { ok: false, problem: captureProblem(error, what) };
  }
}

function wants({ camera, microphone }: CaptureChoice): Capture | null {
  if (camera !== null) return microphone === null ? "camera" : "both";
  return microphone === null ? null : "microphone";
}

function constraints({ camera, microphone }: CaptureChoice): MediaStreamConstraints {
  return {
    video: camera !== null && {
      ...exact(camera),
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30 },
    },
    audio: microphone !== null && {
      ...exact(microphone),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  };
}

function exact(id: string): MediaTrackConstraints {
  return id === "" ? {} : { deviceId: { exact: id } };
}

function named(all: readonly MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return all
    .filter((device) => device.kind === kind && device.deviceId !== "")
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}
