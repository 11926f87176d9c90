// People at the page, each in a browser context of their own: what they do, see and hear in a call.

import type { Browser, Page } from "playwright-core";
import { openPage, PATIENCE_MS, sound, type House, type Trace } from "./harness.ts";

export const PASSWORD = "correct horse battery";

/** The other side's picture, and what is watched. */
const LIVE = "video[aria-label^='Live']";

export class Person {
  readonly name: string;
  readonly page: Page;
  readonly trace: Trace;

  private constructor(name: string, page: Page, trace: Trace) {
    this.name = name;
    this.page = page;
    this.trace = trace;
  }

  /** Makes the account and logs in. */
  static async of(house: House, browser: Browser, name: string): Promise<Person> {
    await house.manage(`account add ${name}`, `${PASSWORD}\n`);
    return Person.at(browser, house.url, name);
  }

  /** One more device of somebody who has an account. */
  static async at(browser: Browser, url: string, name: string): Promise<Person> {
    const person = await Person.before(browser, url, name);
    await person.logIn();
    return person;
  }

  /** Makes the account at the page, which logs in. */
  static async register(house: House, browser: Browser, name: string): Promise<Person> {
    const person = await Person.before(browser, house.url, name);
    await person.press("Make an account");
    await person.logIn();
    return person;
  }

  /** One more tab of the same browser, which is logged in. */
  async tab(): Promise<Person> {
    const page = await this.page.context().newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(this.page.url());
    await page.getByText("Connected", { exact: true }).waitFor();
    return new Person(this.name, page, this.trace);
  }

  /** The process of the page is gone at once, and can say nothing. */
  async crash(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    const crashed = this.page.waitForEvent("crash");
    // Nobody is left to answer it.
    session.send("Page.crash").catch(() => undefined);
    await crashed;
  }

  /** From the next call on, the microphone hears this tone (Hz) and nothing else. */
  async hum(frequency: number): Promise<void> {
    await this.page.evaluate(humInto, frequency);
  }

  /** Leaves the page; whatever is going on there ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }

  /** Fills in the form, one after the other: the server takes few logins at a time. */
  async logIn(): Promise<void> {
    const { page } = this;
    const mine = logins.then(async () => {
      const connected = page.getByText("Connected", { exact: true });
      const wait = page.getByRole("button", { name: /^Wait/ });
      const password = page.getByLabel("Password");
      do {
        // Whoever makes several accounts is slowed down.
        await wait.waitFor({ state: "detached" });
        await page.getByLabel("Name").fill(this.name);
        await password.fill(PASSWORD);
        await page.keyboard.press("Enter");
        await connected.or(wait).waitFor();
      } while (await password.isVisible());
    });
    logins = mine.catch(() => undefined);
    await mine;
  }

  private static async before(browser: Browser, url: string, name: string): Promise<Person> {
    const { page, trace } = await openPage(browser, url);
    return new Person(name, page, trace);
  }

  async call(other: string): Promise<void> {
    await this.press(`Call ${other}`);
  }

  async press(button: string): Promise<void> {
    await this.page.getByRole("button", { name: button, exact: true }).click();
  }

  async rungBy(other: string): Promise<void> {
    await this.page.getByRole("heading", { name: `${other} is calling` }).waitFor();
  }

  async sees(words: string): Promise<void> {
    await this.page.getByText(words).first().waitFor();
  }

  /** Waits until the other side's picture has moved: two frames that differ, and so many between. */
  async seesMotion(frames = 10): Promise<void> {
    await this.page.locator(LIVE).first().waitFor({ state: "attached" });
    await this.page.evaluate(watchMotion, frames);
  }

  /** Waits until the other side is louder than a whisper; the peak, 0 to 1. */
  async hears(): Promise<number> {
    await this.page.waitForFunction(
      (live) => document.querySelector<HTMLVideoElement>(live)?.srcObject,
      LIVE,
    );
    return sound(this.page);
  }

  /** What of the other side is played: its stream and its tracks, by their ids. */
  async played(): Promise<string[]> {
    return this.page.evaluate((live) => {
      const stream = document.querySelector<HTMLVideoElement>(live)?.srcObject;
      if (!(stream instanceof MediaStream)) throw new Error("nothing is played");
      return [stream, ...stream.getTracks()].map(({ id }) => id);
    }, LIVE);
  }

  /** How many times the other side's picture is as wide as it is high. */
  async shape(): Promise<number> {
    return this.page.evaluate(() => {
      const video = document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
      return video ? video.videoWidth / video.videoHeight : 0;
    });
  }

  /** Waits until it has this shape, or another one. */
  async seesShape(ratio: number, isIt = true): Promise<void> {
    await this.page.waitForFunction(hasShape, { ratio, isIt });
  }

  /** From now on, how long the other side's picture stands still is measured. */
  async watchForGaps(): Promise<void> {
    await this.page.evaluate(measureGaps);
  }

  /** Ms. */
  async longestGap(): Promise<number> {
    return this.page.evaluate(() => (window as unknown as { longestGap: number }).longestGap);
  }

  /**
   * Packets of WebRTC pass through the browser's own throttle from now on: the answer drops this
   * many percent of them, both ways. Only connections that are made afterwards do.
   */
  async throttle(): Promise<(loss: number) => Promise<void>> {
    const session = await this.page.context().newCDPSession(this.page);
    await session.send("Network.enable");
    const lose = async (packetLoss: number): Promise<void> => {
      const limits = { latency: 1, downloadThroughput: -1, uploadThroughput: -1 };
      await session.send("Network.emulateNetworkConditions", {
        offline: false,
        packetLoss,
        ...limits,
      });
    };
    await lose(0);
    return lose;
  }
}

/** Runs in the page. */
function hasShape({ ratio, isIt }: { ratio: number; isIt: boolean }): boolean {
  const video = document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
  if (!video || video.videoWidth === 0) return false;
  return Math.abs(video.videoWidth / video.videoHeight - ratio) < 0.02 === isIt;
}

/** Runs in the page. A browser's noise suppression takes a steady tone away: it comes after that. */
function humInto(frequency: number): void {
  const { mediaDevices } = navigator;
  const open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    const context = new AudioContext();
    await context.resume();
    const tone = new OscillatorNode(context, { frequency });
    const ear = context.createMediaStreamDestination();
    tone.connect(new GainNode(context, { gain: 0.5 })).connect(ear);
    tone.start();
    for (const track of stream.getAudioTracks()) {
      stream.removeTrack(track);
      track.stop();
    }
    for (const track of ear.stream.getAudioTracks()) stream.addTrack(track);
    return stream;
  };
}

/** Runs in the page. */
function measureGaps(): void {
  const video = document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
  const measured = window as unknown as { longestGap: number };
  measured.longestGap = 0;
  let last = performance.now();
  const look = (now: number): void => {
    measured.longestGap = Math.max(measured.longestGap, now - last);
    last = now;
    video?.requestVideoFrameCallback(look);
  };
  video?.requestVideoFrameCallback(look);
}

/** Of all people. */
let logins = Promise.resolve();

/** Runs in the page. */
async function watchMotion(frames: number): Promise<void> {
  const find = (): HTMLVideoElement | null =>
    document.querySelector<HTMLVideoElement>("video[aria-label^='Live']");
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  let first: Uint8ClampedArray | null = null;
  let seen = 0;
  while (seen < frames || !first) {
    const video = find();
    if (!video) throw new Error("nobody is seen");
    const isNew = await new Promise<boolean>((next) => {
      video.requestVideoFrameCallback(() => next(true));
      // The element may have gone, or have got another stream.
      setTimeout(next, 1_000, false);
    });
    if (!isNew) continue;
    context.drawImage(video, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 0, 64, 36);
    const isBlack = data.every((value, index) => index % 4 === 3 || value < 20);
    if (isBlack) continue;
    first ??= data;
    const before = first;
    const moved = data.filter((value, index) => Math.abs(value - (before[index] ?? 0)) > 16).length;
    if (moved > 8 || seen > 0) seen += 1;
  }
}
