// Where sound comes out, in browsers in which a page may choose that.

let speaker = $state("");

/** From now on this device; "" is the system's default. */
export function useSpeaker(id: string): void {
  speaker = id;
}

export function canChooseSpeaker(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** `{@attach audible}`: a video or audio element is heard there. */
export function audible(element: HTMLMediaElement): void {
  route(element, speaker);
}

/** The same for sound that a page makes itself. */
export function hearContext(context: AudioContext): void {
  if ("setSinkId" in context) route(context as AudioContext & Sink, speaker);
}

interface Sink {
  setSinkId(id: string): Promise<void>;
}

function route(sink: Partial<Sink>, id: string): void {
  // A speaker that is gone is no reason for silence: then it is the system's default, or what was
  // chosen meanwhile.
  sink
    .setSinkId?.(id)
    .catch(() => sink.setSinkId?.(speaker === id ? "" : speaker).catch(() => undefined));
}
