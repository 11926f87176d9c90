import { expect, test } from "vitest";
import { play } from "../src/ui/play.ts";

/** An element in a browser that plays sound only after a tap. */
class Element {
  muted = false;
  playing = false;
  tapped = false;

  async play(): Promise<void> {
    if (!this.muted && !this.tapped) throw new DOMException("no tap yet", "NotAllowedError");
    this.playing = true;
  }
}

test("what is silent for want of a tap says so again when another stream takes its place", async () => {
  const element = new Element();
  const start = (muted?: boolean): Promise<boolean> =>
    play(element as unknown as HTMLMediaElement, muted);
  for (let session = 0; session < 2; session += 1) {
    element.playing = false;
    expect(await start()).toBe(false);
    expect(element).toMatchObject({ muted: true, playing: true });
  }
  element.tapped = true;
  expect(await start()).toBe(true);
  expect(element.muted).toBe(false);
});

test("what is to be muted needs no tap", async () => {
  const element = new Element();
  expect(await play(element as unknown as HTMLMediaElement, true)).toBe(true);
  expect(element).toMatchObject({ muted: true, playing: true });
});
