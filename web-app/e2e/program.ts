// A program as somebody writes it who knows the stock protocol only: it is on air at once, and
// offers when its person says so.

import type { Browser } from "playwright-core";
import { openPage, type House } from "./harness.ts";

/** Puts it on air, as a guest; the answer makes it offer to everybody who has asked so far. */
export async function program(
  house: House,
  browser: Browser,
  name: string,
): Promise<() => Promise<void>> {
  const { page } = await openPage(browser, house.url);
  await page.evaluate(produce, name);
  return () => page.evaluate(() => (window as unknown as Program).offerNow());
}

interface Program {
  offerNow(): Promise<void>;
}

interface Heard {
  readonly type: string;
  readonly sessionId: string;
  readonly sdp?: RTCSessionDescriptionInit;
  readonly ice?: RTCIceCandidateInit;
}

/** Runs in the page. */
async function produce(name: string): Promise<void> {
  const socket = new WebSocket(`wss://${location.host}/webrtc`);
  await new Promise((open) => socket.addEventListener("open", open));
  const say = (message: object): void => socket.send(JSON.stringify(message));
  const media = await navigator.mediaDevices.getUserMedia({ video: true });
  const sessions = new Map<string, RTCPeerConnection>();

  const offer = async (sessionId: string): Promise<void> => {
    const connection = new RTCPeerConnection();
    sessions.set(sessionId, connection);
    for (const track of media.getTracks()) connection.addTrack(track, media);
    connection.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.candidate) say({ type: "peer", sessionId, ice: candidate });
    });
    await connection.setLocalDescription();
    say({ type: "peer", sessionId, sdp: connection.localDescription });
  };
  const asked: string[] = [];
  socket.addEventListener("message", ({ data }) => {
    const { type, sessionId, sdp, ice } = JSON.parse(String(data)) as Heard;
    if (type === "startSession") asked.push(sessionId);
    else if (sdp) void sessions.get(sessionId)?.setRemoteDescription(sdp);
    else if (ice) void sessions.get(sessionId)?.addIceCandidate(ice);
  });
  say({ type: "setPeerStatus", roles: ["producer"], meta: { name } });
  (window as unknown as Program).offerNow = async () => {
    for (const session of asked.splice(0)) await offer(session);
  };
}
