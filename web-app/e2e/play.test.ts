// A browser that plays sound only after a tap: the page says so for as long as it is silent.

import { expect, test } from "vitest";
import { frames, House, offered, openPage } from "./harness.ts";

test("the button for sound is there again when a device comes back", async () => {
  await using house = await House.open();
  const door = await house.producer("door");
  const { page } = await openPage(await house.browser(), house.url);
  await page.evaluate(wantTap);
  await page.locator(offered("door")).click();
  const soundOn = page.getByRole("button", { name: "Turn the sound on" });
  await soundOn.waitFor();
  await frames(page, 5);
  await door.stop();
  await soundOn.waitFor({ state: "detached" });
  await house.producer("door");
  await frames(page, 5);
  await soundOn.waitFor();
  await page.evaluate(() => Object.assign(window, { tapped: true }));
  await soundOn.click();
  await soundOn.waitFor({ state: "detached" });
  await frames(page, 5);
  expect(await page.locator("video").evaluate(({ muted }: HTMLVideoElement) => muted)).toBe(false);
});

/** Runs in the page. */
function wantTap(): void {
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = async function (): Promise<void> {
    if (this.muted || "tapped" in window) return play.call(this);
    throw new DOMException("no tap yet", "NotAllowedError");
  };
}
