// A page that somebody wrote by hand: an RTCPeerConnection, a WebSocket, and nothing of ours. It takes
// a picture, in the words of one page and one program (relay) or in HELLO and SESSION (simple).

import type { Page } from "playwright-core";

export type Dialect = "relay" | "simple";

/** Who it is, and whose picture it asks for; without a peer it waits to be called. */
export interface Who {
  readonly uid?: string;
  readonly peer?: string;
}

/** Shows the picture that comes from there; its size, once thirty frames of it were decoded. */
export function picture(
  page: Page,
  dialect: Dialect,
  url: string,
  { uid = "page", peer }: Who = {},
): Promise<[number, number]> {
  return page.evaluate(client, { dialect, url, uid, peer });
}

interface Told {
  readonly dialect: Dialect;
  readonly url: string;
  readonly uid: string;
  readonly peer: string | undefined;
}

interface Ice {
  readonly candidate: string;
  readonly sdpMLineIndex: number;
}

/** Runs in the page. In relay it asks again for a picture that does not come: nobody else can. */
function client({ dialect, url, uid, peer }: Told): Promise<[number, number]> {
  const isRelay = dialect === "relay";
  const PATIENCE_MS = 30_000;
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  document.body.append(video);
  const socket = new WebSocket(url);
  let connection: RTCPeerConnection | null = null;

  const say = (message: object): void => socket.send(JSON.stringify(message));

  async function answer(sdp: string): Promise<void> {
    connection?.close();
    const current = new RTCPeerConnection();
    connection = current;
    current.onconnectionstatechange = () => console.info(`${dialect}: ${current.connectionState}`);
    current.ontrack = ({ streams: [stream] }) => (video.srcObject = stream ?? null);
    current.onicecandidate = ({ candidate }) => {
      if (!candidate) return;
      const { candidate: text, sdpMLineIndex } = candidate;
      const ice = { candidate: text, sdpMLineIndex };
      say(isRelay ? { type: "ice", ...ice } : { ice });
    };
    await current.setRemoteDescription({ type: "offer", sdp });
    await current.setLocalDescription();
    const own = { type: "answer", sdp: current.localDescription?.sdp };
    say(isRelay ? own : { sdp: own });
  }

  function hear(text: string): Promise<void> | void {
    if (text === "HELLO") {
      document.body.dataset["known"] = uid;
      if (peer !== undefined) socket.send(`SESSION ${peer}`);
    } else if (text === "SESSION_OK") socket.send("OFFER_REQUEST");
    else if (!text.startsWith("{")) throw new Error(text);
    else {
      const message = JSON.parse(text);
      const { type, sdp }: RTCSessionDescriptionInit = isRelay ? message : (message.sdp ?? {});
      const ice: Ice | undefined = isRelay ? type === ("ice" as string) && message : message.ice;
      if (type === ("error" as string)) throw new Error(text);
      if (type === "offer") return answer(sdp ?? "");
      if (ice) return connection?.addIceCandidate(ice);
    }
  }

  return new Promise((resolve, reject) => {
    const again = setInterval(() => {
      console.info(`${dialect}: no picture yet`);
      if (isRelay) say({ type: "client" });
    }, PATIENCE_MS);
    socket.onopen = () => socket.send(isRelay ? '{"type":"client"}' : `HELLO ${uid}`);
    socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    let turn = Promise.resolve();
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      turn = turn.then(() => hear(data)).catch(reject); // one after the other
    };
    let seen = 0;
    const look: VideoFrameRequestCallback = (_now, { width, height }) => {
      seen += 1;
      clearInterval(again);
      if (seen >= 30) resolve([width, height]);
      else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
}
