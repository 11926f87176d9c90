// Starts a media element under the browser's rules for sound.

/**
 * Plays what the element has got, with sound unless it is to be muted. False: the browser wants a
 * tap before it lets anything be heard; the picture plays meanwhile, without sound.
 */
export async function play(element: HTMLMediaElement, muted = false): Promise<boolean> {
  // It may still be silent for want of a tap: then the browser has to say so again.
  element.muted = muted;
  try {
    await element.play();
    return true;
  } catch (error) {
    // Anything else: another stream took its place, or the element is gone.
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return true;
    element.muted = true;
    await element.play().catch(() => undefined);
    return false;
  }
}

/** Fills the screen with an element, or ends that; iPhones can do so with a video only. */
export async function toggleFullScreen(
  frame: HTMLElement | undefined,
  video: HTMLVideoElement | undefined,
): Promise<void> {
  // Refused when it has just ended by itself, or the element is gone: nothing is left to do.
  if (document.fullscreenElement) return document.exitFullscreen().catch(() => undefined);
  if (frame?.requestFullscreen) return frame.requestFullscreen().catch(() => undefined);
  (video as { webkitEnterFullscreen?: () => void } | undefined)?.webkitEnterFullscreen?.();
}

export function canPictureInPicture(): boolean {
  return document.pictureInPictureEnabled === true;
}

/** Shows a video in a small window above all others, or ends that. */
export async function togglePictureInPicture(video: HTMLVideoElement | undefined): Promise<void> {
  if (document.pictureInPictureElement) return document.exitPictureInPicture();
  // Refused before the first frame; then there is nothing to show.
  await video?.requestPictureInPicture().catch(() => undefined);
}
