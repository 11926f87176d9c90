// The screens of calls and of the wall: what is where, what has the focus, and that all can use it.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { fits } from "./access.ts";
import { connections, frames, House, offered, openPage, PERMIT, watched } from "./harness.ts";
import { Person } from "./people.ts";

/** The second of them gives no picture that could be sent. */
const THREE_CAMERAS = "--use-fake-device-for-media-stream=fps=10,device-count=3";

test("a call by keyboard alone: the focus follows the screens, and nothing keeps anybody out", async () => {
  await using house = await House.open("deny");
  const browser = await house.browser(PERMIT);
  const ann = await Person.of(house, browser, "ann");
  const bob = await Person.of(house, browser, "bob");
  await bob.page.setViewportSize({ width: 375, height: 740 });
  await bob.page.emulateMedia({ colorScheme: "dark" });
  await listenForTones(ann.page);
  await listenForTones(bob.page);

  await ann.page.getByRole("button", { name: "Call bob" }).focus();
  await ann.page.keyboard.press("Enter");
  await bob.rungBy("ann");
  await ann.sees("Ringing…");
  await Promise.all([
    focusIsOn(ann.page, "Calling bob"),
    focusIsOn(bob.page, "ann is calling"),
    titleFlashes(bob.page, "ann is calling"),
    expect.poll(() => tones(ann.page)).toEqual([5]),
    expect.poll(() => tones(bob.page)).toEqual([3.2]),
  ]);
  await fits(ann.page);
  await fits(bob.page);

  await tabTo(bob.page, "Accept");
  await bob.page.keyboard.press("Enter");
  await Promise.all([ann.seesMotion(), bob.seesMotion()]);
  await focusIsOn(ann.page, "bob");
  await focusIsOn(bob.page, "ann");
  await expect.poll(() => bob.page.title()).toBe("Intercom");
  await expect.poll(() => tones(bob.page)).toEqual([]);
  await fits(ann.page);
  await fits(bob.page);

  await bob.page.keyboard.press("m");
  await ann.page.getByText("bob is muted").waitFor({ state: "attached" });
  await tabTo(ann.page, "Quality");
  await ann.page.keyboard.press("Enter");
  await focusIsOn(ann.page, "Quality");
  await ann.page
    .getByText(/^[\d.]+ (k|M)bit\/s$/)
    .nth(1)
    .waitFor();
  await fits(ann.page);
  await ann.page.keyboard.press("Escape");
  await ann.page.locator("button[aria-label=Quality]:focus").waitFor();
  for (const [button, shown] of [
    ["Picture in picture", "Live picture of bob"],
    ["Full screen", "MAIN"],
  ] as const) {
    await tabTo(ann.page, button);
    await ann.page.keyboard.press("Enter");
    await expect.poll(() => apart(ann.page)).toEqual([shown]);
    await ann.page.keyboard.press("Enter");
    await expect.poll(() => apart(ann.page)).toEqual([]);
  }

  await tabTo(ann.page, "Hang up");
  await ann.page.keyboard.press("Enter");
  await focusIsOn(ann.page, "Call ended");
  await focusIsOn(bob.page, "Call ended");
  await fits(bob.page);
  // It is there again as soon as he is.
  await ann.page.locator("button[aria-label='Call bob']").waitFor({ state: "attached" });
  await ann.page.keyboard.press("Escape");
  await ann.page.locator("button[aria-label='Call bob']:focus").waitFor();
  expect([...ann.trace.errors, ...bob.trace.errors]).toEqual([]);
});

test("a missed call is told in the lobby, counted, kept, and called back", async () => {
  await using house = await House.open("deny");
  const browser = await house.browser(PERMIT);
  const ann = await Person.of(house, browser, "ann");
  const bob = await Person.of(house, browser, "bob");
  await notice(bob.page);
  await bob.page.getByRole("heading", { name: "Intercom" }).click();
  await bob.page.evaluate(() => document.querySelector("header")?.requestFullscreen());
  await ann.call("bob");
  await bob.rungBy("ann");
  await bob.page.waitForFunction(() => document.fullscreenElement === null);
  await expect
    .poll(() => bob.page.evaluate(() => (window as unknown as Recorded).notices))
    .toEqual(["ann is calling"]);
  // Whoever clicks at it gets the page, and needs it no more.
  const clicked = await bob.page.evaluate(clickAtNotice);
  expect(clicked).toEqual(["focused", "closed"]);
  await ann.press("Cancel the call");
  await ann.sees("Call cancelled");
  await bob.sees("Missed call from ann");
  await fits(bob.page);

  const calls = bob.page.getByRole("link", { name: "Calls" });
  await bob.page.getByRole("link", { name: "1 missed call" }).click();
  await focusIsOn(bob.page, "Calls");
  await bob.page.getByRole("listitem").filter({ hasText: "ann" }).getByText("Missed").waitFor();
  await expect.poll(() => calls.innerText()).toBe("Calls");
  await fits(bob.page);
  await bob.page.getByRole("button", { name: "Missed" }).click();
  await bob.page.getByRole("listitem").getByRole("button", { name: "Call ann" }).waitFor();
  await bob.page.goBack();

  await ann.press("Back");
  await bob.press("Call back");
  await ann.rungBy("bob");
  await ann.page.keyboard.press("Escape");
  await bob.sees("ann did not take the call");
  await ann.page.getByRole("link", { name: "Calls" }).click();
  const entries = ann.page.getByRole("listitem");
  await expect.poll(() => entries.allInnerTexts()).toHaveLength(2);
  const [latest, first] = await entries.allInnerTexts();
  expect(latest).toContain("Refused");
  expect(first).toContain("Cancelled");
});

test("in a call one changes what is sent: sound only, another device, the screen", async () => {
  await using house = await House.open("deny");
  const screen = "--auto-select-desktop-capture-source=Entire screen";
  const browser = await house.browser(PERMIT, screen, THREE_CAMERAS);
  const ann = await Person.of(house, browser, "ann");
  const bob = await Person.of(house, browser, "bob");
  await ann.press("Call with sound only: bob");
  await bob.rungBy("ann");
  await bob.sees("with sound only");
  await bob.press("Sound only");
  await bob.sees("ann’s camera is off");
  await ann.sees("bob’s camera is off");
  await ann.press("Camera on");
  await bob.seesMotion();

  // One that was closed, and then another one while it runs.
  await bob.press("Devices");
  const camera = bob.page.getByRole("combobox", { name: "Camera" });
  await camera.selectOption("fake_device_0");
  await ann.seesMotion();
  const made = await Promise.all([ann, bob].map(({ page }) => connections(page)));
  await camera.selectOption("fake_device_2");
  await expect.poll(() => ownCameras(bob.page)).toEqual(["fake_device_2 live"]);
  await ann.seesMotion(30);
  expect(await Promise.all([ann, bob].map(({ page }) => connections(page)))).toEqual(made);
  await fits(bob.page);
  await bob.press("Close");

  const corner = bob.page.getByRole("button", { name: "Move your own picture" });
  const before = await corner.boundingBox();
  await corner.press("ArrowDown");
  await expect.poll(async () => (await corner.boundingBox())?.y).toBeGreaterThan(before?.y ?? 0);
  await corner.hover();
  await bob.page.mouse.down();
  await bob.page.mouse.move(40, 120, { steps: 4 });
  await bob.page.mouse.up();
  await expect.poll(async () => (await corner.boundingBox())?.x).toBeLessThan(100);

  await ann.press("Share screen");
  await ann.sees("Your screen is shown");
  await bob.seesMotion();
  await ann.press("Stop sharing");
  await bob.seesMotion();
  await ann.press("Hang up");
  await bob.sees("You talked for");
});

test("a wall of devices: each beside the other, one of them large, one of them heard", async () => {
  await using house = await House.open();
  await Promise.all(["door", "gate"].map((name) => house.producer(name)));
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  await page.locator(offered("door")).click();
  await page.locator(offered("gate")).click();
  await page.locator(watched("gate")).waitFor();
  await frames(page, 5);
  const widths = async (): Promise<number[]> =>
    page.locator("video").evaluateAll((all) => all.map((one) => Math.round(one.clientWidth)));
  const heard = async (): Promise<string[]> =>
    page
      .locator("video")
      .evaluateAll((all) =>
        all
          .filter((one) => !(one as HTMLVideoElement).muted)
          .map((one) => one.getAttribute("aria-label") ?? ""),
      );
  await expect
    .poll(async () => {
      const [one, other] = await widths();
      return one === other;
    })
    .toBe(true);
  await expect.poll(heard).toEqual(["Live picture of gate"]);

  await page.getByRole("button", { name: "Enlarge door" }).click();
  await expect.poll(heard).toEqual(["Live picture of door"]);
  await expect
    .poll(async () => {
      const [large = 0, small = 0] = await widths();
      return large > 2 * small;
    })
    .toBe(true);
  await fits(page);
  await page.getByRole("button", { name: "Unmute: gate" }).click();
  await expect.poll(heard).toEqual(["Live picture of gate"]);
  await page.getByRole("button", { name: "Stop: gate" }).click();
  await page.locator(offered("gate")).waitFor();
  await frames(page, 5);
});

/** What is sent of the own picture. */
async function ownCameras(page: Page): Promise<string[]> {
  return page.locator("video[aria-label='Your own picture']").evaluate((video) => {
    const { srcObject } = video as HTMLVideoElement;
    if (!(srcObject instanceof MediaStream)) return [];
    return srcObject.getVideoTracks().map(({ label, readyState }) => `${label} ${readyState}`);
  });
}

interface Recorded {
  tones: Map<AudioBufferSourceNode, number>;
  notices: string[];
  notice: Notification;
}

/** Keeps a list of what plays in a loop. */
async function listenForTones(page: Page): Promise<void> {
  await page.evaluate(() => {
    const playing = new Map<AudioBufferSourceNode, number>();
    (window as unknown as Recorded).tones = playing;
    const { start, stop } = AudioBufferSourceNode.prototype;
    AudioBufferSourceNode.prototype.start = function (...when): void {
      if (this.loop) playing.set(this, this.buffer?.duration ?? 0);
      start.apply(this, when);
    };
    AudioBufferSourceNode.prototype.stop = function (...when): void {
      playing.delete(this);
      stop.apply(this as unknown as AudioScheduledSourceNode, when);
    };
  });
}

/** How long each of the tones is that play now, s. */
async function tones(page: Page): Promise<number[]> {
  return page.evaluate(() =>
    [...(window as unknown as Recorded).tones.values()].map((s) => Math.round(s * 10) / 10),
  );
}

/** Puts the page in the background, as far as it can tell, and keeps what it notifies of. */
async function notice(page: Page): Promise<void> {
  await page.context().grantPermissions(["notifications"]);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => true });
    const notices: string[] = [];
    (window as unknown as Recorded).notices = notices;
    window.Notification = class extends Notification {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        notices.push(title);
        (window as unknown as Recorded).notice = this;
      }
    };
  });
}

/** Runs in the page: what comes of a click at the latest notification. */
function clickAtNotice(): string[] {
  const { notice } = window as unknown as Recorded;
  const done: string[] = [];
  window.focus = () => done.push("focused");
  notice.close = () => done.push("closed");
  notice.dispatchEvent(new Event("click"));
  return done;
}

/** What is in a window of its own, and what has the whole screen. */
async function apart(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const inset = document.pictureInPictureElement?.getAttribute("aria-label");
    return [inset, document.fullscreenElement?.tagName].filter((one) => typeof one === "string");
  });
}

async function focusIsOn(page: Page, heading: string): Promise<void> {
  await expect
    .poll(() => page.evaluate(() => (document.activeElement as HTMLElement | null)?.innerText))
    .toBe(heading);
}

/** Waits until the title has been this one, the usual one, and this one again. */
async function titleFlashes(page: Page, title: string): Promise<void> {
  for (const one of [title, "Intercom", title])
    await page.waitForFunction((one) => document.title === one, one);
}

async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      return element?.getAttribute("aria-label") ?? element?.innerText.trim();
    });
    if (focused === name) return;
  }
  throw new Error(`no way to ${name}`);
}
